package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import dev.lathe.training.tensor.Scope;
import jdk.incubator.vector.FloatVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Causal attention of packed rows, each row by itself: product, softmax, product, over the heads
/// that share keys together. Probabilities are computed again for the gradient instead of being
/// kept.
final class Attention implements AutoCloseable {
  /// Scores of this many bytes are in memory at a time, unless one key head alone needs more.
  private static final long SCORE_BYTES = 16L << 20;

  private final ModelConfig config;
  private final OpenMp team;
  private final float scale;
  private Matrix outputs = Matrix.bf16(0, 1);
  private Matrix scores = Matrix.bf16(0, 1);
  private Matrix gradients = Matrix.bf16(0, 1);
  private long outputRows;
  private long scoreElements;

  Attention(ModelConfig config, OpenMp team) {
    this.config = config;
    this.team = team;
    this.scale = (float) (1 / Math.sqrt(config.headWidth()));
  }

  /// Makes the buffers large enough for the batch.
  void reserve(Sequences rows) {
    long neededRows = (long) rows.paddedTokens() * config.heads();
    if (neededRows > outputRows) {
      outputs.close();
      outputs = Matrix.bf16(neededRows, config.headWidth());
      outputRows = neededRows;
    }
    long needed = 0;
    for (int row = 0; row < rows.rows(); row++) {
      needed = Math.max(needed, headElements(rows, row) * headsAtOnce(rows, row));
    }
    if (needed > scoreElements) {
      scores.close();
      gradients.close();
      scores = Matrix.bf16(needed, 1);
      gradients = Matrix.bf16(needed, 1);
      scoreElements = needed;
    }
  }

  /// Score elements of one key head.
  private long headElements(Sequences rows, int row) {
    return (long) group() * rows.padded(row) * rows.padded(row);
  }

  private int headsAtOnce(Sequences rows, int row) {
    long fitting = SCORE_BYTES / (2 * headElements(rows, row));
    return Math.clamp(fitting, 1, config.kvHeads());
  }

  private int group() {
    return config.heads() / config.kvHeads();
  }

  /// @param output receives `[T, H D]` in its first columns, zeros in the others
  void forward(Heads heads, Sequences rows, Matrix output) {
    for (int row = 0; row < rows.rows(); row++) {
      int step = headsAtOnce(rows, row);
      for (int head = 0; head < config.kvHeads(); head += step) {
        int count = Math.min(step, config.kvHeads() - head);
        try (Scope _ = Scope.open()) {
          Tensor probabilities = probabilities(heads, rows, row, head, count);
          Tensor values = heads.values(rows, row).narrow(0, head, count);
          torch.bmm_out(output(rows, row).narrow(0, head, count), probabilities, values);
        }
      }
    }
    team.forRows(rows.matrixRows(), (from, to) -> gather(rows, output, from, to));
  }

  /// @param heads queries, keys and values as in the forward pass
  /// @param first summand of the gradient in the output, `[T, >= H D]`
  /// @param second the other summand, same shape
  /// @param result receives the gradients of queries, keys and values
  void backward(Heads heads, Sequences rows, Matrix first, Matrix second, Heads result) {
    team.forRows(rows.tokens(), (from, to) -> scatter(rows, first, second, from, to));
    for (int row = 0; row < rows.rows(); row++) {
      int step = headsAtOnce(rows, row);
      for (int head = 0; head < config.kvHeads(); head += step) {
        int count = Math.min(step, config.kvHeads() - head);
        try (Scope _ = Scope.open()) {
          backward(heads, rows, row, head, count, result);
        }
      }
    }
  }

