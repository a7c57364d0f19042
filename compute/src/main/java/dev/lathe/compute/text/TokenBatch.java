package dev.lathe.compute.text;

import java.util.List;

/// Rows of tokens packed one after another without padding. Rows never see one another: attention
/// and positions restart at each row.
///
/// @param ids `[T]` token ids of all rows
/// @param scored `[T]` whether the token at that place is a target of the loss (it is predicted
///   from the token before it; the first token of a row is never scored)
/// @param rowStarts `[B + 1]` first index of each row, then `T`
/// @param sources one name per row for messages: `train.jsonl line 17`
public record TokenBatch(int[] ids, boolean[] scored, int[] rowStarts, List<String> sources) {
  public TokenBatch {
    sources = List.copyOf(sources);
    if (scored.length != ids.length
        || rowStarts.length != sources.size() + 1
        || rowStarts[0] != 0
        || rowStarts[rowStarts.length - 1] != ids.length) {
      throw new IllegalArgumentException("rows, ids and scores of the batch do not fit together");
    }
    for (int row = 0; row < sources.size(); row++) {
      if (rowStarts[row + 1] <= rowStarts[row]) {
        throw new IllegalArgumentException("row " + row + " of the batch is empty");
      }
      if (scored[rowStarts[row]]) {
        throw new IllegalArgumentException("the first token of row " + row + " is scored");
      }
    }
  }

  /// `T`, tokens of all rows.
  public int tokens() {
    return ids.length;
  }

  /// `B`.
  public int rows() {
    return sources.size();
  }

  /// Number of scored tokens.
  public int scoredTokens() {
    int count = 0;
    for (boolean target : scored) {
      count += target ? 1 : 0;
    }
    return count;
  }
}
