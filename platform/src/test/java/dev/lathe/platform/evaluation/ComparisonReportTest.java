package dev.lathe.platform.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.platform.evaluation.Comparison.Answer;
import dev.lathe.platform.evaluation.Comparison.Candidate;
import dev.lathe.platform.evaluation.Comparison.Case;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonReportTest {
  private static final String HOSTILE =
      "</p><script src=\"https://evil.example/x.js\">alert('&')</script>\u202E\u0000";

  private static Comparison comparison(String answer) {
    Question fee = Question.of("fee", "What is the <b>fee</b>?", List.of("$4.80"));
    Question open = Question.of("open", "Say hello", List.of());
    return new Comparison(
        "tiny & small",
        List.of(new Candidate("base", ""), new Candidate("bank|v1", "adapters/bank")),
        List.of(
            new Case(fee, List.of(Answer.to(fee, answer, false), Answer.to(fee, "$4.80.", false))),
            new Case(open, List.of(Answer.to(open, "hi", true), Answer.to(open, "hi", false)))));
  }

  @Test
  void sharesCountJudgedQuestionsOnly() {
    assertThat(comparison("no idea").shares()).containsExactly(new Share(0, 1), new Share(1, 1));
  }

  @Test
  void intervalIsWilsons() {
    Share share = new Share(104, 120);

    assertThat(share.low()).isCloseTo(0.7942, org.assertj.core.data.Offset.offset(5e-4));
    assertThat(share.high()).isCloseTo(0.9162, org.assertj.core.data.Offset.offset(5e-4));
    assertThat(share).hasToString("104 of 120 · 87 % (95 % interval 79–92 %)");
    assertThat(new Share(0, 0)).hasToString("nothing judged");
  }

  @Test
  void whatModelsWroteNeverBecomesMarkup() {
    String page = HtmlReport.of(comparison(HOSTILE));

    assertThat(page)
        .doesNotContain("<script", "<b>fee", "\u202E", "\u0000")
        .contains("&lt;script", "&lt;b&gt;fee", "tiny &amp; small", "alert(&#39;&amp;&#39;)");
  }

  @Test
  void pageRefersToNothingOutsideItself() {
    String page = HtmlReport.of(comparison("no idea"));

    assertThat(page)
        .doesNotContain("http:", "https:", "src=", "href=", "@import", "url(", "<link", "<script");
    assertThat(page).contains("prefers-color-scheme: dark").contains("name=\"viewport\"");
  }

  @Test
  void pageMarksRightAndWrongAndCutAnswers() {
    String page = HtmlReport.of(comparison("no idea"));

    assertThat(page).contains("✓ right", "✗ wrong", "cut at the limit");
    assertThat(page).contains("class=\"case differs\"").doesNotContain("case differs fails");
  }

  @Test
  void markdownShowsSharesAndEscapesWhatModelsWrote() {
    String text = MarkdownReport.of(comparison("# no | *idea*\n<b>"));

    assertThat(text)
        .contains("| base | 0 of 1 | 0 % |")
        .contains("| bank\\|v1 | 1 of 1 | 100 % |")
        .contains("> \\# no \\| \\*idea\\*  \n> \\<b\\>  \n")
        .contains("**base** ✗")
        .contains("Expected: \\$4.80");
  }
}
