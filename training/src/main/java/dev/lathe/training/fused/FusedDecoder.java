package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import dev.lathe.training.model.Factors;
import dev.lathe.training.model.Gradients;
import dev.lathe.training.tensor.LibTorch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;

/// Loss and LoRA gradients in bf16 on the CPU, by a forward and a backward pass written out.
/*
 * Kept for the backward pass are, per layer and token: both residual sums, the rotated queries, keys
 * and values, the attention's output and the gate and up products; norms, probabilities and the gated
 * product are computed again. Logits exist for scored tokens only, a chunk at a time, and turn into
 * their own gradient in place during the forward pass (as in Liger Kernel's fused linear
 * cross-entropy, Hsu et al. 2024, arXiv 2410.10989). Frozen weights get no gradient.
 */
public final class FusedDecoder implements Gradients {
  private final ModelConfig config;
  private final OpenMp team;
  private final Workspace work;
  private final RopePass rope;
  private final Attention attention;
  private final Matrix embedding;
  private final ScoredHead head;
  private final List<FusedLayer> layers = new ArrayList<>();
  private final List<LayerMemory> memories = new ArrayList<>();
  private float[] loaded = new float[0];
  private int reservedTokens;
  private int reservedPadded;
  private Heads headGradients;
  private Matrix hidden;
  private Matrix gradient;
  private Matrix gradientBf16;

