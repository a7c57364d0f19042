package dev.lathe.compute.kernel;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// A cursor over GGML's block formats: the integers and scales of 32 inputs at a time.
///
/// Source of the layouts: `ggml-common.h` and `ggml-quants.c` (`dequantize_row_*`) of llama.cpp.
final class GgmlBlocks {
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int LOW = 0x0F0F0F0F;
  private static final int BIT = 0x01010101;
  private static final int TWO_BITS = 0x03030303;

  private final Format format;
  private final byte[] bytes;
  private final int blockBytes;

  /// Blocks of 32 in one of the format, as a power of two.
  private final int shift;

  private int at;
  private int sub;

  GgmlBlocks(Format format, byte[] bytes) {
    this.format = format;
    this.bytes = bytes;
    this.blockBytes = format.type().blockBytes();
    this.shift = Integer.numberOfTrailingZeros(format.type().blockElements() / Format.BLOCK);
  }

  /// Moves to the 32 inputs from `32 block` on of the row that begins at `row`.
  void select(int row, int block) {
    at = row + (block >> shift) * blockBytes;
    sub = block & (1 << shift) - 1;
  }

  private int word(int offset) {
    return (int) INT.get(bytes, at + offset);
  }

  private int half(int offset) {
    return (short) SHORT.get(bytes, at + offset) & 0xFFFF;
  }

  /// The scale, or the unit of the scales, as a half float's bits.
  int unit() {
    return half(format == Format.Q6_K ? 208 : 0);
  }

  /// The least value, or the unit of the minima, as a half float's bits; 0 where the format has
  /// none.
  int least() {
    return switch (format.scale) {
      case NONE, HALF, BYTES -> 0;
      case HALF_PAIR, BYTE_PAIR -> half(2);
    };
  }

  /// Scale in units, of the first 16 inputs where there are two.
  int first() {
    return switch (format.scale) {
      case NONE, HALF, HALF_PAIR -> 0;
      case BYTE_PAIR -> sub < 4 ? at(4 + sub) & 63 : at(8 + sub) & 15 | (at(sub) >> 6 & 3) << 4;
      case BYTES -> at(192 + 2 * sub);
    };
  }

  /// Minimum in units, or the scale of the other 16 inputs.
  int second() {
    return switch (format.scale) {
      case NONE, HALF, HALF_PAIR -> 0;
      case BYTE_PAIR ->
          sub < 4 ? at(8 + sub) & 63 : at(8 + sub) >> 4 & 15 | (at(4 + sub) >> 6 & 3) << 4;
      case BYTES -> at(193 + 2 * sub);
    };
  }

  private int at(int offset) {
    return bytes[at + offset];
  }

  /// The 32 integers, none negative, four in each word, the first one lowest.
  void quads(int[] quads) {
    switch (format) {
      case F32, BF16 -> throw new IllegalStateException(format + " has no blocks");
      case Q8_0 -> {
        for (int i = 0; i < 8; i++) {
          quads[i] = word(2 + 4 * i) ^ 0x80808080;
        }
      }
      case Q4_0 -> nibbles(quads, 2);
      case Q4_1 -> nibbles(quads, 4);
      case Q5_0 -> {
        nibbles(quads, 6);
        fifthBits(quads, word(2));
      }
      case Q5_1 -> {
        nibbles(quads, 8);
        fifthBits(quads, word(4));
      }
      case Q4_K -> {
        for (int i = 0; i < 8; i++) {
          quads[i] = word(16 + sub / 2 * 32 + 4 * i) >>> sub % 2 * 4 & LOW;
        }
      }
      case Q5_K -> {
        for (int i = 0; i < 8; i++) {
          int low = word(48 + sub / 2 * 32 + 4 * i) >>> sub % 2 * 4 & LOW;
          quads[i] = low | (word(16 + 4 * i) >>> sub & BIT) << 4;
        }
      }
      case Q6_K -> {
        for (int i = 0; i < 8; i++) {
          int low = word(sub / 4 * 64 + sub % 2 * 32 + 4 * i) >>> sub / 2 % 2 * 4 & LOW;
          int high = word(128 + sub / 4 * 32 + 4 * i) >>> sub % 4 * 2 & TWO_BITS;
          quads[i] = low | high << 4;
        }
      }
    }
  }

  private void nibbles(int[] quads, int offset) {
    for (int i = 0; i < 4; i++) {
      int pairs = word(offset + 4 * i);
      quads[i] = pairs & LOW;
      quads[i + 4] = pairs >>> 4 & LOW;
    }
  }

  /// Bit k of `high` is the fifth bit of integer k.
  private static void fifthBits(int[] quads, int high) {
    for (int i = 0; i < 8; i++) {
      quads[i] |= Integer.expand(high >>> 4 * i & 15, BIT) << 4;
    }
  }
}
