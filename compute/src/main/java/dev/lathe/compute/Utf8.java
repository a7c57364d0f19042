package dev.lathe.compute;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// UTF-8 without leniency: what is no character is an error, never replaced.
public final class Utf8 {
  private Utf8() {}

  /// The text of strictly valid UTF-8, without a byte order mark.
  public static String text(byte[] bytes) throws CharacterCodingException {
    String text = decoder().decode(ByteBuffer.wrap(bytes)).toString();
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  private static CharsetDecoder decoder() {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT);
  }

  /// Line of the first byte of the file that is no valid UTF-8, or 0 where all is valid.
  public static long firstInvalidLine(Path file) throws IOException {
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
