package dev.lathe.platform.dataset;

/// A row that cannot be used, and why.
///
/// @param file file name
/// @param line line of the file on which the row begins, from 1
/// @param row number of the row in the file, from 1
/// @param reason what was wanted and what was found
public record BadRow(String file, long line, long row, String reason) {
  @Override
  public String toString() {
    return file + " line " + line + " (row " + row + "): " + reason;
  }
}
