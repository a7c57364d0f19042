package dev.lathe.training.fused;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.training.model.DropoutMask;
import dev.lathe.training.tensor.LibTorch;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DropoutPassTest {
  private static final int ROWS = 7;
  private static final int IN = 96;
  private static final int COLUMNS = IN + 8;

  @BeforeAll
  static void load() {
    LibTorch.load(1);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.05, 0.3, 0.9})
  void whatStaysIsWhatTheMaskSays(double share) {
    long key = DropoutMask.key(11, 2, Projection.DOWN);
    float[] factors = DropoutMask.factors(key, ROWS, IN, share);
    try (Matrix x = random(1);
        Matrix dropped = random(2)) {
      new DropoutPass(key, IN, share).copy(x, dropped, 2, 5);

      for (int t = 2; t < 5; t++) {
        for (int i = 0; i < IN; i++) {
          float expected = rounded(Lanes.getBf16(x.at(t, i)) * factors[t * IN + i]);
          assertThat(Lanes.getBf16(dropped.at(t, i))).isEqualTo(expected);
        }
        for (int i = IN; i < COLUMNS; i++) {
          assertThat(Lanes.getBf16(dropped.at(t, i))).isZero();
        }
      }
      assertThat(Lanes.getBf16(dropped.at(1, 0))).isNotZero();
      assertThat(Lanes.getBf16(dropped.at(5, 0))).isNotZero();
    }
  }

  @Test
  void addingLeavesWhatIsDroppedAsItWas() {
    long key = DropoutMask.key(12, 0, Projection.Q);
    float[] factors = DropoutMask.factors(key, ROWS, IN, 0.5);
    try (Matrix x = random(1);
        Matrix sum = random(2);
        Matrix before = random(2)) {
      new DropoutPass(key, IN, 0.5).add(x, sum, 0, ROWS);

      for (int t = 0; t < ROWS; t++) {
        for (int i = 0; i < IN; i++) {
          float was = Lanes.getBf16(before.at(t, i));
          float more = Lanes.getBf16(x.at(t, i)) * factors[t * IN + i];
          assertThat(Lanes.getBf16(sum.at(t, i))).isEqualTo(rounded(was + more));
        }
      }
    }
  }

  private static Matrix random(long seed) {
    Random random = new Random(seed);
    Matrix matrix = Matrix.bf16(ROWS, COLUMNS);
    for (int t = 0; t < ROWS; t++) {
      for (int i = 0; i < COLUMNS; i++) {
        Lanes.setBf16(matrix.at(t, i), (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  private static float rounded(float value) {
    try (Matrix one = Matrix.bf16(1, 1)) {
      Lanes.setBf16(one.at(0), value);
      return Lanes.getBf16(one.at(0));
    }
  }
}
