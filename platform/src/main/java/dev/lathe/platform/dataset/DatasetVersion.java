package dev.lathe.platform.dataset;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// Rows as they will be trained on, with the hash of their content.
///
/// The hash is the SHA-256 over one line for each row, UTF-8, ended by a line feed: a JSON array of
/// the tools as given, then one array `["role","content",["name",arguments],...]` for each turn.
/// File names, formats and line numbers are no part of it: the same conversations in the same order
/// have the same hash, whatever they were read from.
///
/// @param name the data sets it was read from, joined by commas
/// @param skipped rows that could not be used
/// @param unusedColumns keys of the rows that no column names, in the order first seen
/// @param sha256 64 hexadecimal digits
public record DatasetVersion(
    String name, List<Row> rows, List<BadRow> skipped, List<String> unusedColumns, String sha256) {
  public DatasetVersion {
    rows = List.copyOf(rows);
    skipped = List.copyOf(skipped);
    unusedColumns = List.copyOf(unusedColumns);
  }

  static DatasetVersion of(
      String name, List<Row> rows, List<BadRow> skipped, List<String> unusedColumns) {
    return new DatasetVersion(name, rows, skipped, unusedColumns, hash(rows));
  }

  /// The same data set with other rows: part of a split.
  public DatasetVersion withRows(List<Row> part) {
    return of(name, part, skipped, unusedColumns);
  }

  private static String hash(List<Row> rows) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Row row : rows) {
        digest.update(canonical(row).getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static String canonical(Row row) {
    StringBuilder line = new StringBuilder("[[");
    line.append(String.join(",", row.tools())).append(']');
    for (Turn turn : row.turns()) {
      line.append(",[\"").append(turn.role()).append("\",");
      quote(turn.content(), line);
      for (Turn.Call call : turn.calls()) {
        line.append(",[");
        quote(call.name(), line);
        line.append(',').append(call.arguments()).append(']');
      }
      line.append(']');
    }
    return line.append("]\n").toString();
  }

  private static void quote(String text, StringBuilder line) {
    line.append('"');
    JsonStringEncoder.getInstance().quoteAsString(text, line);
    line.append('"');
  }
}
