package dev.lathe.training.fused;

import jdk.incubator.vector.FloatVector;

/// Products over the tokens of a batch with few rows of result: `C[r, n] = sum over t of L[t, r] *
/// Y[t, n]`, fp32 sums of bf16 inputs; what the gradients of LoRA factors are.
final class FactorGradient {
  /// Rows of the result that are summed at a time; ranks are padded to a multiple of it.
  static final int RANK_STEP = 8;

  private FactorGradient() {}

  /// Columns `[from, to)` of the result, both multiples of the lanes.
  ///
  /// @param left `[T, >= column + ranks]` fp32
  /// @param column first column of `left`
  /// @param ranks a multiple of [#RANK_STEP]
  /// @param right address of `Y[0, 0]`, bf16
  /// @param stride bytes between rows of `Y`
  /// @param result `[ranks, >= to]` fp32, overwritten
  static void product(
      Matrix left,
      int column,
      int ranks,
      int tokens,
      long right,
      long stride,
      Matrix result,
      int from,
      int to) {
    for (int rank = 0; rank < ranks; rank += RANK_STEP) {
      int n = from;
      for (; n + 2 * Lanes.COUNT <= to; n += 2 * Lanes.COUNT) {
        twoVectors(left.at(0, column + rank), left.stride(), tokens, right + 2L * n, stride, result, rank, n);
      }
      if (n < to) {
        oneVector(left.at(0, column + rank), left.stride(), tokens, right + 2L * n, stride, result, rank, n);
      }
    }
  }

  private static void twoVectors(
      long left, long leftStride, int tokens, long right, long stride, Matrix result, int rank, int n) {
    FloatVector a0 = FloatVector.zero(Lanes.F);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector a4 = a0;
    FloatVector a5 = a0;
    FloatVector a6 = a0;
    FloatVector a7 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector b4 = a0;
    FloatVector b5 = a0;
    FloatVector b6 = a0;
    FloatVector b7 = a0;
    for (int t = 0; t < tokens; t++) {
      FloatVector y = Lanes.bf16(right);
      FloatVector z = Lanes.bf16(right + 2L * Lanes.COUNT);
      FloatVector l0 = Lanes.splat(Lanes.getFp32(left));
      a0 = l0.fma(y, a0);
      b0 = l0.fma(z, b0);
      FloatVector l1 = Lanes.splat(Lanes.getFp32(left + 4));
      a1 = l1.fma(y, a1);
      b1 = l1.fma(z, b1);
      FloatVector l2 = Lanes.splat(Lanes.getFp32(left + 8));
      a2 = l2.fma(y, a2);
      b2 = l2.fma(z, b2);
      FloatVector l3 = Lanes.splat(Lanes.getFp32(left + 12));
      a3 = l3.fma(y, a3);
      b3 = l3.fma(z, b3);
      FloatVector l4 = Lanes.splat(Lanes.getFp32(left + 16));
      a4 = l4.fma(y, a4);
      b4 = l4.fma(z, b4);
      FloatVector l5 = Lanes.splat(Lanes.getFp32(left + 20));
      a5 = l5.fma(y, a5);
      b5 = l5.fma(z, b5);
      FloatVector l6 = Lanes.splat(Lanes.getFp32(left + 24));
      a6 = l6.fma(y, a6);
      b6 = l6.fma(z, b6);
      FloatVector l7 = Lanes.splat(Lanes.getFp32(left + 28));
      a7 = l7.fma(y, a7);
      b7 = l7.fma(z, b7);
      left += leftStride;
      right += stride;
    }
    store(result, rank, n, a0, b0);
    store(result, rank + 1, n, a1, b1);
    store(result, rank + 2, n, a2, b2);
    store(result, rank + 3, n, a3, b3);
    store(result, rank + 4, n, a4, b4);
    store(result, rank + 5, n, a5, b5);
    store(result, rank + 6, n, a6, b6);
    store(result, rank + 7, n, a7, b7);
  }

  private static void oneVector(
      long left, long leftStride, int tokens, long right, long stride, Matrix result, int rank, int n) {
    for (int r = 0; r < RANK_STEP; r++) {
      FloatVector sum = FloatVector.zero(Lanes.F);
      for (int t = 0; t < tokens; t++) {
        float factor = Lanes.getFp32(left + t * leftStride + 4L * r);
        sum = Lanes.bf16(right + t * stride).fma(Lanes.splat(factor), sum);
      }
      Lanes.fp32(result.at(rank + r, n), sum);
    }
  }

  private static void store(Matrix result, int rank, int n, FloatVector a, FloatVector b) {
    Lanes.fp32(result.at(rank, n), a);
    Lanes.fp32(result.at(rank, n + Lanes.COUNT), b);
  }
}
