package dev.lathe.compute.engine;

import java.util.List;

/// Guesses what followed the last tokens where they stood before in prompt or output (prompt lookup
/// decoding, Saxena 2023): the longest match of up to four tokens, of equals the latest.
final class LookUpDrafter implements Drafter {
  private static final int LEAST = 2;
  private static final int MOST = 4;

  @Override
  public void draft(List<Sequence> sequences, int[] most) {
    for (int i = 0; i < sequences.size(); i++) {
      draft(sequences.get(i), most[i]);
    }
  }

  private static void draft(Sequence sequence, int most) {
    int next = match(sequence);
    for (int i = 0; next > 0 && i < most; i++) {
      sequence.draft(sequence.token(next + i));
    }
  }

  /// Where the text behind the best match begins; 0 when there is none.
  private static int match(Sequence sequence) {
    int length = sequence.length();
    int best = 0;
    int longest = LEAST - 1;
    for (int end = length - 1; end >= LEAST && longest < MOST; end--) {
      int same = 0;
      while (same < MOST
          && same < end
          && sequence.token(end - 1 - same) == sequence.token(length - 1 - same)) {
        same++;
      }
      if (same > longest) {
        longest = same;
        best = end;
      }
    }
    return best;
  }

  @Override
  public double cost() {
    return 0;
  }

  @Override
  public double firstBelief() {
    return 0.5;
  }

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}
}
