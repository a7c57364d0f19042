package dev.lathe.compute.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Python's string functions on [Text]; origins are kept.
final class Strings {
  private Strings() {}

  static Text strip(Text text, String characters, boolean left, boolean right) {
    int start = 0;
    int end = text.length();
    while (left && start < end && strips(text.characters().charAt(start), characters)) {
      start++;
    }
    while (right && end > start && strips(text.characters().charAt(end - 1), characters)) {
      end--;
    }
    return text.slice(start, end);
  }

  private static boolean strips(char c, String characters) {
    return characters.isEmpty() ? Operations.isSpace(c) : characters.indexOf(c) >= 0;
  }

  /// @param limit most replacements, negative for all
  static Text replace(Text text, Text old, Text fresh, long limit) {
    Text.Builder result = new Text.Builder();
    String characters = text.characters();
    if (old.isEmpty()) {
      long left = limit < 0 ? Long.MAX_VALUE : limit;
      for (int i = 0; i <= text.length(); i++) {
        if (left-- > 0) {
          result.append(fresh);
        }
        if (i < text.length()) {
          result.append(text.slice(i, i + 1));
        }
      }
      return result.build();
    }
    int from = 0;
    for (long done = 0; limit < 0 || done < limit; done++) {
      int found = characters.indexOf(old.characters(), from);
      if (found < 0) {
        break;
      }
      result.append(text.slice(from, found)).append(fresh);
      from = found + old.length();
    }
    return from == 0 ? text : result.append(text.slice(from, text.length())).build();
  }

  /// @param limit most cuts, negative for all
  static List<Value> split(Text text, String separator, long limit) {
    List<Value> parts = new ArrayList<>();
    int from = 0;
    while (limit < 0 || parts.size() < limit) {
      int found = text.characters().indexOf(separator, from);
      if (found < 0) {
        break;
      }
      parts.add(text.slice(from, found));
      from = found + separator.length();
    }
    parts.add(text.slice(from, text.length()));
    return parts;
  }

  static List<Value> splitFromRight(Text text, String separator, long limit) {
    List<Value> parts = new ArrayList<>();
    int to = text.length();
    while (limit < 0 || parts.size() < limit) {
      int found = text.characters().lastIndexOf(separator, to - separator.length());
      if (found < 0 || to < separator.length()) {
        break;
      }
      parts.addFirst(text.slice(found + separator.length(), to));
      to = found;
    }
    parts.addFirst(text.slice(0, to));
    return parts;
  }

  /// Words between white space; no empty ones.
  static List<Value> words(Text text, long limit) {
    List<Value> words = new ArrayList<>();
    int at = 0;
    while (true) {
      while (at < text.length() && Operations.isSpace(text.characters().charAt(at))) {
        at++;
      }
      if (at == text.length()) {
        return words;
      }
      int start = at;
      if (limit >= 0 && words.size() == limit) {
        words.add(strip(text.slice(start, text.length()), "", false, true));
        return words;
      }
      while (at < text.length() && !Operations.isSpace(text.characters().charAt(at))) {
        at++;
      }
      words.add(text.slice(start, at));
    }
  }

  static List<Value> lines(Text text, boolean keepEnds) {
    List<Value> lines = new ArrayList<>();
    String characters = text.characters();
    int start = 0;
    for (int i = 0; i < characters.length(); i++) {
      char c = characters.charAt(i);
      if (c == '\n'
          || c == '\r'
          || c >= 0x0b && c <= 0x0c
          || c >= 0x1c && c <= 0x1e
          || c == 0x85
          || c == 0x2028
          || c == 0x2029) {
        int end =
            c == '\r' && i + 1 < characters.length() && characters.charAt(i + 1) == '\n'
                ? i + 2
                : i + 1;
        lines.add(text.slice(start, keepEnds ? end : i));
        start = end;
        i = end - 1;
      }
    }
    if (start < characters.length()) {
      lines.add(text.slice(start, characters.length()));
    }
    return lines;
  }

  static Text upper(Text text) {
    return text.mapRuns(run -> run.toUpperCase(Locale.ROOT));
  }

  static Text lower(Text text) {
    return text.mapRuns(run -> run.toLowerCase(Locale.ROOT));
  }

  static Text capitalize(Text text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.characters().codePointAt(0));
    return upper(text.slice(0, first)).plus(lower(text.slice(first, text.length())));
  }

  /// Upper case where a word begins, lower case inside; `starts` says which characters go before a
  /// word.
  static Text title(Text text, java.util.function.IntPredicate starts) {
    Text.Builder result = new Text.Builder();
    boolean begins = true;
    for (int i = 0; i < text.length(); ) {
      int point = text.characters().codePointAt(i);
      int end = i + Character.charCount(point);
      Text one = text.slice(i, end);
      result.append(begins ? upper(one) : lower(one));
      begins = starts.test(point);
      i = end;
    }
    return result.build();
  }

  /// Jinja's `indent` filter.
  static Text indent(Text text, String indentation, boolean first, boolean blank) {
    List<Value> lines = lines(text.plus(Text.of("\n")), false);
    Text.Builder result = new Text.Builder();
    for (int i = 0; i < lines.size(); i++) {
      Text line = (Text) lines.get(i);
      result.append(i == 0 ? "" : "\n");
      if (i == 0 ? first : blank || !line.isEmpty()) {
        result.append(indentation);
      }
      result.append(line);
    }
    return result.build();
  }
}
