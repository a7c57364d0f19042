package dev.lathe.compute.kernel;

import java.util.Arrays;

/// Every pass as the plain loop it stands for: what the vector passes are tested against, and what
/// runs where the Vector API is missing.
public final class ScalarKernel implements Kernel {
  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public void quantize(Rows x, int row, int column, int count, int levels, Scratch scratch) {
    if (levels == 0) {
      return;
    }
    for (int block = column / Format.BLOCK; block < (column + count) / Format.BLOCK; block++) {
      int from = x.at(row) + block * Format.BLOCK;
      int largest = 0;
      for (int i = 0; i < Format.BLOCK; i++) {
        largest = Math.max(largest, Float.floatToRawIntBits(x.values()[from + i]) & 0x7FFFFFFF);
      }
      float factor = factor(largest, levels);
      int[] rounded = new int[Format.BLOCK];
      for (int i = 0; i < Format.BLOCK; i++) {
        rounded[i] = Float.floatToRawIntBits(x.values()[from + i] * factor + Exponential.ROUND);
      }
      int to = x.integersAt(row) + block * Rows.BLOCK_INTS;
      putIntegers(rounded, Float.intBitsToFloat(largest) / levels, x.integers(), to);
    }
  }

  /// @param rounded 32 words, the integers in their lower halves
  static void putIntegers(int[] rounded, float scale, int[] out, int to) {
    int even = 0;
    int odd = 0;
    for (int i = 0; i < 16; i++) {
      int first = (short) rounded[2 * i];
      int second = (short) rounded[2 * i + 1];
      out[to + i * Rows.TILE] = pair(first, second);
      even += first;
      odd += second;
      if (i == 7) {
        out[to + Rows.HALF_LANE_SUMS * Rows.TILE] = pair(even, odd);
      }
    }
    int half = out[to + Rows.HALF_LANE_SUMS * Rows.TILE];
    out[to + Rows.SCALE * Rows.TILE] = Float.floatToRawIntBits(scale);
    out[to + Rows.SUM * Rows.TILE] = Float.floatToRawIntBits((even + odd) * scale);
    out[to + Rows.LANE_SUMS * Rows.TILE] = pair(even, odd);
    out[to + (Rows.HALF_LANE_SUMS + 1) * Rows.TILE] = pair(even - (short) half, odd - (half >> 16));
  }

  static int pair(int even, int odd) {
    return even & 0xFFFF | odd << 16;
  }

  /// What activations are multiplied with, the largest of whose absolute values has these bits; 0
  /// where that is too small to divide by.
  static float factor(int largest, int levels) {
    float most = Float.intBitsToFloat(largest);
    return most < 1e-30f ? 0 : levels / most;
  }

  @Override
  public void multiply(
      PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch) {
    float[] weights = new float[w.inputs()];
    for (int output = first * PackedMatrix.PANEL; output < last * PackedMatrix.PANEL; output++) {
      Panel panel = w.panel(output / PackedMatrix.PANEL);
      if (panel.format().levels() > 0) {
        for (int row = 0; row < rows; row++) {
          y.values()[y.at(row) + output] =
              panel.product(output % PackedMatrix.PANEL, x.integers(), x.integersAt(row));
        }
        continue;
      }
      w.row(output, weights, 0);
      for (int row = 0; row < rows; row++) {
        float sum = 0;
        for (int k = 0; k < weights.length; k++) {
          sum = Math.fma(x.values()[x.at(row) + k], weights[k], sum);
        }
        y.values()[y.at(row) + output] = sum;
      }
    }
  }

  @Override
  public void lower(
      LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch) {
    for (LowRank.Part part : factors.parts()) {
      for (int rank = 0; rank < part.ranks(); rank++) {
        float sum = 0;
        for (int k = 0; k < part.inputs() * PackedMatrix.PANEL; k++) {
          sum = Math.fma(x[xAt + k], part.a(rank, k), sum);
        }
        ranks[ranksAt + part.firstRank() + rank] = sum * part.scaling();
      }
    }
  }

