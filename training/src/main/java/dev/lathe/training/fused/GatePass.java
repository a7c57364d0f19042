package dev.lathe.training.fused;

import jdk.incubator.vector.FloatVector;

/// SwiGLU, Shazeer 2020, arXiv 2002.05202: `y = silu(gate) * up`, and its gradient. All bf16; the
/// width `F` is a multiple of the lanes.
final class GatePass {
  private GatePass() {}

  /// @param gateUp `[T, 2 F]`, gate then up
  /// @param y `[T, >= F]`; columns after `F` are zeroed
  static void forward(Matrix gateUp, Matrix y, int from, int to) {
    int width = gateUp.columns() / 2;
    for (int row = from; row < to; row++) {
      long gate = gateUp.at(row);
      long up = gateUp.at(row, width);
      long out = y.at(row);
      for (int i = 0; i < width; i += Lanes.COUNT) {
        FloatVector g = Lanes.bf16(gate + 2L * i);
        FloatVector silu = g.mul(Lanes.sigmoid(g));
        Lanes.bf16(out + 2L * i, silu.mul(Lanes.bf16(up + 2L * i)));
      }
      Lanes.zero(out + 2L * width, 2L * (y.columns() - width));
    }
  }

  /// Replaces gate and up by their gradients and writes the output again.
  ///
  /// @param dy gradient in `y`, `[T, >= F]`
  /// @param more second summand of it, same shape
  /// @param y receives `silu(gate) * up`
  static void backward(Matrix gateUp, Matrix dy, Matrix more, Matrix y, int from, int to) {
    int width = gateUp.columns() / 2;
    for (int row = from; row < to; row++) {
      backward(gateUp.at(row), gateUp.at(row, width), dy.at(row), more.at(row), y.at(row), width);
    }
  }

  private static void backward(long gate, long up, long dy, long more, long y, int width) {
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector g = Lanes.bf16(gate + 2L * i);
      FloatVector u = Lanes.bf16(up + 2L * i);
      FloatVector d = Lanes.bf16(dy + 2L * i).add(Lanes.bf16(more + 2L * i));
      FloatVector sigmoid = Lanes.sigmoid(g);
      FloatVector silu = g.mul(sigmoid);
      FloatVector slope = silu.fma(Lanes.splat(1f).sub(sigmoid), sigmoid);
      Lanes.bf16(y + 2L * i, silu.mul(u));
      Lanes.bf16(gate + 2L * i, d.mul(u).mul(slope));
      Lanes.bf16(up + 2L * i, d.mul(silu));
    }
  }
}
