package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Attention on the Vector API. All queries that meet a page are multiplied with it at once, as
/// activations with weights: a page's keys are `[D, 32]` floats, its values panels of `[32, 32]`.
/// Where it holds them in fewer bits, they are widened first.
final class Attention {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = F.length();

  private Attention() {}

  /// As [Kernel#attend].
  ///
  /// @param scratch its room for attention takes queries `[Q, D]`, scores `[Q, 32]`, results `[Q,
  ///   D']`, then the largest score and the sum of exponentials of each query, and a vector
  static void attend(
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
    float[] room = scratch.attention;
    int width = cache.headWidth();
    int stride = cache.valueStride();
    int queries = rows * group;
    int scores = queries * width;
    int results = scores + queries * KvCache.SLOTS;
    int largest = results + queries * stride;
    int totals = largest + queries;
    for (int r = 0; r < rows; r++) {
      System.arraycopy(q.values(), q.at(row + r) + at, room, r * group * width, group * width);
    }
    for (int query = 0; query < queries; query++) {
      cache.prepare(room, query * width);
    }
    Arrays.fill(room, results, largest, 0);
    Arrays.fill(room, largest, totals, Float.NEGATIVE_INFINITY);
    Arrays.fill(room, totals, totals + queries, 0);
    int length = position + rows;
    for (int first = 0; first < length; first += KvCache.SLOTS) {
      int count = Math.min(KvCache.SLOTS, length - first);
      MemorySegment page = cache.page(table[first / KvCache.SLOTS]);
      long keys = cache.keys(layer, kvHead);
      scratch.seen ^= Products.readAhead(page, keys, cache.end(layer, kvHead));
      boolean narrow = cache.type() != CacheType.F32;
      MemorySegment floats = narrow ? scratch.weights : page;
      switch (cache.type()) {
        case F32 -> {}
        case BF16 -> PlainPanels.widen(page, keys, width, floats);
        case INT8 -> BytePages.widenKeys(page, keys, width, floats);
      }
      for (int c = 0; c < 16; c += LANES) {
        Tiles.multiply(
            floats,
            (narrow ? 0 : keys) + c * 4L,
            width,
            room,
            0,
            width,
            queries,
            room,
            scores + c,
            KvCache.SLOTS,
            false);
      }
      soften(room, queries, group, position + 1 - first, width, stride);
      long values = cache.values(layer, kvHead);
      for (int d = 0; d < stride; d += PackedMatrix.PANEL) {
        switch (cache.type()) {
          case F32 -> {}
          case BF16 -> PlainPanels.widen(page, values, count, floats);
          case INT8 -> BytePages.widenValues(page, values, count, floats);
        }
        for (int c = 0; c < 16; c += LANES) {
          Tiles.multiply(
              floats,
              (narrow ? 0 : values) + c * 4L,
              count,
              room,
              scores,
              KvCache.SLOTS,
              queries,
              room,
              results + d + c,
              stride,
              true);
        }
        values += cache.panelBytes();
      }
    }
    for (int query = 0; query < queries; query++) {
      int from = results + query * stride;
      scale(room, from, stride, 1 / room[totals + query]);
      int to = out.at(row + query / group) + at + query % group * width;
      System.arraycopy(room, from, out.values(), to, width);
    }
  }

  /// Replaces the scores of a page by exponentials, and the results so far by what they are beside
  /// these.
  ///
  /// @param seen slots that the first row sees, each further row one more
  private static void soften(
      float[] room, int queries, int group, int seen, int width, int stride) {
    int scores = queries * width;
    int results = scores + queries * KvCache.SLOTS;
    int largest = results + queries * stride;
    int totals = largest + queries;
    float scale = ScalarKernel.scoreScale(width);
    for (int query = 0; query < queries; query++) {
      int at = scores + query * KvCache.SLOTS;
      int visible = Math.clamp(seen + query / group, 0, KvCache.SLOTS);
      Arrays.fill(room, at + visible, at + KvCache.SLOTS, Float.NEGATIVE_INFINITY);
      float max = Math.max(room[largest + query], max(room, at) * scale);
      float before = ScalarKernel.exp(room[largest + query] - max);
      if (before != 1) {
        room[totals + query] *= before;
        scale(room, results + query * stride, stride, before);
        room[largest + query] = max;
      }
      for (int slot = 0; slot < KvCache.SLOTS; slot += LANES) {
        FloatVector.fromArray(F, room, at + slot).mul(scale).sub(max).intoArray(room, at + slot);
      }
    }
    Lanes.exp(room, scores, 1, 0, room, scores, queries * KvCache.SLOTS);
    for (int query = 0; query < queries; query++) {
      int at = scores + query * KvCache.SLOTS;
      FloatVector sum = FloatVector.fromArray(F, room, at);
      for (int slot = LANES; slot < KvCache.SLOTS; slot += LANES) {
        sum = sum.add(FloatVector.fromArray(F, room, at + slot));
      }
      int spare = totals + queries;
      sum.intoArray(room, spare);
      room[totals + query] += Lanes.fold(room, spare);
    }
  }

  private static float max(float[] scores, int at) {
    FloatVector max = FloatVector.fromArray(F, scores, at);
    for (int slot = LANES; slot < KvCache.SLOTS; slot += LANES) {
      max = max.max(FloatVector.fromArray(F, scores, at + slot));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  private static void scale(float[] values, int at, int count, float factor) {
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(F, values, at + i).mul(factor).intoArray(values, at + i);
    }
  }
}
