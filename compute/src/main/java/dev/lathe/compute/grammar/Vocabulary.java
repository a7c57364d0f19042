package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The bytes of a model's tokens, as a tree in which tokens with the same beginning share it.
/// Immutable; one serves all grammars.
///
/// A control token has no bytes that an output could hold. It stands in the tree under its spelling
/// between two bytes that UTF-8 never uses, so that only a grammar that names it allows it.
public final class Vocabulary {
  /// Bytes of a short token at most.
  static final int SHORT = 16;

  private static final byte MARK = (byte) 0xff;

  private final byte[][] tokens;
  private final TokenTree shortTokens;
  private final TokenTree longTokens;
  private final @Nullable TokenTree firstTokens;
  private final Map<String, byte[]> bySpelling = new HashMap<>();
  private final BitSet bytes = new BitSet(256);

  /// @param tokens by id: the bytes that a token adds to the output, or a control token's spelling;
  ///   empty for an id that is no token. Not copied, not to be changed
  /// @param control ids of control tokens, which stand for no text
  /// @param dropsFirstBlank whether one blank at the very beginning of an output is dropped, as
  ///   SentencePiece does
  public Vocabulary(byte[][] tokens, BitSet control, boolean dropsFirstBlank) {
    this.tokens = new byte[tokens.length][];
    for (int id = 0; id < tokens.length; id++) {
      byte[] spelling = tokens[id];
      this.tokens[id] = control.get(id) ? marked(spelling) : spelt(spelling);
      for (byte value : this.tokens[id]) {
        bytes.set(value & 0xff, bytes.get(value & 0xff) || !control.get(id));
      }
      if (this.tokens[id].length > 0) {
        bySpelling.put(new String(spelling, StandardCharsets.UTF_8), this.tokens[id]);
      }
    }
    bytes.set(MARK & 0xff);
    this.shortTokens = TokenTree.of(selected(token -> token.length <= SHORT));
    this.longTokens = TokenTree.of(selected(token -> token.length > SHORT));
    this.firstTokens = dropsFirstBlank ? TokenTree.of(withoutFirstBlank(this.tokens)) : null;
  }

  private List<byte[]> selected(Predicate<byte[]> wanted) {
    byte[] none = {};
    return Arrays.stream(tokens).map(token -> wanted.test(token) ? token : none).toList();
  }

  private static byte[] marked(byte[] spelling) {
    if (spelling.length == 0) {
      return spelling;
    }
    byte[] marked = new byte[spelling.length + 2];
    System.arraycopy(spelling, 0, marked, 1, spelling.length);
    marked[0] = MARK;
    marked[marked.length - 1] = MARK;
    return marked;
  }

  /// Nothing for a token with the mark in it, which no text holds.
  private static byte[] spelt(byte[] bytes) {
    for (byte value : bytes) {
      if (value == MARK) {
        return new byte[0];
      }
    }
    return bytes;
  }

  private static List<byte[]> withoutFirstBlank(byte[][] tokens) {
    return Arrays.stream(tokens)
        .map(token ->
            token.length > 0 && token[0] == ' '
                ? Arrays.copyOfRange(token, 1, token.length)
                : token)
        .toList();
  }

  /// One more than the largest id.
  public int size() {
    return tokens.length;
  }

  /// The bytes that stand for a token in a grammar.
  byte[] token(int id) {
    return id < tokens.length ? tokens[id] : new byte[0];
  }

  /// Bytes of a token that count for nothing when it is the first of an output.
  int dropped(int id) {
    return firstTokens != null && tokens[id].length > 0 && tokens[id][0] == ' ' ? 1 : 0;
  }

  TokenTree shortTokens() {
    return shortTokens;
  }

  /// All that are not short. They are few, and kept apart so that what differs only many bytes
  /// later need not be told apart for the others.
  TokenTree longTokens() {
    return longTokens;
  }

  /// All tokens as they count at the beginning of an output; empty when that makes no difference.
  Optional<TokenTree> firstTokens() {
    return Optional.ofNullable(firstTokens);
  }

  /// Whether some token holds that byte.
  boolean hasByte(int value) {
    return bytes.get(value);
  }

  /// Whether all bytes that UTF-8 uses are held by some token.
  boolean hasAllBytes() {
    for (int value = 0; value <= 0xf4; value++) {
      if (!bytes.get(value) && value != 0xc0 && value != 0xc1) {
        return false;
      }
    }
    return true;
  }

  /// The bytes of the token that is spelt so.
  ///
  /// @throws LatheException when there is none
  byte[] marked(String spelling) {
    byte[] found = bySpelling.get(spelling);
    if (found == null) {
      throw LatheException.user(
          "the grammar wants the token '" + spelling + "', which this model does not have",
          "write it as text in quotes, or name a token of this model");
    }
    return found;
  }

  /// As [#marked(String)], by id.
  byte[] marked(int id) {
    if (id >= tokens.length || tokens[id].length == 0) {
      throw LatheException.user(
          "the grammar wants token " + id + ", and this model's tokens end at " + (size() - 1),
          "name a token of this model");
    }
    return tokens[id];
  }
}
