package dev.lathe.compute.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Decides how many tokens are guessed ahead for each stream: as many as are likely enough to come
/// true to be worth their row in the step. One for an engine; its thread calls.
final class Speculator {
  /// Most guesses for one stream in one step.
  static final int MOST = 16;

  /// How many rows cost as much as reading the weights once, which each step does.
  private static final double ROWS_OF_A_STEP = 6;

  /// How far a guess moves what is believed of the next ones.
  private static final double TRUST = 0.2;

  /// How far a token without guesses moves the belief back to the first, so that a stream that
  /// could not be guessed is tried again after a while.
  private static final double RECOVERY = 0.005;

  private final Drafter drafter;
  private final Map<Sequence, Double> beliefs = new HashMap<>();
  private long drafted;
  private long accepted;

  Speculator(Drafter drafter) {
    this.drafter = drafter;
  }

  /// Guesses for sequences that are about to have one token computed each.
  void draft(List<Sequence> sequences) {
    List<Sequence> worthwhile = new ArrayList<>();
    int[] most = new int[sequences.size()];
    for (Sequence sequence : sequences) {
      int room = sequence.limit() - sequence.length() - 1;
      int count = Math.min(room, count(belief(sequence), sequences.size(), drafter.cost()));
      if (count > 0) {
        most[worthwhile.size()] = count;
        worthwhile.add(sequence);
      } else {
        believe(sequence, belief(sequence) + RECOVERY * (drafter.firstBelief() - belief(sequence)));
      }
    }
    if (!worthwhile.isEmpty()) {
      drafter.draft(worthwhile, most);
    }
  }

  /// How many guesses are worth it when each comes true with probability `belief` if those before
  /// did. One more row costs 1, a step of `streams` rows [#ROWS_OF_A_STEP] more than its rows, and
  /// yields `streams` tokens: a guess must be likelier than its price in tokens.
  static int count(double belief, int streams, double draftCost) {
    double guess = 1 + draftCost * (1 + ROWS_OF_A_STEP / streams);
    double price = streams * guess / (ROWS_OF_A_STEP + streams);
    int count = 0;
    for (double likely = belief; likely > price && count < MOST; likely *= belief) {
      count++;
    }
    return count;
  }

  /// Takes note of how guesses went.
  ///
  /// @param right those that came true
  /// @param wrong whether the one after these did not
  void checked(Sequence sequence, int guesses, int right, boolean wrong) {
    drafted += guesses;
    accepted += right;
    double belief = belief(sequence);
    for (int i = 0; i < right; i++) {
      belief += TRUST * (1 - belief);
    }
    believe(sequence, wrong ? belief * (1 - TRUST) : belief);
  }

  private double belief(Sequence sequence) {
    return beliefs.getOrDefault(sequence, drafter.firstBelief());
  }

  private void believe(Sequence sequence, double belief) {
    beliefs.put(sequence, belief);
  }

  /// The sequence will not be seen again.
  void forget(Sequence sequence) {
    beliefs.remove(sequence);
    drafter.forget(sequence);
  }

  /// Guesses that were computed.
  long drafted() {
    return drafted;
  }

  /// Guesses that came true.
  long accepted() {
    return accepted;
  }
}
