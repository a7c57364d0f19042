package dev.lathe.training.fused;

import java.util.HashMap;
import java.util.Map;

/// Scratch matrices that the projections of all layers share, sized for the tokens of a batch.
final class Workspace implements AutoCloseable {
  /// The dropout seed that drops nothing.
  static final long NO_DROPOUT = Long.MIN_VALUE;

  private record Key(String use, int columns) {}

  private final OpenMp team;
  private final Map<Key, Matrix> matrices = new HashMap<>();
  private int tokens;

  Workspace(OpenMp team) {
    this.team = team;
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

  /// `[T, columns]` bf16, an input after dropout.
  Matrix dropped(int columns) {
    return bf16("dropped", columns);
  }

  /// `[T, columns]` bf16, for the caller's own use under that name.
  Matrix bf16(String use, int columns) {
    return matrices.computeIfAbsent(new Key(use, columns), _ -> Matrix.bf16(tokens, columns));
  }

  /// `[rows, columns]` bf16, whatever the batch.
  Matrix bf16Fixed(String use, int rows, int columns) {
    return matrices.computeIfAbsent(new Key(use + rows, columns), _ -> Matrix.bf16(rows, columns));
  }

  @Override
  public void close() {
    matrices.values().forEach(Matrix::close);
    matrices.clear();
  }
}
