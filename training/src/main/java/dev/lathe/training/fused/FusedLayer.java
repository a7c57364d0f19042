package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.training.model.Factors;
import java.util.ArrayList;
import java.util.List;

/// One decoder layer: norm, attention, norm, gated MLP, each with its residual sum, and their
/// gradients.
final class FusedLayer implements AutoCloseable {
  private final ModelConfig config;
  private final BorderedLinear qkv;
  private final BorderedLinear out;
  private final BorderedLinear gateUp;
  private final BorderedLinear down;
  private final List<Matrix> vectors = new ArrayList<>();
  private final NormPass attentionNorm;
  private final NormPass mlpNorm;
  private final long bias;

  FusedLayer(Factors factors, int layer, WeightSource weights) {
    config = factors.config();
    qkv =
        new BorderedLinear(
            factors, layer, List.of(Projection.Q, Projection.K, Projection.V), weights);
    out = new BorderedLinear(factors, layer, List.of(Projection.O), weights);
    gateUp = new BorderedLinear(factors, layer, List.of(Projection.GATE, Projection.UP), weights);
    down = new BorderedLinear(factors, layer, List.of(Projection.DOWN), weights);
    attentionNorm = norm(weights, WeightNames.attentionNorm(layer));
    mlpNorm = norm(weights, WeightNames.mlpNorm(layer));
    bias = config.attentionBias() ? biases(layer, weights) : 0;
  }

  private NormPass norm(WeightSource weights, String name) {
    Matrix vector = FusedDecoder.vector(weights.tensor(name));
    vectors.add(vector);
    return new NormPass(config.width(), config.normEpsilon(), vector.at(0));
  }

  private long biases(int layer, WeightSource weights) {
    Matrix all = Matrix.fp32(1, qkv.out());
    vectors.add(all);
    int column = 0;
    for (Projection projection : List.of(Projection.Q, Projection.K, Projection.V)) {
      try (Matrix one = FusedDecoder.vector(weights.tensor(WeightNames.bias(layer, projection)))) {
        Lanes.segment(all.at(0, column), one.stride())
            .copyFrom(Lanes.segment(one.at(0), one.stride()));
        column += one.columns();
      }
    }
    return all.at(0);
  }

  BorderedLinear qkv() {
    return qkv;
  }

  BorderedLinear out() {
    return out;
  }

  BorderedLinear gateUp() {
    return gateUp;
  }

  BorderedLinear down() {
    return down;
  }

  void load(float[] values) {
    qkv.load(values);
    out.load(values);
    gateUp.load(values);
    down.load(values);
  }

  /// @param output receives the residual sum after the layer
  void forward(
      LayerMemory memory,
      Matrix output,
      Sequences rows,
      Attention attention,
      RopePass rope,
      Workspace work,
      long seed) {
    int tokens = rows.matrixRows();
    OpenMp team = work.team();
    Matrix x = work.bf16("x", qkv.inputColumns());
    team.forRows(tokens, (from, to) -> attentionNorm.forward(memory.input(), x, from, to));
    Matrix heads = work.bf16("qkv", qkv.out());
    qkv.forward(x, heads, memory.qkvTail(), tokens, work, seed);
    team.forRows(
        rows.tokens(), (from, to) -> rope.forward(heads, bias, rows, memory.heads(), from, to));
    attention.forward(memory.heads(), rows, memory.attended());

    Matrix delta = work.bf16("delta", config.width());
    out.forward(memory.attended(), delta, memory.outTail(), tokens, work, seed);
    Matrix x2 = work.bf16("x", gateUp.inputColumns());
    team.forRows(
        tokens,
        (from, to) -> mlpNorm.forward(memory.input(), delta, memory.middle(), x2, from, to));
    gateUp.forward(x2, memory.gateUp(), memory.gateUpTail(), tokens, work, seed);
    Matrix gated = work.bf16("gated", down.inputColumns());
    team.forRows(tokens, (from, to) -> GatePass.forward(memory.gateUp(), gated, from, to));
    down.forward(gated, delta, memory.downTail(), tokens, work, seed);
    team.forRows(tokens, (from, to) -> add(memory.middle(), delta, output, from, to));
  }

  private static void add(Matrix one, Matrix two, Matrix sum, int from, int to) {
    int width = sum.columns();
    for (int row = from; row < to; row++) {
      for (int i = 0; i < width; i += Lanes.COUNT) {
        Lanes.bf16(sum.at(row, i), Lanes.bf16(one.at(row, i)).add(Lanes.bf16(two.at(row, i))));
      }
    }
  }

  /// @param dh gradient in the layer's output, then in its input, `[T, E]` fp32
  /// @param dhBf16 the same rounded
  /// @param gradients of the factors, added to
  void backward(
      LayerMemory memory,
      Sequences rows,
      Attention attention,
      RopePass rope,
      Heads headGradients,
      Matrix dh,
      Matrix dhBf16,
      Workspace work,
      long seed,
      float[] gradients) {
    int tokens = rows.matrixRows();
    OpenMp team = work.team();
    Matrix dGated = work.bf16("dx", down.inputColumns());
    Matrix more = work.bf16("more", down.inputColumns());
    Matrix gated = work.bf16("gated", down.inputColumns());
    down.backwardInput(dhBf16, dGated, more, tokens, work, seed);
    Matrix gateUps = memory.gateUp();
    team.forRows(tokens, (from, to) -> GatePass.backward(gateUps, dGated, more, gated, from, to));
    down.backwardFactors(gated, dhBf16, memory.downTail(), tokens, work, seed, gradients);

    Matrix dx2 = work.bf16("dx", gateUp.inputColumns());
    Matrix more2 = work.bf16("more", gateUp.inputColumns());
    Matrix x2 = work.bf16("x", gateUp.inputColumns());
    gateUp.backwardInput(gateUps, dx2, more2, tokens, work, seed);
    team.forRows(
        tokens,
        (from, to) -> mlpNorm.backward(memory.middle(), dx2, more2, x2, dh, dhBf16, from, to));
    gateUp.backwardFactors(x2, gateUps, memory.gateUpTail(), tokens, work, seed, gradients);

    Matrix dAttended = work.bf16("dx", out.inputColumns());
    Matrix more3 = work.bf16("more", out.inputColumns());
    out.backwardInput(dhBf16, dAttended, more3, tokens, work, seed);
    out.backwardFactors(memory.attended(), dhBf16, memory.outTail(), tokens, work, seed, gradients);
    attention.backward(memory.heads(), rows, dAttended, more3, headGradients);

    Matrix dqkv = work.bf16("qkv", qkv.out());
    Lanes.zero(dqkv.at(rows.tokens()), (tokens - rows.tokens()) * dqkv.stride());
    team.forRows(rows.tokens(), (from, to) -> rope.backward(headGradients, rows, dqkv, from, to));
    Matrix dx = work.bf16("dx", qkv.inputColumns());
    Matrix more4 = work.bf16("more", qkv.inputColumns());
    Matrix x = work.bf16("x", qkv.inputColumns());
    qkv.backwardInput(dqkv, dx, more4, tokens, work, seed);
    team.forRows(
        tokens,
        (from, to) -> attentionNorm.backward(memory.input(), dx, more4, x, dh, dhBf16, from, to));
    qkv.backwardFactors(x, dqkv, memory.qkvTail(), tokens, work, seed, gradients);
  }

  @Override
  public void close() {
    qkv.close();
    out.close();
    gateUp.close();
    down.close();
    vectors.forEach(Matrix::close);
  }
}
