package dev.lathe.compute.kernel;

import dev.lathe.compute.LatheException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// 32 outputs of a weight, all inputs, in blocks of 32 inputs: first all scales, then all values.
///
/// ```
/// units   for each 8 blocks, formats with bytes as scales only: half floats
/// scales  for each block: 32 half floats, or pairs of them, or pairs of bytes
/// values  for each block: rows of 32 words, the first 16 outputs and then the other 16
///           F32    1 value   row k
///           BF16   2 values  row k / 2, the even one in the lower half
///           8 bits 4 values  row k / 4, byte k % 4
///           4 bits 8 values  row k / 8, the even ones in the lower half, the first one lowest
///           5, 6   as 4 bits
/// high    for each block of 5 or 6 bits: one or two rows with the other bits of all k, likewise
/// ```
///
/// A column pair `c, 16 + c` lies in one word where one number for each output is a half float: the
/// first in the lower half.
///
/// Half floats are stored times 1024 where they stay finite, so that none is denormal: vectors
/// multiply those slowly. [#unit] undoes it.
final class Panel {
  /// What [#unit] is multiplied with: the exponent of a half float read as that of a float.
  private static final float HALF = 0x1p112f;

  private static final float SHIFT = 1024;

  /// What multiplies a normal half float by [#SHIFT].
  private static final int EXPONENT_SHIFT = 10 << 10;

  private static final int EXPONENT = 0x7C00;
  private static final int LARGEST = Float.floatToFloat16(63);

  private final Format format;
  private final MemorySegment data;
  private final int inputs;
  private float unit = HALF;

  Panel(Format format, MemorySegment data, int inputs) {
    this.format = format;
    this.data = data;
    this.inputs = inputs;
  }

  Format format() {
    return format;
  }

  MemorySegment data() {
    return data;
  }

  /// What a half float's bits, read as a float after moving them by 13, are multiplied with.
  float unit() {
    return unit;
  }

  long bytes() {
    return data.byteSize();
  }

  /// First byte of the unit of a block's scales.
  long units(int block) {
    return (long) (block / Format.HEAD_BLOCKS) * format.scale.headBytes;
  }

  /// First byte of the scales of a block.
  long scales(int block) {
    return format.headBytes(inputs) + (long) block * format.blockBytes();
  }

  /// First byte of the values of a block.
  long values(int block) {
    return scales(block) + format.scale.bytes;
  }

  /// First byte of the bits above the fourth of a block.
  long high(int block) {
    return values(block) + (long) format.lowRows() * Format.ROW;
  }

  private int blocks() {
    return Format.blocks(inputs);
  }

  // ---- writing

  /// Fills a panel of a plain format.
  ///
  /// @param rows `[count, K]` row-major
  void pack(float[] rows, int count) {
    switch (format) {
      case F32 -> packWords(rows, count, 1);
      case BF16 -> packWords(rows, count, 2);
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          throw new IllegalStateException(format + " is packed from its blocks");
    }
  }

  private void packWords(float[] rows, int count, int perWord) {
    int[] words = new int[blocks() * format.lowRows() * PackedMatrix.PANEL];
    for (int c = 0; c < count; c++) {
      for (int k = 0; k < inputs; k++) {
        float value = rows[c * inputs + k];
        int bits = perWord == 1 ? Float.floatToRawIntBits(value) : PackedMatrix.bf16(value);
        words[k / perWord * PackedMatrix.PANEL + c] |= bits << (k % perWord * 16);
      }
    }
    MemorySegment.copy(words, 0, data, PackedMatrix.INT, 0, words.length);
  }

