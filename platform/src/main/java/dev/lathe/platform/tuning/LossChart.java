package dev.lathe.platform.tuning;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Draws a loss curve with Braille dots for a terminal: plain text, no colours.
///
/// Each character holds 2 by 4 dots (Unicode block U+2800). The curve is joined from point to
/// point.
public final class LossChart {
  private static final int BLANK = 0x2800;
  private static final int[][] DOTS = {
    {0x01, 0x02, 0x04, 0x40},
    {0x08, 0x10, 0x20, 0x80},
  };
  private static final int LABEL = 7;

  private final int columns;
  private final int rows;

  /// @param columns width of the whole drawing with its labels, 20 or more
  /// @param rows height of the curve in lines, 3 or more
  public LossChart(int columns, int rows) {
    this.columns = Math.max(20, columns) - LABEL - 2;
    this.rows = Math.max(3, rows);
  }

  /// The lines of the drawing; none for an empty curve.
  public List<String> draw(LossCurve curve) {
    if (curve.isEmpty()) {
      return List.of();
    }
    double least = curve.losses().stream().mapToDouble(Double::doubleValue).min().orElse(0);
    double most = curve.losses().stream().mapToDouble(Double::doubleValue).max().orElse(0);
    double span = most - least > 1e-9 ? most - least : 1;
    int[][] cells = new int[rows][columns];
    plot(curve, least, span, cells);
    List<String> lines = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      double value = least + span * (rows - 1 - row) / (rows - 1);
      boolean labelled = row % 2 == 0 || row == rows - 1;
      String label =
          labelled ? String.format(Locale.ROOT, "%7.3f ┤", value) : " ".repeat(LABEL) + " │";
      lines.add(label + line(cells[row]));
    }
    lines.add(" ".repeat(LABEL) + " └" + "─".repeat(columns));
    lines.add(foot(curve));
    return lines;
  }

  private void plot(LossCurve curve, double least, double span, int[][] cells) {
    int first = curve.steps().getFirst();
    int last = Math.max(first + 1, curve.steps().getLast());
    int beforeX = -1;
    int beforeY = -1;
    for (int i = 0; i < curve.steps().size(); i++) {
      int x =
          (int)
              Math.round(
                  (double) (curve.steps().get(i) - first) / (last - first) * (columns * 2 - 1));
      int y = (int) Math.round((1 - (curve.losses().get(i) - least) / span) * (rows * 4 - 1));
      if (beforeX < 0) {
        dot(cells, x, y);
      } else {
        join(cells, beforeX, beforeY, x, y);
      }
      beforeX = x;
      beforeY = y;
    }
  }

  private static void join(int[][] cells, int fromX, int fromY, int toX, int toY) {
    int dots = Math.max(1, Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY)));
    for (int i = 0; i <= dots; i++) {
      dot(
          cells,
          fromX + (int) Math.round((double) (toX - fromX) * i / dots),
          fromY + (int) Math.round((double) (toY - fromY) * i / dots));
    }
  }

  private static void dot(int[][] cells, int x, int y) {
    cells[y / 4][x / 2] |= DOTS[x % 2][y % 4];
  }

  private static String line(int[] cells) {
    StringBuilder text = new StringBuilder();
    for (int cell : cells) {
      text.appendCodePoint(cell == 0 ? ' ' : BLANK + cell);
    }
    return text.toString().stripTrailing();
  }

  private String foot(LossCurve curve) {
    String left = "step " + curve.steps().getFirst();
    String right = String.valueOf(curve.steps().getLast());
    String middle = curve.key();
    int space = Math.max(2, columns - left.length() - middle.length() - right.length());
    return " ".repeat(LABEL + 2)
        + left
        + " ".repeat(space / 2)
        + middle
        + " ".repeat(space - space / 2)
        + right;
  }
}
