package dev.lathe.compute;

import java.util.List;

/// A list in a message: its first entries, and how many more there are.
public final class FirstFew {
  private FirstFew() {}

  /// The first entries with `between` between them; where there are more than `most`, `and` with
  /// the number of the rest behind it and `more`, as in `a, b and 3 more`.
  public static String of(List<String> entries, int most, String between, String and) {
    int rest = entries.size() - most;
    return rest <= 0
        ? String.join(between, entries)
        : String.join(between, entries.subList(0, most)) + and + rest + " more";
  }
}
