package dev.lathe.compute;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// JSON that others wrote, without leniency: duplicate keys, text after the value, an empty
/// document, nesting beyond 64, strings beyond 16 Mi characters, numbers beyond 400 digits and
/// files beyond a stated size are refused.
public final class StrictJson {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxStringLength(16 << 20)
                  .maxNumberLength(400)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();
  private static final ObjectMapper MAPPER = new ObjectMapper(FACTORY);

  private StrictJson() {}

  /// Where parsers with these limits come from, for values that are read piece by piece.
  public static JsonFactory factory() {
    return FACTORY;
  }

  /// Parsers with these limits and another: at most so many values, names and brackets in one
  /// document, for documents of strangers, whose many small values take far more memory than their
  /// text.
  public static JsonFactory factory(long maxTokens) {
    return FACTORY
        .rebuild()
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
        .streamReadConstraints(
            FACTORY.streamReadConstraints().rebuild().maxTokenCount(maxTokens).build())
        .build();
  }

  /// The object in a file.
  ///
  /// @param maxBytes largest file that is read
  /// @throws LatheException when the file is absent, too large or no JSON object
  public static JsonNode object(Path file, long maxBytes) {
    return object("'" + file + "'", bytes(file, maxBytes));
  }

  /// The object in UTF-8 bytes.
  ///
  /// @param what names the source in messages
  public static JsonNode object(String what, byte[] utf8) {
    return object(what, utf8, FACTORY);
  }

  /// As [#object(String, byte\[\])], within the limits of a factory of this class.
  public static JsonNode object(String what, byte[] utf8, JsonFactory factory) {
    JsonNode node = value(what, utf8, factory);
    if (!node.isObject()) {
      throw LatheException.user(what + " is not a JSON object", "");
    }
    return node;
  }

  /// The value in UTF-8 bytes, of any kind.
  ///
  /// @param what names the source in messages
  public static JsonNode value(String what, byte[] utf8) {
    return value(what, utf8, FACTORY);
  }

  private static JsonNode value(String what, byte[] utf8, JsonFactory factory) {
    try {
      return parse(Utf8.text(utf8), factory);
    } catch (CharacterCodingException e) {
      throw new LatheException(
          LatheException.Kind.USER, what + " is not valid UTF-8", "save it as UTF-8", e);
    } catch (JsonProcessingException e) {
      var at = e.getLocation();
      String place =
          at == null ? "" : " in line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new LatheException(
          LatheException.Kind.USER,
          what + " is not the JSON that was expected" + place,
          reason(e),
          e);
    }
  }

  /// The value in a text.
  ///
  /// @throws JsonProcessingException when it is no JSON, see [#explain]
  public static JsonNode parse(String text) throws JsonProcessingException {
    return parse(text, FACTORY);
  }

  private static JsonNode parse(String text, JsonFactory factory) throws JsonProcessingException {
    try (JsonParser parser = factory.createParser(text)) {
      return only(parser);
    } catch (JsonProcessingException e) {
      throw e;
    } catch (IOException e) {
      throw new IllegalStateException("a text was read from memory", e);
    }
  }

  private static JsonNode only(JsonParser parser) throws IOException {
    JsonNode node = MAPPER.readTree(parser);
    if (node == null) {
      throw new JsonParseException(parser, "it is empty");
    }
    if (parser.nextToken() != null) {
      throw new JsonParseException(parser, "something follows the end of the JSON value");
    }
    return node;
  }

  /// Why a text is no JSON, on one line and with its column.
  public static String explain(JsonProcessingException e) {
    String why = reason(e);
    return e.getLocation() == null ? why : why + ", column " + e.getLocation().getColumnNr();
  }

  private static String reason(JsonProcessingException e) {
    return e.getOriginalMessage()
        .replaceAll(" \\(start marker at .*?column: \\d+\\]?\\)", "")
        .replaceAll(", from `StreamReadConstraints[^`]*`", "")
        .replaceAll("\\s+", " ")
        .strip();
  }

  /// The bytes of a file that is not larger than stated.
  ///
  /// @throws LatheException when the file is absent or too large
  public static byte[] bytes(Path file, long maxBytes) {
    try {
      long size = Files.size(file);
      if (size > maxBytes) {
        throw LatheException.user(
            "'" + file + "' has " + size + " bytes, at most " + maxBytes + " are read", "");
      }
      return Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new LatheException(
          LatheException.Kind.NOT_FOUND, "there is no file '" + file + "'", "", e);
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be read", reason(e), e);
    }
  }

  private static String reason(IOException e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }
}
