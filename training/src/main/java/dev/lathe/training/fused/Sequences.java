package dev.lathe.training.fused;

import dev.lathe.compute.text.TokenBatch;

/// Where the rows of a packed batch lie: in token-major matrices, and in head-major ones whose keys
/// are padded to a multiple of the lanes.
final class Sequences {
  private final int[] starts;
  private final int[] paddedStarts;
  private final int[] rowOf;
  private final int longest;

  Sequences(TokenBatch batch) {
    starts = batch.rowStarts().clone();
    paddedStarts = new int[starts.length];
    rowOf = new int[batch.tokens()];
    int most = 0;
    for (int row = 0; row < batch.rows(); row++) {
      java.util.Arrays.fill(rowOf, starts[row], starts[row + 1], row);
      paddedStarts[row + 1] = paddedStarts[row] + padded(row);
      most = Math.max(most, length(row));
    }
    longest = most;
  }

  int rows() {
    return starts.length - 1;
  }

  int tokens() {
    return rowOf.length;
  }

  int longest() {
    return longest;
  }

  int rowOf(int token) {
    return rowOf[token];
  }

  int start(int row) {
    return starts[row];
  }

  int length(int row) {
    return starts[row + 1] - starts[row];
  }

  /// Length of the row rounded up to a multiple of the lanes.
  int padded(int row) {
    return Math.ceilDiv(length(row), Lanes.COUNT) * Lanes.COUNT;
  }

  int paddedStart(int row) {
    return paddedStarts[row];
  }

  /// Sum of the padded lengths.
  int paddedTokens() {
    return paddedStarts[paddedStarts.length - 1];
  }
}
