package dev.lathe.compute.text;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Puts rows into batches without padding.
public final class Packer {
  private Packer() {}

  /// Packs the rows of one optimizer step: the longest first, each into the first batch with room
  /// for it (first-fit decreasing). The same rows in the same order give the same batches.
  ///
  /// @param rows each with at least one token
  /// @param maxTokens most tokens of a batch
  /// @throws LatheException when a row is longer than that
  public static List<TokenBatch> pack(List<EncodedRow> rows, int maxTokens) {
    List<EncodedRow> longestFirst = new ArrayList<>(rows);
    longestFirst.sort(Comparator.comparingInt(EncodedRow::tokens).reversed());
    List<List<EncodedRow>> batches = new ArrayList<>();
    List<Integer> room = new ArrayList<>();
    for (EncodedRow row : longestFirst) {
      if (row.tokens() > maxTokens) {
        throw LatheException.capacity(
            "row '"
                + row.source()
                + "' has "
                + row.tokens()
                + " tokens, a batch holds "
                + maxTokens,
            "lower cutoff_len or raise the tokens per batch");
      }
      int batch = firstWithRoom(room, row.tokens());
      if (batch == batches.size()) {
        batches.add(new ArrayList<>());
        room.add(maxTokens);
      }
      batches.get(batch).add(row);
      room.set(batch, room.get(batch) - row.tokens());
    }
    return batches.stream().map(Packer::batch).toList();
  }

  private static int firstWithRoom(List<Integer> room, int tokens) {
    for (int i = 0; i < room.size(); i++) {
      if (room.get(i) >= tokens) {
        return i;
      }
    }
    return room.size();
  }

  /// Rows one after another, in the order given.
  public static TokenBatch batch(List<EncodedRow> rows) {
    int tokens = rows.stream().mapToInt(EncodedRow::tokens).sum();
    int[] ids = new int[tokens];
    boolean[] scored = new boolean[tokens];
    int[] starts = new int[rows.size() + 1];
    int at = 0;
    for (int i = 0; i < rows.size(); i++) {
      EncodedRow row = rows.get(i);
      System.arraycopy(row.ids(), 0, ids, at, row.tokens());
      System.arraycopy(row.scored(), 0, scored, at, row.tokens());
      at += row.tokens();
      starts[i + 1] = at;
    }
    return new TokenBatch(ids, scored, starts, rows.stream().map(EncodedRow::source).toList());
  }
}
