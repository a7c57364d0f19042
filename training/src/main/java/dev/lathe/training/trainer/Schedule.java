package dev.lathe.training.trainer;

/// How the learning rate changes over a run, by the formulas of `transformers.optimization`.
public enum Schedule {
  COSINE,
  LINEAR,
  CONSTANT,
  CONSTANT_WITH_WARMUP;

  /// Share of the peak rate at which the next step runs.
  ///
  /// @param done steps already taken
  /// @param warmup steps of the linear rise from 0
  /// @param total steps of the run
  public double factor(int done, int warmup, int total) {
    if (this != CONSTANT && done < warmup) {
      return (double) done / warmup;
    }
    return switch (this) {
      case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
      case LINEAR -> Math.max(0, (double) (total - done) / Math.max(1, total - warmup));
      case COSINE -> {
        double progress = (double) (done - warmup) / Math.max(1, total - warmup);
        yield Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
      }
    };
  }
}
