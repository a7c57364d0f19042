package dev.lathe.compute.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The rows of one step: one token each, its position, page table and adapter. Filled anew for
/// every step, never reallocated.
///
/// The rows of one stream follow each other by position and are the only ones with its page table:
/// position `p` is in slot `p % PAGE_TOKENS` of page `table[p / PAGE_TOKENS]`. A [Runner] only
/// reads.
public final class Batch {
  final int[] tokens;
  final int[] positions;
  final int[][] tables;
  final int[] outputRows;
  final Runner.@Nullable Packed[] adapters;
  int rows;
  int outputs;
  private boolean adapted;

  Batch(int maxRows) {
    tokens = new int[maxRows];
    positions = new int[maxRows];
    tables = new int[maxRows][];
    outputRows = new int[maxRows];
    adapters = new Runner.Packed[maxRows];
  }

  void clear() {
    Arrays.fill(tables, 0, rows, new int[0]);
    Arrays.fill(adapters, 0, rows, null);
    rows = 0;
    outputs = 0;
    adapted = false;
  }

  /// Adds a row and, where `wanted`, asks for its logits.
  void add(int token, int position, int[] table, Runner.@Nullable Packed adapter, boolean wanted) {
    tokens[rows] = token;
    positions[rows] = position;
    tables[rows] = table;
    adapters[rows] = adapter;
    adapted |= adapter != null;
    if (wanted) {
      outputRows[outputs++] = rows;
    }
    rows++;
  }

  /// Whether a row is of the same stream as the one before it.
  @SuppressWarnings("ReferenceEquality")
  boolean follows(int row) {
    return tables[row] == tables[row - 1];
  }

  boolean hasAdapters() {
    return adapted;
  }

  /// Rows of the batch; the others of these methods take one of `[0, rows())`.
  public int rows() {
    return rows;
  }

  public int token(int row) {
    return tokens[row];
  }

  public int position(int row) {
    return positions[row];
  }

  /// Pages of the row's stream in order; entries behind the one of its position mean nothing. Valid
  /// during the step.
  public int[] table(int row) {
    return tables[row];
  }

  /// What [Runner#pack] made of the row's adapter; null for the base alone.
  public Runner.@Nullable Packed adapter(int row) {
    return adapters[row];
  }

  /// Rows whose logits are wanted.
  public int outputs() {
    return outputs;
  }

  /// One of the rows whose logits are wanted, in order.
  ///
  /// @param output one of `[0, outputs())`
  public int outputRow(int output) {
    return outputRows[output];
  }
}
