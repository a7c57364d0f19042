package dev.lathe.platform.tuning;

import java.util.List;

/// What a run will do, known before its first step.
///
/// @param rows rows to train on
/// @param validationRows rows held out
/// @param tokens tokens of one pass over the rows
/// @param scoredTokens targets of the loss among them
/// @param truncatedRows rows cut to `cutoff_len`
/// @param rowsWithScoredEnd rows whose end-of-turn token is scored: of the others the model does
///   not learn to stop
/// @param longestRow tokens of the longest row
/// @param steps steps of the whole run
/// @param values trainable values
/// @param probes what real batches cost
/// @param peakBytes predicted peak memory of the process, loading included
/// @param seconds predicted time of the whole run
/// @param memory what the process may take
/// @param example one row as it is trained on
/// @param exampleSource where that row is from
/// @param notes one line each: keys without effect, columns not used, rows left out
public record Plan(
    int rows,
    int validationRows,
    long tokens,
    long scoredTokens,
    int truncatedRows,
    int rowsWithScoredEnd,
    int longestRow,
    int steps,
    int stepsPerEpoch,
    double epochs,
    long values,
    List<Probe> probes,
    long peakBytes,
    double seconds,
    Memory memory,
    List<Piece> example,
    String exampleSource,
    List<String> notes) {
  public Plan {
    probes = List.copyOf(probes);
    example = List.copyOf(example);
    notes = List.copyOf(notes);
  }

  /// Forward and backward of one real batch.
  ///
  /// @param name `shortest`, `median` or `longest`
  /// @param peakBytes peak memory of the process while it ran; 0 where the system does not say
  public record Probe(String name, int tokens, double seconds, long peakBytes) {}

  /// A stretch of a row.
  ///
  /// @param scored whether its tokens are targets of the loss
  public record Piece(String text, boolean scored) {}

  /// The example with `[[…]]` around what is scored.
  public String markedExample() {
    StringBuilder text = new StringBuilder();
    for (Piece piece : example) {
      text.append(piece.scored() ? "[[" + piece.text() + "]]" : piece.text());
    }
    return text.toString();
  }
}
