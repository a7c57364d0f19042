package dev.lathe.training.fused;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Causal softmax over the scores of one row of the batch and its gradient, in place, bf16.
///
/// Scores of a sequence of `length` tokens: `[K, G, padded, padded]`, a query's scores contiguous;
/// the query at position `p` sees the keys `[0, p]`, one after `length` sees none. `padded` is a
/// multiple of the lanes.
final class SoftmaxPass {
  private static final float UNSEEN = -1e30f;

  private SoftmaxPass() {}

  /// Turns scores into probabilities; what a query does not see becomes 0.
  ///
  /// @param from first query row of `[0, H * padded)`
  static void forward(long scores, int length, int padded, float scale, int from, int to) {
    float[] scratch = new float[padded];
    for (int query = from; query < to; query++) {
      long row = scores + 2L * query * padded;
      int position = query % padded;
      if (position < length) {
        forward(row, position + 1, padded, scale, scratch);
      } else {
        Lanes.zero(row, 2L * padded);
      }
    }
  }

  /// Scores that a query does not see, up to the next multiple of the lanes, are first made very
  /// small, so that the loops run over whole vectors.
  private static void forward(long row, int seen, int padded, float scale, float[] scratch) {
    int whole = Math.ceilDiv(seen, Lanes.COUNT) * Lanes.COUNT;
    for (int i = seen; i < whole; i++) {
      Lanes.setBf16(row + 2L * i, UNSEEN);
    }
    FloatVector largest = Lanes.bf16(row);
    for (int i = Lanes.COUNT; i < whole; i += Lanes.COUNT) {
      largest = largest.max(Lanes.bf16(row + 2L * i));
    }
    float shift = -largest.reduceLanes(VectorOperators.MAX) * scale;
    FloatVector sum = FloatVector.zero(Lanes.F);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector score = Lanes.bf16(row + 2L * i);
      FloatVector e = Lanes.exp(score.fma(Lanes.splat(scale), Lanes.splat(shift)));
      e.intoArray(scratch, i);
      sum = sum.add(e);
    }
    float inverse = 1 / Lanes.sum(sum);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      Lanes.bf16(row + 2L * i, FloatVector.fromArray(Lanes.F, scratch, i).mul(inverse));
    }
    Lanes.zero(row + 2L * seen, 2L * (padded - seen));
  }

  /// Turns the gradient in the probabilities into the gradient in the scores: `scale * p * (dp -
  /// sum(p * dp))`.
  ///
  /// @param probabilities as [#forward] left them
  /// @param gradient same shape, replaced
  static void backward(
      long probabilities, long gradient, int padded, float scale, int from, int to) {
    for (int query = from; query < to; query++) {
      long p = probabilities + 2L * query * padded;
      long d = gradient + 2L * query * padded;
      FloatVector dots = FloatVector.zero(Lanes.F);
      for (int i = 0; i < padded; i += Lanes.COUNT) {
        dots = Lanes.bf16(p + 2L * i).fma(Lanes.bf16(d + 2L * i), dots);
      }
      float dot = Lanes.sum(dots);
      for (int i = 0; i < padded; i += Lanes.COUNT) {
        FloatVector centred = Lanes.bf16(d + 2L * i).sub(dot).mul(scale);
        Lanes.bf16(d + 2L * i, Lanes.bf16(p + 2L * i).mul(centred));
      }
    }
  }
}
