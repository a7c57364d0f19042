package dev.lathe.compute.adapter;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// Regular expressions out of files: a bounded length and a bounded number of looks at the text, so
/// that no expression can hang the reader.
final class BoundedRegex {
  private static final int MAX_LENGTH = 4000;
  private static final int MAX_LOOKS = 1_000_000;

  private BoundedRegex() {}

  /// Whether the expression matches the whole text.
  ///
  /// @throws IllegalArgumentException with the end of the sentence "an expression that …"
  static boolean matches(String regex, String text) {
    if (regex.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "has " + regex.length() + " characters, at most " + MAX_LENGTH + " are read");
    }
    try {
      return Pattern.compile(regex).matcher(new Counted(text, new int[1])).matches();
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("cannot be read: " + e.getDescription(), e);
    } catch (StackOverflowError e) {
      throw new IllegalArgumentException("nests too deeply", e);
    }
  }

  private record Counted(String text, int[] looks) implements CharSequence {
    @Override
    public char charAt(int index) {
      if (++looks[0] > MAX_LOOKS) {
        throw new IllegalArgumentException("takes too long on '" + text + "'");
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return new Counted(text.substring(start, end), looks);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
