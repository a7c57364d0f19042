package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import dev.lathe.training.model.DropoutMask;
import dev.lathe.training.model.Factors;
import dev.lathe.training.tensor.Scope;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Frozen projections of one input with their LoRA factors, as one product.
///
/*
 * The weights of the projections are stacked, and the factors B stand beside them as a border of
 * `tail` columns, block by block, `[W | B]`. An input row carries `scaling * A x` in its own tail, so
 * that one product gives W x + scaling * B A x; backward, one product of the output's gradient with
 * [W | B] gives both the base's share of the input's gradient and, in the tail, the gradient in A x.
 */
final class BorderedLinear implements AutoCloseable {
  private final Factors factors;
  private final int layer;
  private final List<Projection> projections;
  private final List<Projection> adapted;
  private final int in;
  private final int out;
  private final int padded;
  private final int tail;
  private final Matrix weight;
  private final Matrix a;

  BorderedLinear(
      Factors factors, int layer, List<Projection> projections, WeightSource weights) {
    ModelConfig config = factors.config();
    this.factors = factors;
    this.layer = layer;
    this.projections = projections;
    this.adapted = projections.stream().filter(factors::has).toList();
    this.in = config.in(projections.getFirst());
    this.out = projections.stream().mapToInt(config::out).sum();
    this.padded = Math.ceilDiv(factors.spec().rank(), FactorGradient.RANK_STEP) * FactorGradient.RANK_STEP;
    this.tail = padded * adapted.size();
    this.weight = Matrix.bf16(out, in + tail);
    this.a = Matrix.bf16(tail, in + tail);
    Lanes.zero(weight.at(0), out * weight.stride());
    Lanes.zero(a.at(0), tail * a.stride());
    for (Projection projection : projections) {
      loadBase(weights.tensor(WeightNames.weight(layer, projection)), firstRow(projection));
    }
  }

  /// Columns of the input with its tail.
  int inputColumns() {
    return in + tail;
  }

  int out() {
    return out;
  }

  /// Columns that the factors add.
  int tail() {
    return tail;
  }

  private void loadBase(WeightTensor stored, int firstRow) {
    int rows = stored.rows();
    for (int row = 0; row < rows; row++) {
      Dequantize.toBf16(
          stored, (long) row * in, Lanes.segment(weight.at(firstRow + row), 2L * in), in);
    }
  }

  private int firstRow(Projection projection) {
    int row = 0;
    for (Projection before : projections.subList(0, projections.indexOf(projection))) {
      row += factors.config().out(before);
    }
    return row;
  }

  /// Takes over new factors.
  void load(float[] values) {
    int rank = factors.spec().rank();
    for (int j = 0; j < adapted.size(); j++) {
      Projection projection = adapted.get(j);
      int fromA = factors.a(layer, projection);
      int fromB = factors.b(layer, projection);
      for (int r = 0; r < rank; r++) {
        long row = a.at((long) j * padded + r);
        for (int i = 0; i < in; i++) {
          Lanes.setBf16(row + 2L * i, values[fromA + r * in + i]);
        }
      }
      int first = firstRow(projection);
      for (int o = 0; o < factors.config().out(projection); o++) {
        long row = weight.at(first + o, in + j * padded);
        for (int r = 0; r < rank; r++) {
          Lanes.setBf16(row + 2L * r, values[fromB + o * rank + r]);
        }
      }
    }
  }

  /// `y = x W^T + scaling * (x A^T) B^T`.
  ///
  /// @param x `[T, in + tail]`, its tail zero; receives `scaling * A x` there
  /// @param y receives `[T, out]`
  /// @param kept receives the tail of `x`, `[T, tail]`
  void forward(Matrix x, Matrix y, Matrix kept, int tokens, Workspace work, long dropoutSeed) {
    try (Scope scope = Scope.open()) {
      if (tail > 0) {
        project(x, tokens, work, dropoutSeed);
        float scaling = (float) factors.spec().scaling();
        work.team()
            .forRows(tokens, (from, to) -> writeTail(work.low(tail), x, kept, scaling, from, to));
      }
      torch.mm_out(y.rows(tokens), x.rows(tokens), weight.rows(out).t());
    }
  }

