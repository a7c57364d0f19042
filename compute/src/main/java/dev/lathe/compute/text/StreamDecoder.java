package dev.lathe.compute.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.function.IntPredicate;

/// Turns tokens into text one by one, in time that does not grow with what came before. Characters
/// whose bytes span several tokens come out whole. All that it gives, joined, is what
/// [Tokenizer#decode] gives for the same tokens. For one thread.
public final class StreamDecoder {
  private final Pieces pieces;
  private final IntPredicate skipped;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private ByteBuffer pending = ByteBuffer.allocate(64);
  private boolean atStart = true;
  private boolean finished;

  /// @param skipped tokens that are left out
  StreamDecoder(Pieces pieces, IntPredicate skipped) {
    this.pieces = pieces;
    this.skipped = skipped;
  }

  /// The whole characters that this token completes; often none, sometimes several.
  public String push(int id) {
    if (finished) {
      throw new IllegalStateException("the stream is finished");
    }
    byte[] bytes = pieces.of(id);
    if (skipped.test(id)) {
      return "";
    }
    int skip = atStart && pieces.stripsFirstBlank() && bytes.length > 0 && bytes[0] == ' ' ? 1 : 0;
    atStart = false;
    if (pending.remaining() < bytes.length) {
      pending = ByteBuffer.allocate(pending.position() + bytes.length).put(pending.flip());
    }
    pending.put(bytes, skip, bytes.length - skip);
    return drain(false);
  }

  /// What is left: a replacement character for a character that never was completed.
  public String finish() {
    if (finished) {
      return "";
    }
    finished = true;
    return drain(true);
  }

  private String drain(boolean end) {
    pending.flip();
    CharBuffer characters = CharBuffer.allocate(pending.remaining() + 4);
    decoder.decode(pending, characters, end);
    if (end) {
      decoder.flush(characters);
    }
    pending.compact();
    return characters.flip().toString();
  }
}
