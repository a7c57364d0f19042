package dev.lathe.app.terminal;

import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.platform.evaluation.Comparison;
import dev.lathe.platform.evaluation.Comparison.Answer;
import dev.lathe.platform.evaluation.Comparison.Case;
import java.util.ArrayList;
import java.util.List;

/// A [Comparison] for the terminal: each question, the answers beside one another, the shares at
/// the end.
public final class ComparisonView {
  private static final int WIDEST = 130;

  private ComparisonView() {}

  /// Everything, for the screen's standard output.
  public static List<String> lines(Comparison comparison, Screen screen) {
    List<String> lines = new ArrayList<>(answers(comparison, screen));
    if (comparison.isJudged()) {
      lines.add(screen.outStyled(Style.BOLD, "Right answers"));
      shares(comparison).forEach(line -> lines.add("  " + line));
    }
    return lines;
  }

  /// The questions with the answers beside one another.
  public static List<String> answers(Comparison comparison, Screen screen) {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < comparison.cases().size(); i++) {
      lines.addAll(question(comparison, i, screen));
      lines.add("");
    }
    return lines;
  }

  private static List<String> question(Comparison comparison, int index, Screen screen) {
    Case each = comparison.cases().get(index);
    int width = Math.min(screen.columns(), WIDEST);
    List<String> lines = new ArrayList<>();
    String title = index + 1 + ". " + flat(each.question().prompt());
    Width.wrap(title, width).forEach(line -> lines.add(screen.outStyled(Style.BOLD, line)));
    if (!each.question().expected().isEmpty()) {
      String expected = "expected: " + String.join(" or ", each.question().expected());
      Width.wrap(flat(expected), width)
          .forEach(line -> lines.add(screen.outStyled(Style.DIM, line)));
    }
    List<SideBySide.Column> columns = new ArrayList<>();
    for (int i = 0; i < each.answers().size(); i++) {
      columns.add(column(comparison.candidates().get(i).name(), each.answers().get(i), screen));
    }
    lines.addAll(SideBySide.lines(columns, width));
    return lines;
  }

  private static SideBySide.Column column(String name, Answer answer, Screen screen) {
    String cut = answer.cut() ? " (cut)" : "";
    String text = answer.text().isBlank() ? "(empty)" : Screen.harmless(answer.text().strip());
    return switch (answer.verdict()) {
      case RIGHT ->
          new SideBySide.Column(
              "✓ " + name + cut, text, title -> screen.outStyled(Style.GREEN, title));
      case WRONG ->
          new SideBySide.Column(
              "✗ " + name + cut, text, title -> screen.outStyled(Style.RED, title));
      case UNJUDGED ->
          new SideBySide.Column(name + cut, text, title -> screen.outStyled(Style.CYAN, title));
    };
  }

  /// One line for each candidate: `bank 104 of 120 · 87 % (…)`.
  public static List<String> shares(Comparison comparison) {
    int widest =
        comparison.candidates().stream().mapToInt(each -> Width.of(each.name())).max().orElse(0);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < comparison.candidates().size(); i++) {
      String name = Width.pad(comparison.candidates().get(i).name(), widest);
      lines.add(name + "  " + comparison.share(i));
    }
    return lines;
  }

  private static String flat(String text) {
    return Screen.harmless(text).replaceAll("\\s+", " ").strip();
  }
}
