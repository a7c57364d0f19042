package dev.lathe.platform.evaluation;

import dev.lathe.platform.evaluation.Comparison.Answer;
import dev.lathe.platform.evaluation.Comparison.Candidate;
import dev.lathe.platform.evaluation.Comparison.Case;
import java.util.stream.Collectors;

/// A [Comparison] as Markdown: a table of shares, then each question with the answers quoted. What
/// models and people wrote is escaped, so that it never becomes markup.
public final class MarkdownReport {
  private MarkdownReport() {}

  /// The whole document.
  public static String of(Comparison comparison) {
    StringBuilder text = new StringBuilder();
    text.append("# Comparison on ").append(escape(comparison.model())).append("\n\n");
    text.append("| candidate | ");
    text.append(
        comparison.isJudged()
            ? "right | share | 95 % interval |\n|---|---|---|---|\n"
            : "from |\n|---|---|\n");
    for (int i = 0; i < comparison.candidates().size(); i++) {
      text.append(row(comparison, i));
    }
    for (Case each : comparison.cases()) {
      append(text, comparison, each);
    }
    return text.toString();
  }

  private static String row(Comparison comparison, int index) {
    Candidate candidate = comparison.candidates().get(index);
    String name = escape(candidate.name());
    if (!comparison.isJudged()) {
      return "| " + name + " | " + escape(candidate.description()) + " |\n";
    }
    Share share = comparison.share(index);
    return "| %s | %d of %d | %.0f %% | %.0f–%.0f %% |%n"
        .formatted(
            name,
            share.right(),
            share.of(),
            100 * share.part(),
            100 * share.low(),
            100 * share.high());
  }

  private static void append(StringBuilder text, Comparison comparison, Case each) {
    Question question = each.question();
    text.append("\n## ").append(line(question.prompt())).append("\n\n");
    question.turns().stream()
        .limit(question.turns().size() - 1)
        .forEach(
            turn -> text.append(turn.role()).append(":\n").append(quote(turn.text())).append("\n"));
    if (!question.expected().isEmpty()) {
      text.append("Expected: ")
          .append(
              question.expected().stream()
                  .map(MarkdownReport::line)
                  .collect(Collectors.joining(" / ")))
          .append("\n\n");
    }
    for (int i = 0; i < each.answers().size(); i++) {
      Answer answer = each.answers().get(i);
      text.append("**").append(escape(comparison.candidates().get(i).name())).append("**");
      text.append(mark(answer.verdict())).append(answer.cut() ? " (cut at the limit)" : "");
      text.append("\n\n").append(quote(answer.text())).append("\n");
    }
  }

  private static String mark(Verdict verdict) {
    return switch (verdict) {
      case RIGHT -> " ✓";
      case WRONG -> " ✗";
      case UNJUDGED -> "";
    };
  }

  private static String quote(String text) {
    String shown = text.isBlank() ? "(empty)" : text;
    return shown.lines().map(line -> "> " + escape(line) + "  \n").collect(Collectors.joining());
  }

  private static String line(String text) {
    return escape(text.replaceAll("\\s+", " ").strip());
  }

  private static String escape(String text) {
    return text.replaceAll("([\\\\`*_\\[\\]<>|~&$])", "\\\\$1")
        .replaceAll("^(\\s*)([#+=-])", "$1\\\\$2")
        .replaceAll("^(\\s*\\d+)([.)])(?=\\s|$)", "$1\\\\$2");
  }
}