  /// `A x` of every projection into the workspace's low-rank matrix.
  private void project(Matrix x, int tokens, Workspace work, long dropoutSeed) {
    if (factors.spec().dropout() == 0 || dropoutSeed == Workspace.NO_DROPOUT) {
      torch.mm_out(work.low(tail).rows(tokens), x.rows(tokens), a.rows(tail).t());
      return;
    }
    Matrix dropped = work.dropped(in + tail);
    for (int j = 0; j < adapted.size(); j++) {
      drop(x, dropped, adapted.get(j), tokens, work, dropoutSeed);
      Matrix low = work.lowOfOne(padded);
      torch.mm_out(low.rows(tokens), dropped.rows(tokens), a.rows(j * padded, padded).t());
      int column = j * padded;
      for (int t = 0; t < tokens; t++) {
        Lanes.segment(work.low(tail).at(t, column), 2L * padded)
            .copyFrom(Lanes.segment(low.at(t), 2L * padded));
      }
    }
  }

  private void drop(
      Matrix x, Matrix dropped, Projection projection, int tokens, Workspace work, long seed) {
    long key = DropoutMask.key(seed, layer, projection);
    double share = factors.spec().dropout();
    int threshold = DropoutMask.threshold(share);
    float kept = (float) (1 / (1 - share));
    work.team()
        .forRows(
            tokens,
            (from, to) -> {
              for (int t = from; t < to; t++) {
                for (int i = 0; i < in; i++) {
                  boolean stays = DropoutMask.keeps(key, (long) t * in + i, threshold);
                  float value = stays ? Lanes.getBf16(x.at(t, i)) * kept : 0;
                  Lanes.setBf16(dropped.at(t, i), value);
                }
                Lanes.zero(dropped.at(t, in), 2L * (dropped.columns() - in));
              }
            });
  }

  private static void writeTail(
      Matrix low, Matrix x, Matrix kept, float scaling, int from, int to) {
    int tail = kept.columns();
    int in = x.columns() - tail;
    for (int t = from; t < to; t++) {
      for (int c = 0; c < tail; c++) {
        float value = scaling * Lanes.getBf16(low.at(t, c));
        Lanes.setBf16(x.at(t, in + c), value);
        Lanes.setBf16(kept.at(t, c), value);
      }
    }
  }

  /// The gradient in the input, as two summands.
  ///
  /// @param dy `[T, out]`
  /// @param dx receives `[T, in + tail]`, the first summand in its first `in` columns
  /// @param more receives the second, same shape
  void backwardInput(Matrix dy, Matrix dx, Matrix more, int tokens, Workspace work, long seed) {
    try (Scope scope = Scope.open()) {
      torch.mm_out(dx.rows(tokens), dy.rows(tokens), weight.rows(out));
      if (tail == 0) {
        Lanes.zero(more.at(0), tokens * more.stride());
        return;
      }
      Matrix z = work.low(tail);
      Matrix exact = work.lowGradient(tail);
      float scaling = (float) factors.spec().scaling();
      work.team()
          .forRows(tokens, (from, to) -> readTail(dx, z, exact, in, scaling, from, to));
      if (factors.spec().dropout() == 0 || seed == Workspace.NO_DROPOUT) {
        torch.mm_out(more.rows(tokens), z.rows(tokens), a.rows(tail));
      } else {
        inputThroughDropout(exact, more, tokens, work, seed);
      }
    }
  }

  private static void readTail(
      Matrix dx, Matrix z, Matrix exact, int in, float scaling, int from, int to) {
    for (int t = from; t < to; t++) {
      for (int c = 0; c < z.columns(); c++) {
        float value = scaling * Lanes.getBf16(dx.at(t, in + c));
        Lanes.setBf16(z.at(t, c), value);
        Lanes.setFp32(exact.at(t, c), value);
      }
    }
  }

