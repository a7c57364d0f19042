package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.platform.tuning.Recipe.Every;
import dev.lathe.platform.tuning.Recipe.When;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/// Writes what a run says of itself: log lines, `log_history`, `trainer_state.json`.
///
/// `trainer_state.json` has Hugging Face's fields, keys sorted, two spaces; `total_flos` is their
/// estimate, six operations for each token and each parameter outside the embeddings.
final class Journal {
  private final Job job;
  private final Course course;
  private final RunState state;
  private final RunLog log;
  private final Path directory;
  private final DoubleSupplier seconds;

  /// @param seconds wall time of the run so far, over all its processes
  Journal(
      Job job, Course course, RunState state, RunLog log, Path directory, DoubleSupplier seconds) {
    this.job = job;
    this.course = course;
    this.state = state;
    this.log = log;
    this.directory = directory;
    this.seconds = seconds;
  }

  /// Logs the mean loss since the last time.
  RunEvent.Logged loss() {
    double loss = state.takeWindowLoss();
    double epoch = course.epoch(state.step());
    ObjectNode entry = Json.object();
    entry.put("loss", loss);
    entry.put("grad_norm", state.gradientNorm());
    entry.put("learning_rate", state.learningRate());
    entry.put("epoch", epoch);
    entry.put("step", state.step());
    state.addHistory(entry);
    log.add(line("loss", loss, true));
    return new RunEvent.Logged(state.step(), loss, state.learningRate(), epoch);
  }

  /// Logs a validation.
  void validation(double loss, double took) {
    state.addHistory(evaluation(loss, took).put("step", state.step()));
    log.add(line("eval_loss", loss, false));
  }

  /// The figures of one validation.
  ObjectNode evaluation(double loss, double took) {
    int rows = job.validation().size();
    int forwards = Math.ceilDiv(rows, job.recipe().optimization().rows());
    ObjectNode entry = Json.object();
    entry.put("eval_loss", loss);
    entry.put("eval_runtime", round(took));
    entry.put("eval_samples_per_second", round(rows / took));
    entry.put("eval_steps_per_second", round(forwards / took));
    entry.put("epoch", course.epoch(state.step()));
    return entry;
  }

  /// Logs the end of the run.
  void end(ObjectNode results) {
    state.addHistory(results.deepCopy().put("step", state.step()));
    log.add(line(null, 0, false));
  }

  private ObjectNode line(@Nullable String key, double loss, boolean withRate) {
    ObjectNode line = Json.object();
    line.put("current_steps", state.step());
    line.put("total_steps", course.totalSteps());
    if (key != null) {
      line.put(key, loss);
    }
    if (withRate) {
      line.put("lr", state.learningRate());
    }
    double elapsed = seconds.getAsDouble();
    double left =
        state.step() == 0 ? 0 : elapsed / state.step() * (course.totalSteps() - state.step());
    line.put("epoch", course.epoch(state.step()));
    line.put("percentage", Math.round(10_000.0 * state.step() / course.totalSteps()) / 100.0);
    line.put("elapsed_time", RunLog.clock(elapsed));
    line.put("remaining_time", RunLog.clock(left));
    if (state.tokens() > 0) {
      line.put("throughput", Math.round(state.tokens() / elapsed * 100) / 100.0);
      line.put("total_tokens", state.tokens());
    }
    return line;
  }

  /// Six operations for each token and each parameter outside the embeddings.
  double flops() {
    return 6.0 * state.tokens() * job.parameters();
  }

  /// `trainer_state.json` as of now.
  ObjectNode trainerState() {
    Recipe recipe = job.recipe();
    ObjectNode json = Json.object();
    boolean best = state.hasBest();
    json.set("best_global_step", best ? json.numberNode(state.bestStep()) : json.nullNode());
    json.set("best_metric", best ? json.numberNode(state.bestLoss()) : json.nullNode());
    boolean saved = best && recipe.cadence().keepsBest();
    json.set(
        "best_model_checkpoint",
        saved
            ? json.textNode(directory.resolve("checkpoint-" + state.bestStep()).toString())
            : json.nullNode());
    json.put("epoch", course.epoch(state.step()));
    json.put("eval_steps", interval(recipe.cadence().validation()));
    json.put("global_step", state.step());
    json.put("is_hyper_param_search", false);
    json.put("is_local_process_zero", true);
    json.put("is_world_process_zero", true);
    json.set("log_history", state.history().deepCopy());
    json.put("logging_steps", interval(recipe.cadence().logging()));
    json.put("max_steps", course.totalSteps());
    json.put("num_input_tokens_seen", state.tokens());
    json.put("num_train_epochs", (int) Math.ceil(course.epoch(course.totalSteps())));
    json.put("save_steps", interval(recipe.cadence().saving()));
    json.putObject("stateful_callbacks");
    json.put("total_flos", flops());
    json.put("train_batch_size", recipe.optimization().rows());
    json.putNull("trial_name");
    json.putNull("trial_params");
    return json;
  }

  private int interval(Every every) {
    return every.when() == When.EPOCH
        ? course.stepsPerEpoch()
        : every.interval(course.totalSteps());
  }

  /// The losses that were logged, training first.
  List<LossCurve> curves() {
    List<LossCurve> curves = new ArrayList<>();
    for (String key : List.of("loss", "eval_loss")) {
      List<Integer> steps = new ArrayList<>();
      List<Double> losses = new ArrayList<>();
      state
          .history()
          .forEach(entry -> {
            if (entry.has(key)) {
              steps.add(entry.get("step").intValue());
              losses.add(entry.get(key).doubleValue());
            }
          });
      if (!steps.isEmpty()) {
        curves.add(new LossCurve(key, steps, losses));
      }
    }
    return curves;
  }

  static double round(double value) {
    return Math.round(value * 10_000) / 10_000.0;
  }
}
