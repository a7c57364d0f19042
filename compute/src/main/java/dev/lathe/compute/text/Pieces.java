package dev.lathe.compute.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// The bytes that each token stands for.
final class Pieces {
  /// How the vocabulary spells bytes.
  enum Spelling {
    /// GPT-2's alphabet: one printable character per byte.
    BYTE_LEVEL,
    /// SentencePiece's: `▁` is a blank, `<0xAB>` a byte.
    SENTENCE_PIECE
  }

  private static final int[] BYTE_OF_CHARACTER = byteOfCharacter();

  private final String[] spellings;
  private final Spelling spelling;
  private final Map<Integer, AddedToken> added = new HashMap<>();
  private final boolean stripsFirstBlank;

  /// @param spellings by id; empty where there is no token
  /// @param stripsFirstBlank whether decoding drops one blank at the start of a text
  Pieces(
      String[] spellings, Iterable<AddedToken> added, Spelling spelling, boolean stripsFirstBlank) {
    this.spellings = spellings.clone();
    this.spelling = spelling;
    this.stripsFirstBlank = stripsFirstBlank;
    added.forEach(token -> this.added.put(token.id(), token));
  }

  int count() {
    return spellings.length;
  }

  boolean stripsFirstBlank() {
    return stripsFirstBlank;
  }

  boolean isSpecial(int id) {
    AddedToken token = added.get(id);
    return token != null && token.special();
  }

  /// The bytes of a token. Models often have more rows than their tokenizer has tokens: such an id
  /// stands for no text.
  byte[] of(int id) {
    if (id < 0) {
      throw new IllegalArgumentException("there is no token " + id);
    }
    AddedToken token = added.get(id);
    if (token != null) {
      return token.content().getBytes(StandardCharsets.UTF_8);
    }
    String piece = id < spellings.length ? spellings[id] : "";
    return spelling == Spelling.BYTE_LEVEL ? byteLevel(piece) : sentencePiece(piece);
  }

  private static byte[] byteLevel(String piece) {
    byte[] result = new byte[piece.length()];
    for (int i = 0; i < piece.length(); i++) {
      char c = piece.charAt(i);
      int value = c < BYTE_OF_CHARACTER.length ? BYTE_OF_CHARACTER[c] : -1;
      if (value < 0) {
        return piece.getBytes(StandardCharsets.UTF_8);
      }
      result[i] = (byte) value;
    }
    return result;
  }

  private static byte[] sentencePiece(String piece) {
    if (piece.length() == 6 && piece.startsWith("<0x") && piece.endsWith(">")) {
      try {
        return new byte[] {(byte) Integer.parseInt(piece, 3, 5, 16)};
      } catch (NumberFormatException e) {
        return piece.getBytes(StandardCharsets.UTF_8);
      }
    }
    return piece.replace('▁', ' ').getBytes(StandardCharsets.UTF_8);
  }

  /// The character that spells a byte in GPT-2's alphabet (`bytes_to_unicode` of OpenAI's
  /// `encoder.py`): printable Latin-1 stands for itself, the others follow from U+0100 on.
  static char[] alphabet() {
    char[] alphabet = new char[256];
    char next = 256;
    for (int value = 0; value < 256; value++) {
      boolean printable =
          value >= '!' && value <= '~' || value >= 0xa1 && value <= 0xac || value >= 0xae;
      alphabet[value] = printable ? (char) value : next++;
    }
    return alphabet;
  }

  private static int[] byteOfCharacter() {
    char[] alphabet = alphabet();
    int[] inverse = new int[512];
    Arrays.fill(inverse, -1);
    for (int value = 0; value < 256; value++) {
      inverse[alphabet[value]] = value;
    }
    return inverse;
  }
}
