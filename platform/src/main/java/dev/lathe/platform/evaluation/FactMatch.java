package dev.lathe.platform.evaluation;

import java.text.Normalizer;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/// Whether an answer states a fact: it contains one of the expected wordings, spelling aside.
///
/// Spelling that makes no difference: upper and lower case, full and half width (`７％` is `7%`),
/// kinds of dashes and quotes, spaces beside numbers, units and Chinese characters (`$ 730`, `7.6
/// 元`, `10 am`), thousands separators (`1,200`), zeros that end a decimal (`4.80`), the points of
/// `a.m.` and `p.m.`
///
/// A wording found inside a longer number or a longer Latin word does not count: `730 dollars` is
/// not in `1730 dollars`, `Ann` is not in `Annabel`. Meaning is not judged: `not $730` contains
/// `$730`.
public final class FactMatch {
  private static final Pattern DASHES = Pattern.compile("[\\u2010-\\u2015\\u2212]");
  private static final Pattern QUOTES = Pattern.compile("[\\u2018\\u2019\\u02BC]");
  private static final Pattern NOON = Pattern.compile("(?<![a-z])([ap])\\. ?m\\.?(?![a-z])");
  private static final Pattern THOUSANDS = Pattern.compile("(?<=\\d),(?=\\d{3}(?!\\d))");
  private static final Pattern ZEROS =
      Pattern.compile("(?<![\\d.])(\\d+)\\.(\\d*?)0+(?!\\d|\\.\\d)");
  private static final Pattern BARE_POINT = Pattern.compile("(?<=\\d)\\.(?!\\d)");
  private static final Pattern LOOSE_SPACE =
      Pattern.compile("(?<!\\p{IsLatin}) | (?!\\p{IsLatin})");

  private FactMatch() {}

  /// Whether the answer contains one of the wordings.
  public static boolean states(String answer, List<String> wordings) {
    String normal = normal(answer);
    return wordings.stream().map(FactMatch::normal).anyMatch(wording -> contains(normal, wording));
  }

  /// The text with every difference removed that does not count.
  static String normal(String text) {
    String normal = Normalizer.normalize(text, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
    normal = DASHES.matcher(normal).replaceAll("-");
    normal = QUOTES.matcher(normal).replaceAll("'");
    normal = normal.replaceAll("\\s+", " ").strip();
    normal = NOON.matcher(normal).replaceAll("$1m");
    normal = THOUSANDS.matcher(normal).replaceAll("");
    normal = ZEROS.matcher(normal).replaceAll("$1.$2");
    normal = BARE_POINT.matcher(normal).replaceAll("");
    return LOOSE_SPACE.matcher(normal).replaceAll("");
  }

  private static boolean contains(String text, String wording) {
    if (wording.isEmpty()) {
      return false;
    }
    for (int at = text.indexOf(wording); at >= 0; at = text.indexOf(wording, at + 1)) {
      if (isWhole(text, at, at + wording.length())) {
        return true;
      }
    }
    return false;
  }

  private static boolean isWhole(String text, int start, int end) {
    boolean cutsAtStart = start > 0 && joins(text, start);
    boolean cutsAtEnd = end < text.length() && joins(text, end);
    return !cutsAtStart && !cutsAtEnd;
  }

  /// Whether the characters on both sides of `at` belong to one number or one Latin word.
  private static boolean joins(String text, int at) {
    char before = text.charAt(at - 1);
    char after = text.charAt(at);
    if (isDigit(before) && after == '.') {
      return at + 1 < text.length() && isDigit(text.charAt(at + 1));
    }
    if (before == '.' && isDigit(after)) {
      return at > 1 && isDigit(text.charAt(at - 2));
    }
    return (isDigit(before) && isDigit(after)) || (isLatin(before) && isLatin(after));
  }

  private static boolean isDigit(char character) {
    return character >= '0' && character <= '9';
  }

  private static boolean isLatin(char character) {
    return Character.isLetter(character)
        && Character.UnicodeScript.of(character) == Character.UnicodeScript.LATIN;
  }
}
