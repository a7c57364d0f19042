package dev.lathe.compute.text;

/// One conversation as training reads it. The arrays belong to the row and are not changed.
///
/// @param ids token ids
/// @param scored whether the token at that place is a target of the loss; the first never is
/// @param truncated whether tokens or turns were left out to keep the cut-off
/// @param endOfTurnScored whether the end-of-turn token of the last answer kept is there and scored
/// @param source names the row in messages: `train.jsonl line 17`; empty where nobody named it
public record EncodedRow(
    int[] ids, boolean[] scored, boolean truncated, boolean endOfTurnScored, String source) {
  public EncodedRow {
    if (ids.length != scored.length || ids.length > 0 && scored[0]) {
      throw new IllegalArgumentException("ids and scores of the row do not fit together");
    }
  }

  /// The same row under a name.
  public EncodedRow named(String name) {
    return new EncodedRow(ids, scored, truncated, endOfTurnScored, name);
  }

  public int tokens() {
    return ids.length;
  }

  public int scoredTokens() {
    int count = 0;
    for (boolean target : scored) {
      count += target ? 1 : 0;
    }
    return count;
  }
}