  private void backward(Heads heads, Sequences rows, int row, int head, int count, Heads result) {
    Tensor q = heads.queries(rows, row).narrow(0, head, count);
    Tensor k = heads.keys(rows, row).narrow(0, head, count);
    Tensor v = heads.values(rows, row).narrow(0, head, count);
    Tensor dOut = output(rows, row).narrow(0, head, count);
    Tensor p = probabilities(heads, rows, row, head, count);
    Tensor dScores = scoreView(gradients, rows, row, count);
    torch.bmm_out(result.values(rows, row).narrow(0, head, count), p.transpose(1, 2), dOut);
    torch.bmm_out(dScores, dOut, v.transpose(1, 2));
    int queries = count * group() * rows.padded(row);
    team.forRows(
        queries,
        (from, to) ->
            SoftmaxPass.backward(scores.at(0), gradients.at(0), rows.padded(row), scale, from, to));
    torch.bmm_out(result.queries(rows, row).narrow(0, head, count), dScores, k);
    torch.bmm_out(result.keys(rows, row).narrow(0, head, count), dScores.transpose(1, 2), q);
  }

  private Tensor probabilities(Heads heads, Sequences rows, int row, int head, int count) {
    Tensor result = scoreView(scores, rows, row, count);
    Tensor q = heads.queries(rows, row).narrow(0, head, count);
    Tensor k = heads.keys(rows, row).narrow(0, head, count);
    torch.bmm_out(result, q, k.transpose(1, 2));
    int length = rows.length(row);
    int padded = rows.padded(row);
    team.forRows(
        count * group() * padded,
        (from, to) -> SoftmaxPass.forward(scores.at(0), length, padded, scale, from, to));
    return result;
  }

  /// `[heads, G * padded, padded]`
  private Tensor scoreView(Matrix matrix, Sequences rows, int row, int heads) {
    return matrix.view(0, heads, (long) group() * rows.padded(row), rows.padded(row));
  }

  /// `[K, G * padded, D]`
  private Tensor output(Sequences rows, int row) {
    long first = (long) rows.paddedStart(row) * config.heads() * config.headWidth();
    long group = (long) group() * rows.padded(row);
    return outputs.view(first, config.kvHeads(), group, config.headWidth());
  }

  private long outputPlace(Sequences rows, int row, int head, int position) {
    long first = (long) rows.paddedStart(row) * config.heads();
    return outputs.at(first + (long) head * rows.padded(row) + position);
  }

  private void gather(Sequences rows, Matrix output, int from, int to) {
    int width = config.headWidth();
    for (int token = from; token < to; token++) {
      if (token >= rows.tokens()) {
        Lanes.zero(output.at(token), output.stride());
        continue;
      }
      int row = rows.rowOf(token);
      for (int head = 0; head < config.heads(); head++) {
        long source = outputPlace(rows, row, head, token - rows.start(row));
        long target = output.at(token, head * width);
        for (int i = 0; i < width; i += Lanes.COUNT) {
          Lanes.bf16(target + 2L * i, Lanes.bf16(source + 2L * i));
        }
      }
      int used = config.heads() * width;
      Lanes.zero(output.at(token, used), 2L * (output.columns() - used));
    }
  }

  private void scatter(Sequences rows, Matrix first, Matrix second, int from, int to) {
    int width = config.headWidth();
    for (int token = from; token < to; token++) {
      int row = rows.rowOf(token);
      int position = token - rows.start(row);
      int padding = position == rows.length(row) - 1 ? rows.padded(row) - rows.length(row) : 0;
      for (int head = 0; head < config.heads(); head++) {
        long one = first.at(token, head * width);
        long two = second.at(token, head * width);
        long target = outputPlace(rows, row, head, position);
        Lanes.zero(target + 2L * width, 2L * width * padding);
        for (int i = 0; i < width; i += Lanes.COUNT) {
          FloatVector sum = Lanes.bf16(one + 2L * i).add(Lanes.bf16(two + 2L * i));
          Lanes.bf16(target + 2L * i, sum);
        }
      }
    }
  }

  @Override
  public void close() {
    outputs.close();
    scores.close();
    gradients.close();
  }
}
