package dev.lathe.training.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.training.Fixtures;
import dev.lathe.training.tensor.Precision;
import org.junit.jupiter.api.Test;

class AdamWTest {
  @Test
  void theValuesAreThoseOfTorch() {
    JsonNode cases = Fixtures.read("optimizer.json").get("adamw");
    for (JsonNode expected : cases) {
      float[] values = Fixtures.floats(expected.get("start"));
      AdamW optimizer =
          new AdamW(values.length, settings(expected.get("weight_decay").doubleValue()));
      for (int step = 0; step < expected.get("values").size(); step++) {
        float[] gradient = new float[values.length];
        for (int i = 0; i < gradient.length; i++) {
          gradient[i] = (float) (Math.sin(1 + step * 6 + i) * Math.pow(10, i - 4));
        }

        optimizer.update(values, gradient, 0.02, step + 1);

        assertThat(values)
            .containsExactly(Fixtures.floats(expected.get("values").get(step)), within(1e-6f));
      }
    }
    assertThat(cases).hasSize(2);
  }

  private static TrainerSettings settings(double decay) {
    return new TrainerSettings(
        0.02, Schedule.CONSTANT, 0, 6, decay, 0.9, 0.95, 1e-6, 0, 1, Precision.FP32, 1);
  }
}
