package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The passes on the Vector API, in the width the machine prefers.
public final class VectorKernel implements Kernel {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  static final int LANES = F.length();

  /// Whether the machine's vectors divide half a panel.
  static boolean fits() {
    return LANES >= 4 && 16 % LANES == 0;
  }

  @Override
  public String description() {
    return "vector, " + LANES + " lanes";
  }

  @Override
  public void multiply(
      PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch) {
    Products.multiply(w, x, y, rows, first, last, scratch);
  }

  @Override
  public void lower(
      LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch) {
    LowRankProducts.lower(factors, x, xAt, ranks, ranksAt, scratch.sums);
  }

  @Override
  public void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt) {
    LowRankProducts.raise(factors, ranks, ranksAt, y, yAt);
  }

  @Override
  public void norm(float[] x, int xAt, float[] weight, float epsilon, float[] y, int yAt) {
    int bound = F.loopBound(weight.length);
    FloatVector squares = FloatVector.zero(F);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, xAt + i);
      squares = v.fma(v, squares);
    }
    float sum = 0;
    if (bound > 0) {
      squares.intoArray(y, yAt);
      sum = Lanes.fold(y, yAt);
    }
    for (int i = bound; i < weight.length; i++) {
      sum = Math.fma(x[xAt + i], x[xAt + i], sum);
    }
    float scale = ScalarKernel.scale(sum, weight.length, epsilon);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, xAt + i).mul(scale);
      v.mul(FloatVector.fromArray(F, weight, i)).intoArray(y, yAt + i);
    }
    for (int i = bound; i < weight.length; i++) {
      y[yAt + i] = x[xAt + i] * scale * weight[i];
    }
  }

  @Override
  public void gate(float[] gate, int gateAt, int upAt, float[] y, int yAt, int count) {
    int bound = F.loopBound(count);
    Lanes.exp(gate, gateAt, -1, 0, y, yAt, bound);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector g = FloatVector.fromArray(F, gate, gateAt + i);
      FloatVector up = FloatVector.fromArray(F, gate, upAt + i);
      g.div(FloatVector.fromArray(F, y, yAt + i).add(1f)).mul(up).intoArray(y, yAt + i);
    }
    for (int i = bound; i < count; i++) {
      float g = gate[gateAt + i];
      y[yAt + i] = g / (1 + ScalarKernel.exp(-g)) * gate[upAt + i];
    }
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int count) {
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector sum =
          FloatVector.fromArray(F, x, xAt + i).add(FloatVector.fromArray(F, y, yAt + i));
      sum.intoArray(x, xAt + i);
    }
    for (int i = bound; i < count; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  @Override
  public void attend(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int length,
      float[] q,
      int qAt,
      int group,
      float[] out,
      int outAt,
      Scratch scratch) {
    int width = cache.headWidth();
    for (int g = 0; g < group; g++) {
      attendHead(cache, table, layer, kvHead, length, q, qAt + g * width, scratch.attention);
      System.arraycopy(scratch.attention, KvCache.SLOTS, out, outAt + g * width, width);
    }
  }

  /// One head; the result is left in `scratch` behind the scores.
  private static void attendHead(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int length,
      float[] q,
      int qAt,
      float[] scratch) {
    int stride = cache.valueStride();
    Arrays.fill(scratch, KvCache.SLOTS, KvCache.SLOTS + stride, 0);
    float max = Float.NEGATIVE_INFINITY;
    float total = 0;
    for (int first = 0; first < length; first += KvCache.SLOTS) {
      int count = Math.min(KvCache.SLOTS, length - first);
      MemorySegment page = cache.page(table[first / KvCache.SLOTS]);
      scores(page, cache.keys(layer, kvHead), q, qAt, cache.headWidth(), scratch);
      float pageMax = mask(scratch, count);
      if (pageMax > max) {
        float factor = ScalarKernel.exp(max - pageMax);
        total *= factor;
        scale(scratch, KvCache.SLOTS, stride, factor);
        max = pageMax;
      }
      total += exponentials(scratch, max, KvCache.SLOTS + stride);
      for (int d = 0; d < stride; d += PackedMatrix.PANEL) {
        weigh(
            page,
            cache.values(layer, kvHead) + d * 4L,
            stride * 4L,
            count,
            scratch,
            KvCache.SLOTS + d);
      }
    }
    scale(scratch, KvCache.SLOTS, stride, 1 / total);
  }

  /// Scores of all slots of a page; four sums run side by side.
  private static void scores(
      MemorySegment page, long keys, float[] q, int qAt, int width, float[] scores) {
    float scale = ScalarKernel.scoreScale(width);
    for (int slot = 0; slot < KvCache.SLOTS; slot += LANES) {
      FloatVector s0 = FloatVector.zero(F);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      long at = keys + slot * 4L;
      int d = 0;
      for (; d + 4 <= width; d += 4) {
        long k = at + (long) d * KvCache.SLOTS * 4;
        s0 = load(page, k).fma(FloatVector.broadcast(F, q[qAt + d]), s0);
        s1 = load(page, k + KvCache.SLOTS * 4).fma(FloatVector.broadcast(F, q[qAt + d + 1]), s1);
        s2 = load(page, k + KvCache.SLOTS * 8).fma(FloatVector.broadcast(F, q[qAt + d + 2]), s2);
        s3 = load(page, k + KvCache.SLOTS * 12).fma(FloatVector.broadcast(F, q[qAt + d + 3]), s3);
      }
      for (; d < width; d++) {
        long k = at + (long) d * KvCache.SLOTS * 4;
        s0 = load(page, k).fma(FloatVector.broadcast(F, q[qAt + d]), s0);
      }
      s0.add(s1).add(s2.add(s3)).mul(scale).intoArray(scores, slot);
    }
  }

  private static FloatVector load(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(F, memory, at, ByteOrder.LITTLE_ENDIAN);
  }

  /// Sets the scores of slots from `count` on to minus infinity and returns the largest.
  private static float mask(float[] scores, int count) {
    Arrays.fill(scores, count, KvCache.SLOTS, Float.NEGATIVE_INFINITY);
    FloatVector max = FloatVector.fromArray(F, scores, 0);
    for (int slot = LANES; slot < KvCache.SLOTS; slot += LANES) {
      max = max.max(FloatVector.fromArray(F, scores, slot));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /// Replaces the scores by their exponentials and returns the sum of these. The place behind the
  /// scores and the result is room for it.
  private static float exponentials(float[] scores, float max, int room) {
    Lanes.exp(scores, 0, 1, -max, scores, 0, KvCache.SLOTS);
    FloatVector sum = FloatVector.fromArray(F, scores, 0);
    for (int slot = LANES; slot < KvCache.SLOTS; slot += LANES) {
      sum = sum.add(FloatVector.fromArray(F, scores, slot));
    }
    sum.intoArray(scores, room);
    return Lanes.fold(scores, room);
  }

  private static void scale(float[] values, int at, int count, float factor) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(F, values, at + i).mul(factor).intoArray(values, at + i);
    }
  }

  /// Adds the values of `count` slots, weighed by the scores, to one panel of the result.
  private static void weigh(
      MemorySegment page, long values, long step, int count, float[] scratch, int resultAt) {
    for (int lane = 0; lane < PackedMatrix.PANEL; lane += LANES) {
      FloatVector even = FloatVector.fromArray(F, scratch, resultAt + lane);
      FloatVector odd = FloatVector.zero(F);
      long at = values + lane * 4L;
      int slot = 0;
      for (; slot + 2 <= count; slot += 2) {
        even = load(page, at + slot * step).fma(FloatVector.broadcast(F, scratch[slot]), even);
        odd =
            load(page, at + (slot + 1) * step)
                .fma(FloatVector.broadcast(F, scratch[slot + 1]), odd);
      }
      if (slot < count) {
        even = load(page, at + slot * step).fma(FloatVector.broadcast(F, scratch[slot]), even);
      }
      even.add(odd).intoArray(scratch, resultAt + lane);
    }
  }

  @Override
  public int argmax(float[] x, int at, int count) {
    int bound = F.loopBound(count);
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < bound; i += LANES) {
      max = max.max(FloatVector.fromArray(F, x, at + i));
    }
    float best = max.reduceLanes(VectorOperators.MAX);
    for (int i = bound; i < count; i++) {
      best = Math.max(best, x[at + i]);
    }
    for (int i = 0; i < count; i++) {
      if (x[at + i] == best) {
        return i;
      }
    }
    return -1;
  }
}
