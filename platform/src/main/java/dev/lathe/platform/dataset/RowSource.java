package dev.lathe.platform.dataset;

/// Where a row stands.
///
/// @param file file name
/// @param line line of the file on which the row begins, from 1
/// @param row number of the row in the file, from 1
public record RowSource(String file, long line, long row) {
  /// `train.json line 31 (row 17)`; the row only where its number is not that of the line.
  @Override
  public String toString() {
    return file + " line " + line + (row == line ? "" : " (row " + row + ")");
  }
}
