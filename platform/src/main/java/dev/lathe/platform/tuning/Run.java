package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.platform.tuning.Recipe.Every;
import dev.lathe.training.trainer.NonFiniteLoss;
import dev.lathe.training.trainer.ProcessMemory;
import dev.lathe.training.trainer.StepReport;
import dev.lathe.training.trainer.Trainer;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/// The loop of a fine-tuning run: steps, logs, validations, checkpoints, and at the end the adapter
/// with its record. One thread.
///
/// `kill -9` at any instant loses the steps since the last checkpoint and nothing else; the same
/// command goes on from there and ends with the same bytes as an uninterrupted run.
public final class Run {
  private final Job job;
  private final OutputDirectory output;
  private final Trainer trainer;
  private final Watch watch;
  private final Course course;
  private final Checkpoints checkpoints;
  private final RunState state;
  private final Journal journal;
  private final RunLog log;
  private final List<TokenBatch> validation;
  private final long began = System.nanoTime();
  private final int startStep;
  private final long startTokens;

  /// Who watches a run, and what it begins with.
  ///
  /// @param stop asks the run to end after the step it is in
  /// @param listener hears of every step
  /// @param earlierPeakBytes peak memory of the process before the counter was last reset
  public record Watch(Stop stop, Consumer<RunEvent> listener, long earlierPeakBytes) {}

  private Run(
      Job job, OutputDirectory output, Trainer trainer, Watch watch, RunState state, RunLog log) {
    this.job = job;
    this.output = output;
    this.trainer = trainer;
    this.watch = watch;
    this.state = state;
    this.log = log;
    course = job.course();
    checkpoints = new Checkpoints(output.path(), job);
    startStep = state.step();
    startTokens = state.tokens();
    validation =
        job.validation().isEmpty()
            ? List.of()
            : Course.pack(job.validation(), job.recipe().tokensInFlight());
    journal = new Journal(job, course, state, log, output.path(), this::seconds);
  }

  /// Runs to the end, or until asked to stop.
  ///
  /// @param trainer fresh, of the recipe's settings and the job's threads; stays the caller's
  /// @throws LatheException when the disk is full, a loss is not finite, or the checkpoint to
  ///   resume from belongs to another run; checkpoints on the disk stay good
  public static Outcome execute(Job job, OutputDirectory output, Trainer trainer, Watch watch) {
    RunState state = new RunState();
    if (output.resumeFrom().isPresent()) {
      Path checkpoint = output.resumeFrom().get();
      state = new Checkpoints(output.path(), job).restore(checkpoint, trainer);
      watch.listener().accept(new RunEvent.Resumed(checkpoint, state.step()));
    }
    output.clear();
    try (RunLog log = RunLog.open(output.path().resolve(OutputDirectory.LOG), state.step())) {
      return new Run(job, output, trainer, watch, state, log).run();
    }
  }

  private Outcome run() {
    checkpoints.requireSpace(trainer.adapter("check"));
    if (job.recipe().cadence().validatesFirst() && state.step() == 0) {
      validateAndKeepBest();
    }
    boolean exhausted = isExhausted();
    while (state.step() < course.totalSteps() && !exhausted) {
      if (watch.stop().isRequested()) {
        return stopped();
      }
      step();
      logIfDue();
      validateIfDue();
      saveIfDue();
      exhausted = isExhausted();
    }
    return finish(exhausted);
  }

  private void step() {
    int next = state.step() + 1;
    List<TokenBatch> batches = course.batches(next);
    StepReport report;
    try {
      report = trainer.step(batches);
    } catch (NonFiniteLoss e) {
      throw new LatheException(
          LatheException.Kind.USER, String.valueOf(e.getMessage()), lastGood(), e);
    }
    state.add(report, batches.stream().mapToInt(TokenBatch::rows).sum());
    double seconds = (System.nanoTime() - began) / 1e9;
    watch
        .listener()
        .accept(
            new RunEvent.Stepped(
                report,
                course.totalSteps(),
                course.epoch(next),
                (state.tokens() - startTokens) / seconds));
  }

  private String lastGood() {
    return OutputDirectory.checkpoints(output.path()).stream()
        .findFirst()
        .map(path -> "the last good checkpoint is '" + path + "'")
        .orElse("no checkpoint was written before");
  }

  private void logIfDue() {
    boolean first = state.step() == 1 && job.recipe().cadence().logsFirstStep();
    boolean last = state.step() == course.totalSteps();
    if (state.hasWindow() && (first || last || isDue(job.recipe().cadence().logging()))) {
      watch.listener().accept(journal.loss());
    }
  }

  private void validateIfDue() {
    if (isDue(job.recipe().cadence().validation())) {
      validateAndKeepBest();
    }
  }