  /// Copies the base into native bf16 memory.
  ///
  /// @param weights the base; not used after this returns
  /// @param threads compute threads, for the whole process
  /// @throws IllegalArgumentException when [#supports] is false
  public FusedDecoder(Factors factors, WeightSource weights, int threads) {
    LibTorch.load(threads);
    this.config = factors.config();
    if (!supports(config)) {
      throw new IllegalArgumentException("widths are no multiples of " + Lanes.COUNT);
    }
    this.team = new OpenMp(threads);
    this.work = new Workspace(team);
    this.rope = new RopePass(config);
    this.attention = new Attention(config, team);
    this.embedding = matrix(weights.tensor(WeightNames.EMBEDDING));
    this.head = new ScoredHead(config, weights, embedding, team);
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(new FusedLayer(factors, layer, weights));
    }
    this.headGradients = new Heads(config, 0);
    this.hidden = Matrix.bf16(0, config.width());
    this.gradient = Matrix.fp32(0, config.width());
    this.gradientBf16 = Matrix.bf16(0, config.width());
  }

  /// Whether every width of the model is a multiple of this machine's vector length.
  public static boolean supports(ModelConfig config) {
    return config.width() % Lanes.COUNT == 0
        && config.headWidth() % (2 * Lanes.COUNT) == 0
        && config.feedForward() % Lanes.COUNT == 0;
  }

  static Matrix matrix(WeightTensor stored) {
    Matrix matrix = Matrix.bf16(stored.rows(), stored.columns());
    long bytes = stored.rows() * matrix.stride();
    Dequantize.toBf16(stored, 0, Lanes.segment(matrix.at(0), bytes), stored.elements());
    stored.release();
    return matrix;
  }

  /// A vector as fp32 `[1, n]`.
  static Matrix vector(WeightTensor stored) {
    float[] values = Dequantize.toF32(stored);
    Matrix vector = Matrix.fp32(1, values.length);
    for (int i = 0; i < values.length; i++) {
      Lanes.setFp32(vector.at(0, i), values[i]);
    }
    return vector;
  }

  @Override
  public double accumulate(
      TokenBatch batch, float[] values, float[] gradients, double scale, long dropoutSeed) {
    long seed = dropoutSeed == Workspace.NO_DROPOUT ? 0 : dropoutSeed;
    Sequences rows = new Sequences(batch);
    int count = rows.matrixRows();
    try (AutoGradMode _ = new AutoGradMode(false)) {
      load(values);
      forward(batch, rows, seed);
      Lanes.zero(gradient.at(0), count * gradient.stride());
      double loss = head.lossAndGradient(batch, hidden, (float) scale, gradient);
      team.forRows(count, this::roundGradient);
      for (int layer = config.layers() - 1; layer >= 0; layer--) {
        layers
            .get(layer)
            .backward(
                memories.get(layer),
                rows,
                attention,
                rope,
                headGradients,
                gradient,
                gradientBf16,
                work,
                seed,
                gradients);
      }
      return loss;
    }
  }

  @Override
  public double loss(TokenBatch batch, float[] values) {
    try (AutoGradMode _ = new AutoGradMode(false)) {
      load(values);
      forward(batch, new Sequences(batch), Workspace.NO_DROPOUT);
      return head.loss(batch, hidden);
    }
  }

  @Override
  public float[] logits(int[] tokens, float[] values) {
    TokenBatch batch =
        new TokenBatch(
            tokens, new boolean[tokens.length], new int[] {0, tokens.length}, List.of("logits"));
    try (AutoGradMode _ = new AutoGradMode(false)) {
      load(values);
      forward(batch, new Sequences(batch), Workspace.NO_DROPOUT);
      return head.logits(hidden.at(tokens.length - 1));
    }
  }

  private void load(float[] values) {
    if (!Arrays.equals(values, loaded)) {
      team.forRows(
          layers.size(),
          1,
          (from, to) -> layers.subList(from, to).forEach(layer -> layer.load(values)));
      loaded = loaded.length == values.length ? loaded : new float[values.length];
      System.arraycopy(values, 0, loaded, 0, values.length);
    }
  }

  private void forward(TokenBatch batch, Sequences rows, long seed) {
    reserve(rows);
    Matrix first = memories.getFirst().input();
    team.forRows(rows.matrixRows(), (from, to) -> embed(batch.ids(), first, from, to));
    for (int layer = 0; layer < layers.size(); layer++) {
      boolean last = layer == layers.size() - 1;
      Matrix output = last ? hidden : memories.get(layer + 1).input();
      layers.get(layer).forward(memories.get(layer), output, rows, attention, rope, work, seed);
    }
  }

  private void embed(int[] ids, Matrix target, int from, int to) {
    for (int token = from; token < to; token++) {
      if (token >= ids.length) {
        Lanes.zero(target.at(token), target.stride());
        continue;
      }
      Lanes.segment(target.at(token), target.stride())
          .copyFrom(Lanes.segment(embedding.at(ids[token]), embedding.stride()));
    }
  }

  private void roundGradient(int from, int to) {
    for (int row = from; row < to; row++) {
      for (int i = 0; i < config.width(); i += Lanes.COUNT) {
        Lanes.bf16(gradientBf16.at(row, i), Lanes.fp32(gradient.at(row, i)));
      }
    }
  }

  private void reserve(Sequences rows) {
    rope.reserve(rows.longest());
    attention.reserve(rows);
    work.reserve(rows.matrixRows());
    if (rows.matrixRows() <= reservedTokens && rows.paddedTokens() <= reservedPadded) {
      return;
    }
    reservedTokens = Math.max(reservedTokens, rows.matrixRows());
    reservedPadded = Math.max(reservedPadded, rows.paddedTokens());
    closeBatchMemory();
    for (FusedLayer layer : layers) {
      memories.add(new LayerMemory(config, layer, reservedTokens, reservedPadded));
    }
    headGradients = new Heads(config, reservedPadded);
    hidden = Matrix.bf16(reservedTokens, config.width());
    gradient = Matrix.fp32(reservedTokens, config.width());
    gradientBf16 = Matrix.bf16(reservedTokens, config.width());
  }

  private void closeBatchMemory() {
    memories.forEach(LayerMemory::close);
    memories.clear();
    headGradients.close();
    hidden.close();
    gradient.close();
    gradientBf16.close();
  }

  @Override
  public void close() {
    closeBatchMemory();
    layers.forEach(FusedLayer::close);
    head.close();
    embedding.close();
    attention.close();
    rope.close();
    work.close();
    team.close();
  }
}
