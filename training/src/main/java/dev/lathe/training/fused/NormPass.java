package dev.lathe.training.fused;

import jdk.incubator.vector.FloatVector;

/// RMSNorm, Zhang and Sennrich 2019, arXiv 1910.07467: `y = w * h / sqrt(mean(h^2) + epsilon)`,
/// with the residual sum before it, and its gradient. All rows bf16 unless said otherwise; the
/// width is a multiple of the lanes.
///
/// @param weight address of `[E]` fp32
record NormPass(int width, float epsilon, long weight) {
  /// `sum = h + delta` and `y = norm(sum)`, the columns of `y` after `E` zeroed.
  ///
  /// @param sum receives the rounded sum; may be `h` itself
  void forward(Matrix h, Matrix delta, Matrix sum, Matrix y, int from, int to) {
    for (int row = from; row < to; row++) {
      long total = sum.at(row);
      float squares = add(h.at(row), delta.at(row), total);
      normalise(total, inverseRoot(squares), y.at(row), y.columns());
    }
  }

  /// `y = norm(h)`, the columns of `y` after `E` zeroed.
  void forward(Matrix h, Matrix y, int from, int to) {
    for (int row = from; row < to; row++) {
      forward(h.at(row), y.at(row), y.columns());
    }
  }

  /// One row of `y = norm(h)`.
  void forward(long h, long y, int columns) {
    normalise(h, inverseRoot(squares(h)), y, columns);
  }

  /// Adds the gradient in `h` to `dh` and writes the norm's output again.
  ///
  /// @param dy `[T, >= E]`, gradient in `y`
  /// @param more second summand of the gradient in `y`, same shape
  /// @param y receives `norm(h)`
  /// @param dh `[T, E]` fp32, added to
  /// @param dhBf16 `[T, E]`, receives a rounded copy of `dh`
  void backward(
      Matrix h, Matrix dy, Matrix more, Matrix y, Matrix dh, Matrix dhBf16, int from, int to) {
    for (int row = from; row < to; row++) {
      float inverse = inverseRoot(squares(h.at(row)));
      sumInto(dy.at(row), more.at(row), dh.at(row), h.at(row), y.at(row), dhBf16.at(row), inverse);
    }
  }

  /// One row of the gradient, without a second summand and without writing `y`.
  ///
  /// @param dy address of `[E]` bf16
  /// @param dh address of `[E]` fp32, overwritten
  void backward(long h, long dy, long dh) {
    float inverse = inverseRoot(squares(h));
    FloatVector dots = FloatVector.zero(Lanes.F);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector scaled = Lanes.bf16(dy + 2L * i).mul(Lanes.fp32(weight + 4L * i));
      dots = scaled.fma(Lanes.bf16(h + 2L * i), dots);
    }
    float mean = Lanes.sum(dots) * inverse * inverse / width;
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector scaled = Lanes.bf16(dy + 2L * i).mul(Lanes.fp32(weight + 4L * i));
      FloatVector gradient = scaled.sub(Lanes.bf16(h + 2L * i).mul(mean)).mul(inverse);
      Lanes.fp32(dh + 4L * i, gradient);
    }
  }

  private void sumInto(long dy, long more, long dh, long h, long y, long dhBf16, float inverse) {
    FloatVector dots = FloatVector.zero(Lanes.F);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector scaled =
          Lanes.bf16(dy + 2L * i).add(Lanes.bf16(more + 2L * i)).mul(Lanes.fp32(weight + 4L * i));
      dots = scaled.fma(Lanes.bf16(h + 2L * i), dots);
    }
    float mean = Lanes.sum(dots) * inverse * inverse / width;
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector w = Lanes.fp32(weight + 4L * i);
      FloatVector x = Lanes.bf16(h + 2L * i);
      FloatVector scaled = Lanes.bf16(dy + 2L * i).add(Lanes.bf16(more + 2L * i)).mul(w);
      FloatVector gradient = scaled.sub(x.mul(mean)).mul(inverse).add(Lanes.fp32(dh + 4L * i));
      Lanes.bf16(y + 2L * i, x.mul(inverse).mul(w));
      Lanes.fp32(dh + 4L * i, gradient);
      Lanes.bf16(dhBf16 + 2L * i, gradient);
    }
  }

  private float add(long h, long delta, long sum) {
    FloatVector squares = FloatVector.zero(Lanes.F);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      Lanes.bf16(sum + 2L * i, Lanes.bf16(h + 2L * i).add(Lanes.bf16(delta + 2L * i)));
      FloatVector rounded = Lanes.bf16(sum + 2L * i);
      squares = rounded.fma(rounded, squares);
    }
    return Lanes.sum(squares);
  }

  private float squares(long h) {
    FloatVector squares = FloatVector.zero(Lanes.F);
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector x = Lanes.bf16(h + 2L * i);
      squares = x.fma(x, squares);
    }
    return Lanes.sum(squares);
  }

  private float inverseRoot(float squares) {
    return (float) (1 / Math.sqrt(squares / width + epsilon));
  }

  private void normalise(long h, float inverse, long y, int columns) {
    for (int i = 0; i < width; i += Lanes.COUNT) {
      FloatVector x = Lanes.bf16(h + 2L * i).mul(inverse);
      Lanes.bf16(y + 2L * i, x.mul(Lanes.fp32(weight + 4L * i)));
    }
    Lanes.zero(y + 2L * width, 2L * (columns - width));
  }
}