  /// The best adapter is on the disk from the validation on that found it, also where no checkpoint
  /// is due.
  private void validateAndKeepBest() {
    validate();
    boolean best = state.bestStep() == state.step();
    if (best && job.recipe().cadence().keepsBest() && !isSavingDue()) {
      save();
    }
  }

  private void saveIfDue() {
    if (isSavingDue()) {
      save();
    }
  }

  private boolean isSavingDue() {
    Every saving = job.recipe().cadence().saving();
    boolean last = saving.when() == Recipe.When.STEPS && state.step() == course.totalSteps();
    return state.step() > 0 && (last || isDue(saving));
  }

  private boolean isDue(Every every) {
    return switch (every.when()) {
      case NEVER -> false;
      case STEPS -> state.step() % every.interval(course.totalSteps()) == 0;
      case EPOCH -> course.endsEpoch(state.step()) || state.step() == course.totalSteps();
    };
  }

  private void validate() {
    long start = System.nanoTime();
    double loss = trainer.evaluate(validation);
    boolean best = state.validated(loss);
    journal.validation(loss, (System.nanoTime() - start) / 1e9);
    watch.listener().accept(new RunEvent.Validated(state.step(), loss, best));
  }

  private boolean isExhausted() {
    int patience = job.recipe().cadence().patience();
    return patience > 0 && state.worse() >= patience;
  }

  private Path save() {
    log.sync();
    RunState books = RunState.fromJson(state.toJson(), state.history());
    books.addSeconds(sessionSeconds());
    Path checkpoint = checkpoints.save(trainer, books, journal.trainerState());
    watch.listener().accept(new RunEvent.Saved(checkpoint, state.step()));
    return checkpoint;
  }

  private Outcome stopped() {
    Path checkpoint = checkpoints.path(state.step());
    boolean alreadyThere =
        state.step() == startStep
            ? output.resumeFrom().filter(checkpoint::equals).isPresent()
            : CheckpointManifest.fault(checkpoint).isEmpty();
    if (!alreadyThere) {
      checkpoint = save();
    }
    return new Outcome.Stopped(checkpoint, state.step(), course.totalSteps());
  }

  private Outcome finish(boolean early) {
    if (early) {
      watch
          .listener()
          .accept(new RunEvent.StoppedEarly(state.step(), job.recipe().cadence().patience()));
    }
    ObjectNode results = trainResults();
    journal.end(results);
    int steps = state.step();
    OptionalDouble loss = takeBestAndValidate();
    Result result = new Result(job, output.path(), trainer);
    result.write(results, loss, journal, state);
    return new Outcome.Finished(
        output.path(),
        steps,
        state.meanLoss(),
        loss,
        seconds(),
        state.tokens() / seconds(),
        peakBytes(),
        journal.curves());
  }

  /// The validation loss of the factors that are kept.
  private OptionalDouble takeBestAndValidate() {
    if (validation.isEmpty()) {
      return OptionalDouble.empty();
    }
    boolean older = state.hasBest() && state.bestStep() != state.step();
    if (job.recipe().cadence().keepsBest() && older) {
      checkpoints.takeAdapter(state.bestStep(), trainer);
      watch.listener().accept(new RunEvent.TookBest(state.bestStep(), state.bestLoss()));
      return OptionalDouble.of(state.bestLoss());
    }
    if (state.lastValidated() != state.step()) {
      validate();
    }
    return OptionalDouble.of(state.lastLoss());
  }

  private ObjectNode trainResults() {
    double seconds = seconds();
    ObjectNode results = Json.object();
    results.put("epoch", course.epoch(state.step()));
    results.put("num_input_tokens_seen", state.tokens());
    results.put("total_flos", journal.flops());
    results.put("train_loss", state.meanLoss());
    results.put("train_runtime", Journal.round(seconds));
    results.put("train_samples_per_second", Journal.round(state.rows() / seconds));
    results.put("train_steps_per_second", Journal.round(state.step() / seconds));
    results.put("train_tokens_per_second", Journal.round(state.tokens() / seconds));
    if (job.recipe().output().effectiveThroughput()) {
      results.put("effective_tokens_per_sec", Journal.round(state.tokens() / seconds));
    }
    results.put("peak_memory_bytes", peakBytes());
    return results;
  }

  private long peakBytes() {
    long now = ProcessMemory.read().map(ProcessMemory::peakBytes).orElse(0L);
    return Math.max(watch.earlierPeakBytes(), now);
  }

  private double sessionSeconds() {
    return (System.nanoTime() - began) / 1e9;
  }

  /// Wall time over all processes of the run.
  private double seconds() {
    return state.seconds() + sessionSeconds();
  }
}
