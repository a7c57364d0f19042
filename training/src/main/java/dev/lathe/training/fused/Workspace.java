package dev.lathe.training.fused;

import java.util.HashMap;
import java.util.Map;

/// Scratch matrices that the projections of all layers share, sized for the tokens of a batch.
final class Workspace implements AutoCloseable {
  /// The dropout seed that drops nothing.
  static final long NO_DROPOUT = Long.MIN_VALUE;

  private record Key(String use, int columns) {}

  private final OpenMp team;
  private final int widest;
  private final Map<Key, Matrix> matrices = new HashMap<>();
  private int tokens;

  /// @param widest most columns of a factor gradient
  Workspace(OpenMp team, int widest) {
    this.team = team;
    this.widest = widest;
  }

  /// Makes room for batches of so many tokens; what was in the matrices is lost.
  void reserve(int tokens) {
    if (tokens > this.tokens) {
      close();
      this.tokens = tokens;
    }
  }

  OpenMp team() {
    return team;
  }

  /// `[T, columns]` bf16: products with A, or gradients in them.
  Matrix low(int columns) {
    return bf16("low", columns);
  }

  /// `[T, columns]` bf16, of one projection.
  Matrix lowOfOne(int columns) {
    return bf16("lowOfOne", columns);
  }

  /// `[T, columns]` fp32, gradients in `A x`.
  Matrix lowGradient(int columns) {
    return fp32("lowGradient", columns, tokens);
  }

  /// `[T, columns]` fp32, `scaling * A x`.
  Matrix lowValues(int columns) {
    return fp32("lowValues", columns, tokens);
  }

  /// `[T, columns]` bf16, an input after dropout.
  Matrix dropped(int columns) {
    return bf16("dropped", columns);
  }

  /// `[T, columns]` bf16, for the caller's own use under that name.
  Matrix bf16(String use, int columns) {
    return matrices.computeIfAbsent(new Key(use, columns), _ -> Matrix.bf16(tokens, columns));
  }

  /// `[ranks, widest]` fp32.
  Matrix product(int ranks) {
    return matrices.computeIfAbsent(
        new Key("product", ranks), _ -> Matrix.fp32(ranks, widest));
  }

  private Matrix fp32(String use, int columns, int rows) {
    return matrices.computeIfAbsent(new Key(use, columns), _ -> Matrix.fp32(rows, columns));
  }

  @Override
  public void close() {
    matrices.values().forEach(Matrix::close);
    matrices.clear();
  }
}
