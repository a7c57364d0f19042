package dev.lathe.training.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.Fixtures;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Precision;
import java.util.EnumSet;
import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TransformersParityTest {
  private static final AdapterSpec SPEC =
      new AdapterSpec(3, 6, 0, false, EnumSet.allOf(Projection.class));

  @ParameterizedTest
  @EnumSource(Family.class)
  void lossLogitsAndGradientsAreThoseOfTransformersWithPeft(Family family) {
    LibTorch.load(1);
    JsonNode expected =
        Fixtures.read("decoder-" + family.name().toLowerCase(Locale.ROOT) + ".json");
    ModelConfig config = RandomModel.tiny(family);
    float[] values = RandomModel.factors(config, SPEC, 2);
    float[] gradient = new float[values.length];
    int[] first = Fixtures.ints(expected.get("rows").get(0));
    int[] second = Fixtures.ints(expected.get("rows").get(1));
    TokenBatch batch =
        RandomModel.batch(Fixtures.ints(expected.get("first_scored")), first, second);

    double loss;
    float[] logits;
    try (RandomModel model = RandomModel.of(config, 1);
        AutogradDecoder decoder =
            AutogradDecoder.open(config, model, SPEC, Precision.FP32, Device.CPU)) {
      loss = decoder.accumulate(batch, values, gradient, 1, 0);
      logits = decoder.logits(first, values);
    }

    assertThat(loss).isCloseTo(expected.get("loss").doubleValue(), within(1e-4));
    assertThat(logits).containsExactly(Fixtures.floats(expected.get("logits")), within(1e-4f));
    assertThat(gradient).hasSize(expected.get("gradient_size").intValue());
    float[] wanted = Fixtures.floats(expected.get("gradient"));
    int every = expected.get("every").intValue();
    for (int i = 0; i < wanted.length; i++) {
      assertThat(gradient[i * every])
          .isCloseTo(wanted[i], within(1e-3f + 1e-4f * Math.abs(wanted[i])));
    }
  }
}
