package dev.lathe.app.terminal;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// Texts in columns of equal width beside one another, each wrapped to its column; below one
/// another where the columns would be too narrow to read.
public final class SideBySide {
  private static final String GAP = " │ ";
  private static final int LEAST_COLUMNS = 24;

  private SideBySide() {}

  /// One column.
  ///
  /// @param title first line
  /// @param text wrapped below it
  /// @param style applied to the padded title
  public record Column(String title, String text, UnaryOperator<String> style) {}

  /// The lines to print, each at most `width` columns wide.
  public static List<String> lines(List<Column> columns, int width) {
    int each = (width - Width.of(GAP) * (columns.size() - 1)) / columns.size();
    return each < LEAST_COLUMNS ? stacked(columns, width) : beside(columns, each);
  }

  private static List<String> stacked(List<Column> columns, int width) {
    List<String> lines = new ArrayList<>();
    for (Column column : columns) {
      lines.add(column.style().apply(Width.cut(column.title(), width)));
      Width.wrap(column.text(), Math.max(2, width - 2)).forEach(line -> lines.add("  " + line));
    }
    return lines;
  }

  private static List<String> beside(List<Column> columns, int each) {
    List<List<String>> texts =
        columns.stream().map(column -> Width.wrap(column.text(), each)).toList();
    int height = texts.stream().mapToInt(List::size).max().orElse(0);
    List<String> lines = new ArrayList<>();
    lines.add(
        String.join(
            GAP,
            columns.stream()
                .map(column -> column.style().apply(padded(column.title(), each)))
                .toList()));
    for (int row = 0; row < height; row++) {
      List<String> cells = new ArrayList<>();
      for (List<String> text : texts) {
        cells.add(Width.pad(row < text.size() ? text.get(row) : "", each));
      }
      lines.add(String.join(GAP, cells).stripTrailing());
    }
    return lines;
  }

  private static String padded(String title, int columns) {
    return Width.pad(Width.cut(title, columns), columns);
  }
}
