package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.text.EncodedRow;
import dev.lathe.training.model.Factors;
import dev.lathe.training.tensor.Precision;
import dev.lathe.training.trainer.Schedule;
import dev.lathe.training.trainer.Trainer;
import dev.lathe.training.trainer.TrainerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/// Runs of the real loop over [ScriptedGradients], made from recipe arguments.
final class Workshop {
  static final ModelConfig CONFIG =
      new ModelConfig(
          ModelConfig.Family.LLAMA,
          8,
          2,
          2,
          1,
          4,
          12,
          64,
          128,
          1e-5f,
          new ModelConfig.Rope(10_000, List.of(1.0, 0.1), 1),
          false,
          true,
          -1,
          List.of(2));

  private final Path output;
  private final List<String> arguments;
  private int rows = 10;
  private int validationRows;
  private String data = "data";
  private String poison = "";

  Workshop(Path output, String... more) {
    this.output = output;
    this.arguments =
        new ArrayList<>(List.of("model_name_or_path=m", "dataset=d", "output_dir=" + output));
    for (String argument : more) {
      with(argument);
    }
  }

  /// The same with another argument, which takes the place of one with the same key.
  Workshop with(String argument) {
    arguments.removeIf(old -> old.split("=")[0].equals(argument.split("=")[0]));
    arguments.add(argument);
    return this;
  }

  Workshop rows(int train, int validation) {
    rows = train;
    validationRows = validation;
    return this;
  }

  Workshop data(String hash) {
    data = hash;
    return this;
  }

  Workshop poison(String source) {
    poison = source;
    return this;
  }

  Recipe recipe() {
    return new RecipeParser().parse(arguments);
  }

  Job job() {
    Recipe recipe = recipe();
    return new Job(
        recipe,
        new Identity(
            "base", "tokenizer", "template", data, validationRows == 0 ? "" : "evaluation"),
        rows("t", rows, 1),
        rows("v", validationRows, 2),
        List.of(new int[] {1, 2, 3}),
        1000,
        1);
  }

  private static List<EncodedRow> rows(String name, int count, long seed) {
    Random random = new Random(seed);
    List<EncodedRow> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = 4 + random.nextInt(20);
      int[] ids = random.ints(length, 0, 64).toArray();
      boolean[] scored = new boolean[length];
      for (int at = 2; at < length; at++) {
        scored[at] = true;
      }
      rows.add(new EncodedRow(ids, scored, i == 0, i != 0, name + ":" + i));
    }
    return rows;
  }

  Trainer trainer(Job job) {
    Recipe recipe = job.recipe();
    Recipe.Optimization o = recipe.optimization();
    AdapterSpec spec = recipe.adapter();
    return Trainer.of(
        new ScriptedGradients(spec.dropout(), poison),
        new Factors(CONFIG, spec),
        new TrainerSettings(
            o.learningRate(),
            Schedule.valueOf(o.schedule().name()),
            job.course().warmupSteps(),
            job.course().totalSteps(),
            o.weightDecay(),
            o.beta1(),
            o.beta2(),
            o.epsilon(),
            o.maxNorm(),
            o.seed(),
            Precision.valueOf(o.precision().name()),
            job.threads()));
  }

  Outcome run() {
    return run(new Stop(), event -> {});
  }

  Outcome run(Stop stop, Consumer<RunEvent> listener) {
    Job job = job();
    try (OutputDirectory directory = OutputDirectory.open(job.recipe().output());
        Trainer trainer = trainer(job)) {
      return Run.execute(job, directory, trainer, new Run.Watch(stop, listener, 0));
    }
  }

  /// Runs until the step is done, as a user's Ctrl-C would.
  Outcome runUntil(int step) {
    Stop stop = new Stop();
    return run(
        stop,
        event -> {
          if (event instanceof RunEvent.Stepped stepped && stepped.report().step() == step) {
            stop.request();
          }
        });
  }

  List<RunEvent> events() {
    List<RunEvent> events = new ArrayList<>();
    run(new Stop(), events::add);
    return events;
  }

  JsonNode json(String file) throws IOException {
    return Json.MAPPER.readTree(output.resolve(file).toFile());
  }

  /// The lines of `trainer_log.jsonl` without what depends on the clock.
  List<String> log() throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(output.resolve("trainer_log.jsonl"))) {
      var node = (com.fasterxml.jackson.databind.node.ObjectNode) Json.MAPPER.readTree(line);
      node.remove(List.of("elapsed_time", "remaining_time", "throughput"));
      lines.add(node.toString());
    }
    return lines;
  }

  Path path(String file) {
    return output.resolve(file);
  }

  byte[] adapter() throws IOException {
    return Files.readAllBytes(output.resolve("adapter_model.safetensors"));
  }
}
