package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.training.trainer.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunTest {
  private static final String[] USUAL = {
    "per_device_train_batch_size=2",
    "num_train_epochs=2",
    "logging_steps=1",
    "save_steps=2",
    "learning_rate=0.01",
    "lora_dropout=0.3",
    "lr_scheduler_type=cosine",
    "warmup_steps=2"
  };

  @TempDir Path directory;

  private Workshop usual(String name) {
    return new Workshop(directory.resolve(name), USUAL);
  }

  private List<String> names(Path path) throws IOException {
    try (var files = Files.list(path)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  private static List<String> keys(JsonNode node) {
    List<String> keys = new ArrayList<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void aFinishedRunLeavesAdapterLogsResultsCurveAndRecord() throws IOException {
    Workshop workshop =
        usual("run")
            .rows(10, 3)
            .with("plot_loss=true")
            .with("eval_strategy=epoch")
            .with("val_size=3");

    Outcome outcome = workshop.run();

    assertThat(outcome)
        .isInstanceOfSatisfying(
            Outcome.Finished.class,
            finished -> {
              assertThat(finished.steps()).isEqualTo(10);
              assertThat(finished.validationLoss()).isPresent();
              assertThat(finished.curve())
                  .extracting(LossCurve::key)
                  .containsExactly("loss", "eval_loss");
            });
    List<String> pictures =
        LossPlot.canDraw() ? List.of("training_eval_loss.png", "training_loss.png") : List.of();
    assertThat(names(directory.resolve("run")))
        .containsAll(pictures)
        .filteredOn(name -> !pictures.contains(name))
        .containsExactlyInAnyOrder(
            "README.md",
            "adapter_config.json",
            "adapter_model.safetensors",
            "all_results.json",
            "checkpoint-2",
            "checkpoint-4",
            "checkpoint-6",
            "checkpoint-8",
            "checkpoint-10",
            "eval_results.json",
            "lathe.json",
            "train_results.json",
            "trainer_log.jsonl",
            "trainer_state.json");
    for (String picture : pictures) {
      assertThat(ImageIO.read(directory.resolve("run").resolve(picture).toFile()).getWidth())
          .isEqualTo(1280);
    }
  }

  @Test
  void resultsHaveTheLayoutOfHuggingFace() throws IOException {
    Workshop workshop = usual("run").rows(10, 3).with("val_size=3").with("eval_strategy=epoch");
    workshop.run();

    assertThat(keys(workshop.json("train_results.json")))
        .containsExactly(
            "epoch",
            "num_input_tokens_seen",
            "peak_memory_bytes",
            "total_flos",
            "train_loss",
            "train_runtime",
            "train_samples_per_second",
            "train_steps_per_second",
            "train_tokens_per_second");
    assertThat(keys(workshop.json("eval_results.json")))
        .containsExactly(
            "epoch",
            "eval_loss",
            "eval_runtime",
            "eval_samples_per_second",
            "eval_steps_per_second");
    assertThat(keys(workshop.json("all_results.json"))).hasSize(13);
    assertThat(keys(workshop.json("trainer_state.json")))
        .containsExactly(
            "best_global_step",
            "best_metric",
            "best_model_checkpoint",
            "epoch",
            "eval_steps",
            "global_step",
            "is_hyper_param_search",
            "is_local_process_zero",
            "is_world_process_zero",
            "log_history",
            "logging_steps",
            "max_steps",
            "num_input_tokens_seen",
            "num_train_epochs",
            "save_steps",
            "stateful_callbacks",
            "total_flos",
            "train_batch_size",
            "trial_name",
            "trial_params");
    JsonNode history = workshop.json("trainer_state.json").get("log_history");
    assertThat(keys(history.get(0)))
        .containsExactly("epoch", "grad_norm", "learning_rate", "loss", "step");
    long tokens = workshop.job().train().stream().mapToLong(row -> row.tokens()).sum();
    assertThat(workshop.json("train_results.json").get("num_input_tokens_seen").asLong())
        .isEqualTo(2 * tokens);
    assertThat(workshop.json("train_results.json").get("total_flos").asDouble())
        .isEqualTo(6.0 * 2 * tokens * 1000);
  }

  @Test
  void theLogHasTheLayoutOfLlamaFactory() throws IOException {
    Workshop workshop = usual("run").rows(10, 3).with("val_size=3").with("eval_strategy=epoch");
    workshop.run();

    List<String> lines = Files.readAllLines(directory.resolve("run/trainer_log.jsonl"));

    assertThat(keys(Json.MAPPER.readTree(lines.getFirst())))
        .containsExactly(
            "current_steps",
            "total_steps",
            "loss",
            "lr",
            "epoch",
            "percentage",
            "elapsed_time",
            "remaining_time",
            "throughput",
            "total_tokens");
    assertThat(lines.getFirst())
        .startsWith("{\"current_steps\": 1, \"total_steps\": 10, \"loss\": ");
    assertThat(lines).hasSize(10 + 2 + 1).anyMatch(line -> line.contains("\"eval_loss\": "));
    assertThat(Json.MAPPER.readTree(lines.getLast()).get("percentage").asDouble()).isEqualTo(100);
    assertThat(Json.MAPPER.readTree(lines.getFirst()).get("elapsed_time").asText())
        .matches("\\d+:\\d\\d:\\d\\d");
  }

  @Test
  void theRecordSaysWhatTheAdapterIsMadeOf() throws IOException {
    Workshop workshop = usual("run");
    workshop.run();

    JsonNode record = workshop.json("lathe.json");

    assertThat(keys(record))
        .contains(
            "format",
            "code_version",
            "base",
            "tokenizer",
            "template",
            "data",
            "factors",
            "recipe",
            "seed",
            "threads",
            "probe");
    assertThat(record.get("base").asText()).isEqualTo("base");
    assertThat(record.get("recipe").get("learning_rate").asText()).isEqualTo("0.01");
    JsonNode prompt = record.get("probe").get("prompts").get(0);
    assertThat(prompt.get("tokens").toString()).isEqualTo("[1,2,3]");
    assertThat(prompt.get("logits")).hasSize(20);
    assertThat(prompt.get("logits").get(0).get(0).asInt()).isEqualTo(31);
    assertThat(record.get("probe").get("tolerance").get("absolute").asDouble()).isPositive();
  }

  @Test
  void aResumedRunEqualsTheUninterruptedOneToTheLastBit() throws IOException {
    Workshop whole =
        usual("whole")
            .rows(9, 3)
            .with("val_size=3")
            .with("eval_strategy=steps")
            .with("eval_steps=2");
    whole.run();
    Workshop parts =
        usual("parts")
            .rows(9, 3)
            .with("val_size=3")
            .with("eval_strategy=steps")
            .with("eval_steps=2");

    for (int step : new int[] {1, 4, 7}) {
      assertThat(parts.runUntil(step)).isInstanceOf(Outcome.Stopped.class);
    }
    parts.run();

    assertThat(parts.adapter()).isEqualTo(whole.adapter());
    assertThat(parts.log()).isEqualTo(whole.log());
    assertThat(losses(parts)).isEqualTo(losses(whole));
    assertThat(parts.json("train_results.json").get("train_loss"))
        .isEqualTo(whole.json("train_results.json").get("train_loss"));
    assertThat(parts.json("lathe.json").get("probe"))
        .isEqualTo(whole.json("lathe.json").get("probe"));
  }

  private static List<String> losses(Workshop workshop) throws IOException {
    List<String> lines = new ArrayList<>();
    for (JsonNode entry : workshop.json("trainer_state.json").get("log_history")) {
      if (entry.has("loss") || entry.has("eval_loss")) {
        ObjectNode stable = entry.deepCopy();
        stable.remove(List.of("eval_runtime", "eval_samples_per_second", "eval_steps_per_second"));
        lines.add(stable.toString());
      }
    }
    return lines;
  }

  @Test
  void aDamagedCheckpointIsNamedAndTheOneBeforeTaken() throws IOException {
    Workshop whole = usual("whole");
    whole.run();
    Workshop parts = usual("parts");
    parts.runUntil(5);
    try (FileChannel file =
        FileChannel.open(
            directory.resolve("parts/checkpoint-5/adapter_model.safetensors"),
            StandardOpenOption.WRITE)) {
      file.truncate(file.size() - 1);
    }

    try (OutputDirectory output = OutputDirectory.open(parts.recipe().output())) {
      assertThat(output.damaged())
          .singleElement()
          .asString()
          .contains("checkpoint-5' is damaged and skipped: 'adapter_model.safetensors' has");
      assertThat(output.resumeFrom()).contains(directory.resolve("parts/checkpoint-4"));
    }
    parts.run();

    assertThat(parts.adapter()).isEqualTo(whole.adapter());
    assertThat(parts.log()).isEqualTo(whole.log());
  }

  @Test
  void oneChangedByteIsFoundInAnyFileOfACheckpoint() throws IOException {
    Workshop parts = usual("parts");
    parts.runUntil(3);
    Path checkpoint = directory.resolve("parts/checkpoint-3");
    List<String> files = new ArrayList<>(names(checkpoint));
    files.remove("manifest.json");
    assertThat(files).hasSizeGreaterThanOrEqualTo(6);

    for (String name : files) {
      byte[] good = Files.readAllBytes(checkpoint.resolve(name));
      byte[] bad = good.clone();
      bad[bad.length / 2] ^= 1;
      Files.write(checkpoint.resolve(name), bad);
      assertThat(CheckpointManifest.fault(checkpoint)).as(name).get().asString().contains(name);
      Files.write(checkpoint.resolve(name), good);
    }

    assertThat(CheckpointManifest.fault(checkpoint)).isEmpty();
  }

  @Test
  void anotherRecipeOrOtherDataCannotBeResumedWith() {
    usual("run").runUntil(3);

    assertThatThrownBy(() -> usual("run").with("learning_rate=0.5").with("lora_rank=4").run())
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("learning_rate was 0.01, is 0.5")
        .hasMessageContaining("lora_rank was 8, is 4");
    assertThatThrownBy(() -> usual("run").data("other").run())
        .hasMessageContaining("the training data is not the same as before");
    assertThat(usual("run").with("logging_steps=5").with("save_steps=3").run())
        .isInstanceOf(Outcome.Finished.class);
  }

  @Test
  void aLossThatIsNoNumberStopsTheRunNamesTheRowAndKeepsTheCheckpoint() {
    Workshop workshop = usual("run").with("disable_shuffling=true").poison("t:7");

    assertThatThrownBy(workshop::run)
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("step 4")
        .hasMessageContaining("t:7")
        .hasMessageContaining("checkpoint-2");

    assertThat(CheckpointManifest.fault(directory.resolve("run/checkpoint-2"))).isEmpty();
    assertThat(directory.resolve("run/lathe.json")).doesNotExist();
  }

  @Test
  void oldCheckpointsGoButNeverTheBest() throws IOException {
    Workshop workshop = overshooting("run").with("save_total_limit=2");

    List<RunEvent> events = workshop.events();

    JsonNode state = workshop.json("trainer_state.json");
    int best = state.get("best_global_step").asInt();
    assertThat(state.get("best_model_checkpoint").asText()).endsWith("checkpoint-" + best);
    assertThat(OutputDirectory.checkpoints(directory.resolve("run")))
        .hasSize(2)
        .extracting(OutputDirectory::step)
        .contains(10, best);
    assertThat(best).isLessThan(10);
    assertThat(events)
        .last()
        .isEqualTo(new RunEvent.TookBest(best, state.get("best_metric").asDouble()));
    assertThat(workshop.adapter())
        .isEqualTo(
            Files.readAllBytes(
                directory.resolve("run/checkpoint-" + best + "/adapter_model.safetensors")));
    assertThat(workshop.json("lathe.json").get("best_step").asInt()).isEqualTo(best);
  }

  /// Under a rate that overshoots the best validation is an early one.
  private Workshop overshooting(String output) {
    return usual(output)
        .rows(10, 4)
        .with("val_size=4")
        .with("eval_strategy=steps")
        .with("eval_steps=2")
        .with("load_best_model_at_end=true")
        .with("lr_scheduler_type=constant_with_warmup")
        .with("learning_rate=3");
  }

  @Test
  void theBestAdapterIsTakenFromCheckpointsWithoutTheTrainersState() throws IOException {
    Workshop whole = overshooting("whole");
    whole.run();

    Workshop lean = overshooting("lean").with("save_only_model=true");
    List<RunEvent> events = lean.events();

    assertThat(events).last().isInstanceOf(RunEvent.TookBest.class);
    assertThat(lean.adapter()).isEqualTo(whole.adapter());
  }

  @Test
  void theBestAdapterIsKeptWhereNoCheckpointIsDue() throws IOException {
    Workshop workshop = overshooting("run").with("save_steps=8");

    List<RunEvent> events = workshop.events();

    int best = workshop.json("trainer_state.json").get("best_global_step").asInt();
    assertThat(best).isPositive().isLessThan(8);
    assertThat(events).last().isInstanceOf(RunEvent.TookBest.class);
    assertThat(workshop.adapter())
        .isEqualTo(
            Files.readAllBytes(
                directory.resolve("run/checkpoint-" + best + "/adapter_model.safetensors")));
  }

  @Test
  void aDamagedBestCheckpointIsNotPassedOverInSilence() {
    Workshop workshop = overshooting("run");

    assertThatThrownBy(() ->
            workshop.run(
                new Stop(),
                event -> {
                  if (event instanceof RunEvent.Saved saved && saved.step() == 8) {
                    damageAllBut(8);
                  }
                }))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("the best checkpoint")
        .hasMessageContaining("is damaged");
  }

  private void damageAllBut(int step) {
    try {
      for (Path checkpoint : OutputDirectory.checkpoints(directory.resolve("run"))) {
        if (OutputDirectory.step(checkpoint) != step) {
          Files.writeString(checkpoint.resolve("adapter_model.safetensors"), "cut");
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aLossThatNoLongerFallsEndsTheRunEarly() {
    Workshop workshop =
        usual("run")
            .rows(10, 4)
            .with("val_size=4")
            .with("eval_strategy=steps")
            .with("eval_steps=1")
            .with("early_stopping_steps=2")
            .with("learning_rate=5");

    List<RunEvent> events = workshop.events();

    long steps = events.stream().filter(RunEvent.Stepped.class::isInstance).count();
    assertThat(steps).isLessThan(10);
    assertThat(events).contains(new RunEvent.StoppedEarly((int) steps, 2));
  }

  @Test
  void aDirectoryIsHeldByOneRunAtATime() {
    Recipe.Output output = usual("run").recipe().output();

    try (OutputDirectory held = OutputDirectory.open(output)) {
      assertThat(held.resumeFrom()).isEmpty();
      assertThatThrownBy(() -> OutputDirectory.open(output))
          .hasMessageContaining("another run is writing");
    }
    OutputDirectory.open(output).close();
  }

  @Test
  void whatOthersWroteIsNotOverwrittenUnasked() throws IOException {
    Files.createDirectories(directory.resolve("run"));
    Files.writeString(directory.resolve("run/notes.txt"), "mine");

    assertThatThrownBy(() -> usual("run").run()).hasMessageContaining("it holds 'notes.txt'");
    usual("run").with("overwrite_output_dir=true").run();

    assertThat(directory.resolve("run/notes.txt")).hasContent("mine");
    assertThatThrownBy(() -> usual("run").run())
        .hasMessageContaining("the adapter of a finished run");
  }

  @Test
  void overwritingStartsAnewFromTheFirstStep() throws IOException {
    usual("run").with("num_train_epochs=3").run();
    Workshop again = usual("run").with("overwrite_output_dir=true");
    again.run();
    Workshop fresh = usual("fresh");
    fresh.run();

    assertThat(again.adapter()).isEqualTo(fresh.adapter());
    assertThat(again.log()).isEqualTo(fresh.log());
    assertThat(names(directory.resolve("run"))).isEqualTo(names(directory.resolve("fresh")));
  }

  @Test
  void aCheckpointWithoutTheTrainersStateCannotBeResumed() {
    usual("run").with("save_only_model=true").runUntil(2);

    assertThatThrownBy(() -> usual("run").with("save_only_model=true").run())
        .hasMessageContaining("saved with save_only_model");
    assertThat(directory.resolve("run/checkpoint-2/adapter_model.safetensors")).exists();
    assertThat(directory.resolve("run/checkpoint-2/lathe_trainer.safetensors")).doesNotExist();
  }

  @Test
  void resumingWhereNothingIsToResumeIsRefused() {
    assertThatThrownBy(() -> usual("run").with("resume_from_checkpoint=true").run())
        .hasMessageContaining("there is no whole checkpoint");
    assertThatThrownBy(
            () -> usual("run").with("resume_from_checkpoint=" + directory.resolve("x")).run())
        .hasMessageContaining("cannot be resumed from: it has no manifest.json");
  }

  @Test
  void aFullDiskIsSaidInSoManyWords() {
    LatheException failure =
        DurableFiles.failure(
            directory.resolve("checkpoint-3"), new IOException("No space left on device"));

    IOException full = new IOException("No space left on device");
    LatheException below = LatheException.environment("cannot be written", "", full);
    LatheException other =
        LatheException.environment("cannot be written", "", new IOException("gone"));

    assertThat(DurableFiles.clarified(directory, below)).hasMessageContaining("is full");
    assertThat(DurableFiles.clarified(directory, other)).isSameAs(other);
    assertThat(failure.kind()).isEqualTo(LatheException.Kind.CAPACITY);
    assertThat(failure).hasMessageContaining("the disk of").hasMessageContaining("is full");
  }

  @Test
  void memoryThatWasTakenBeforeTheFirstStepCounts() throws IOException {
    Workshop workshop = usual("run");
    Job job = workshop.job();

    try (OutputDirectory output = OutputDirectory.open(job.recipe().output());
        Trainer trainer = workshop.trainer(job)) {
      Run.execute(job, output, trainer, new Run.Watch(new Stop(), event -> {}, 1L << 50));
    }

    assertThat(workshop.json("train_results.json").get("peak_memory_bytes").asLong())
        .isEqualTo(1L << 50);
  }
}
