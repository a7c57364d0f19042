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
import jdk.incubator.vector.FloatVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Frozen projections of one input with their LoRA factors, as one product.
/*
 * The weights of the projections are stacked, and the factors B stand beside them as a border of
 * `tail` columns, block by block, `[W | B]`. An input row carries `scaling * A x` in its own tail, so
 * that one product gives W x + scaling * B A x; backward, one product of the output's gradient with
 * [W | B] gives both the base's share of the input's gradient and, in the tail, the gradient in A x.
 */
final class BorderedLinear implements AutoCloseable {
  private static final int RANK_STEP = 8;

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

  BorderedLinear(Factors factors, int layer, List<Projection> projections, WeightSource weights) {
    ModelConfig config = factors.config();
    this.factors = factors;
    this.layer = layer;
    this.projections = projections;
    this.adapted = projections.stream().filter(factors::has).toList();
    this.in = config.in(projections.getFirst());
    this.out = projections.stream().mapToInt(config::out).sum();
    this.padded = Math.ceilDiv(factors.spec().rank(), RANK_STEP) * RANK_STEP;
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
    stored.release();
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
    try (Scope _ = Scope.open()) {
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
    if (dropsNothing(dropoutSeed)) {
      torch.mm_out(work.low(tail).rows(tokens), x.rows(tokens), a.rows(tail).t());
      return;
    }
    Matrix dropped = work.dropped(in + tail);
    Matrix low = work.lowOfOne(padded);
    for (int j = 0; j < adapted.size(); j++) {
      DropoutPass mask = mask(j, dropoutSeed);
      work.team().forRows(tokens, (from, to) -> mask.copy(x, dropped, from, to));
      torch.mm_out(low.rows(tokens), dropped.rows(tokens), a.rows(j * padded, padded).t());
      work.low(tail).rows(tokens).narrow(1, (long) j * padded, padded).copy_(low.rows(tokens));
    }
  }

  private boolean dropsNothing(long seed) {
    return factors.spec().dropout() == 0 || seed == Workspace.NO_DROPOUT;
  }

  private DropoutPass mask(int j, long seed) {
    return new DropoutPass(
        DropoutMask.key(seed, layer, adapted.get(j)), in, factors.spec().dropout());
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
    try (Scope _ = Scope.open()) {
      torch.mm_out(dx.rows(tokens), dy.rows(tokens), weight.rows(out));
      if (tail == 0) {
        Lanes.zero(more.at(0), tokens * more.stride());
        return;
      }
      Matrix z = work.low(tail);
      float scaling = (float) factors.spec().scaling();
      work.team().forRows(tokens, (from, to) -> readTail(dx, z, in, scaling, from, to));
      if (dropsNothing(seed)) {
        torch.mm_out(more.rows(tokens), z.rows(tokens), a.rows(tail));
      } else {
        inputThroughDropout(z, more, tokens, work, seed);
      }
    }
  }

  private static void readTail(Matrix dx, Matrix z, int in, float scaling, int from, int to) {
    for (int t = from; t < to; t++) {
      for (int c = 0; c < z.columns(); c++) {
        Lanes.setBf16(z.at(t, c), scaling * Lanes.getBf16(dx.at(t, in + c)));
      }
    }
  }

  private void inputThroughDropout(Matrix z, Matrix more, int tokens, Workspace work, long seed) {
    Lanes.zero(more.at(0), tokens * more.stride());
    Matrix through = work.dropped(in + tail);
    for (int j = 0; j < adapted.size(); j++) {
      Tensor one = z.rows(tokens).narrow(1, (long) j * padded, padded).contiguous();
      torch.mm_out(through.rows(tokens), one, a.rows(j * padded, padded));
      DropoutPass mask = mask(j, seed);
      work.team().forRows(tokens, (from, to) -> mask.add(through, more, from, to));
    }
  }

  /// Adds the gradients of the factors; after [#backwardInput] of the same rows.
  ///
  /// @param x `[T, in + tail]`, the input again; what its tail holds does not matter
  /// @param dy `[T, out]`
  /// @param kept tail of the input as the forward pass left it
  void backwardFactors(
      Matrix x, Matrix dy, Matrix kept, int tokens, Workspace work, long seed, float[] gradient) {
    if (tail == 0) {
      return;
    }
    try (Scope _ = Scope.open()) {
      Matrix dA = work.bf16Fixed("dA", tail, in + tail);
      multiplyInputs(x, dA, tokens, work, seed);
      Matrix dB = work.bf16Fixed("dB", tail, out);
      torch.mm_out(dB.rows(tail), kept.rows(tokens).t(), dy.rows(tokens));
      work.team()
          .forRows(
              adapted.size() * factors.spec().rank(), 1, (from, _) -> add(dA, dB, from, gradient));
    }
  }

  /// `Z^T x` of every projection.
  private void multiplyInputs(Matrix x, Matrix dA, int tokens, Workspace work, long seed) {
    Tensor z = work.low(tail).rows(tokens);
    if (dropsNothing(seed)) {
      torch.mm_out(dA.rows(tail), z.t(), x.rows(tokens));
      return;
    }
    Matrix dropped = work.dropped(in + tail);
    for (int j = 0; j < adapted.size(); j++) {
      DropoutPass mask = mask(j, seed);
      work.team().forRows(tokens, (from, to) -> mask.copy(x, dropped, from, to));
      Tensor one = z.narrow(1, (long) j * padded, padded).contiguous();
      torch.mm_out(dA.rows(j * padded, padded), one.t(), dropped.rows(tokens));
    }
  }

  /// Adds one row of both products to the gradient: rank `index % rank` of a projection.
  private void add(Matrix dA, Matrix dB, int index, float[] gradient) {
    int rank = factors.spec().rank();
    Projection projection = adapted.get(index / rank);
    int r = index % rank;
    int row = index / rank * padded + r;
    int toA = factors.a(layer, projection) + r * in;
    for (int i = 0; i < in; i += Lanes.COUNT) {
      FloatVector sum = FloatVector.fromArray(Lanes.F, gradient, toA + i);
      sum.add(Lanes.bf16(dA.at(row, i))).intoArray(gradient, toA + i);
    }
    int toB = factors.b(layer, projection) + r;
    int first = firstRow(projection);
    for (int o = 0; o < factors.config().out(projection); o++) {
      gradient[toB + o * rank] += Lanes.getBf16(dB.at(row, first + o));
    }
  }

  @Override
  public void close() {
    weight.close();
    a.close();
  }
}
