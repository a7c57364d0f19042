package dev.lathe.compute.grammar;

import java.util.HashMap;
import java.util.Map;

/// Writes characters into an automaton over bytes: UTF-8, and JSON's escapes.
final class ByteEdges {
  private static final String SHORT_ESCAPES = "\b\f\n\r\t";
  private static final String SHORT_LETTERS = "bfnrt";

  private final Nfa nfa;

  /// States from which a range of bytes and then a given state follow, by both.
  private final Map<Long, Integer> suffixes = new HashMap<>();

  ByteEdges(Nfa nfa) {
    this.nfa = nfa;
  }

  /// Edges for the characters `[first, last]`, which hold no surrogates.
  void add(int from, int first, int last, Expression.Spelling spelling, int to) {
    switch (spelling) {
      case PLAIN -> utf8(from, first, last, to);
      case JSON -> json(from, first, last, to);
    }
  }

  private void json(int from, int first, int last, int to) {
    int low = first;
    for (int c = first; c <= Math.min(last, 0x1f); c++) {
      control(from, c, to);
      low = c + 1;
    }
    for (char special : new char[] {'"', '\\'}) {
      if (low <= special && special <= last) {
        plain(from, low, special - 1, to);
        bytes(from, to, '\\', special);
        low = special + 1;
      }
    }
    plain(from, low, last, to);
  }

  private void plain(int from, int first, int last, int to) {
    if (first <= last) {
      utf8(from, first, last, to);
    }
  }

  private void control(int from, int c, int to) {
    int letter = SHORT_ESCAPES.indexOf(c);
    if (letter >= 0) {
      bytes(from, to, '\\', SHORT_LETTERS.charAt(letter));
    }
    int beforeLast = nfa.state();
    bytes(from, beforeLast, '\\', 'u', '0', '0', '0' + (c >> 4));
    int digit = Character.forDigit(c & 15, 16);
    nfa.edge(beforeLast, digit, digit, to);
    int capital = Character.toUpperCase(digit);
    if (capital != digit) {
      nfa.edge(beforeLast, capital, capital, to);
    }
  }

  /// Edges for exactly these bytes.
  void bytes(int from, int to, int... values) {
    int at = from;
    for (int i = 0; i < values.length; i++) {
      int next = i == values.length - 1 ? to : nfa.state();
      nfa.edge(at, values[i], values[i], next);
      at = next;
    }
  }

  /* A range of characters is cut until in each piece either the first bytes are equal or all
   * following bytes are free, as in Thompson's grep and RE2's compiler. */
  private void utf8(int from, int first, int last, int to) {
    for (int limit : new int[] {0x7f, 0x7ff, 0xffff}) {
      if (first <= limit && limit < last) {
        utf8(from, first, limit, to);
        utf8(from, limit + 1, last, to);
        return;
      }
    }
    if (last <= 0x7f) {
      nfa.edge(from, first, last, to);
      return;
    }
    for (int free = 6; free < 24; free += 6) {
      int low = (1 << free) - 1;
      if ((first & ~low) != (last & ~low)) {
        if ((first & low) != 0) {
          utf8(from, first, first | low, to);
          utf8(from, (first | low) + 1, last, to);
          return;
        }
        if ((last & low) != low) {
          utf8(from, first, (last & ~low) - 1, to);
          utf8(from, last & ~low, last, to);
          return;
        }
      }
    }
    int[] lowest = encoded(first);
    int[] highest = encoded(last);
    int next = to;
    for (int i = lowest.length - 1; i > 0; i--) {
      next = suffix(lowest[i], highest[i], next);
    }
    nfa.edge(from, lowest[0], highest[0], next);
  }

  private int suffix(int low, int high, int to) {
    return suffixes.computeIfAbsent(
        (long) to << 16 | low << 8 | high,
        key -> {
          int state = nfa.state();
          nfa.edge(state, low, high, to);
          return state;
        });
  }

  private static int[] encoded(int character) {
    byte[] bytes = Character.toString(character).getBytes(java.nio.charset.StandardCharsets.UTF_8);
    int[] values = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      values[i] = bytes[i] & 0xff;
    }
    return values;
  }
}
