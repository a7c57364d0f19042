package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.training.tensor.Scope;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import org.bytedeco.pytorch.global.torch;

/// Final norm, output head and loss, for scored tokens only, a chunk of them at a time.
final class ScoredHead implements AutoCloseable {
  private static final long LOGIT_BYTES = 26L << 20;
  private static final int MOST_ROWS = 256;

  private final ModelConfig config;
  private final OpenMp team;
  private final Matrix normWeight;
  private final NormPass norm;
  private final Matrix head;
  private final boolean ownsHead;
  private final int chunk;
  private final Matrix normed;
  private final Matrix logits;
  private final Matrix gradient;

  /// @param embedding is the head as well when the model ties them; closed by its owner
  ScoredHead(ModelConfig config, WeightSource weights, Matrix embedding, OpenMp team) {
    this.config = config;
    this.team = team;
    this.normWeight = FusedDecoder.vector(weights.tensor(WeightNames.FINAL_NORM));
    this.norm = new NormPass(config.width(), config.normEpsilon(), normWeight.at(0));
    this.ownsHead = !config.tiedEmbeddings();
    this.head = ownsHead ? FusedDecoder.matrix(weights.tensor(WeightNames.HEAD)) : embedding;
    this.chunk = Math.clamp(LOGIT_BYTES / (2L * config.vocabulary()), 16, MOST_ROWS);
    this.normed = Matrix.bf16(chunk, config.width());
    this.logits = Matrix.bf16(chunk, config.vocabulary());
    this.gradient = Matrix.bf16(chunk, config.width());
  }

  /// The summed loss; writes its scaled gradient in the hidden rows that predict scored tokens.
  ///
  /// @param hidden `[T, E]` bf16, before the final norm
  /// @param result `[T, E]` fp32; rows that predict nothing stay as they are
  double lossAndGradient(TokenBatch batch, Matrix hidden, float scale, Matrix result) {
    int[] targets = targets(batch);
    double[] losses = new double[targets.length];
    for (int first = 0; first < targets.length; first += chunk) {
      int start = first;
      int count = Math.min(chunk, targets.length - first);
      multiply(targets, start, count, hidden);
      team.forRows(
          count,
          1,
          (from, to) -> {
            int target = batch.ids()[targets[start + from]];
            losses[start + from] =
                LossPass.lossAndGradient(logits.at(from), config.vocabulary(), target, scale);
          });
      try (Scope _ = Scope.open()) {
        torch.mm_out(gradient.rows(count), logits.rows(count), head.rows(config.vocabulary()));
      }
      team.forRows(
          count,
          (from, to) -> {
            for (int i = from; i < to; i++) {
              int row = targets[start + i] - 1;
              norm.backward(hidden.at(row), gradient.at(i), result.at(row));
            }
          });
    }
    return sum(losses);
  }

  /// The summed loss.
  double loss(TokenBatch batch, Matrix hidden) {
    int[] targets = targets(batch);
    double[] losses = new double[targets.length];
    for (int first = 0; first < targets.length; first += chunk) {
      int start = first;
      int count = Math.min(chunk, targets.length - first);
      multiply(targets, start, count, hidden);
      team.forRows(
          count,
          1,
          (from, to) ->
              losses[start + from] =
                  LossPass.loss(
                      logits.at(from), config.vocabulary(), batch.ids()[targets[start + from]]));
    }
    return sum(losses);
  }

  /// Logits `[V]` of one hidden row, summed in fp32.
  float[] logits(long hidden) {
    norm.forward(hidden, normed.at(0), config.width());
    float[] result = new float[config.vocabulary()];
    team.forRows(
        result.length,
        (from, to) -> {
          for (int token = from; token < to; token++) {
            FloatVector sum = FloatVector.zero(Lanes.F);
            for (int i = 0; i < config.width(); i += Lanes.COUNT) {
              sum = Lanes.bf16(normed.at(0, i)).fma(Lanes.bf16(head.at(token, i)), sum);
            }
            result[token] = Lanes.sum(sum);
          }
        });
    return result;
  }

  private void multiply(int[] targets, int start, int count, Matrix hidden) {
    team.forRows(
        count,
        (from, to) -> {
          for (int i = from; i < to; i++) {
            norm.forward(hidden.at(targets[start + i] - 1), normed.at(i), config.width());
          }
        });
    try (Scope _ = Scope.open()) {
      torch.mm_out(logits.rows(count), normed.rows(count), head.rows(config.vocabulary()).t());
    }
  }

  /// Places of the scored tokens.
  private static int[] targets(TokenBatch batch) {
    return IntStream.range(0, batch.tokens()).filter(i -> batch.scored()[i]).toArray();
  }

  private static double sum(double[] losses) {
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum;
  }

  @Override
  public void close() {
    normWeight.close();
    normed.close();
    logits.close();
    gradient.close();
    if (ownsHead) {
      head.close();
    }
  }
}
