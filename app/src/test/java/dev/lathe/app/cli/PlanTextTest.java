package dev.lathe.app.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.cli.PlanText.Detail;
import dev.lathe.platform.tuning.Memory;
import dev.lathe.platform.tuning.Plan;
import dev.lathe.platform.tuning.Plan.Piece;
import dev.lathe.platform.tuning.Plan.Probe;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlanTextTest {
  private static Plan plan(List<String> notes, String question, String answer) {
    return new Plan(
        1300,
        20,
        17_190,
        4_825,
        13,
        1300,
        69,
        209,
        38,
        5.5,
        4_884_480,
        List.of(new Probe("shortest", 236, 0.53, 1), new Probe("longest", 479, 0.61, 1)),
        1_060_000_000,
        125,
        new Memory(25_010_000_000L, "the machine's free memory"),
        List.of(new Piece(question, false), new Piece(answer, true)),
        "train.jsonl line 142",
        notes);
  }

  private static List<String> lines(Plan plan, Detail detail) {
    return PlanText.lines(plan, detail, text -> "[[" + text + "]]");
  }

  @Test
  void theWholePlanSaysEverything() {
    assertThat(lines(plan(List.of("a note"), "q\n", "a"), Detail.WHOLE))
        .containsExactly(
            "  rows       1,300 with 17,190 tokens, 4,825 of them scored; longest 69; 1 %"
                + " truncated; end of turn scored in 100 %",
            "  validation 20 rows",
            "  steps      209: 5.50 passes of 38 each",
            "  adapter    4,884,480 trainable values",
            "  time       about 2 min (shortest batch: 236 tokens in 0.53 s, longest batch: 479"
                + " tokens in 0.61 s)",
            "  memory     about 1.06 GB at most; the machine's free memory is 25.01 GB",
            "  note       a note",
            "  example    train.jsonl line 142, scored text marked:",
            "    q",
            "    [[a]]");
  }

  @Test
  void theBriefPlanFitsTenLinesAndKeepsNotesAndExample() {
    List<String> brief =
        lines(plan(List.of(), "<|im_start|>user\nq\n", "a<|im_end|>\n"), Detail.BRIEF);

    assertThat(brief)
        .containsExactly(
            "  rows       1,300 with 17,190 tokens, 4,825 of them scored",
            "  steps      209 in about 2 min, with about 1.06 GB of memory",
            "  example    train.jsonl line 142, scored text marked:",
            "    <|im_start|>user",
            "    q",
            "    [[a<|im_end|>]]");
    assertThat(lines(plan(List.of("left out: x"), "q", "a"), Detail.BRIEF))
        .contains("  note       left out: x");
    assertThat(lines(plan(List.of(), "line\n".repeat(30), "a"), Detail.BRIEF))
        .hasSize(10)
        .endsWith("    line", "    …");
  }
}
