package dev.lathe.training.fused;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

final class LanesTest {
  /// Halves upon halves, one value after the other.
  private static float plainSum(float[] values) {
    float[] sums = values.clone();
    for (int half = sums.length / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        sums[i] += sums[i + half];
      }
    }
    return sums[0];
  }

  @Test
  void sumsHaveTheSameBitsInterpretedAndCompiled() {
    Random random = new Random(1);
    float[][] rows = new float[100][Lanes.COUNT];
    for (float[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }

    for (int round = 0; round < 20_000; round++) {
      float[] row = rows[round % rows.length];

      float sum = Lanes.sum(FloatVector.fromArray(Lanes.F, row, 0));

      if (sum != plainSum(row)) {
        assertThat(sum).as("round %d", round).isEqualTo(plainSum(row));
      }
    }
    assertThat(rows).hasDimensions(100, Lanes.COUNT);
  }
}
