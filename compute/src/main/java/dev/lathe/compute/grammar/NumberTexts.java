package dev.lathe.compute.grammar;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// How the numbers of a range are written: up to 16 digits before and, unless they are integers, 16
/// after the point, without exponent and without a negative zero.
final class NumberTexts {
  /// Multiples of more than this, taken without its zeros and point, are not supported.
  static final int LARGEST_FACTOR = 10_000;

  private static final String INTEGERS = "0|-?[1-9][0-9]{0,15}";
  private static final String DECIMALS = "-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,16})?";
  private static final String NEGATIVE_ZEROS = "-0(\\.0+)?";

  private final Work work;

  NumberTexts(Work work) {
    this.work = work;
  }

  /// Whether numbers can be held to that.
  static boolean canBeMultiplesOf(BigDecimal factor) {
    return factor.signum() > 0
        && scaled(factor).compareTo(BigInteger.valueOf(LARGEST_FACTOR)) <= 0
        && factor.stripTrailingZeros().scale() <= 16;
  }

  Dfa of(Schema.Numbers numbers) {
    Dfa texts =
        numbers.integer()
            ? RegexParser.whole(INTEGERS, work)
            : RegexParser.whole(DECIMALS, work)
                .minus(RegexParser.whole(NEGATIVE_ZEROS, work), work);
    if (numbers.low() != null) {
      texts = texts.and(above(numbers.low()), work);
    }
    if (numbers.high() != null) {
      texts = texts.and(below(numbers.high()), work);
    }
    for (BigDecimal factor : numbers.multiples()) {
      texts = texts.and(multiples(factor), work);
    }
    return texts;
  }

  private Dfa above(Schema.Bound low) {
    BigDecimal size = low.value().abs();
    return low.value().signum() < 0
        ? signed(magnitudes(size, -1, low.exclusive()), false)
        : magnitudes(size, 1, low.exclusive());
  }

  private Dfa below(Schema.Bound high) {
    BigDecimal size = high.value().abs();
    return high.value().signum() < 0
        ? signed(magnitudes(size, 1, high.exclusive()), null)
        : signed(magnitudes(size, -1, high.exclusive()), true);
  }

  /// Texts with a sign.
  ///
  /// @param negativesFree null: negative numbers of these magnitudes only; true: these magnitudes
  ///   without a sign and all negative numbers; false: all without a sign, and negative numbers of
  ///   these magnitudes
  private Dfa signed(Dfa magnitudes, @Nullable Boolean negativesFree) {
    Nfa nfa = new Nfa(work);
    int start = nfa.state();
    int minus = nfa.state();
    int end = nfa.state();
    nfa.edge(start, '-', '-', minus);
    boolean free = Boolean.TRUE.equals(negativesFree);
    copy(magnitudes, nfa, free ? start : minus, end);
    if (negativesFree != null) {
      copy(RegexParser.whole("[0-9.]+", work), nfa, free ? minus : start, end);
    }
    return nfa.determinised(start, end);
  }

  private static void copy(Dfa texts, Nfa nfa, int start, int end) {
    int[] states = new int[texts.states()];
    for (int s = 0; s < states.length; s++) {
      states[s] = nfa.state();
    }
    nfa.empty(start, states[0]);
    for (int s = 0; s < states.length; s++) {
      for (int t = texts.from(s); t < texts.to(s); t++) {
        nfa.edge(states[s], texts.low(t), texts.high(t), states[texts.target(t)]);
      }
      if (texts.accepts(s)) {
        nfa.empty(states[s], end);
      }
    }
  }

  /// How far the digits are read that are compared with a bound.
  ///
  /// @param comparison of what was read with the bound's beginning
  private record Reading(boolean fraction, int digits, int comparison) {}

  /// Digits, perhaps with a point, whose value is above (1) or below (-1) a bound, or equal to it.
  private Dfa magnitudes(BigDecimal bound, int side, boolean exclusive) {
    String[] parts = bound.toPlainString().split("\\.");
    String whole = parts[0];
    String fraction = parts.length > 1 ? parts[1] : "";
    return explored(
        new Reading(false, 0, 0),
        (reading, symbol) -> after(reading, symbol, whole, fraction),
        reading -> {
          int comparison =
              reading.fraction()
                  ? atEnd(reading, fraction)
                  : atEnd(atPoint(reading, whole), fraction);
          return reading.digits() > 0 || reading.fraction()
              ? comparison == side || comparison == 0 && !exclusive
              : false;
        });
  }

