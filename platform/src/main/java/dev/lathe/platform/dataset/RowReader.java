package dev.lathe.platform.dataset;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.Utf8;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Reads the rows of one file as they come: a JSON array of objects, or one object on each line. A
/// byte order mark and CRLF are accepted, blank lines are not rows.
final class RowReader {
  /// Takes one row after another.
  interface Rows {
    /// @param line line on which the row begins, from 1
    /// @return whether to go on
    boolean row(long line, ObjectNode row);

    /// A row that cannot be read.
    ///
    /// @return whether to go on
    boolean bad(long line, String reason);
  }

  /// Endings of the files that are read: an array or lines, and lines under two names.
  static final List<String> EXTENSIONS = List.of("json", "jsonl", "ndjson");

  private static final int LONGEST_LINE = 64 << 20;
  private static final JsonFactory LENIENT_IN_NAMES =
      StrictJson.factory().rebuild().disable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
  private static final ObjectMapper MAPPER = new ObjectMapper(LENIENT_IN_NAMES);

  private final Path file;

  RowReader(Path file) {
    this.file = file;
  }

  /// Reads until the end of the file or until `rows` has enough.
  void read(Rows rows) {
    String extension = extension(file.getFileName().toString());
    if (!EXTENSIONS.contains(extension)) {
      throw LatheException.user(
          "'"
              + file
              + "' is of type '"
              + extension
              + "'; read are "
              + String.join(", ", EXTENSIONS),
          "convert it to JSONL, one object on each line");
    }
    try {
      if (extension.equals("json") && beginsWithBracket()) {
        array(rows);
      } else {
        lines(rows);
      }
    } catch (IOException e) {
      throw LatheException.environment("cannot read '" + file + "': " + e.getMessage(), "", e);
    }
  }

  /// What follows the last dot of a name, in lower case.
  static String extension(String name) {
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  private boolean beginsWithBracket() throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      int next = in.read();
      if (next == 0xFE || next == 0xFF) {
        throw LatheException.user("'" + file + "' is UTF-16", "save it as UTF-8");
      }
      while (next == 0xEF || next == 0xBB || next == 0xBF || Character.isWhitespace(next)) {
        next = in.read();
      }
      return next == '[';
    }
  }

  private void lines(Rows rows) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      boolean more = true;
      for (long number = 1; more; number++) {
        line.reset();
        boolean last = readLine(in, line);
        if (line.size() > LONGEST_LINE) {
          throw LatheException.user(
              "'" + file + "' line " + number + " is longer than " + (LONGEST_LINE >> 20) + " MiB",
              "split the row");
        }
        more = line(number, line.toByteArray(), rows) && !last;
      }
    }
  }

  /// Whether this was the last line.
  private static boolean readLine(InputStream in, ByteArrayOutputStream line) throws IOException {
    int next = in.read();
    while (next >= 0 && next != '\n' && line.size() <= LONGEST_LINE) {
      line.write(next);
      next = in.read();
    }
    return next < 0;
  }

  private static boolean line(long number, byte[] bytes, Rows rows) {
    try {
      String text = Utf8.text(bytes).strip();
      if (text.isEmpty()) {
        return true;
      }
      return StrictJson.parse(text) instanceof ObjectNode row
          ? rows.row(number, row)
          : rows.bad(number, "the line holds a JSON value that is no object");
    } catch (CharacterCodingException e) {
      return rows.bad(number, "not valid UTF-8");
    } catch (JsonProcessingException e) {
      return rows.bad(number, "no JSON object: " + StrictJson.explain(e));
    }
  }

  private void array(Rows rows) throws IOException {
    long invalid = Utf8.firstInvalidLine(file);
    if (invalid > 0) {
      throw LatheException.user(
          "'" + file + "' line " + invalid + " is not valid UTF-8", "save the file as UTF-8");
    }
    try (JsonParser parser = LENIENT_IN_NAMES.createParser(file.toFile())) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        if (!element(parser, rows)) {
          return;
        }
      }
      if (parser.nextToken() != null) {
        throw damaged(
            parser.currentTokenLocation().getLineNr(), "something follows the end of the array");
      }
    } catch (JsonProcessingException e) {
      throw damaged(e.getLocation().getLineNr(), StrictJson.explain(e));
    }
  }

  private static boolean element(JsonParser parser, Rows rows) throws IOException {
    long line = parser.currentTokenLocation().getLineNr();
    List<String> repeated = new ArrayList<>();
    JsonNode node = tree(parser, repeated);
    if (!repeated.isEmpty()) {
      return rows.bad(line, "the key '" + String.join("', '", repeated) + "' stands twice");
    }
    return node instanceof ObjectNode row
        ? rows.row(line, row)
        : rows.bad(line, "the element is no JSON object");
  }

  /// The value at the parser; notes repeated keys instead of throwing, so that reading can go on.
  private static JsonNode tree(JsonParser parser, List<String> repeated) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> object(parser, repeated);
      case START_ARRAY -> {
        ArrayNode array = MAPPER.createArrayNode();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          array.add(tree(parser, repeated));
        }
        yield array;
      }
      default -> MAPPER.readTree(parser);
    };
  }

  private static ObjectNode object(JsonParser parser, List<String> repeated) throws IOException {
    ObjectNode object = MAPPER.createObjectNode();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      if (object.replace(key, tree(parser, repeated)) != null) {
        repeated.add(key);
      }
    }
    return object;
  }

  private LatheException damaged(long line, String why) {
    return LatheException.user(
        "'" + file + "' line " + line + ": " + why + "; the rows after it cannot be read",
        "correct the file");
  }
}
