package dev.lathe.compute.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Stored tensors as fp32 or bf16 numbers, with GGML's exact semantics: every product and sum is
/// rounded to fp32 by itself.
///
/// Source of the block layouts: `ggml-quants.c` (`dequantize_row_*`) of llama.cpp. Callers may read
/// different parts of one tensor from many threads.
public final class Dequantize {
  private static final int CHUNK = 4096;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Dequantize() {}

  /// Reads `count` elements into `target[offset…]`.
  ///
  /// @param first first element, at the start of a block
  /// @param count a whole number of blocks
  public static void toF32(WeightTensor tensor, long first, float[] target, int offset, int count) {
    MemorySegment data = range(tensor, first, count);
    switch (tensor.type()) {
      case F32 -> MemorySegment.copy(data, FLOAT, 0, target, offset, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          target[offset + i] = Float.float16ToFloat(data.get(SHORT, 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          target[offset + i] = Float.intBitsToFloat(data.get(SHORT, 2L * i) << 16);
        }
      }
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          blocks(tensor.type(), data, target, offset, count);
    }
  }

  /// All elements of a tensor, at most 2³¹ − 8.
  public static float[] toF32(WeightTensor tensor) {
    int count = Math.toIntExact(tensor.elements());
    float[] target = new float[count];
    toF32(tensor, 0, target, 0, count);
    return target;
  }

  /// Reads `count` elements as fp32, little-endian, into the start of `target`.
  public static void toF32(WeightTensor tensor, long first, MemorySegment target, long count) {
    if (tensor.type() == DType.F32) {
      MemorySegment.copy(range(tensor, first, count), 0, target, 0, count * 4);
      return;
    }
    float[] chunk = new float[(int) Math.min(CHUNK, count)];
    for (long done = 0; done < count; done += CHUNK) {
      int part = (int) Math.min(CHUNK, count - done);
      toF32(tensor, first + done, chunk, 0, part);
      MemorySegment.copy(chunk, 0, target, FLOAT, done * 4, part);
    }
  }

  /// Reads `count` elements as bf16, little-endian, rounded to nearest even, into the start of
  /// `target`.
  public static void toBf16(WeightTensor tensor, long first, MemorySegment target, long count) {
    if (tensor.type() == DType.BF16) {
      MemorySegment.copy(range(tensor, first, count), 0, target, 0, count * 2);
      return;
    }
    float[] chunk = new float[(int) Math.min(CHUNK, count)];
    short[] rounded = new short[chunk.length];
    for (long done = 0; done < count; done += CHUNK) {
      int part = (int) Math.min(CHUNK, count - done);
      toF32(tensor, first + done, chunk, 0, part);
      for (int i = 0; i < part; i++) {
        rounded[i] = bf16(chunk[i]);
      }
      MemorySegment.copy(rounded, 0, target, SHORT, done * 2, part);
    }
  }

  /// Reads `count` elements as bf16, rounded to nearest even, into `target[offset…]`.
  public static void toBf16(
      WeightTensor tensor, long first, short[] target, int offset, int count) {
    MemorySegment all = MemorySegment.ofArray(target);
    toBf16(tensor, first, all.asSlice(2L * offset, 2L * count), count);
  }

  /// The bf16 nearest to a value, ties to even; a NaN stays one.
  public static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  private static MemorySegment range(WeightTensor tensor, long first, long count) {
    int block = tensor.type().blockElements();
    if (first % block != 0 || first < 0 || count < 0 || first > tensor.elements() - count) {
      throw new IllegalArgumentException(
          "elements ["
              + first
              + ", "
              + (first + count)
              + ") of '"
              + tensor.name()
              + "', "
              + tensor.elements()
              + " "
              + tensor.type()
              + " in blocks of "
              + block);
    }
    return tensor.data().asSlice(tensor.type().bytes(first), tensor.type().bytes(count));
  }

  /// Decodes block formats by way of a small heap buffer, which the JIT indexes fastest.
  private static void blocks(
      DType type, MemorySegment data, float[] target, int offset, int count) {
    int blockBytes = type.blockBytes();
    int elements = type.blockElements();
    int perChunk = CHUNK / elements;
    int blocks = count / elements;
    byte[] bytes = new byte[Math.min(perChunk, blocks) * blockBytes];
    for (int done = 0; done < blocks; done += perChunk) {
      int part = Math.min(perChunk, blocks - done);
      MemorySegment.copy(
          data, ValueLayout.JAVA_BYTE, (long) done * blockBytes, bytes, 0, part * blockBytes);
      int to = offset + done * elements;
      for (int block = 0; block < part; block++) {
        block(type, bytes, block * blockBytes, target, to + block * elements);
      }
    }
  }

  private static void block(DType type, byte[] in, int at, float[] out, int to) {
    switch (type) {
      case Q4_0 -> q4(in, at + 2, half(in, at), -8, -0f, out, to);
      case Q4_1 -> q4(in, at + 4, half(in, at), 0, half(in, at + 2), out, to);
      case Q5_0 -> q5(in, at + 2, half(in, at), -16, -0f, out, to);
      case Q5_1 -> q5(in, at + 4, half(in, at), 0, half(in, at + 2), out, to);
      case Q8_0 -> q8(in, at, out, to);
      case Q4_K -> q4k(in, at, out, to);
      case Q5_K -> q5k(in, at, out, to);
      case Q6_K -> q6k(in, at, out, to);
      case F32, F16, BF16 -> throw new IllegalArgumentException(type + " has no blocks");
    }
  }

  private static float half(byte[] in, int at) {
    return Float.float16ToFloat((short) ((in[at] & 0xFF) | (in[at + 1] << 8)));
  }

  /// `least` is minus zero where the format has none: adding it changes nothing, not even a sign.
  private static void q4(
      byte[] in, int at, float scale, int shift, float least, float[] out, int to) {
    for (int i = 0; i < 16; i++) {
      int pair = in[at + i];
      out[to + i] = ((pair & 15) + shift) * scale + least;
      out[to + 16 + i] = (((pair >> 4) & 15) + shift) * scale + least;
    }
  }

  private static void q5(
      byte[] in, int at, float scale, int shift, float least, float[] out, int to) {
    int high =
        (in[at] & 0xFF)
            | ((in[at + 1] & 0xFF) << 8)
            | ((in[at + 2] & 0xFF) << 16)
            | ((in[at + 3] & 0xFF) << 24);
    for (int i = 0; i < 16; i++) {
      int pair = in[at + 4 + i];
      int low = (pair & 15) | (((high >> i) & 1) << 4);
      int up = ((pair >> 4) & 15) | (((high >> (i + 16)) & 1) << 4);
      out[to + i] = (low + shift) * scale + least;
      out[to + 16 + i] = (up + shift) * scale + least;
    }
  }

  private static void q8(byte[] in, int at, float[] out, int to) {
    float scale = half(in, at);
    for (int i = 0; i < 32; i++) {
      out[to + i] = in[at + 2 + i] * scale;
    }
  }

  /// 6-bit scale of sub-block `index` from the 12 packed bytes at `at`.
  private static int scale(byte[] in, int at, int index) {
    return index < 4
        ? in[at + index] & 63
        : (in[at + index + 4] & 15) | (((in[at + index - 4] >> 6) & 3) << 4);
  }

  /// 6-bit minimum of sub-block `index` from the 12 packed bytes at `at`.
  private static int minimum(byte[] in, int at, int index) {
    return index < 4
        ? in[at + index + 4] & 63
        : ((in[at + index + 4] >> 4) & 15) | (((in[at + index] >> 6) & 3) << 4);
  }

  private static void q4k(byte[] in, int at, float[] out, int to) {
    float scale = half(in, at);
    float minimum = half(in, at + 2);
    for (int sub = 0; sub < 8; sub++) {
      float d = scale * scale(in, at + 4, sub);
      float m = minimum * minimum(in, at + 4, sub);
      int quants = at + 16 + sub / 2 * 32;
      int shift = (sub & 1) * 4;
      for (int i = 0; i < 32; i++) {
        out[to + sub * 32 + i] = d * ((in[quants + i] >> shift) & 15) - m;
      }
    }
  }

  private static void q5k(byte[] in, int at, float[] out, int to) {
    float scale = half(in, at);
    float minimum = half(in, at + 2);
    for (int sub = 0; sub < 8; sub++) {
      float d = scale * scale(in, at + 4, sub);
      float m = minimum * minimum(in, at + 4, sub);
      int quants = at + 48 + sub / 2 * 32;
      int shift = (sub & 1) * 4;
      for (int i = 0; i < 32; i++) {
        int quant = ((in[quants + i] >> shift) & 15) | (((in[at + 16 + i] >> sub) & 1) << 4);
        out[to + sub * 32 + i] = d * quant - m;
      }
    }
  }

  private static void q6k(byte[] in, int at, float[] out, int to) {
    float scale = half(in, at + 208);
    for (int part = 0; part < 8; part++) {
      int low = at + (part / 4) * 64 + (part & 1) * 32;
      int lowShift = ((part >> 1) & 1) * 4;
      int high = at + 128 + part / 4 * 32;
      int highShift = (part & 3) * 2;
      for (int i = 0; i < 32; i++) {
        float d = scale * in[at + 192 + part * 2 + i / 16];
        int quant = ((in[low + i] >> lowShift) & 15) | (((in[high + i] >> highShift) & 3) << 4);
        out[to + part * 32 + i] = d * (quant - 32);
      }
    }
  }
}
