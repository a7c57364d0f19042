package dev.lathe.app.cli;

import dev.lathe.app.terminal.Progress;
import dev.lathe.platform.tuning.Plan;
import dev.lathe.platform.tuning.Plan.Piece;
import dev.lathe.platform.tuning.Plan.Probe;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/// The plan of a run as a person reads it.
final class PlanText {
  /// How much is said.
  enum Detail {
    /// All that the plan holds.
    WHOLE,
    /// What will happen, in ten lines.
    BRIEF
  }

  private static final int EXAMPLE = 1600;
  private static final int BRIEF_EXAMPLE_LINES = 6;

  private PlanText() {}

  /// @param scored makes scored text stand out
  static List<String> lines(Plan plan, Detail detail, UnaryOperator<String> scored) {
    return switch (detail) {
      case WHOLE -> whole(plan, scored);
      case BRIEF -> brief(plan, scored);
    };
  }

  private static List<String> brief(Plan plan, UnaryOperator<String> scored) {
    List<String> lines = new ArrayList<>();
    lines.add(
        line(
            "rows",
            String.format(
                Locale.ROOT,
                "%,d with %,d tokens, %,d of them scored",
                plan.rows(),
                plan.tokens(),
                plan.scoredTokens())));
    lines.add(
        line(
            "steps",
            plan.steps()
                + " in about "
                + time(plan.seconds())
                + ", with about "
                + Progress.bytes(plan.peakBytes())
                + " of memory"));
    plan.notes().forEach(note -> lines.add(line("note", note)));
    lines.add(exampleHeading(plan));
    List<String> example = example(plan, scored).lines().toList();
    example.stream().limit(BRIEF_EXAMPLE_LINES).forEach(text -> lines.add("    " + text));
    if (example.size() > BRIEF_EXAMPLE_LINES) {
      lines.add("    …");
    }
    return lines;
  }

  private static String exampleHeading(Plan plan) {
    return line("example", plan.exampleSource() + ", scored text marked:");
  }

  private static List<String> whole(Plan plan, UnaryOperator<String> scored) {
    List<String> lines = new ArrayList<>();
    lines.add(line("rows", rows(plan)));
    if (plan.validationRows() > 0) {
      lines.add(line("validation", plan.validationRows() + " rows"));
    }
    lines.add(
        line(
            "steps",
            plan.steps() + ": " + epochs(plan.epochs()) + " of " + plan.stepsPerEpoch() + " each"));
    lines.add(line("adapter", String.format(Locale.ROOT, "%,d trainable values", plan.values())));
    lines.add(line("time", "about " + time(plan.seconds()) + " (" + probes(plan.probes()) + ")"));
    lines.add(line("memory", memory(plan)));
    plan.notes().forEach(note -> lines.add(line("note", note)));
    lines.add(exampleHeading(plan));
    example(plan, scored).lines().forEach(text -> lines.add("    " + text));
    return lines;
  }

  private static String rows(Plan plan) {
    return String.format(
        Locale.ROOT,
        "%,d with %,d tokens, %,d of them scored; longest %,d; %s truncated; end of turn scored in %s",
        plan.rows(),
        plan.tokens(),
        plan.scoredTokens(),
        plan.longestRow(),
        percent(plan.truncatedRows(), plan.rows()),
        percent(plan.rowsWithScoredEnd(), plan.rows()));
  }

  private static String memory(Plan plan) {
    String limit =
        plan.memory().limitBytes() == Long.MAX_VALUE
            ? "not known"
            : Progress.bytes(plan.memory().limitBytes());
    return "about "
        + Progress.bytes(plan.peakBytes())
        + " at most; "
        + plan.memory().origin()
        + " is "
        + limit;
  }

  private static String line(String label, String text) {
    return String.format(Locale.ROOT, "  %-11s", label) + text;
  }

  private static String percent(int part, int whole) {
    return BigDecimal.valueOf(Math.round(1000.0 * part / whole), 1)
            .stripTrailingZeros()
            .toPlainString()
        + " %";
  }

  private static String epochs(double epochs) {
    return epochs == Math.rint(epochs)
        ? (int) epochs + (epochs == 1 ? " pass" : " passes")
        : String.format(Locale.ROOT, "%.2f passes", epochs);
  }

  private static String probes(List<Probe> probes) {
    return probes.stream()
        .map(probe ->
            String.format(
                Locale.ROOT,
                "%s batch: %,d tokens in %.2f s",
                probe.name(),
                probe.tokens(),
                probe.seconds()))
        .collect(Collectors.joining(", "));
  }

  /// `40 s`, `12 min`, `3 h 20 min`.
  static String time(double seconds) {
    Duration time = Duration.ofSeconds(Math.max(1, Math.round(seconds)));
    if (time.toSeconds() < 90) {
      return time.toSeconds() + " s";
    }
    if (time.toMinutes() < 90) {
      return Math.round(time.toSeconds() / 60.0) + " min";
    }
    return time.toHours() + " h " + time.toMinutesPart() + " min";
  }

  private static String example(Plan plan, UnaryOperator<String> scored) {
    StringBuilder text = new StringBuilder();
    int left = EXAMPLE;
    for (Piece piece : plan.example()) {
      String part = piece.text().length() <= left ? piece.text() : cut(piece.text(), left);
      text.append(piece.scored() ? mark(part, scored) : part);
      left -= part.length();
      if (left <= 0) {
        break;
      }
    }
    return text.toString();
  }

  /// Marks each line for itself, so that colours do not run over the indentation.
  private static String mark(String text, UnaryOperator<String> scored) {
    return text.lines()
            .map(line -> line.isBlank() ? line : scored.apply(line))
            .collect(Collectors.joining("\n"))
        + (text.endsWith("\n") ? "\n" : "");
  }

  private static String cut(String text, int length) {
    int end = text.offsetByCodePoints(0, Math.min(text.codePointCount(0, text.length()), length));
    return text.substring(0, end) + " …";
  }
}