  /// Fills a panel of a block format.
  ///
  /// @param rows GGML's blocks of `count` rows, `rowBytes` bytes each, K rounded up to blocks
  /// @param name of the tensor, for the message
  /// @throws LatheException when a scale is not finite
  void pack(byte[] rows, int rowBytes, int count, String name) {
    GgmlBlocks blocks = new GgmlBlocks(format, rows);
    int largest = largestScale(blocks, rowBytes, count);
    if (largest >= EXPONENT) {
      throw LatheException.user(
          "tensor '%s' has a block whose scale is %s"
              .formatted(name, Float.float16ToFloat((short) largest)),
          "the file is damaged or was converted wrongly; get it again");
    }
    boolean shifted = largest < LARGEST;
    unit = shifted ? HALF / SHIFT : HALF;
    int[] words = new int[(int) (data.byteSize() / Integer.BYTES)];
    int[] quads = new int[Format.BLOCK / 4];
    for (int c = 0; c < count; c++) {
      for (int b = 0; b < blocks(); b++) {
        blocks.select(c * rowBytes, b);
        putScales(words, blocks, b, c, shifted);
        blocks.quads(quads);
        putQuads(words, b, c, quads);
      }
    }
    MemorySegment.copy(words, 0, data, PackedMatrix.INT, 0, words.length);
  }

  /// The largest absolute scale, as a half float's bits, whose order is that of the numbers.
  private int largestScale(GgmlBlocks blocks, int rowBytes, int count) {
    int largest = 0;
    for (int c = 0; c < count; c++) {
      for (int b = 0; b < blocks(); b++) {
        blocks.select(c * rowBytes, b);
        largest = Math.max(largest, Math.max(blocks.unit() & 0x7FFF, blocks.least() & 0x7FFF));
      }
    }
    return largest;
  }

  private void putScales(int[] words, GgmlBlocks blocks, int b, int c, boolean shifted) {
    int at = (int) scales(b) / Integer.BYTES;
    int head = (int) units(b) / Integer.BYTES;
    int paired = c % 16;
    int half = c / 16 * 16;
    switch (format.scale) {
      case NONE -> {}
      case HALF -> words[at + paired] |= stored(blocks.unit(), shifted) << half;
      case HALF_PAIR -> words[at + c] = pair(blocks, shifted);
      case BYTE_PAIR -> {
        words[head + c] = pair(blocks, shifted);
        words[at + paired] |= (blocks.first() | blocks.second() << 8) << half;
      }
      case BYTES -> {
        words[head + paired] |= stored(blocks.unit(), shifted) << half;
        words[at + paired] |= (blocks.first() & 0xFF | (blocks.second() & 0xFF) << 8) << half;
      }
    }
  }

  private static int pair(GgmlBlocks blocks, boolean shifted) {
    return stored(blocks.unit(), shifted) | stored(blocks.least(), shifted) << 16;
  }

  /// A half float as it is kept.
  private static int stored(int half, boolean shifted) {
    if (!shifted) {
      return half;
    }
    return (half & EXPONENT) != 0
        ? half + EXPONENT_SHIFT
        : Float.floatToFloat16(Float.float16ToFloat((short) half) * SHIFT) & 0xFFFF;
  }

  /// Offset of a column where two columns share a word.
  static int paired(int c) {
    return c % 16 * 4 + c / 16 * 2;
  }

  private void putQuads(int[] words, int b, int c, int[] quads) {
    int column = (int) values(b) / Integer.BYTES + c;
    if (format.bits == 8) {
      for (int i = 0; i < quads.length; i++) {
        words[column + i * PackedMatrix.PANEL] = quads[i];
      }
      return;
    }
    for (int i = 0; i < 4; i++) {
      words[column + i * PackedMatrix.PANEL] =
          halves(quads[2 * i], 0, 4) | halves(quads[2 * i + 1], 0, 4) << 8;
    }
    int more = format.highRows();
    int perRow = 8 / Math.max(1, more);
    int above = (int) high(b) / Integer.BYTES + c;
    for (int row = 0; row < more; row++) {
      int bits = 0;
      for (int i = 0; i < perRow; i++) {
        bits |= halves(quads[row * perRow + i], 4, more) << 2 * more * i;
      }
      words[above + row * PackedMatrix.PANEL] = bits;
    }
  }

  /// `bits` bits from bit `from` on of four integers: those of the first and third one at the
  /// beginning of the lower half, those of the others at that of the upper half.
  private static int halves(int quad, int from, int bits) {
    int mask = (1 << bits) - 1;
    int t = quad >>> from;
    int even = t & mask | (t >>> 16 & mask) << bits;
    int odd = t >>> 8 & mask | (t >>> 24 & mask) << bits;
    return even | odd << 16;
  }

