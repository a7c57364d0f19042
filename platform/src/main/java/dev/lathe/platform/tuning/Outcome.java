package dev.lathe.platform.tuning;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;

/// How a run ended.
public sealed interface Outcome {
  /// The adapter is in the output directory.
  ///
  /// @param steps steps taken
  /// @param trainLoss mean of the steps' losses
  /// @param validationLoss of the adapter that was kept; empty without validation rows
  /// @param tokensPerSecond over the whole run
  /// @param peakMemoryBytes of the process; 0 where the system does not say
  /// @param curve losses to draw
  record Finished(
      Path directory,
      int steps,
      double trainLoss,
      OptionalDouble validationLoss,
      double seconds,
      double tokensPerSecond,
      long peakMemoryBytes,
      List<LossCurve> curve)
      implements Outcome {
    public Finished {
      curve = List.copyOf(curve);
    }
  }

  /// It was asked to stop; the same command goes on from the checkpoint.
  record Stopped(Path checkpoint, int step, int totalSteps) implements Outcome {}
}