  @Override
  public void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt) {
    for (LowRank.Part part : factors.parts()) {
      for (int n = 0; n < part.outputs() * PackedMatrix.PANEL; n++) {
        int at = yAt + part.column(n / PackedMatrix.PANEL) + n % PackedMatrix.PANEL;
        for (int rank = 0; rank < part.ranks(); rank++) {
          y[at] = Math.fma(part.b(n, rank), ranks[ranksAt + part.firstRank() + rank], y[at]);
        }
      }
    }
  }

  @Override
  public void norm(float[] x, int xAt, float[] weight, float epsilon, float[] y, int yAt) {
    float sum = 0;
    for (int i = 0; i < weight.length; i++) {
      sum = Math.fma(x[xAt + i], x[xAt + i], sum);
    }
    float scale = scale(sum, weight.length, epsilon);
    for (int i = 0; i < weight.length; i++) {
      y[yAt + i] = x[xAt + i] * scale * weight[i];
    }
  }

  static float scale(float sumOfSquares, int width, float epsilon) {
    return (float) (1 / Math.sqrt(sumOfSquares / width + epsilon));
  }

  @Override
  public void gate(float[] gate, int gateAt, int upAt, float[] y, int yAt, int count) {
    for (int i = 0; i < count; i++) {
      float g = gate[gateAt + i];
      y[yAt + i] = g / (1 + exp(-g)) * gate[upAt + i];
    }
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int count) {
    for (int i = 0; i < count; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  @Override
  public void attend(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int position,
      int row,
      int rows,
      int group,
      Rows q,
      Rows out,
      int at,
      Scratch scratch) {
    int width = cache.headWidth();
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < group; g++) {
        int queryAt = q.at(row + r) + at + g * width;
        int outAt = out.at(row + r) + at + g * width;
        int length = position + r + 1;
        attend(cache, table, layer, kvHead, length, q.values(), queryAt, out.values(), outAt);
      }
    }
  }

  private static void attend(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int length,
      float[] q,
      int qAt,
      float[] out,
      int outAt) {
    int width = cache.headWidth();
    float[] query = Arrays.copyOfRange(q, qAt, qAt + width);
    cache.prepare(query, 0);
    float[] scores = new float[length];
    float max = Float.NEGATIVE_INFINITY;
    for (int s = 0; s < length; s++) {
      float sum = 0;
      for (int d = 0; d < width; d++) {
        float key = cache.key(table[s / KvCache.SLOTS], s % KvCache.SLOTS, layer, kvHead, d);
        sum = Math.fma(query[d], key, sum);
      }
      scores[s] = sum * scoreScale(width);
      max = Math.max(max, scores[s]);
    }
    float total = 0;
    Arrays.fill(out, outAt, outAt + width, 0);
    for (int s = 0; s < length; s++) {
      float p = exp(scores[s] - max);
      total += p;
      for (int d = 0; d < width; d++) {
        out[outAt + d] +=
            p * cache.value(table[s / KvCache.SLOTS], s % KvCache.SLOTS, layer, kvHead, d);
      }
    }
    for (int d = 0; d < width; d++) {
      out[outAt + d] /= total;
    }
  }

  static float scoreScale(int headWidth) {
    return (float) (1 / Math.sqrt(headWidth));
  }

  @Override
  public int argmax(float[] x, int at, int count) {
    int best = 0;
    for (int i = 0; i < count; i++) {
      if (Float.isNaN(x[at + i])) {
        return -1;
      }
      if (x[at + i] > x[at + best]) {
        best = i;
      }
    }
    return best;
  }

  /// The exponential by range reduction and a polynomial, as in Cephes `expf`; 0 below -87,
  /// relative error under 2e-7.
  static float exp(float x) {
    if (x < Exponential.LEAST) {
      return 0;
    }
    float shifted = Math.fma(Math.min(x, Exponential.MOST), Exponential.LOG2E, Exponential.ROUND);
    float n = shifted - Exponential.ROUND;
    float r = Math.fma(n, -Exponential.LN2_HIGH, Math.min(x, Exponential.MOST));
    r = Math.fma(n, -Exponential.LN2_LOW, r);
    float p = Exponential.P0;
    p = Math.fma(p, r, Exponential.P1);
    p = Math.fma(p, r, Exponential.P2);
    p = Math.fma(p, r, Exponential.P3);
    p = Math.fma(p, r, Exponential.P4);
    p = Math.fma(p, r, Exponential.P5);
    p = Math.fma(p, r * r, r + 1);
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
  }
}
