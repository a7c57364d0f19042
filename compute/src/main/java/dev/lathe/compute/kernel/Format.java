package dev.lathe.compute.kernel;

import dev.lathe.compute.weights.DType;
import java.util.Optional;

/// How a panel of a [PackedMatrix] keeps its values: the plain formats, and GGML's block formats
/// with the same integers and scales, moved to where vectors find them. Nothing is rounded.
public enum Format {
  F32(DType.F32, 32, 0, Scale.NONE),
  BF16(DType.BF16, 16, 0, Scale.NONE),
  Q4_0(DType.Q4_0, 4, 8, Scale.HALF),
  Q4_1(DType.Q4_1, 4, 0, Scale.HALF_PAIR),
  Q5_0(DType.Q5_0, 5, 16, Scale.HALF),
  Q5_1(DType.Q5_1, 5, 0, Scale.HALF_PAIR),
  Q8_0(DType.Q8_0, 8, 128, Scale.HALF),
  Q4_K(DType.Q4_K, 4, 0, Scale.BYTE_PAIR),
  Q5_K(DType.Q5_K, 5, 0, Scale.BYTE_PAIR),
  Q6_K(DType.Q6_K, 6, 32, Scale.BYTES);

  /// Where the scale of a block comes from.
  enum Scale {
    /// Values are stored as they are.
    NONE(0, 0),
    /// One half float for each output.
    HALF(64, 0),
    /// Two half floats for each output: scale and least value.
    HALF_PAIR(128, 0),
    /// Two bytes for each output, scale and minimum, in units of two half floats in the head.
    BYTE_PAIR(64, 128),
    /// Two signed bytes for each output, scales of 16 inputs each, in units of a half float in the
    /// head.
    BYTES(64, 64);

    /// Bytes for each block.
    final int bytes;

    /// Bytes of their unit, for each eight blocks.
    final int headBytes;

    Scale(int bytes, int headBytes) {
      this.bytes = bytes;
      this.headBytes = headBytes;
    }
  }

  /// Inputs of one block.
  static final int BLOCK = 32;

  /// Blocks that share one entry of the head.
  static final int HEAD_BLOCKS = 8;

  /// Bytes of one row of words, one for each output of a panel.
  static final int ROW = PackedMatrix.PANEL * Integer.BYTES;

  private final DType type;

  /// Bits of one value.
  final int bits;

  /// The integer that stands for zero.
  final int zero;

  final Scale scale;

  Format(DType type, int bits, int zero, Scale scale) {
    this.type = type;
    this.bits = bits;
    this.zero = zero;
    this.scale = scale;
  }

  /// The format that keeps a stored type as it is; empty for F16, which has none.
  public static Optional<Format> of(DType type) {
    for (Format format : values()) {
      if (format.type == type) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /// The stored type with the same values.
  public DType type() {
    return type;
  }

  /// Whether values are integers with scales.
  public boolean isQuantized() {
    return scale != Scale.NONE;
  }

  /// The most that an activation may be as an integer, 0 where products are of floats: what lets
  /// the sum over half the inputs of one scale, [#center] the largest weight, fit 16 bits.
  int levels() {
    return switch (bits) {
      case 4 -> 255;
      case 5, 6 -> 127;
      default -> 0;
    };
  }

  /// The middle of the integers' range.
  int center() {
    return 1 << bits - 1;
  }

  /// Inputs that share a scale, in twos.
  int stepsPerScale() {
    return scale == Scale.BYTES ? 8 : 16;
  }

  /// Rows of words in a block that hold the low bits, or whole values.
  int lowRows() {
    return switch (bits) {
      case 32 -> 32;
      case 16 -> 16;
      case 8 -> 8;
      default -> 4;
    };
  }

  /// Rows of words in a block that hold the bits above the fourth.
  int highRows() {
    return bits == 5 || bits == 6 ? bits - 4 : 0;
  }

  int blockBytes() {
    return scale.bytes + (lowRows() + highRows()) * ROW;
  }

  /// Bytes of the units of the scales of a panel.
  int headBytes(int inputs) {
    return (blocks(inputs) + HEAD_BLOCKS - 1) / HEAD_BLOCKS * scale.headBytes;
  }

  /// Blocks of one output, the last one filled up with zeros.
  static int blocks(int inputs) {
    return (inputs + BLOCK - 1) / BLOCK;
  }

  long panelBytes(int inputs) {
    return headBytes(inputs) + (long) blocks(inputs) * blockBytes();
  }

  /// Bytes of a matrix of `outputs` by `inputs`, padding included.
  public long bytes(int outputs, int inputs) {
    return PackedMatrix.padded(outputs) / PackedMatrix.PANEL * panelBytes(inputs);
  }
}
