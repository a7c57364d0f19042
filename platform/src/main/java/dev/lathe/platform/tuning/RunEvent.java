package dev.lathe.platform.tuning;

import dev.lathe.training.trainer.StepReport;
import java.nio.file.Path;

/// What happens during a run, for whoever watches.
public sealed interface RunEvent {
  /// The run goes on from a checkpoint.
  record Resumed(Path checkpoint, int step) implements RunEvent {}

  /// One step is done.
  ///
  /// @param totalSteps steps of the whole run
  /// @param epoch passes over the rows so far
  /// @param tokensPerSecond since this process began the run
  record Stepped(StepReport report, int totalSteps, double epoch, double tokensPerSecond)
      implements RunEvent {}

  /// The mean loss since the last log.
  record Logged(int step, double loss, double learningRate, double epoch) implements RunEvent {}

  /// The validation loss was taken.
  ///
  /// @param best whether it is the lowest so far
  record Validated(int step, double loss, boolean best) implements RunEvent {}

  /// A checkpoint is on the disk.
  record Saved(Path checkpoint, int step) implements RunEvent {}

  /// The validation loss has not fallen for `patience` validations; the run ends.
  record StoppedEarly(int step, int patience) implements RunEvent {}

  /// The factors of the best validation are taken up again.
  record TookBest(int step, double loss) implements RunEvent {}
}
