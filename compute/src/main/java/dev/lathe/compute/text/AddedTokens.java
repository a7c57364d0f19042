package dev.lathe.compute.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Finds added tokens in text, from left to right, the longest first, as the tokenizers library
/// does, but only where the characters may be read as such.
final class AddedTokens {
  /// What the characters of a text may become.
  enum Trust {
    /// Ordinary pieces only: what users, tools and documents wrote.
    PLAIN,
    /// Added tokens that are not special as well: what the model wrote.
    ANSWER,
    /// All added tokens: what the template wrote.
    TEMPLATE
  }

  /// A stretch `[start, end)` of the text: an added token, or text between (`token` is empty).
  record Part(int start, int end, Optional<AddedToken> token) {}

  private final Map<Character, List<AddedToken>> byFirst = new HashMap<>();

  AddedTokens(List<AddedToken> tokens) {
    for (AddedToken token : tokens) {
      if (!token.content().isEmpty()) {
        byFirst.computeIfAbsent(token.content().charAt(0), c -> new ArrayList<>()).add(token);
      }
    }
    Comparator<AddedToken> longestFirst =
        Comparator.comparingInt((AddedToken token) -> token.content().length()).reversed();
    byFirst.values().forEach(list -> list.sort(longestFirst));
  }

  /// Cuts `[from, to)` of a text.
  ///
  /// @param trust one for each character of the text
  List<Part> split(String text, Trust[] trust, int from, int to) {
    List<Part> parts = new ArrayList<>();
    int plainStart = from;
    int at = from;
    while (at < to) {
      Optional<AddedToken> found = at(text, trust, at, from, to);
      if (found.isEmpty()) {
        at++;
        continue;
      }
      AddedToken token = found.get();
      int start = at;
      int end = at + token.content().length();
      while (token.leftStrip()
          && start > plainStart
          && Character.isWhitespace(text.charAt(start - 1))) {
        start--;
      }
      while (token.rightStrip() && end < to && Character.isWhitespace(text.charAt(end))) {
        end++;
      }
      if (start > plainStart) {
        parts.add(new Part(plainStart, start, Optional.empty()));
      }
      parts.add(new Part(start, end, found));
      plainStart = end;
      at = end;
    }
    if (to > plainStart) {
      parts.add(new Part(plainStart, to, Optional.empty()));
    }
    return parts;
  }

  private Optional<AddedToken> at(String text, Trust[] trust, int at, int from, int to) {
    for (AddedToken token : byFirst.getOrDefault(text.charAt(at), List.of())) {
      int end = at + token.content().length();
      if (end <= to
          && text.startsWith(token.content(), at)
          && isTrusted(token, trust, at, end)
          && !(token.singleWord() && touchesWord(text, at, end, from, to))) {
        return Optional.of(token);
      }
    }
    return Optional.empty();
  }

  private static boolean isTrusted(AddedToken token, Trust[] trust, int start, int end) {
    Trust needed = token.needs();
    for (int i = start; i < end; i++) {
      if (trust[i].compareTo(needed) < 0) {
        return false;
      }
    }
    return true;
  }

  private static boolean touchesWord(String text, int start, int end, int from, int to) {
    return start > from && isWord(text.charAt(start - 1)) || end < to && isWord(text.charAt(end));
  }

  private static boolean isWord(char c) {
    return c == '_' || Character.isLetterOrDigit(c);
  }
}
