package dev.lathe.compute.text;

/// How a conversation becomes a training row.
///
/// @param cutoff most tokens of a row
/// @param scoring which tokens are targets of the loss
public record RowOptions(int cutoff, Scoring scoring) {
  public RowOptions {
    if (cutoff < 2) {
      throw new IllegalArgumentException("a row needs at least 2 tokens, the cut-off is " + cutoff);
    }
  }

  /// Which tokens are targets of the loss.
  public enum Scoring {
    /// Every answer and what ends its turn.
    ANSWERS,
    /// Everything (LLaMA-Factory's `train_on_prompt`).
    EVERYTHING,
    /// The last answer only, which is also cut last (LLaMA-Factory's `mask_history`).
    LAST_ANSWER
  }
}
