package dev.lathe.compute.engine;

/// How many prompt tokens a step may take. While no stream generates, as many as there is room for;
/// else as many as were seen to take about [#PAUSE], which is what the streams then wait for their
/// next token (stall-free batching, Agrawal et al. 2024, arXiv 2403.02310).
final class Pace {
  /// The longest pause that streams should notice, nanoseconds.
  static final long PAUSE = 150_000_000;

  /// Fewer rows hardly make a step shorter. Steps of as many say something about prompts: if they
  /// did not, chunks once become small would stay so for as long as any stream generates.
  private static final int LEAST_CHUNK = 16;

  private final int most;
  private double nanosPerRow;

  /// @param most tokens of the largest chunk
  Pace(int most) {
    this.most = most;
  }

  /// A step of that many rows took so long.
  void computed(int rows, long nanos) {
    if (rows >= Math.min(LEAST_CHUNK, most)) {
      double seen = (double) nanos / rows;
      nanosPerRow = nanosPerRow == 0 ? seen : (nanosPerRow + seen) / 2;
    }
  }

  int promptTokens(boolean streamsGenerate) {
    if (!streamsGenerate || nanosPerRow == 0) {
      return most;
    }
    int rows = (int) Math.min(most, PAUSE / nanosPerRow);
    return Math.max(rows, Math.min(LEAST_CHUNK, most));
  }
}