  private static @Nullable Reading after(
      Reading reading, char symbol, String whole, String fraction) {
    if (symbol == '-') {
      return null;
    }
    if (symbol == '.') {
      return reading.fraction() ? null : atPoint(reading, whole);
    }
    String digits = reading.fraction() ? fraction : whole;
    int at = reading.digits();
    int comparison = reading.comparison();
    if (comparison == 0) {
      char other = at < digits.length() ? digits.charAt(at) : '0';
      comparison = Integer.compare(symbol, other);
      comparison = !reading.fraction() && at >= digits.length() ? 1 : comparison;
    }
    int next = reading.fraction() ? Math.min(at + 1, digits.length()) : at + 1;
    if (!reading.fraction() && next > digits.length()) {
      next = digits.length() + 1;
      comparison = 1;
    }
    return new Reading(
        reading.fraction(), reading.fraction() && comparison != 0 ? 0 : next, comparison);
  }

  /// Numbers with fewer digits before the point are smaller.
  private static Reading atPoint(Reading reading, String whole) {
    int length = Integer.compare(reading.digits(), whole.length());
    return new Reading(true, 0, length != 0 ? length : reading.comparison());
  }

  private static int atEnd(Reading reading, String fraction) {
    if (reading.comparison() != 0 || reading.digits() >= fraction.length()) {
      return reading.comparison();
    }
    return fraction.substring(reading.digits()).chars().allMatch(c -> c == '0') ? 0 : -1;
  }

  private record Remainder(boolean fraction, int digits, long value) {}

  private static BigInteger scaled(BigDecimal factor) {
    BigDecimal stripped = factor.stripTrailingZeros();
    return stripped.scale() < 0 ? stripped.toBigIntegerExact() : stripped.unscaledValue();
  }

  private Dfa multiples(BigDecimal factor) {
    long divisor = scaled(factor).longValueExact();
    int places = Math.max(0, factor.stripTrailingZeros().scale());
    return explored(
        new Remainder(false, 0, 0),
        (read, symbol) -> {
          if (symbol == '-' || symbol == '.') {
            boolean placed =
                symbol == '-' ? read.digits() == 0 && !read.fraction() : !read.fraction();
            return placed
                ? new Remainder(symbol == '.', symbol == '.' ? 0 : -1, read.value())
                : null;
          }
          if (read.fraction() && read.digits() == places) {
            return symbol == '0' ? read : null;
          }
          long value = (read.value() * 10 + symbol - '0') % divisor;
          return new Remainder(read.fraction(), read.fraction() ? read.digits() + 1 : 1, value);
        },
        read -> {
          long value = read.value();
          for (int i = read.fraction() ? read.digits() : 0; i < places; i++) {
            value = value * 10 % divisor;
          }
          return value == 0;
        });
  }

  /// The automaton of all states that a step leads to.
  ///
  /// @param step null where a text cannot go on
  private <S> Dfa explored(S start, BiFunction<S, Character, @Nullable S> step, Predicate<S> ends) {
    Map<S, Integer> ids = new HashMap<>();
    Deque<S> open = new ArrayDeque<>();
    Dfa.Builder builder = new Dfa.Builder(work);
    ids.put(start, builder.state(ends.test(start)));
    open.add(start);
    while (!open.isEmpty()) {
      S state = open.remove();
      int from = ids.getOrDefault(state, 0);
      for (char symbol : "-.0123456789".toCharArray()) {
        S next = step.apply(state, symbol);
        if (next != null) {
          int to =
              ids.computeIfAbsent(
                  next,
                  made -> {
                    open.add(made);
                    return builder.state(ends.test(made));
                  });
          builder.transition(from, symbol, symbol, to);
        }
      }
    }
    return builder.build().minimised(work);
  }
}
