package dev.lathe.platform.dataset;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// JSON without leniency: valid UTF-8, no duplicate keys, nothing after the document, nesting up to
/// 64, strings up to 16 Mi characters.
final class StrictJson {
  static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxStringLength(16 << 20)
                  .maxNumberLength(400)
                  .build())
          .build();
  static final ObjectMapper MAPPER = new ObjectMapper(FACTORY);

  private StrictJson() {}

  /// The one document of a small file.
  static JsonNode document(Path file) {
    try {
      return parse(utf8(Files.readAllBytes(file)));
    } catch (CharacterCodingException e) {
      throw LatheException.user("'" + file + "' is not valid UTF-8", "save it as UTF-8");
    } catch (JsonProcessingException e) {
      throw LatheException.user("'" + file + "' " + explain(e), "correct the file");
    } catch (IOException e) {
      throw LatheException.environment("cannot read '" + file + "': " + e.getMessage(), "", e);
    }
  }

  /// The one document in `text`.
  static JsonNode parse(String text) throws JsonProcessingException {
    try (JsonParser parser = FACTORY.createParser(text)) {
      JsonNode node = MAPPER.readTree(parser);
      if (node == null) {
        throw new com.fasterxml.jackson.core.JsonParseException(parser, "is empty");
      }
      if (parser.nextToken() != null) {
        throw new com.fasterxml.jackson.core.JsonParseException(
            parser, "something follows the end of the JSON value");
      }
      return node;
    } catch (JsonProcessingException e) {
      throw e;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /// The text of strictly valid UTF-8, without a byte order mark.
  static String utf8(byte[] bytes) throws CharacterCodingException {
    String text = decoder().decode(ByteBuffer.wrap(bytes)).toString();
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  static CharsetDecoder decoder() {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT);
  }

  /// Jackson's message with its place, on one line and without its source reference.
  static String explain(JsonProcessingException e) {
    String message = e.getOriginalMessage().replaceAll("\\s+", " ").strip();
    return e.getLocation() == null
        ? message
        : message + " (column " + e.getLocation().getColumnNr() + ")";
  }

  /// Line of the first byte of the file that is no valid UTF-8, or 0 where all is valid.
  static long firstInvalidLine(Path file) throws IOException {
    CharsetDecoder decoder = decoder();
    ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
    CharBuffer chars = CharBuffer.allocate(1 << 16);
    long line = 1;
    try (var in = Files.newByteChannel(file)) {
      boolean end = false;
      while (!end) {
        end = in.read(bytes) < 0;
        bytes.flip();
        int from = bytes.position();
        var result = decoder.decode(bytes, chars, end);
        for (int i = from; i < bytes.position(); i++) {
          line += bytes.get(i) == '\n' ? 1 : 0;
        }
        if (result.isError()) {
          return line;
        }
        bytes.compact();
        chars.clear();
      }
    }
    return 0;
  }
}
