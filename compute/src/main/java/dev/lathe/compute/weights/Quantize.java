package dev.lathe.compute.weights;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Numbers as GGML's blocks of 32, the inverse of [Dequantize].
public final class Quantize {
  /// Elements of a block.
  public static final int BLOCK = 32;

  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  /// Widths of the least-squares search for Q4_1, in steps beside the whole range.
  private static final float[] STEPS = {-0.9f, -0.6f, -0.3f, 0, 0.3f, 0.6f, 1.2f, 2f};

  private Quantize() {}

  /// Q8_0: the largest absolute value of a block is 127 steps, as `quantize_row_q8_0_ref`.
  ///
  /// @param count values, the last block is filled up with zeros
  /// @return index behind the last byte written
  public static int q8_0(float[] values, int offset, int count, byte[] out, int at) {
    int to = at;
    for (int first = 0; first < count; first += BLOCK) {
      int some = Math.min(BLOCK, count - first);
      float most = 0;
      for (int i = 0; i < some; i++) {
        most = Math.max(most, Math.abs(values[offset + first + i]));
      }
      float scale = most / 127;
      float inverse = scale == 0 ? 0 : 1 / scale;
      putHalf(out, to, scale);
      for (int i = 0; i < BLOCK; i++) {
        float value = i < some ? values[offset + first + i] * inverse : 0;
        out[to + 2 + i] = (byte) Math.clamp(Math.round(value), -127, 127);
      }
      to += DType.Q8_0.blockBytes();
    }
    return to;
  }

  /// Q4_1: scale and least value of a block by least squares, for the best of several widths of the
  /// grid, as `make_qkx2_quants` of llama.cpp does for its K formats.
  ///
  /// @param count values, the last block is filled up with zeros
  /// @return index behind the last byte written
  public static int q4_1(float[] values, int offset, int count, byte[] out, int at) {
    float[] block = new float[BLOCK];
    int to = at;
    for (int first = 0; first < count; first += BLOCK) {
      int some = Math.min(BLOCK, count - first);
      System.arraycopy(values, offset + first, block, 0, some);
      java.util.Arrays.fill(block, some, BLOCK, 0);
      q4_1(block, out, to);
      to += DType.Q4_1.blockBytes();
    }
    return to;
  }

  private static void q4_1(float[] block, byte[] out, int at) {
    float least = block[0];
    float most = block[0];
    float sum = 0;
    for (float value : block) {
      least = Math.min(least, value);
      most = Math.max(most, value);
      sum += value;
    }
    float bestScale = half((most - least) / 15);
    float bestLeast = half(least);
    if (most > least) {
      float bestError = error(block, bestScale, bestLeast);
      for (float step : STEPS) {
        float perUnit = (15 + step) / (most - least);
        float levels = 0;
        float squares = 0;
        float products = 0;
        for (float value : block) {
          float level = level((value - least) * perUnit);
          levels += level;
          squares += level * level;
          products += level * value;
        }
        float determinant = BLOCK * squares - levels * levels;
        if (determinant > 0) {
          float scale = half((BLOCK * products - sum * levels) / determinant);
          float shift = half((squares * sum - levels * products) / determinant);
          float error = error(block, scale, shift);
          if (error < bestError) {
            bestError = error;
            bestScale = scale;
            bestLeast = shift;
          }
        }
      }
    }
    putHalf(out, at, bestScale);
    putHalf(out, at + 2, bestLeast);
    float inverse = bestScale == 0 ? 0 : 1 / bestScale;
    for (int i = 0; i < 16; i++) {
      int low = (int) level((block[i] - bestLeast) * inverse);
      int high = (int) level((block[i + 16] - bestLeast) * inverse);
      out[at + 4 + i] = (byte) (low | high << 4);
    }
  }

  /// The nearest of 0 to 15.
  private static float level(float value) {
    return (int) (Math.clamp(value, 0f, 15f) + 0.5f);
  }

  private static float error(float[] block, float scale, float least) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    float error = 0;
    for (float value : block) {
      float off = level((value - least) * inverse) * scale + least - value;
      error += off * off;
    }
    return error;
  }

  private static float half(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }

  private static void putHalf(byte[] out, int at, float value) {
    SHORT.set(out, at, Float.floatToFloat16(value));
  }
}
