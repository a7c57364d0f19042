package dev.lathe.compute.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelTest {
  private final Random random = new Random(7);
  private final Kernel vector = new VectorKernel();
  private final Kernel scalar = new ScalarKernel();

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static PackedMatrix pack(
      Storage storage, float[] values, int outputs, int inputs, Arena arena) {
    PackedMatrix matrix = PackedMatrix.allocate(storage, outputs, inputs, arena);
    for (int panel = 0; panel < matrix.panels(); panel++) {
      int from = panel * 16 * inputs;
      int count = Math.min(16, outputs - panel * 16);
      matrix.pack(panel, Arrays.copyOfRange(values, from, from + count * inputs), count);
    }
    return matrix;
  }

  private Rows rows(int count, int width) {
    Rows rows = Rows.of(count, width);
    for (int row = 0; row < count; row++) {
      System.arraycopy(values(width), 0, rows.values(), rows.at(row), width);
    }
    return rows;
  }

  @ParameterizedTest
  @EnumSource(Storage.class)
  void vectorProductsHaveTheBitsOfTheScalarOnes(Storage storage) {
    try (Arena arena = Arena.ofConfined()) {
      for (int outputs : new int[] {1, 16, 40, 64, 112, 150}) {
        for (int inputs : new int[] {1, 7, 32, 95}) {
          PackedMatrix w = pack(storage, values(outputs * inputs), outputs, inputs, arena);
          for (int count : new int[] {1, 2, 3, 4, 7, 8, 19}) {
            Rows x = rows(count, inputs);
            Rows expected = rows(count, outputs);
            Rows actual = new Rows(expected.values().clone(), 0, expected.stride());
            boolean add = count % 2 == 0;

            scalar.multiply(w, x, expected, count, 0, w.panels(), add);
            vector.multiply(w, x, actual, count, 0, w.panels(), add);

            assertThat(actual.values()).containsExactly(expected.values());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Storage.class)
  void aProductIsTheSumOverTheStoredWeights(Storage storage) {
    try (Arena arena = Arena.ofConfined()) {
      int outputs = 21;
      int inputs = 33;
      float[] weights = values(outputs * inputs);
      PackedMatrix w = pack(storage, weights, outputs, inputs, arena);
      Rows x = rows(1, inputs);
      Rows y = Rows.of(1, outputs);

      vector.multiply(w, x, y, 1, 0, w.panels(), false);

      double allowed = storage == Storage.F32 ? 1e-5 : 0.2;
      for (int n = 0; n < outputs; n++) {
        double sum = 0;
        for (int k = 0; k < inputs; k++) {
          sum += (double) weights[n * inputs + k] * x.values()[k];
        }
        assertThat((double) y.values()[n]).isCloseTo(sum, within(allowed));
      }
      assertThat(Arrays.copyOfRange(y.values(), outputs, y.stride())).containsOnly(0);
    }
  }

  @ParameterizedTest
  @EnumSource(Storage.class)
  void aRowDoesNotDependOnTheRowsBesideIt(Storage storage) {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = pack(storage, values(128 * 48), 128, 48, arena);
      Rows x = rows(23, 48);
      Rows together = Rows.of(23, 128);
      vector.multiply(w, x, together, 23, 0, w.panels(), false);

      for (int row = 0; row < 23; row++) {
        Rows alone = Rows.of(1, 128);
        vector.multiply(w, x.from(row, 0), alone, 1, 0, w.panels(), false);

        int at = together.at(row);
        assertThat(Arrays.copyOfRange(together.values(), at, at + 128))
            .containsExactly(alone.values());
      }
    }
  }

  @Test
  void bfloat16KeepsWhatItCanHoldAndRoundsTheRestToEven() {
    try (Arena arena = Arena.ofConfined()) {
      float half = 1 + 1f / 256;
      float[] values = {1, -2.5f, half, 1 + 3f / 256};
      PackedMatrix w = pack(Storage.BF16, values, 1, 4, arena);

      float[] kept = new float[4];
      w.row(0, kept, 0);

      assertThat(kept).containsExactly(1, -2.5f, 1, 1 + 2f / 128);
    }
  }

  @Test
  void int8KeepsEveryWeightWithinHalfAStepOfItsOutput() {
    try (Arena arena = Arena.ofConfined()) {
      int outputs = 18;
      int inputs = 33;
      float[] values = values(outputs * inputs);
      Arrays.fill(values, 2 * inputs, 3 * inputs, 0);
      PackedMatrix w = pack(Storage.INT8, values, outputs, inputs, arena);

      for (int n = 0; n < outputs; n++) {
        float most = 0;
        for (int k = 0; k < inputs; k++) {
          most = Math.max(most, Math.abs(values[n * inputs + k]));
        }
        for (int k = 0; k < inputs; k++) {
          float allowed = most / 127 * 0.501f;
          assertThat(w.value(n, k)).isCloseTo(values[n * inputs + k], within(allowed));
        }
      }
    }
  }

  @Test
  void normAndGateAgreeWithTheScalarPasses() {
    int width = 53;
    float[] x = values(width + 3);
    float[] weight = values(width);
    float[] expected = new float[width];
    float[] actual = new float[width];

    scalar.norm(x, 3, weight, 1e-5f, expected, 0);
    vector.norm(x, 3, weight, 1e-5f, actual, 0);
    assertThat(actual).containsExactly(expected, within(1e-5f));

    float[] gates = values(106);
    gates[0] = 95;
    gates[1] = -95;
    scalar.gate(gates, 0, 53, expected, 0, 53);
    vector.gate(gates, 0, 53, actual, 0, 53);
    assertThat(actual).containsExactly(expected, within(1e-5f));
    assertThat(actual[0]).isCloseTo(95 * gates[53], within(1e-4f));
    assertThat(actual[1]).isCloseTo(0, within(1e-30f));
  }

  @Test
  void theExponentialIsExactToAFewUnits() {
    for (float x = -86; x < 87; x += 0.0137f) {
      double exact = Math.exp(x);
      assertThat(ScalarKernel.exp(x) / exact).isCloseTo(1, within(3e-7));
    }
    assertThat(ScalarKernel.exp(Float.NEGATIVE_INFINITY)).isZero();
  }

  @Test
  void attentionOverPagesIsSoftmaxOverAllKeys() {
    int kvHeads = 2;
    int group = 3;
    int length = 77;
    for (int width : new int[] {8, 20, 64}) {
      try (Arena arena = Arena.ofConfined()) {
        KvCache cache = new KvCache(2, kvHeads, width, 8, arena);
        int[] table = {5, 0, 3};
        for (int page : table) {
          cache.touch(page);
        }
        float[] keys = values(length * width);
        float[] values = values(length * width);
        for (int s = 0; s < length; s++) {
          cache.put(table[s / 32], s % 32, 1, 1, keys, s * width, values, s * width);
        }
        float[] q = values(group * width);
        float[] actual = new float[group * width];
        float[] plain = new float[group * width];

        vector.attend(
            cache, table, 1, 1, length, q, 0, group, actual, 0, new float[cache.scratch()]);
        scalar.attend(
            cache, table, 1, 1, length, q, 0, group, plain, 0, new float[cache.scratch()]);

        float[] expected = softmaxAttention(q, keys, values, group, length, width);
        assertThat(actual).containsExactly(expected, within(2e-6f));
        assertThat(plain).containsExactly(expected, within(2e-6f));
      }
    }
  }

  private static float[] softmaxAttention(
      float[] q, float[] keys, float[] values, int group, int length, int width) {
    float[] out = new float[group * width];
    for (int g = 0; g < group; g++) {
      double[] p = new double[length];
      double total = 0;
      for (int s = 0; s < length; s++) {
        for (int d = 0; d < width; d++) {
          p[s] += (double) q[g * width + d] * keys[s * width + d];
        }
        p[s] = Math.exp(p[s] / Math.sqrt(width));
        total += p[s];
      }
      for (int d = 0; d < width; d++) {
        double sum = 0;
        for (int s = 0; s < length; s++) {
          sum += p[s] * values[s * width + d];
        }
        out[g * width + d] = (float) (sum / total);
      }
    }
    return out;
  }

  @Test
  void argmaxIsTheFirstOfTheLargest() {
    float[] x = values(1000);
    x[401] = 50;
    x[777] = 50;

    assertThat(vector.argmax(x, 0, 1000)).isEqualTo(401);
    assertThat(vector.argmax(x, 500, 500)).isEqualTo(277);
    assertThat(scalar.argmax(x, 0, 1000)).isEqualTo(401);
  }
}
