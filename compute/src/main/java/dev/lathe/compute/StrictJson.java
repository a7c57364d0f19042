package dev.lathe.compute;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// JSON from files that others wrote: duplicate keys, text after the value, deep nesting and files
/// beyond a stated size are refused with the file's name.
public final class StrictJson {
  private static final int MAX_NESTING = 64;
  private static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(MAX_NESTING).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private StrictJson() {}

  /// The object in a file.
  ///
  /// @param maxBytes largest file that is read
  /// @throws LatheException when the file is absent, too large or no JSON object
  public static JsonNode object(Path file, long maxBytes) {
    try {
      long size = Files.size(file);
      if (size > maxBytes) {
        throw LatheException.user(
            "'" + file + "' has " + size + " bytes, at most " + maxBytes + " are read", "");
      }
      return object("'" + file + "'", Files.readAllBytes(file));
    } catch (NoSuchFileException e) {
      throw new LatheException(
          LatheException.Kind.NOT_FOUND, "there is no file '" + file + "'", "", e);
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be read", reason(e), e);
    }
  }

  /// The object in UTF-8 bytes.
  ///
  /// @param what names the source in messages
  public static JsonNode object(String what, byte[] utf8) {
    try {
      JsonNode node = MAPPER.readTree(utf8);
      if (!node.isObject()) {
        throw LatheException.user(what + " is not a JSON object", "");
      }
      return node;
    } catch (JsonProcessingException e) {
      var at = e.getLocation();
      String place =
          at == null ? "" : " in line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new LatheException(
          LatheException.Kind.USER,
          what + " is not the JSON that was expected" + place,
          e.getOriginalMessage(),
          e);
    } catch (IOException e) {
      throw LatheException.environment(what + " cannot be read", reason(e), e);
    }
  }

  private static String reason(IOException e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }
}
