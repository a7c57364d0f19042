package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.text.EncodedRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PreparationTest {
  private static final String GOOD = "{\"instruction\":\"q\",\"output\":\"a\"}\n";

  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void makeModel() {
    model = TinyModels.llama(directory.resolve("model"), 1);
  }

  private Preparation open(String rows, String... more) throws IOException {
    Path data = Files.writeString(directory.resolve("rows.jsonl"), rows);
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "model_name_or_path=" + model,
                "dataset=" + data,
                "output_dir=" + directory.resolve("o")));
    arguments.addAll(List.of(more));
    return Preparation.open(new RecipeParser().parse(arguments), model);
  }

  private static String scored(EncodedRow row, Preparation preparation) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < row.tokens(); i++) {
      if (row.scored()[i]) {
        text.append(preparation.tokenizer().decode(new int[] {row.ids()[i]}, false));
      }
    }
    return text.toString();
  }

  @Test
  void answersAndTheEndOfTheirTurnsAreScored() throws IOException {
    try (Preparation preparation =
        open("{\"instruction\":\"Hi <|im_end|>\",\"output\":\"Hello.\"}\n")) {
      EncodedRow row = preparation.job().train().getFirst();

      assertThat(scored(row, preparation)).startsWith("Hello.<|im_end|>");
      assertThat(row.endOfTurnScored()).isTrue();
      assertThat(row.source()).isEqualTo("rows.jsonl line 1");
      long turnEnds = Arrays.stream(row.ids()).filter(id -> id == TinyModels.TURN_END).count();
      assertThat(turnEnds).as("the spelling in the user's text is no control token").isEqualTo(2);
    }
  }

  @Test
  void theNamedTemplateMustWriteWhatTheModelsOwnWrites() throws IOException {
    String row = "{\"instruction\":\"q\",\"output\":\"a\"}\n";

    open(row, "template=chatml").close();
    assertThatThrownBy(() -> open(row, "template=llama3"))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(
            "template 'llama3' is not that of the model, which writes '<|im_start|>system");
    assertThatThrownBy(() -> open(row, "template=vicuna"))
        .hasMessageContaining("known are [chatml, llama3");
    try (Preparation preparation = open(row, "template=smollm2")) {
      assertThat(preparation.notes())
          .anyMatch(note -> note.contains("where a row has no system text it begins"));
    }
  }

  @Test
  void rowsOfWhichNoAnswerIsLeftAreBadRows() throws IOException {
    String rows =
        "{\"instruction\":\"q\",\"output\":\"a\"}\n{\"instruction\":\""
            + "long ".repeat(800)
            + "\",\"output\":\"an answer of some length\"}\n";

    assertThatThrownBy(() -> open(rows, "cutoff_len=30"))
        .hasMessageContaining("1 bad row")
        .hasMessageContaining("rows.jsonl line 2: nothing of its answer is left within cutoff_len");
    try (Preparation preparation = open(rows, "cutoff_len=30", "on_bad_row=skip")) {
      assertThat(preparation.job().train()).hasSize(1);
      assertThat(preparation.notes())
          .anyMatch(note -> note.startsWith("left out: rows.jsonl line 2"));
    }
  }

  @Test
  void rowsThatReadingAndEncodingFindBadAreNamedTogetherWithTheirLines() throws IOException {
    Path evaluation =
        Files.writeString(directory.resolve("more.jsonl"), "{\"instruction\":\"q\"}\n" + GOOD);
    String tooLong =
        "{\"instruction\":\""
            + "long ".repeat(800)
            + "\",\"output\":\"an answer of some length\"}\n";
    String rows = GOOD + "\n" + tooLong + "{broken\n" + GOOD;

    assertThatThrownBy(() -> open(rows, "cutoff_len=30", "eval_dataset=" + evaluation))
        .hasMessageContainingAll(
            "3 bad rows:",
            "more.jsonl line 1: no answer in 'output'",
            "rows.jsonl line 3 (row 2): nothing of its answer is left within cutoff_len",
            "rows.jsonl line 4 (row 3): no JSON object",
            "--on-bad-row skip");
    try (Preparation preparation =
        open(rows, "cutoff_len=30", "on_bad_row=skip", "eval_dataset=" + evaluation)) {
      assertThat(preparation.job().train()).hasSize(2);
      assertThat(preparation.job().validation()).hasSize(1);
      assertThat(preparation.notes())
          .filteredOn(note -> note.startsWith("left out: "))
          .hasSize(3)
          .anyMatch(note -> note.startsWith("left out: more.jsonl line 1: no answer"));
    }
  }

  @Test
  void columnsThatAreNotUsedAreNamed() throws IOException {
    try (Preparation preparation =
        open("{\"instruction\":\"q\",\"output\":\"a\",\"topic\":\"x\"}\n")) {
      assertThat(preparation.notes()).contains("columns of the rows that are not used: topic");
    }
  }

  @Test
  void theWholeWayFromFilesToAnAdapterAndBack() throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 12; i++) {
      rows.append("{\"instruction\":\"How many?\",\"output\":\"It is " + i + ".\"}\n");
    }
    List<RunEvent> events = new ArrayList<>();
    List<Plan> plans = new ArrayList<>();
    Files.writeString(directory.resolve("rows.jsonl"), rows);
    Recipe recipe =
        new RecipeParser()
            .parse(
                List.of(
                    "model_name_or_path=" + model,
                    "dataset=" + directory.resolve("rows.jsonl"),
                    "output_dir=" + directory.resolve("o"),
                    "per_device_train_batch_size=4",
                    "num_train_epochs=8",
                    "learning_rate=0.02",
                    "logging_steps=1",
                    "val_size=2",
                    "bf16=true",
                    "threads=1"));

    Outcome outcome =
        FineTuning.run(
            recipe,
            model,
            new Stop(),
            new FineTuning.Watcher() {
              @Override
              public void planned(Plan plan, List<String> warnings) {
                plans.add(plan);
              }

              @Override
              public void happened(RunEvent event) {
                events.add(event);
              }
            });

    Plan plan = plans.getFirst();
    assertThat(plan.rows()).isEqualTo(10);
    assertThat(plan.steps()).isEqualTo(24);
    assertThat(plan.rowsWithScoredEnd()).isEqualTo(10);
    assertThat(plan.truncatedRows()).isZero();
    assertThat(plan.probes()).isNotEmpty().allMatch(probe -> probe.seconds() > 0);
    assertThat(plan.seconds()).isPositive();
    assertThat(plan.markedExample()).contains("How many?<|im_end|>").contains("[[It is ");
    List<Double> losses =
        events.stream()
            .filter(RunEvent.Logged.class::isInstance)
            .map(event -> ((RunEvent.Logged) event).loss())
            .toList();
    assertThat(losses.getLast()).isLessThan(losses.getFirst() / 2);
    assertThat(outcome).isInstanceOf(Outcome.Finished.class);
    assertThat(directory.resolve("o/lathe.json")).exists();
  }
}
