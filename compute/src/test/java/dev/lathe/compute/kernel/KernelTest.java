package dev.lathe.compute.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  /// A matrix of any format and the values that it holds, `[N, K]` row-major.
  private record Packed(PackedMatrix matrix, float[] values) {}

  private Packed packed(Format format, int outputs, int inputs, Arena arena) {
    PackedMatrix matrix = PackedMatrix.allocate(format, outputs, inputs, arena);
    float[] values = fill(matrix, format, 0, 1, outputs, inputs);
    return new Packed(matrix, values);
  }

  /// Fills every `step`-th panel from `first` on with random weights.
  private float[] fill(
      PackedMatrix matrix, Format format, int first, int step, int outputs, int inputs) {
    if (!format.isQuantized()) {
      float[] values = values(outputs * inputs);
      for (int n = 0; n < outputs; n += 32) {
        int to = Math.min(outputs, n + 32);
        float[] rows = Arrays.copyOfRange(values, n * inputs, to * inputs);
        matrix.pack(first + n / 32 * step, rows, to - n);
      }
      for (int i = 0; i < values.length && format == Format.BF16; i++) {
        values[i] = Float.intBitsToFloat(Dequantize.bf16(values[i]) << 16);
      }
      return values;
    }
    byte[] blocks = blocks(format.type(), outputs * inputs);
    int rowBytes = blocks.length / outputs;
    for (int n = 0; n < outputs; n += 32) {
      int count = Math.min(32, outputs - n);
      byte[] rows = new byte[32 * rowBytes];
      System.arraycopy(blocks, n * rowBytes, rows, 0, count * rowBytes);
      matrix.pack(first + n / 32 * step, rows, count, "w");
    }
    return Dequantize.toF32(tensor(format.type(), outputs, inputs, blocks));
  }

  private static WeightTensor tensor(DType type, int outputs, int inputs, byte[] blocks) {
    List<Long> shape = List.of((long) outputs, (long) inputs);
    return new WeightTensor("w", type, shape, MemorySegment.ofArray(blocks));
  }

  /// Random blocks whose half floats are around 0.1.
  private byte[] blocks(DType type, int count) {
    byte[] bytes = new byte[(int) type.bytes(count)];
    random.nextBytes(bytes);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int block = 0; block < bytes.length; block += type.blockBytes()) {
      buffer.putShort(block + (type == DType.Q6_K ? 208 : 0), half());
      if (Format.of(type).orElseThrow().scale.name().endsWith("PAIR")) {
        buffer.putShort(block + 2, half());
      }
    }
    return bytes;
  }

  private short half() {
    return Float.floatToFloat16((float) (0.1 * random.nextGaussian()));
  }

  private static int[] widths(Format format) {
    return format.isQuantized()
        ? new int[] {format.type().blockElements(), 768}
        : new int[] {1, 7, 32, 95, 300};
  }

  private Rows rows(int count, int width) {
    Rows rows = Rows.quantizable(count, width);
    for (int row = 0; row < count; row++) {
      System.arraycopy(values(width), 0, rows.values(), rows.at(row), width);
    }
    return rows;
  }

  /// The activations that the integers of each block of 32 stand for.
  private static double[] rounded(float[] x, int levels) {
    double[] rounded = new double[x.length];
    for (int k = 0; k < x.length; k++) {
      double largest = 0;
      for (int i = k / 32 * 32; i < Math.min(x.length, k / 32 * 32 + 32); i++) {
        largest = Math.max(largest, Math.abs(x[i]));
      }
      rounded[k] =
          levels == 0 ? x[k] : Math.rint((double) x[k] * levels / largest) * largest / levels;
    }
    return rounded;
  }

  private void quantize(Kernel kernel, Rows x, int rows, PackedMatrix w, Scratch scratch) {
    for (int row = 0; row < rows; row++) {
      kernel.quantize(x, row, 0, x.stride(), w.levels(), scratch);
    }
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void everyFormatKeepsItsValuesExactly(Format format) {
    try (Arena arena = Arena.ofConfined()) {
      for (int inputs : widths(format)) {
        Packed packed = packed(format, 45, inputs, arena);
        for (int n = 0; n < 45; n++) {
          float[] row = new float[inputs];
          packed.matrix.row(n, row, 0);
          for (int k = 0; k < inputs; k++) {
            // minus zero equals zero here
            assertThat(row[k] - packed.values[n * inputs + k]).isZero();
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void vectorProductsHaveTheBitsOfTheScalarOnes(Format format) {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = new Scratch(arena, 0, 0);
      for (int outputs : new int[] {1, 32, 40, 150}) {
        for (int inputs : widths(format)) {
          PackedMatrix w = packed(format, outputs, inputs, arena).matrix;
          for (int count : new int[] {1, 2, 3, 4, 5, 8, 19}) {
            Rows x = rows(count, inputs);
            Rows expected = rows(count, outputs);
            Rows actual = rows(count, outputs);

            quantize(scalar, x, count, w, scratch);
            scalar.multiply(w, x, expected, count, 0, w.panels(), scratch);
            Arrays.fill(x.integers(), 77);
            quantize(vector, x, count, w, scratch);
            vector.multiply(w, x, actual, count, 0, w.panels(), scratch);

            assertThat(actual.values()).containsExactly(expected.values());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void aProductIsTheSumOverTheStoredWeights(Format format) {
    try (Arena arena = Arena.ofConfined()) {
      int outputs = 21;
      int inputs = 256;
      Packed packed = packed(format, outputs, inputs, arena);
      Rows x = rows(3, inputs);
      Rows y = Rows.of(3, outputs);
      int levels = packed.matrix.levels();
      Scratch scratch = new Scratch(arena, 0, 0);

      quantize(vector, x, 3, packed.matrix, scratch);
      vector.multiply(packed.matrix, x, y, 3, 0, 1, scratch);

      for (int row = 0; row < 3; row++) {
        float[] activations = Arrays.copyOfRange(x.values(), x.at(row), x.at(row) + inputs);
        double[] rounded = rounded(activations, levels);
        for (int n = 0; n < outputs; n++) {
          double sum = 0;
          double size = 0;
          for (int k = 0; k < inputs; k++) {
            double product = packed.values[n * inputs + k] * rounded[k];
            sum += product;
            size += Math.abs(product);
          }
          assertThat((double) y.values()[y.at(row) + n]).isCloseTo(sum, within(size * 1e-6));
        }
        int end = y.at(row) + outputs;
        assertThat(Arrays.copyOfRange(y.values(), end, y.at(row) + 32)).containsOnly(0);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Format.class,
      names = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"})
  void sumsOfTheLargestIntegersAreExact(Format format) {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = new Scratch(arena, 0, 0);
      for (int fill : new int[] {0x00, 0xFF}) {
        byte[] blocks = new byte[(int) format.type().bytes(32 * 256)];
        Arrays.fill(blocks, (byte) fill);
        for (int block = 0; block < blocks.length; block += format.type().blockBytes()) {
          short one = Float.floatToFloat16(1);
          ByteBuffer halves = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
          halves.putShort(block + (format == Format.Q6_K ? 208 : 0), one);
          if (format.scale.name().endsWith("PAIR")) {
            halves.putShort(block + 2, one);
          }
        }
        PackedMatrix w = PackedMatrix.allocate(format, 32, 256, arena);
        w.pack(0, blocks, 32, "w");
        float[] weights = new float[256];
        w.row(0, weights, 0);
        for (float sign : new float[] {1, -1}) {
          for (int count : new int[] {1, 4, 8}) {
            Rows x = Rows.quantizable(count, 256);
            Arrays.fill(x.values(), sign);
            Rows y = Rows.of(count, 32);
            quantize(vector, x, count, w, scratch);
            vector.multiply(w, x, y, count, 0, 1, scratch);

            double sum = 0;
            for (float weight : weights) {
              sum += (double) sign * weight;
            }
            assertThat((double) y.values()[y.at(count - 1)])
                .isCloseTo(sum, within(Math.abs(sum) * 1e-5 + 1e-3));
          }
        }
      }
    }
  }

  @Test
  void activationsOfEverySizeBecomeIntegers() {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = new Scratch(arena, 0, 0);
      PackedMatrix w = packed(Format.Q4_1, 32, 256, arena).matrix;
      float[] largest = {0, 1e-42f, 1e-30f, 1, 1e30f, Float.POSITIVE_INFINITY, Float.NaN};
      for (float most : largest) {
        Rows x = rows(2, 256);
        x.values()[7] = most;
        for (int i = 96; i < 128; i++) {
          x.values()[i] = i == 99 ? most : most / 3;
        }
        Rows expected = Rows.of(2, 32);
        Rows actual = Rows.of(2, 32);
        quantize(scalar, x, 2, w, scratch);
        scalar.multiply(w, x, expected, 2, 0, 1, scratch);
        quantize(vector, x, 2, w, scratch);
        vector.multiply(w, x, actual, 2, 0, 1, scratch);

        assertThat(actual.values()).containsExactly(expected.values());
        assertThat(Float.isFinite(actual.values()[0])).isEqualTo(Float.isFinite(most));
        assertThat(Float.isFinite(actual.values()[32])).isTrue();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void aRowDoesNotDependOnTheRowsBesideIt(Format format) {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = new Scratch(arena, 0, 0);
      PackedMatrix w = packed(format, 128, 512, arena).matrix;
      Rows x = rows(23, 512);
      Rows together = Rows.of(23, 128);
      quantize(vector, x, 23, w, scratch);
      vector.multiply(w, x, together, 23, 0, w.panels(), scratch);

      for (int row = 0; row < 23; row++) {
        Rows alone = Rows.of(1, 128);
        vector.multiply(w, x.from(row), alone, 1, 0, w.panels(), scratch);

        int at = together.at(row);
        assertThat(Arrays.copyOfRange(together.values(), at, at + 128))
            .containsExactly(alone.values());
      }
    }
  }

  @Test
  void panelsOfSeveralFormatsAreOneProduct() {
    try (Arena arena = Arena.ofConfined()) {
      List<Format> formats =
          List.of(Format.Q4_K, Format.BF16, Format.Q4_K, Format.BF16, Format.Q6_K);
      PackedMatrix w = PackedMatrix.allocate(formats, 256, arena);
      float[] even = fill(w, Format.Q4_K, 0, 2, 64, 256);
      float[] odd = fill(w, Format.BF16, 1, 2, 64, 256);
      float[] last = fill(w, Format.Q6_K, 4, 1, 32, 256);
      Rows x = rows(5, 256);
      Rows y = Rows.of(5, 160);
      Scratch scratch = new Scratch(arena, 0, 0);

      assertThat(w.levels()).isEqualTo(Format.Q6_K.levels());
      quantize(vector, x, 5, w, scratch);
      vector.multiply(w, x, y, 5, 0, 5, scratch);

      float[] activations = Arrays.copyOfRange(x.values(), x.at(4), x.at(4) + 256);
      for (int n = 0; n < 160; n++) {
        boolean plain = n < 128 && n / 32 % 2 == 1;
        float[] weights = n >= 128 ? last : plain ? odd : even;
        int own = n >= 128 ? n - 128 : n / 64 * 32 + n % 32;
        double[] rounded = rounded(activations, plain ? 0 : w.levels());
        double sum = 0;
        double size = 0;
        for (int k = 0; k < 256; k++) {
          double product = weights[own * 256 + k] * rounded[k];
          sum += product;
          size += Math.abs(product);
        }
        assertThat((double) y.values()[y.at(4) + n]).isCloseTo(sum, within(size * 1e-6));
      }
      assertThat(w.formats()).containsExactly(Format.Q4_K, Format.BF16, Format.Q6_K);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {0x1p-24f, 3 * 0x1p-20f, 62, 64, 65504})
  void scalesOfAnySizeAreKept(float scale) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] blocks = blocks(DType.Q8_0, 32 * 64);
      ByteBuffer.wrap(blocks)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putShort(0, Float.floatToFloat16(scale))
          .putShort(34, Float.floatToFloat16(0x1p-24f));
      PackedMatrix w = PackedMatrix.allocate(Format.Q8_0, 32, 64, arena);
      w.pack(0, blocks, 32, "w");
      float[] expected = Dequantize.toF32(tensor(DType.Q8_0, 32, 64, blocks));

      float[] row = new float[64];
      w.row(0, row, 0);
      Rows one = Rows.of(1, 64);
      one.values()[3] = 1;
      Rows y = Rows.of(1, 32);
      vector.multiply(w, one, y, 1, 0, 1, new Scratch(arena, 0, 0));

      assertThat(row).containsExactly(Arrays.copyOf(expected, 64));
      assertThat(y.values()[0]).isEqualTo(expected[3]);
    }
  }

  @Test
  void aScaleThatIsNoNumberIsRefusedWithTheNameOfTheWeight() {
    try (Arena arena = Arena.ofConfined()) {
      byte[] blocks = blocks(DType.Q4_1, 32 * 64);
      blocks[21 * 20 + 2] = 0;
      blocks[21 * 20 + 3] = 0x7C;
      PackedMatrix w = PackedMatrix.allocate(Format.Q4_1, 32, 64, arena);

      assertThatThrownBy(() -> w.pack(0, blocks, 32, "model.layers.0.mlp.up_proj.weight"))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("model.layers.0.mlp.up_proj.weight")
          .hasMessageContaining("Infinity");
    }
  }

  @Test
  void theBytesOfAMatrixAreWhatItsFormatSays() {
    try (Arena arena = Arena.ofConfined()) {
      for (Format format : Format.values()) {
        assertThat(PackedMatrix.allocate(format, 70, 512, arena).bytes())
            .isEqualTo(format.bytes(70, 512));
      }
      assertThat(Format.Q4_1.bytes(64, 512)).isEqualTo(64 * 512 * 5 / 8);
      assertThat(Format.Q5_0.bytes(64, 512)).isEqualTo(DType.Q5_0.bytes(64 * 512));
      assertThat(Format.Q8_0.bytes(64, 512)).isEqualTo(DType.Q8_0.bytes(64 * 512));
      assertThat(LowRank.bytes(512, 1024, 8, 16)).isEqualTo(8 * (512 + 1024) * 2);
      assertThat(LowRank.bytes(512, 1024, 8, 8)).isEqualTo(8 * (512 + 1024) * 9 / 8);
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 1", "16, 8", "16, 11", "8, 1", "8, 8", "8, 11"})
  void lowRankChangesAreAddedWhereTheirProjectionsLie(int bits, int rank) {
    try (Arena arena = Arena.ofConfined()) {
      int inputs = 70;
      float[] a0 = kept(bits, rank * inputs, i -> i % inputs);
      float[] b0 = kept(bits, 40 * rank, i -> i / rank);
      float[] a1 = kept(bits, 3 * inputs, i -> i % inputs);
      float[] b1 = kept(bits, 64 * 3, i -> i / 3);
      List<LowRank.Factor> parts =
          List.of(
              new LowRank.Factor(a0, b0, rank, 0.3f, 0, 2), new LowRank.Factor(a1, b1, 3, 2, 1, 2));
      LowRank factors = new LowRank(inputs, parts, bits, arena);
      Rows x = rows(1, inputs);
      float[] before = values(128);

      for (Kernel kernel : List.of(vector, scalar)) {
        float[] ranks = new float[factors.ranks()];
        float[] y = before.clone();
        kernel.lower(factors, x.values(), 0, ranks, 0, new Scratch(arena, 0, 0));
        kernel.raise(factors, ranks, 0, y, 0);

        for (int i = 0; i < 128; i++) {
          boolean even = i / 32 % 2 == 0;
          int n = i / 64 * 32 + i % 32;
          double change =
              even
                  ? n < 40 ? 0.3 * lowRank(a0, b0, x.values(), rank, inputs, n) : 0
                  : 2 * lowRank(a1, b1, x.values(), 3, inputs, n);
          assertThat((double) y[i]).isCloseTo(before[i] + change, within(2e-4));
        }
      }
    }
  }

  /// Values that factors of so many bits keep: bfloat16, or integers times a power of two, of which
  /// the first of 32 neighbours is the largest.
  ///
  /// @param neighbour place of a value among those of its row of A or column of B
  private float[] kept(int bits, int count, IntUnaryOperator neighbour) {
    float[] values = bf16(values(count));
    for (int i = 0; bits == 8 && i < count; i++) {
      boolean largest = neighbour.applyAsInt(i) % 32 == 0;
      values[i] = (largest ? 127 : Math.round(values[i] * 100) % 128) * 0x1p-7f;
    }
    return values;
  }

  private static double lowRank(float[] a, float[] b, float[] x, int rank, int inputs, int n) {
    double sum = 0;
    for (int r = 0; r < rank; r++) {
      double lowered = 0;
      for (int k = 0; k < inputs; k++) {
        lowered += (double) a[r * inputs + k] * x[k];
      }
      sum += b[n * rank + r] * lowered;
    }
    return sum;
  }

  private static float[] bf16(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(Dequantize.bf16(values[i]) << 16);
    }
    return values;
  }

  @Test
  void bfloat16KeepsWhatItCanHoldAndRoundsTheRestToEven() {
    try (Arena arena = Arena.ofConfined()) {
      float half = 1 + 1f / 256;
      PackedMatrix w = PackedMatrix.allocate(Format.BF16, 1, 4, arena);
      w.pack(0, new float[] {1, -2.5f, half, 1 + 3f / 256}, 1);

      float[] kept = new float[4];
      w.row(0, kept, 0);

      assertThat(kept).containsExactly(1, -2.5f, 1, 1 + 2f / 128);
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

  @ParameterizedTest
  @CsvSource({
    "F32, 3, 5",
    "BF16, 3, 5",
    "INT8, 3, 5",
    "INT8, 1, 1",
    "INT8, 7, 1",
    "INT8, 4, 6",
    "INT8, 1, 24"
  })
  void attentionOverPagesIsSoftmaxOverTheKeysARowSees(CacheType type, int group, int rows) {
    int length = 77;
    int[] table = {5, 0, 3};
    for (int width : new int[] {8, 20, 64, 80, 96, 128}) {
      try (Arena arena = Arena.ofConfined()) {
        KvCache cache = new KvCache(type, 2, 2, width, 8, arena);
        Scratch scratch = new Scratch(arena, cache.scratch(group), width);
        for (int page : table) {
          cache.touch(page);
        }
        float[] keys = bfloat16(values(length * width));
        float[] values = bfloat16(values(length * width));
        for (int s = 0; s < length; s++) {
          cache.put(table[s / 32], s % 32, 1, 1, keys, s * width, values, s * width, scratch);
        }
        if (type == CacheType.INT8) {
          keys = kept(length, width, (s, d) -> cache.key(table[s / 32], s % 32, 1, 1, d));
          for (int s = 0; s < length; s++) {
            cache.prepare(keys, s * width);
          }
          values = kept(length, width, (s, d) -> cache.value(table[s / 32], s % 32, 1, 1, d));
        }
        Rows q = Rows.of(rows + 2, 4 + group * width);
        random(q);
        for (int position : new int[] {0, 29, length - rows}) {
          Rows actual = Rows.of(rows + 2, 4 + group * width);
          Rows plain = Rows.of(rows + 2, 4 + group * width);

          vector.attend(cache, table, 1, 1, position, 2, rows, group, q, actual, 4, scratch);
          scalar.attend(cache, table, 1, 1, position, 2, rows, group, q, plain, 4, scratch);

          for (int row = 2; row < rows + 2; row++) {
            int at = q.at(row) + 4;
            float[] queries = Arrays.copyOfRange(q.values(), at, at + group * width);
            float[] expected =
                softmaxAttention(queries, keys, values, group, position + row - 1, width);
            assertThat(part(actual, at, expected.length)).containsExactly(expected, within(2e-6f));
            assertThat(part(plain, at, expected.length)).containsExactly(expected, within(2e-6f));
          }
        }
      }
    }
  }

  private interface Kept {
    float at(int position, int d);
  }

  private static float[] kept(int length, int width, Kept kept) {
    float[] values = new float[length * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = kept.at(i / width, i % width);
    }
    return values;
  }

  @Test
  void eightBitsKeepANumberWithinHalfAStepOfItsBlock() {
    int width = 80;
    try (Arena arena = Arena.ofConfined()) {
      KvCache cache = new KvCache(CacheType.INT8, 1, 1, width, 1, arena);
      Scratch scratch = new Scratch(arena, 0, width);
      cache.touch(0);
      for (float size : new float[] {1, 1e-20f, 3e30f, 0, 1e-35f}) {
        for (int slot = 0; slot < KvCache.SLOTS; slot++) {
          float[] key = scaled(values(width), size);
          float[] value = scaled(values(width), size);
          cache.put(0, slot, 0, 0, scaled(values(width), 1e3f), 0, value, 0, scratch);
          cache.put(0, slot, 0, 0, key, 0, value, 0, scratch);
          float[] kept = key(cache, slot, width);
          for (int d = 0; d < width; d++) {
            float most = 0;
            float all = 1e-30f;
            for (int i = d / 32 * 32; i < Math.min(d / 32 * 32 + 32, width); i++) {
              most = Math.max(most, Math.abs(value[i]));
              all += Math.abs(key[i]);
            }
            assertThat(kept[d]).isCloseTo(key[d], within(0.5001f / 127 * all));
            assertThat(cache.value(0, slot, 0, 0, d))
                .isCloseTo(value[d], within(0.5001f / 127 * most + 1e-30f));
          }
        }
      }
    }
  }

  @Test
  void aLargeNumberOfAKeyLeavesBitsToThoseBesideIt() {
    int width = 64;
    try (Arena arena = Arena.ofConfined()) {
      KvCache cache = new KvCache(CacheType.INT8, 1, 1, width, 1, arena);
      cache.touch(0);
      float[] key = values(width);
      key[40] = 100;

      cache.put(0, 7, 0, 0, key, 0, key, 0, new Scratch(arena, 0, width));

      float[] kept = key(cache, 7, width);
      double squares = 0;
      for (int d = 32; d < width; d++) {
        squares += (kept[d] - key[d]) * (kept[d] - key[d]);
      }
      double rounded = 100 / 127.0 / Math.sqrt(12);
      assertThat(Math.sqrt(squares / 32)).isLessThan(rounded / 3);
    }
  }

  private static float[] key(KvCache cache, int slot, int width) {
    float[] key = kept(1, width, (_, d) -> cache.key(0, slot, 0, 0, d));
    cache.prepare(key, 0);
    return key;
  }

  private static float[] scaled(float[] values, float factor) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
    return values;
  }

  @ParameterizedTest
  @EnumSource
  void aKeyThatIsNoNumberIsNotMistakenForOne(CacheType type) {
    int width = 64;
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      try (Arena arena = Arena.ofConfined()) {
        KvCache cache = new KvCache(type, 1, 1, width, 1, arena);
        cache.touch(0);
        float[] key = values(width);
        key[40] = bad;
        Scratch scratch = new Scratch(arena, cache.scratch(1), width);
        cache.put(0, 0, 0, 0, key, 0, key, 0, scratch);
        cache.put(0, 1, 0, 0, values(width), 0, values(width), 0, scratch);
        Rows q = Rows.of(1, width);
        random(q);
        Rows out = Rows.of(1, width);

        for (Kernel kernel : List.of(vector, scalar)) {
          kernel.attend(cache, new int[] {0}, 0, 0, 1, 0, 1, 1, q, out, 0, scratch);

          assertThat(kernel.argmax(out.values(), 0, width)).isEqualTo(-1);
        }
      }
    }
  }

  @Test
  void aPageTakesTheBytesOfItsType() {
    assertThat(KvCache.pageBytes(CacheType.F32, 3, 2, 64)).isEqualTo(3 * 2 * 32 * 128 * 4);
    assertThat(KvCache.pageBytes(CacheType.BF16, 3, 2, 64)).isEqualTo(3 * 2 * 32 * 128 * 2);
    assertThat(KvCache.pageBytes(CacheType.INT8, 3, 2, 64)).isEqualTo(3 * 2 * 32 * (128 + 4 * 4));
    assertThat(KvCache.pageBytes(CacheType.INT8, 1, 1, 80))
        .as("80 of a key, 96 of a value, three scales each")
        .isEqualTo(32 * (80 + 96 + 6 * 4));
  }

  @ParameterizedTest
  @EnumSource
  void attentionOfARowDoesNotDependOnTheRowsBesideIt(CacheType type) {
    int group = 3;
    int width = 64;
    int[] table = {1, 0};
    try (Arena arena = Arena.ofConfined()) {
      KvCache cache = new KvCache(type, 1, 1, width, 2, arena);
      Scratch scratch = new Scratch(arena, cache.scratch(group), width);
      float[] keys = values(64 * width);
      cache.touch(0);
      cache.touch(1);
      for (int s = 0; s < 64; s++) {
        cache.put(table[s / 32], s % 32, 0, 0, keys, s * width, keys, s * width, scratch);
      }
      Rows q = Rows.of(8, group * width);
      random(q);
      Rows together = Rows.of(8, group * width);
      Rows alone = Rows.of(8, group * width);

      vector.attend(cache, table, 0, 0, 28, 0, 8, group, q, together, 0, scratch);
      for (int row = 0; row < 8; row++) {
        vector.attend(cache, table, 0, 0, 28 + row, row, 1, group, q, alone, 0, scratch);
      }

      assertThat(alone.values()).containsExactly(together.values());
    }
  }

  private static float[] bfloat16(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(PackedMatrix.bf16(values[i]) << 16);
    }
    return values;
  }

  private void random(Rows rows) {
    float[] values = values(rows.values().length);
    System.arraycopy(values, 0, rows.values(), 0, values.length);
  }

  private static float[] part(Rows rows, int at, int count) {
    return Arrays.copyOfRange(rows.values(), at, at + count);
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
