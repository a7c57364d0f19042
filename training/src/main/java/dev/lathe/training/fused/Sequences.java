package dev.lathe.training.fused;

import dev.lathe.compute.text.TokenBatch;

/// Where the rows of a packed batch lie: in token-major matrices, which end with some rows of
/// zeros, and in head-major ones, where each sequence is padded by itself.
/*
 * LibTorch compiles a kernel for each new shape of a product and keeps it. Rounded sizes keep the
 * number of shapes small.
 */
final class Sequences {
  private static final int TOKEN_STEP = 32;
  private static final int LENGTH_STEP = 16;

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

  /// Tokens of all rows.
  int tokens() {
    return rowOf.length;
  }

  /// Rows of a token-major matrix; those after [#tokens] are zeros.
  int matrixRows() {
    return Math.ceilDiv(tokens(), TOKEN_STEP) * TOKEN_STEP;
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

  /// Length of the row rounded up, to a multiple of the lanes.
  int padded(int row) {
    return Math.ceilDiv(length(row), LENGTH_STEP) * LENGTH_STEP;
  }

  int paddedStart(int row) {
    return paddedStarts[row];
  }

  /// Sum of the padded lengths.
  int paddedTokens() {
    return paddedStarts[paddedStarts.length - 1];
  }
}
