package dev.lathe.compute;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/// The known word that an unknown one most likely stands for.
public final class Nearest {
  private static final int LONGEST = 64;
  private static final int MOST = 1000;

  private Nearest() {}

  /// The nearest of `known` by edit distance without regard to case; empty when none is near: more
  /// than a third of the word's letters, and more than two, would have to change. Empty as well for
  /// a word of more than 64 letters, or among more than 1000.
  public static Optional<String> to(String word, Collection<String> known) {
    if (word.length() > LONGEST || known.size() > MOST) {
      return Optional.empty();
    }
    int limit = Math.max(2, word.length() / 3);
    return known.stream()
        .filter(candidate -> Math.abs(candidate.length() - word.length()) <= limit)
        .filter(candidate -> distance(word, candidate) <= limit)
        .min(
            Comparator.comparingInt((String candidate) -> distance(word, candidate))
                .thenComparing(Comparator.naturalOrder()));
  }

  /// `", did you mean 'x'?"`, or nothing: to be put behind what was found.
  public static String hint(String word, Collection<String> known) {
    return to(word, known).map(near -> ", did you mean '" + near + "'?").orElse("");
  }

  /* Wagner and Fischer's table, one row at a time. */
  private static int distance(String left, String right) {
    String a = left.toLowerCase(Locale.ROOT);
    String b = right.toLowerCase(Locale.ROOT);
    int[] row = new int[b.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int above = row[j];
        int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(change, Math.min(above, row[j - 1]) + 1);
        diagonal = above;
      }
    }
    return row[b.length()];
  }
}
