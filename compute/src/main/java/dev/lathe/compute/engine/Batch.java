package dev.lathe.compute.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The rows of one step: one token each, its position and page table, in runs of one adapter.
/// Filled anew for every step, never reallocated.
final class Batch {
  final int[] tokens;
  final int[] positions;
  final int[][] tables;
  final int[] outputRows;
  final int[] runEnds;
  final @Nullable PackedAdapter[] runAdapters;
  int rows;
  int outputs;
  int runs;

  Batch(int maxRows) {
    tokens = new int[maxRows];
    positions = new int[maxRows];
    tables = new int[maxRows][];
    outputRows = new int[maxRows];
    runEnds = new int[maxRows];
    runAdapters = new PackedAdapter[maxRows];
  }

  void clear() {
    Arrays.fill(tables, 0, rows, new int[0]);
    Arrays.fill(runAdapters, 0, runs, null);
    rows = 0;
    outputs = 0;
    runs = 0;
  }

  /// Adds a row and, where `wanted`, asks for its logits.
  void add(int token, int position, int[] table, @Nullable PackedAdapter adapter, boolean wanted) {
    if (runs == 0 || runAdapters[runs - 1] != adapter) {
      runAdapters[runs++] = adapter;
    }
    tokens[rows] = token;
    positions[rows] = position;
    tables[rows] = table;
    if (wanted) {
      outputRows[outputs++] = rows;
    }
    rows++;
    runEnds[runs - 1] = rows;
  }

  int runStart(int run) {
    return run == 0 ? 0 : runEnds[run - 1];
  }

  boolean hasAdapters() {
    for (int run = 0; run < runs; run++) {
      if (runAdapters[run] != null) {
        return true;
      }
    }
    return false;
  }
}
