package dev.lathe.platform.tuning;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// One key of a recipe.
///
/// @param standard the value where none is given, as written; empty for none
/// @param use what becomes of a value
/// @param shapesResult whether another value makes another adapter, so that a run cannot be resumed
///   under it
record Key(String name, Type type, String standard, Use use, boolean shapesResult) {
  private static final Set<String> TRUE = Set.of("true", "yes", "on", "1", "y", "t");
  private static final Set<String> FALSE = Set.of("false", "no", "off", "0", "n", "f");
  private static final Set<String> NOTHING = Set.of("", "null", "none", "~");

  /// What becomes of a value.
  sealed interface Use {
    /// It is obeyed.
    record Obeyed() implements Use {}

    /// It tunes something that is not there; the result is the same.
    ///
    /// @param why a sentence without a full stop
    record WithoutEffect(String why) implements Use {}

    /// Only the default is accepted.
    ///
    /// @param what the feature that is missing
    record Unsupported(String what) implements Use {}
  }

  /// What a value looks like.
  sealed interface Type {
    record Flag() implements Type {}

    record Whole(long least) implements Type {}

    /// @param open whether `least` itself is excluded
    /// @param most upper bound, excluded unless infinite or 1 with `openAbove` false
    record Real(double least, boolean open, double most, boolean openAbove) implements Type {}

    record Choice(List<String> names) implements Type {}

    record Text() implements Type {}

    /// Texts joined by commas.
    record Names() implements Type {}
  }

  /// Whether the text stands for no value at all.
  static boolean isNothing(String text) {
    return NOTHING.contains(text.toLowerCase(Locale.ROOT));
  }

  /// The value in the one spelling in which values are compared and recorded.
  ///
  /// @throws IllegalArgumentException saying what was wanted
  String canonical(String text) {
    return switch (type) {
      case Type.Flag() -> flag(text);
      case Type.Whole(long least) -> whole(text, least);
      case Type.Real real -> real(text, real);
      case Type.Choice(List<String> names) -> choice(text, names);
      case Type.Text() -> text;
      case Type.Names() -> names(text);
    };
  }

  private static String flag(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (TRUE.contains(lower)) {
      return "true";
    }
    if (FALSE.contains(lower)) {
      return "false";
    }
    throw new IllegalArgumentException("is '" + text + "'; wanted is true or false");
  }

  private static String whole(String text, long least) {
    long value;
    try {
      value = new BigDecimal(text.replace("_", "")).longValueExact();
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IllegalArgumentException("is '" + text + "'; wanted is a whole number", e);
    }
    if (value < least || value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "is " + value + "; wanted is a whole number from " + least + " to " + Integer.MAX_VALUE);
    }
    return Long.toString(value);
  }

  private static String real(String text, Type.Real type) {
    double value;
    try {
      value = new BigDecimal(text.replace("_", "")).doubleValue();
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("is '" + text + "'; wanted is a number", e);
    }
    boolean low = type.open ? value <= type.least : value < type.least;
    boolean high = type.openAbove ? value >= type.most : value > type.most;
    if (low || high || Double.isInfinite(value)) {
      throw new IllegalArgumentException("is " + text + "; wanted is a number " + range(type));
    }
    return Double.toString(value);
  }

  private static String range(Type.Real type) {
    String from = (type.open ? "above " : "of at least ") + plain(type.least);
    return Double.isInfinite(type.most)
        ? from
        : from + " and " + (type.openAbove ? "below " : "at most ") + plain(type.most);
  }

  private static String plain(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  private static String choice(String text, List<String> names) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (names.contains(lower)) {
      return lower;
    }
    if (FALSE.contains(lower) && names.contains("no")) {
      return "no";
    }
    throw new IllegalArgumentException(
        "is '"
            + text
            + (names.size() == 1
                ? "', not supported yet; supported is '" + names.getFirst() + "'"
                : "', not supported; supported are " + String.join(", ", names)));
  }

  private static String names(String text) {
    List<String> names = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      if (part.isBlank()) {
        throw new IllegalArgumentException("is '" + text + "', with an empty name in it");
      }
      names.add(part.strip());
    }
    return String.join(",", names);
  }
}
