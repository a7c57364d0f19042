package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import org.bytedeco.pytorch.Tensor;

/// Queries, keys and values (or their gradients) of a batch, head-major, row of the batch by row,
/// bf16: queries `[K, G, padded, D]`, keys and values `[K, padded, D]`, with zeros after `length`.
final class Heads implements AutoCloseable {
  private final ModelConfig config;
  private final Matrix queries;
  private final Matrix keys;
  private final Matrix values;

  Heads(ModelConfig config, int paddedTokens) {
    this.config = config;
    this.queries = Matrix.bf16((long) paddedTokens * config.heads(), config.headWidth());
    this.keys = Matrix.bf16((long) paddedTokens * config.kvHeads(), config.headWidth());
    this.values = Matrix.bf16((long) paddedTokens * config.kvHeads(), config.headWidth());
  }

  long q(Sequences rows, int row, int head, int position) {
    long place = (long) rows.paddedStart(row) * config.heads();
    return queries.at(place + (long) head * rows.padded(row) + position);
  }

  long k(Sequences rows, int row, int head, int position) {
    return keys.at(kvPlace(rows, row, head) + position);
  }

  long v(Sequences rows, int row, int head, int position) {
    return values.at(kvPlace(rows, row, head) + position);
  }

  private long kvPlace(Sequences rows, int row, int head) {
    return (long) rows.paddedStart(row) * config.kvHeads() + (long) head * rows.padded(row);
  }

  /// Zeros after the last token of a row.
  void zeroPadding(Sequences rows, int row) {
    int length = rows.length(row);
    long bytes = (rows.padded(row) - length) * keys.stride();
    if (bytes == 0) {
      return;
    }
    for (int head = 0; head < config.heads(); head++) {
      Lanes.zero(q(rows, row, head, length), bytes);
    }
    for (int head = 0; head < config.kvHeads(); head++) {
      Lanes.zero(k(rows, row, head, length), bytes);
      Lanes.zero(v(rows, row, head, length), bytes);
    }
  }

  /// `[K, G * padded, D]`
  Tensor queries(Sequences rows, int row) {
    long first = (long) rows.paddedStart(row) * config.heads() * config.headWidth();
    long group = (long) config.heads() / config.kvHeads() * rows.padded(row);
    return queries.view(first, config.kvHeads(), group, config.headWidth());
  }

  /// `[K, padded, D]`
  Tensor keys(Sequences rows, int row) {
    return kv(keys, rows, row);
  }

  /// `[K, padded, D]`
  Tensor values(Sequences rows, int row) {
    return kv(values, rows, row);
  }

  private Tensor kv(Matrix matrix, Sequences rows, int row) {
    long first = (long) rows.paddedStart(row) * config.kvHeads() * config.headWidth();
    return matrix.view(first, config.kvHeads(), rows.padded(row), config.headWidth());
  }

  @Override
  public void close() {
    queries.close();
    keys.close();
    values.close();
  }
}