  // ---- reading, one value at a time

  /// Copies the K values of one output.
  void row(int column, float[] destination, int offset) {
    for (int b = 0; b < blocks(); b++) {
      int count = Math.min(Format.BLOCK, inputs - b * Format.BLOCK);
      block(column, b, destination, offset + b * Format.BLOCK, count);
    }
  }

  private void block(int column, int b, float[] destination, int offset, int count) {
    for (int k = 0; k < count; k++) {
      long words = values(b) + column * 4L;
      destination[offset + k] =
          switch (format.bits) {
            case 32 -> data.get(PackedMatrix.FLOAT, words + (long) k * Format.ROW);
            case 16 -> {
              int pair = word(words, k / 2);
              yield Float.intBitsToFloat(k % 2 == 0 ? pair << 16 : pair & 0xFFFF0000);
            }
            default ->
                Math.fma(
                    integer(column, b, k) - format.zero, scale(column, b, k), least(column, b));
          };
    }
  }

  /// The product of one output with a row's integers, as `IntegerPanels` computes it.
  float product(int column, int[] x, int at) {
    float sum = 0;
    int values = 2 * format.stepsPerScale();
    for (int k = 0; k < inputs; k += values) {
      int b = k / Format.BLOCK;
      int block = at + b * Rows.BLOCK_INTS;
      int whole = 0;
      for (int i = k % Format.BLOCK; i < k % Format.BLOCK + values; i++) {
        int pair = x[block + i / 2 * Rows.TILE];
        int activation = i % 2 == 0 ? (short) pair : pair >> 16;
        whole += (integer(column, b, i) - format.center()) * activation;
      }
      float scale = scale(column, b, k % Format.BLOCK);
      float scales = scale * Float.intBitsToFloat(x[block + Rows.SCALE * Rows.TILE]);
      float least = Math.fma(scale, format.center() - format.zero, least(column, b));
      float all = Float.intBitsToFloat(x[block + Rows.SUM * Rows.TILE]);
      sum += Math.fma(whole, scales, least * all);
    }
    return sum;
  }

  private int word(long words, int row) {
    return data.get(PackedMatrix.INT, words + (long) row * Format.ROW);
  }

  private int integer(int column, int b, int k) {
    long words = values(b) + column * 4L;
    if (format.bits == 8) {
      return word(words, k / 4) >>> k % 4 * 8 & 0xFF;
    }
    int low = word(words, k / 8) >>> k % 2 * 16 + k % 8 / 2 * 4 & 15;
    int more = format.highRows();
    if (more == 0) {
      return low;
    }
    int perRow = 32 / more;
    int bits = word(high(b) + column * 4L, k / perRow) >>> k % 2 * 16 + k % perRow / 2 * more;
    return low | (bits & (1 << more) - 1) << 4;
  }

  private float scale(int column, int b, int k) {
    long at = scales(b);
    long head = units(b);
    return switch (format.scale) {
      case NONE -> 1;
      case HALF -> half(at + paired(column));
      case HALF_PAIR -> half(at + column * 4L);
      case BYTE_PAIR -> half(head + column * 4L) * (signedByte(at + paired(column)) & 0xFF);
      case BYTES -> half(head + paired(column)) * signedByte(at + paired(column) + k / 16);
    };
  }

  private float least(int column, int b) {
    long at = scales(b);
    long head = units(b);
    return switch (format.scale) {
      case NONE, HALF, BYTES -> 0;
      case HALF_PAIR -> half(at + column * 4L + 2);
      case BYTE_PAIR ->
          -half(head + column * 4L + 2) * (signedByte(at + paired(column) + 1) & 0xFF);
    };
  }

  private byte signedByte(long at) {
    return data.get(ValueLayout.JAVA_BYTE, at);
  }

  private float half(long at) {
    int bits = data.get(PackedMatrix.SHORT, at);
    return Float.intBitsToFloat(bits << 16 >> 3 & HALF_BITS) * unit;
  }

  /// Sign, exponent and fraction of a half float after moving them by 13.
  static final int HALF_BITS = 0x8FFFE000;
}
