package dev.lathe.training.model;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The forward pass of the decoder over packed rows, one LibTorch operation after another; autograd
/// records it where it is switched on. Tensors belong to the caller's [Scope].
///
/// @param type of weights and activations
/// @param wide type of norms, softmax and loss
/// @param lora factors by module path; modules that are absent are the base's
/// @param dropout share of the inputs of A to drop
record DecoderGraph(
    ModelConfig config,
    FrozenWeights weights,
    Device device,
    ScalarType type,
    ScalarType wide,
    Map<String, Lora> lora,
    double dropout,
    long dropoutSeed) {

  /// The factors of one module.
  ///
  /// @param a `[R, in]` fp32
  /// @param b `[out, R]` fp32
  record Lora(Tensor a, Tensor b, double scaling) {}

  /// Rotations of every place of the batch, `[T, D]` each.
  private record Rotation(Tensor cos, Tensor sin) {}

  /// States after the final norm, `[T, E]`.
  ///
  /// @param ids `[T]` token ids
  /// @param rowStarts `[B + 1]`
  Tensor states(int[] ids, int[] rowStarts) {
    Rotation rotation = rotation(rowStarts);
    Tensor x = torch.embedding(weights.get(WeightNames.EMBEDDING), indices(ids));
    for (int layer = 0; layer < config.layers(); layer++) {
      try (Scope scope = Scope.open()) {
        x = scope.lift(layer(layer, x, rowStarts, rotation));
      }
    }
    return norm(x, WeightNames.FINAL_NORM);
  }

  /// Logits `[N, V]` in the wide type of some states `[N, E]`.
  Tensor logits(Tensor states) {
    String head = config.tiedEmbeddings() ? WeightNames.EMBEDDING : WeightNames.HEAD;
    return states.matmul(weights.get(head).t()).to(wide);
  }

  /// A vector of indices on the device.
  Tensor indices(int[] values) {
    return Tensors.indices(values).to(device.torch(), ScalarType.Long);
  }

  private Tensor layer(int layer, Tensor x, int[] rowStarts, Rotation rotation) {
    Tensor input = norm(x, WeightNames.attentionNorm(layer));
    Tensor query = rotate(split(project(layer, Projection.Q, input), config.heads()), rotation);
    Tensor key = rotate(split(project(layer, Projection.K, input), config.kvHeads()), rotation);
    Tensor value = split(project(layer, Projection.V, input), config.kvHeads());
    Tensor mixed = attention(query, key, value, rowStarts);
    Tensor afterAttention = x.add(project(layer, Projection.O, mixed));

    Tensor normed = norm(afterAttention, WeightNames.mlpNorm(layer));
    Tensor gate = torch.silu(project(layer, Projection.GATE, normed));
    Tensor gated = gate.mul(project(layer, Projection.UP, normed));
    return afterAttention.add(project(layer, Projection.DOWN, gated));
  }

  /// `x / rms(x) * weight`, the mean square in the wide type.
  private Tensor norm(Tensor x, String name) {
    Tensor values = x.to(wide);
    Tensor square = values.mul(values).mean(new long[] {-1}, true, new ScalarTypeOptional());
    Tensor inverse = square.add(new Scalar((double) config.normEpsilon())).rsqrt();
    return weights.get(name).mul(values.mul(inverse).to(type));
  }

  /// `x Wᵀ + bias + scaling · (dropped(x) Aᵀ) Bᵀ`.
  private Tensor project(int layer, Projection projection, Tensor x) {
    Tensor y = x.matmul(weights.get(WeightNames.weight(layer, projection)).t());
    if (config.hasBias(projection)) {
      y = y.add(weights.get(WeightNames.bias(layer, projection)));
    }
    Lora factors = lora.get(WeightNames.module(layer, projection));
    if (factors == null) {
      return y;
    }
    Tensor low = dropped(layer, projection, x).matmul(factors.a.to(type).t());
    Tensor update = low.matmul(factors.b.to(type).t());
    return y.add(update, new Scalar(factors.scaling));
  }

  private Tensor dropped(int layer, Projection projection, Tensor x) {
    if (dropout == 0) {
      return x;
    }
    int tokens = Math.toIntExact(x.size(0));
    int in = config.in(projection);
    long key = DropoutMask.key(dropoutSeed, layer, projection);
    Tensor mask = Tensors.of(DropoutMask.factors(key, tokens, in, dropout), 0, tokens, in);
    return x.mul(mask.to(device.torch(), type));
  }

  /// `[T, heads * D]` to `[heads, T, D]`.
  private Tensor split(Tensor x, int heads) {
    return x.view(x.size(0), heads, config.headWidth()).transpose(0, 1);
  }

  /// Angles restart at each row.
  private Rotation rotation(int[] rowStarts) {
    List<Double> frequencies = config.rope().inverseFrequencies();
    int tokens = rowStarts[rowStarts.length - 1];
    int half = frequencies.size();
    float[] cos = new float[tokens * 2 * half];
    float[] sin = new float[tokens * 2 * half];
    int row = 0;
    for (int token = 0; token < tokens; token++) {
      row += token == rowStarts[row + 1] ? 1 : 0;
      for (int i = 0; i < 2 * half; i++) {
        double angle = (token - rowStarts[row]) * frequencies.get(i % half);
        cos[token * 2 * half + i] = (float) (Math.cos(angle) * config.rope().attentionScale());
        sin[token * 2 * half + i] = (float) (Math.sin(angle) * config.rope().attentionScale());
      }
    }
    return new Rotation(
        Tensors.of(cos, 0, tokens, 2L * half).to(device.torch(), type),
        Tensors.of(sin, 0, tokens, 2L * half).to(device.torch(), type));
  }

  /// `x cos + (-second half, first half) sin` over `[heads, T, D]`.
  private Tensor rotate(Tensor x, Rotation rotation) {
    long half = config.headWidth() / 2;
    Tensor turned =
        torch.cat(new TensorVector(x.narrow(2, half, half).neg(), x.narrow(2, 0, half)), 2);
    return x.mul(rotation.cos).add(turned.mul(rotation.sin));
  }

  /// Causal attention of each row by itself: `[H, T, D]` and `[K, T, D]` to `[T, H * D]`.
  private Tensor attention(Tensor query, Tensor key, Tensor value, int[] rowStarts) {
    TensorVector rows = new TensorVector();
    for (int row = 0; row + 1 < rowStarts.length; row++) {
      int start = rowStarts[row];
      int length = rowStarts[row + 1] - start;
      rows.push_back(
          rowAttention(
              query.narrow(1, start, length),
              key.narrow(1, start, length),
              value.narrow(1, start, length)));
    }
    Tensor mixed = torch.cat(rows, 1);
    return mixed.transpose(0, 1).reshape(mixed.size(1), -1);
  }

  private Tensor rowAttention(Tensor query, Tensor key, Tensor value) {
    long length = query.size(1);
    int width = config.headWidth();
    long group = config.heads() / config.kvHeads();
    Tensor grouped = query.reshape(config.kvHeads(), group * length, width);
    Tensor scores = grouped.matmul(key.transpose(1, 2)).mul(new Scalar(1 / Math.sqrt(width)));
    Tensor future = torch.ones(new long[] {length, length}).to(device.torch(), ScalarType.Bool);
    Tensor masked =
        scores
            .view(config.heads(), length, length)
            .masked_fill(future.triu(1), new Scalar(Double.NEGATIVE_INFINITY));
    Tensor shares = masked.softmax(-1, new ScalarTypeOptional(wide)).to(type);
    Tensor mixed = shares.view(config.kvHeads(), group * length, length).matmul(value);
    return mixed.view(config.heads(), length, width);
  }
}
