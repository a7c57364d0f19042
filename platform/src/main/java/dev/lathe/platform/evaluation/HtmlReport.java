package dev.lathe.platform.evaluation;

import dev.lathe.platform.evaluation.Comparison.Answer;
import dev.lathe.platform.evaluation.Comparison.Candidate;
import dev.lathe.platform.evaluation.Comparison.Case;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;

/// A [Comparison] as one HTML page: no script, nothing fetched from anywhere, dark and light by the
/// reader's setting, columns on a screen and stacked on a phone. What models and people wrote is
/// escaped, and a content security policy forbids everything but the page's own style.
public final class HtmlReport {
  private HtmlReport() {}

  /// The whole page.
  public static String of(Comparison comparison) {
    String title = "Comparison on " + comparison.model();
    int columns = comparison.candidates().size();
    StringBuilder page = new StringBuilder();
    page.append(head(title));
    page.append("<main style=\"--columns:").append(columns).append("\">\n");
    page.append("<h1>").append(escape(title)).append("</h1>\n");
    page.append("<p class=\"lead\">").append(lead(comparison)).append("</p>\n");
    page.append("<section class=\"shares\">\n");
    for (int i = 0; i < columns; i++) {
      page.append(share(comparison, i));
    }
    page.append("</section>\n").append(filter(comparison));
    for (int i = 0; i < comparison.cases().size(); i++) {
      page.append(section(comparison, i));
    }
    return page.append("</main>\n</body>\n</html>\n").toString();
  }

  private static String head(String title) {
    return """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <title>%s</title>
    <style>
    %s</style>
    </head>
    <body>
    """
        .formatted(escape(title), style());
  }

  private static String style() {
    try (InputStream file = HtmlReport.class.getResourceAsStream("comparison.css")) {
      return new String(Objects.requireNonNull(file).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String lead(Comparison comparison) {
    int questions = comparison.cases().size();
    long judged =
        comparison.cases().stream().filter(each -> !each.question().expected().isEmpty()).count();
    String text = questions == 1 ? "1 question" : questions + " questions";
    if (judged > 0) {
      text +=
          ", "
              + (judged == questions ? "all" : judged)
              + " judged: an answer is right when it states an expected wording";
    }
    return text + ".";
  }

  private static String share(Comparison comparison, int index) {
    Candidate candidate = comparison.candidates().get(index);
    StringBuilder card =
        new StringBuilder("<div class=\"share\"><b>")
            .append(escape(candidate.name()))
            .append("</b>");
    Share share = comparison.share(index);
    if (share.of() > 0) {
      card.append(
          String.format(
              Locale.ROOT,
              "<span class=\"big\">%.0f %%</span><div class=\"bar\"><i style=\"width:%.1f%%\"></i></div>"
                  + "<small>%d of %d right · 95 %% interval %.0f–%.0f %%</small>",
              100 * share.part(),
              100 * share.part(),
              share.right(),
              share.of(),
              100 * share.low(),
              100 * share.high()));
    }
    if (!candidate.description().isEmpty()) {
      card.append("<br><small>").append(escape(candidate.description())).append("</small>");
    }
    return card.append("</div>\n").toString();
  }

  private static String filter(Comparison comparison) {
    if (comparison.cases().size() < 2 || comparison.candidates().size() < 2) {
      return "";
    }
    long differing = comparison.cases().stream().filter(Case::differs).count();
    long failed = comparison.cases().stream().filter(HtmlReport::fails).count();
    String last =
        comparison.isJudged()
            ? "<label><input type=\"radio\" name=\"show\" id=\"failed\"> Where the last candidate is wrong: "
                + failed
                + "</label>\n"
            : "";
    return """
    <fieldset class="filter"><legend>Questions shown</legend>
    <label><input type="radio" name="show" checked> All %d</label>
    <label><input type="radio" name="show" id="differing"> Where candidates differ: %d</label>
    %s</fieldset>
    """
        .formatted(comparison.cases().size(), differing, last);
  }

  private static boolean fails(Case each) {
    return each.answers().getLast().verdict() == Verdict.WRONG;
  }

  private static String section(Comparison comparison, int index) {
    Case each = comparison.cases().get(index);
    Question question = each.question();
    StringBuilder text = new StringBuilder("<section class=\"case");
    text.append(each.differs() ? " differs" : "")
        .append(fails(each) ? " fails" : "")
        .append("\">\n");
    for (Question.Turn turn : question.turns().subList(0, question.turns().size() - 1)) {
      text.append("<p class=\"turn\" dir=\"auto\">")
          .append(escape(turn.role() + ": " + turn.text()))
          .append("</p>\n");
    }
    text.append("<h2 dir=\"auto\"><span class=\"number\">").append(index + 1).append("</span>");
    text.append(escape(question.prompt())).append("</h2>\n");
    if (!question.expected().isEmpty()) {
      text.append("<p class=\"expected\" dir=\"auto\">Expected: ");
      text.append(
          question.expected().stream()
              .map(HtmlReport::escape)
              .collect(Collectors.joining(" <i>or</i> ")));
      text.append("</p>\n");
    }
    text.append("<div class=\"answers\">\n");
    for (int i = 0; i < each.answers().size(); i++) {
      text.append(answer(comparison.candidates().get(i), each.answers().get(i)));
    }
    return text.append("</div>\n</section>\n").toString();
  }

  private static String answer(Candidate candidate, Answer answer) {
    String verdict =
        switch (answer.verdict()) {
          case RIGHT -> "<span class=\"mark\">✓ right</span>";
          case WRONG -> "<span class=\"mark\">✗ wrong</span>";
          case UNJUDGED -> "";
        };
    String style = answer.verdict().name().toLowerCase(Locale.ROOT);
    String text =
        answer.text().isBlank()
            ? "<p class=\"text none\">(empty)</p>"
            : "<p class=\"text\" dir=\"auto\">" + escape(answer.text().strip()) + "</p>";
    return "<div class=\"answer "
        + style
        + "\"><header><span>"
        + escape(candidate.name())
        + "</span>"
        + verdict
        + (answer.cut() ? "<span>cut at the limit</span>" : "")
        + "</header>"
        + text
        + "</div>\n";
  }

  /// Text that can become neither markup nor an attribute, without control characters.
  static String escape(String text) {
    StringBuilder safe = new StringBuilder(text.length() + 16);
    text.codePoints()
        .forEach(point -> {
          switch (point) {
            case '&' -> safe.append("&amp;");
            case '<' -> safe.append("&lt;");
            case '>' -> safe.append("&gt;");
            case '"' -> safe.append("&quot;");
            case '\'' -> safe.append("&#39;");
            case '\n', '\t' -> safe.appendCodePoint(point);
            case '\r' -> {}
            default -> safe.appendCodePoint(isPrintable(point) ? point : 0xFFFD);
          }
        });
    return safe.toString();
  }

  private static boolean isPrintable(int point) {
    return !Character.isISOControl(point)
        && (point < 0xD800 || point > 0xDFFF)
        && (point < 0x202A || point > 0x202E)
        && (point < 0x2066 || point > 0x2069);
  }
}
