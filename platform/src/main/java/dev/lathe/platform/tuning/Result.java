package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.training.trainer.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/// Writes what a finished run leaves: the adapter as PEFT has it, results, curves, and `lathe.json`
/// last, whose presence says that the run is finished.
///
/// `lathe.json`: `format` (1); `code_version`; `base`, `tokenizer`, `template`, `data`,
/// `evaluation_data`: SHA-256 each; `factors`: [Adapter#sha256]; `base_model_name_or_path`;
/// `recipe`: every obeyed key; `seed`; `threads`; `precision`; `steps`; `best_step` where the best
/// validation was kept; `train_loss`, `eval_loss`; `probe`: `prompts`, each with `tokens` and the
/// `logits` of the 20 likeliest next tokens as `[id, logit]`, taken from the trainer after
/// training, and the `tolerance` within which another engine must reproduce them: `absolute`, and
/// `top1_margin`: where the two likeliest logits lie further apart, the likeliest token must be the
/// same.
final class Result {
  private static final int FORMAT = 1;
  private static final int LIKELIEST = 20;

  private final Job job;
  private final Path directory;
  private final Trainer trainer;

  Result(Job job, Path directory, Trainer trainer) {
    this.job = job;
    this.directory = directory;
    this.trainer = trainer;
  }

  void write(ObjectNode trainResults, OptionalDouble loss, Journal journal, RunState state) {
    try {
      Adapter adapter = trainer.adapter(AdapterFiles.name(directory));
      write(adapter);
      writeResults(trainResults, loss, journal);
      DurableFiles.replace(
          directory.resolve(Checkpoints.TRAINER_STATE), Json.sorted(journal.trainerState(), 2));
      if (job.recipe().output().plots() && LossPlot.canDraw()) {
        plot(journal.curves());
      }
      ObjectNode record = record(adapter, state, loss);
      DurableFiles.replace(directory.resolve(OutputDirectory.RECORD), Json.sorted(record, 2));
    } catch (IOException e) {
      throw DurableFiles.failure(directory, e);
    } catch (UncheckedIOException e) {
      throw DurableFiles.failure(directory, Objects.requireNonNull(e.getCause()));
    } catch (LatheException e) {
      throw DurableFiles.clarified(directory, e);
    }
  }

  private void write(Adapter adapter) throws IOException {
    Path temporary = directory.resolve(".adapter.tmp");
    DurableFiles.deleteTree(temporary);
    Files.createDirectory(temporary);
    try {
      AdapterFiles.write(temporary, adapter, job.recipe().adapter(), job.recipe().model());
      DurableFiles.syncAll(temporary);
      try (var files = Files.newDirectoryStream(temporary)) {
        for (Path file : files) {
          Files.move(
              file,
              directory.resolve(String.valueOf(file.getFileName())),
              java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }
      }
      DurableFiles.sync(directory);
    } finally {
      DurableFiles.deleteTree(temporary);
    }
  }

  private void writeResults(ObjectNode trainResults, OptionalDouble loss, Journal journal)
      throws IOException {
    ObjectNode all = trainResults.deepCopy();
    DurableFiles.replace(directory.resolve("train_results.json"), Json.sorted(trainResults, 4));
    if (loss.isPresent()) {
      ObjectNode evaluation = lastEvaluation(journal, loss.getAsDouble());
      DurableFiles.replace(directory.resolve("eval_results.json"), Json.sorted(evaluation, 4));
      all.setAll(evaluation);
    }
    DurableFiles.replace(directory.resolve("all_results.json"), Json.sorted(all, 4));
  }

  /// The logged validation with that loss.
  private static ObjectNode lastEvaluation(Journal journal, double loss) {
    ObjectNode found = Json.object();
    for (var entry : journal.trainerState().get("log_history")) {
      if (entry.path("eval_loss").asDouble(Double.NaN) == loss) {
        found = ((ObjectNode) entry).deepCopy();
      }
    }
    found.remove("step");
    return found;
  }

  private void plot(List<LossCurve> curves) throws IOException {
    for (LossCurve curve : curves) {
      LossPlot.write(directory.resolve("training_" + curve.key() + ".png"), curve);
    }
  }

  private ObjectNode record(Adapter adapter, RunState state, OptionalDouble loss) {
    Recipe recipe = job.recipe();
    ObjectNode json = Json.object();
    json.put("format", FORMAT);
    json.put("code_version", codeVersion());
    json.put("base", job.identity().base());
    json.put("base_model_name_or_path", recipe.model());
    json.put("tokenizer", job.identity().tokenizer());
    json.put("template", job.identity().template());
    json.put("data", job.identity().data());
    json.put("evaluation_data", job.identity().evaluation());
    json.put("factors", adapter.sha256());
    json.set("recipe", Json.MAPPER.valueToTree(recipe.settings()));
    json.put("seed", recipe.optimization().seed());
    json.put("threads", job.threads());
    json.put("precision", recipe.optimization().precision().name());
    json.put("steps", state.step());
    if (recipe.cadence().keepsBest() && state.hasBest()) {
      json.put("best_step", state.bestStep());
    }
    json.put("train_loss", state.meanLoss());
    loss.ifPresent(value -> json.put("eval_loss", value));
    json.set("probe", probe());
    return json;
  }

  private ObjectNode probe() {
    ObjectNode probe = Json.object();
    boolean half = job.recipe().optimization().precision() == Recipe.Precision.BF16;
    probe
        .putObject("tolerance")
        .put("absolute", half ? 0.5 : 0.01)
        .put("top1_margin", half ? 1.0 : 0.02);
    ArrayNode prompts = probe.putArray("prompts");
    for (int[] tokens : job.prompts()) {
      float[] logits = trainer.logits(tokens);
      ObjectNode prompt = prompts.addObject();
      ArrayNode ids = prompt.putArray("tokens");
      for (int token : tokens) {
        ids.add(token);
      }
      ArrayNode pairs = prompt.putArray("logits");
      IntStream.range(0, logits.length)
          .boxed()
          .sorted((a, b) -> Float.compare(logits[b], logits[a]))
          .limit(LIKELIEST)
          .forEach(id -> pairs.addArray().add((int) id).add(logits[id]));
    }
    return probe;
  }

  private static String codeVersion() {
    String version = Result.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
