package dev.lathe.app.terminal;

import java.util.ArrayList;
import java.util.List;

/// Columns that text takes on a terminal: two for East Asian wide and full-width characters and
/// emoji, none for combining marks, one for the rest. Text carries no escape sequences.
public final class Width {
  /// First and last code points of the wide blocks; Unicode 16, EastAsianWidth.txt (W and F),
  /// neighbouring blocks joined.
  private static final int[][] WIDE = {
    {0x1100, 0x115F},
    {0x231A, 0x231B},
    {0x2329, 0x232A},
    {0x23E9, 0x23EC},
    {0x23F0, 0x23F0},
    {0x23F3, 0x23F3},
    {0x25FD, 0x25FE},
    {0x2614, 0x2615},
    {0x2630, 0x2637},
    {0x2648, 0x2653},
    {0x267F, 0x267F},
    {0x268A, 0x268F},
    {0x2693, 0x2693},
    {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},
    {0x26BD, 0x26BE},
    {0x26C4, 0x26C5},
    {0x26CE, 0x26CE},
    {0x26D4, 0x26D4},
    {0x26EA, 0x26EA},
    {0x26F2, 0x26F3},
    {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},
    {0x26FD, 0x26FD},
    {0x2705, 0x2705},
    {0x270A, 0x270B},
    {0x2728, 0x2728},
    {0x274C, 0x274C},
    {0x274E, 0x274E},
    {0x2753, 0x2755},
    {0x2757, 0x2757},
    {0x2795, 0x2797},
    {0x27B0, 0x27B0},
    {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},
    {0x2B50, 0x2B50},
    {0x2B55, 0x2B55},
    {0x2E80, 0x303E},
    {0x3041, 0x3247},
    {0x3250, 0x4DBF},
    {0x4DC0, 0x4DFF},
    {0x4E00, 0xA4CF},
    {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},
    {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},
    {0xFF01, 0xFF60},
    {0xFFE0, 0xFFE6},
    {0x16FE0, 0x18DFF},
    {0x1AFF0, 0x1B2FF},
    {0x1D300, 0x1D376},
    {0x1F004, 0x1F004},
    {0x1F0CF, 0x1F0CF},
    {0x1F18E, 0x1F18E},
    {0x1F191, 0x1F19A},
    {0x1F200, 0x1F265},
    {0x1F300, 0x1F320},
    {0x1F32D, 0x1F335},
    {0x1F337, 0x1F37C},
    {0x1F37E, 0x1F393},
    {0x1F3A0, 0x1F3CA},
    {0x1F3CF, 0x1F3D3},
    {0x1F3E0, 0x1F3F0},
    {0x1F3F4, 0x1F3F4},
    {0x1F3F8, 0x1F43E},
    {0x1F440, 0x1F440},
    {0x1F442, 0x1F4FC},
    {0x1F4FF, 0x1F53D},
    {0x1F54B, 0x1F54E},
    {0x1F550, 0x1F567},
    {0x1F57A, 0x1F57A},
    {0x1F595, 0x1F596},
    {0x1F5A4, 0x1F5A4},
    {0x1F5FB, 0x1F64F},
    {0x1F680, 0x1F6C5},
    {0x1F6CC, 0x1F6CC},
    {0x1F6D0, 0x1F6D2},
    {0x1F6D5, 0x1F6D7},
    {0x1F6DC, 0x1F6DF},
    {0x1F6EB, 0x1F6EC},
    {0x1F6F4, 0x1F6FC},
    {0x1F7E0, 0x1F7F0},
    {0x1F90C, 0x1F93A},
    {0x1F93C, 0x1F945},
    {0x1F947, 0x1F9FF},
    {0x1FA70, 0x1FAFF},
    {0x20000, 0x3FFFD},
  };

  private Width() {}

  /// Columns of a text without line breaks.
  public static int of(String text) {
    return text.codePoints().map(Width::of).sum();
  }

  /// Columns of one code point: 0, 1 or 2.
  public static int of(int codePoint) {
    if (codePoint < 0x300) {
      return 1;
    }
    return switch (Character.getType(codePoint)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT -> 0;
      default -> isWide(codePoint) ? 2 : 1;
    };
  }

  private static boolean isWide(int codePoint) {
    int low = 0;
    int high = WIDE.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (codePoint < WIDE[middle][0]) {
        high = middle - 1;
      } else if (codePoint > WIDE[middle][1]) {
        low = middle + 1;
      } else {
        return true;
      }
    }
    return false;
  }

  /// The text followed by spaces up to `columns`; unchanged when it is wider.
  public static String pad(String text, int columns) {
    return text + " ".repeat(Math.max(0, columns - of(text)));
  }

  /// The text cut to `columns`, ending in `…` when something was cut.
  public static String cut(String text, int columns) {
    if (of(text) <= columns) {
      return text;
    }
    return head(text, Math.max(0, columns - 1)) + "…";
  }

  private static String head(String text, int columns) {
    int end = 0;
    int used = 0;
    while (end < text.length()) {
      int codePoint = text.codePointAt(end);
      used += of(codePoint);
      if (used > columns) {
        break;
      }
      end += Character.charCount(codePoint);
    }
    return text.substring(0, end);
  }

  /// The lines of the text at most `columns` wide, broken at spaces, inside words that are longer
  /// than a line, and between wide characters; its own line breaks are kept. At least one line.
  public static List<String> wrap(String text, int columns) {
    if (columns < 2) {
      throw new IllegalArgumentException(columns + " columns hold no wide character");
    }
    List<String> lines = new ArrayList<>();
    for (String line : text.split("\r?\n", -1)) {
      wrapLine(line, columns, lines);
    }
    return List.copyOf(lines);
  }

  private static void wrapLine(String line, int columns, List<String> lines) {
    String rest = line.replace("\t", "    ").stripTrailing();
    while (of(rest) > columns) {
      int end = breakBefore(rest, head(rest, columns).length());
      lines.add(rest.substring(0, end).stripTrailing());
      rest = rest.substring(end).stripLeading();
    }
    lines.add(rest);
  }

  /// The last good place to break at or before `limit`; `limit` itself when there is none.
  private static int breakBefore(String text, int limit) {
    for (int at = limit; at > 0; at = text.offsetByCodePoints(at, -1)) {
      int before = text.codePointBefore(at);
      int after = text.codePointAt(at);
      boolean atSpace = Character.isWhitespace(after) || Character.isWhitespace(before);
      boolean betweenWide = of(before) == 2 && of(after) == 2 && !closes(after);
      boolean blankSoFar = text.substring(0, at).isBlank();
      if ((atSpace || betweenWide) && !blankSoFar) {
        return at;
      }
    }
    return limit;
  }

  /// Full-width punctuation that must not begin a line.
  private static boolean closes(int codePoint) {
    return "，。、；：？！）》】」』”’％".indexOf(codePoint) >= 0;
  }
}