  private void inputThroughDropout(
      Matrix z, Matrix more, int tokens, Workspace work, long seed) {
    Lanes.zero(more.at(0), tokens * more.stride());
    Matrix one = work.lowOfOne(padded);
    Matrix through = work.dropped(in + tail);
    for (int j = 0; j < adapted.size(); j++) {
      for (int t = 0; t < tokens; t++) {
        for (int r = 0; r < padded; r++) {
          Lanes.setBf16(one.at(t, r), Lanes.getFp32(z.at(t, j * padded + r)));
        }
      }
      torch.mm_out(through.rows(tokens), one.rows(tokens), a.rows(j * padded, padded));
      drop(through, through, adapted.get(j), tokens, work, seed);
      work.team()
          .forRows(
              tokens,
              (from, to) -> {
                for (int t = from; t < to; t++) {
                  for (int i = 0; i < in; i++) {
                    float sum = Lanes.getBf16(more.at(t, i)) + Lanes.getBf16(through.at(t, i));
                    Lanes.setBf16(more.at(t, i), sum);
                  }
                }
              });
    }
  }

  /// Adds the gradients of the factors; after [#backwardInput] of the same rows.
  ///
  /// @param x `[T, >= in]`, the input again
  /// @param dy `[T, out]`
  /// @param kept tail of the input as the forward pass left it
  void backwardFactors(
      Matrix x, Matrix dy, Matrix kept, int tokens, Workspace work, long seed, float[] gradient) {
    if (tail == 0) {
      return;
    }
    Matrix z = work.lowGradient(tail);
    Matrix low = work.lowValues(tail);
    widen(kept, low, tokens, work);
    for (int j = 0; j < adapted.size(); j++) {
      Projection projection = adapted.get(j);
      Matrix input = x;
      if (factors.spec().dropout() != 0 && seed != Workspace.NO_DROPOUT) {
        input = work.dropped(in + tail);
        drop(x, input, projection, tokens, work, seed);
      }
      product(z, j, tokens, input.at(0), input.stride(), in, work);
      addA(work.product(padded), factors.a(layer, projection), gradient);
      int width = factors.config().out(projection);
      product(low, j, tokens, dy.at(0, firstRow(projection)), dy.stride(), width, work);
      addB(work.product(padded), factors.b(layer, projection), width, gradient);
    }
  }

  private static void widen(Matrix kept, Matrix low, int tokens, Workspace work) {
    work.team()
        .forRows(
            tokens,
            (from, to) -> {
              for (int t = from; t < to; t++) {
                for (int c = 0; c < kept.columns(); c++) {
                  Lanes.setFp32(low.at(t, c), Lanes.getBf16(kept.at(t, c)));
                }
              }
            });
  }

  private void product(
      Matrix left, int j, int tokens, long right, long stride, int columns, Workspace work) {
    Matrix result = work.product(padded);
    int step = 2 * Lanes.COUNT;
    work.team()
        .forRows(
            Math.ceilDiv(columns, step),
            (from, to) ->
                FactorGradient.product(
                    left,
                    j * padded,
                    padded,
                    tokens,
                    right,
                    stride,
                    result,
                    from * step,
                    Math.min(columns, to * step)));
  }

  private void addA(Matrix product, int offset, float[] gradient) {
    for (int r = 0; r < factors.spec().rank(); r++) {
      for (int i = 0; i < in; i++) {
        gradient[offset + r * in + i] += Lanes.getFp32(product.at(r, i));
      }
    }
  }

  private void addB(Matrix product, int offset, int width, float[] gradient) {
    int rank = factors.spec().rank();
    for (int o = 0; o < width; o++) {
      for (int r = 0; r < rank; r++) {
        gradient[offset + o * rank + r] += Lanes.getFp32(product.at(r, o));
      }
    }
  }

  @Override
  public void close() {
    weight.close();
    a.close();
  }

  /// The weights as a tensor, for tests.
  Tensor weight() {
    return weight.rows(out);
  }
}
