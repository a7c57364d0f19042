package dev.lathe.platform.dataset;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// A row that cannot be used, and why.
///
/// @param reason what was wanted and what was found
public record BadRow(RowSource source, String reason) {
  private static final int SHOWN = 200;
  private static final Comparator<BadRow> IN_ORDER =
      Comparator.comparing((BadRow bad) -> bad.source().file())
          .thenComparingLong(bad -> bad.source().row());

  /// One line for each row in the order of files and rows, each once; beyond 200 their number.
  public static List<String> lines(List<BadRow> bad) {
    List<BadRow> each = bad.stream().distinct().sorted(IN_ORDER).toList();
    List<String> lines = new ArrayList<>();
    each.stream().limit(SHOWN).forEach(row -> lines.add(row.toString()));
    if (each.size() > SHOWN) {
      lines.add("and " + (each.size() - SHOWN) + " more");
    }
    return lines;
  }

  /// The refusal that names all of them.
  public static LatheException refusal(List<BadRow> bad) {
    long count = bad.stream().distinct().count();
    return LatheException.user(
        count + (count == 1 ? " bad row:\n  " : " bad rows:\n  ") + String.join("\n  ", lines(bad)),
        "correct them, or leave them out with --on-bad-row skip");
  }

  @Override
  public String toString() {
    return source + ": " + reason;
  }
}
