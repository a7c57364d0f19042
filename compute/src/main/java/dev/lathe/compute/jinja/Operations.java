package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Value.Bool;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Int;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.Namespace;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Real;
import dev.lathe.compute.jinja.Value.Undefined;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What Python's operators do with a template's values.
final class Operations {
  private Operations() {}

  static boolean truth(Value value) {
    return switch (value) {
      case Text text -> !text.isEmpty();
      case Bool bool -> bool.value();
      case Int number -> number.value() != 0;
      case Real number -> number.value() != 0;
      case None none -> false;
      case Undefined undefined -> false;
      case Items items -> !items.values().isEmpty();
      case Mapping mapping -> !mapping.entries().isEmpty();
      case Namespace namespace -> true;
      case Function function -> true;
    };
  }

  /// How messages name a kind of value.
  static String kind(Value value) {
    return switch (value) {
      case Text text -> "a string";
      case Bool bool -> "a boolean";
      case Int number -> "a whole number";
      case Real number -> "a number";
      case None none -> "none";
      case Undefined undefined -> "undefined (" + undefined.what() + ")";
      case Items items -> items.tuple() ? "a tuple" : "a list";
      case Mapping mapping -> "a mapping";
      case Namespace namespace -> "a namespace";
      case Function function -> "the function '" + function.name() + "'";
    };
  }

  static boolean equal(Value left, Value right) {
    if (isNumber(left) && isNumber(right)) {
      return left instanceof Real || right instanceof Real
          ? real(left) == real(right)
          : whole(left) == whole(right);
    }
    return switch (left) {
      case Items items when right instanceof Items other ->
          items.tuple() == other.tuple() && equal(items.values(), other.values());
      case Mapping mapping when right instanceof Mapping other -> equal(mapping, other);
      case Undefined undefined -> right instanceof Undefined;
      default -> left.equals(right);
    };
  }

  private static boolean equal(List<Value> left, List<Value> right) {
    for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
      if (!equal(left.get(i), right.get(i))) {
        return false;
      }
    }
    return left.size() == right.size();
  }

  private static boolean equal(Mapping left, Mapping right) {
    for (Map.Entry<Value, Value> entry : left.entries().entrySet()) {
      Value other = right.entries().get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other)) {
        return false;
      }
    }
    return left.entries().size() == right.entries().size();
  }

  static int compare(Value left, Value right, int line) {
    if (isNumber(left) && isNumber(right)) {
      return left instanceof Real || right instanceof Real
          ? Double.compare(real(left), real(right))
          : Long.compare(whole(left), whole(right));
    }
    if (left instanceof Text text && right instanceof Text other) {
      return comparePoints(text.characters(), other.characters());
    }
    if (left instanceof Items items && right instanceof Items other) {
      for (int i = 0; i < Math.min(items.values().size(), other.values().size()); i++) {
        if (!equal(items.values().get(i), other.values().get(i))) {
          return compare(items.values().get(i), other.values().get(i), line);
        }
      }
      return Integer.compare(items.values().size(), other.values().size());
    }
    throw TemplateError.at(line, kind(left) + " and " + kind(right) + " have no order");
  }

  /// Python orders strings by code point, Java by UTF-16 unit.
  private static int comparePoints(String left, String right) {
    int i = 0;
    while (i < left.length() && i < right.length()) {
      int a = left.codePointAt(i);
      int b = right.codePointAt(i);
      if (a != b) {
        return Integer.compare(a, b);
      }
      i += Character.charCount(a);
    }
    return Integer.compare(left.length(), right.length());
  }

  static boolean contains(Value whole, Value part, int line) {
    return switch (whole) {
      case Text text when part instanceof Text piece ->
          text.characters().contains(piece.characters());
      case Items items -> items.values().stream().anyMatch(item -> equal(item, part));
      case Mapping mapping -> mapping.entries().containsKey(part);
      case Undefined undefined -> false;
      default -> throw TemplateError.at(line, kind(part) + " cannot be in " + kind(whole));
    };
  }

  static List<Value> items(Value value, int line) {
    return switch (value) {
      case Items items -> items.values();
      case Mapping mapping -> List.copyOf(mapping.entries().keySet());
      case Text text -> points(text);
      case Undefined undefined -> List.of();
      default -> throw TemplateError.at(line, kind(value) + " has no items to go through");
    };
  }

  private static List<Value> points(Text text) {
    List<Value> points = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int end = i + Character.charCount(text.characters().codePointAt(i));
      points.add(text.slice(i, end));
      i = end;
    }
    return points;
  }

  static long length(Value value, int line) {
    return switch (value) {
      case Text text -> text.characters().codePointCount(0, text.length());
      case Items items -> items.values().size();
      case Mapping mapping -> mapping.entries().size();
      case Undefined undefined -> 0;
      default -> throw TemplateError.at(line, kind(value) + " has no length");
    };
  }

  static Value binary(String operator, Value left, Value right, int line) {
    return switch (operator) {
      case "~" -> text(left, line).plus(text(right, line));
      case "+" -> {
        if (left instanceof Text a && right instanceof Text b) {
          yield a.plus(b);
        }
        if (left instanceof Items a && right instanceof Items b) {
          List<Value> values = new ArrayList<>(a.values());
          values.addAll(b.values());
          yield new Items(values, a.tuple());
        }
        yield arithmetic(operator, left, right, line);
      }
      default -> arithmetic(operator, left, right, line);
    };
  }

  private static Value arithmetic(String operator, Value left, Value right, int line) {
    if (!isNumber(left) || !isNumber(right)) {
      throw left instanceof Text && (operator.equals("%") || operator.equals("*"))
          ? TemplateError.unsupported(line, "'" + operator + "' on a string")
          : TemplateError.at(
              line, "'" + operator + "' between " + kind(left) + " and " + kind(right));
    }
    try {
      boolean real =
          left instanceof Real
              || right instanceof Real
              || operator.equals("/")
              || operator.equals("**") && whole(right) < 0;
      return real
          ? realArithmetic(operator, real(left), real(right), line)
          : wholeArithmetic(operator, whole(left), whole(right), line);
    } catch (ArithmeticException e) {
      throw TemplateError.at(line, "'" + operator + "' overflows 64 bits or divides by zero");
    }
  }

  private static Value wholeArithmetic(String operator, long left, long right, int line) {
    return Value.of(
        switch (operator) {
          case "+" -> Math.addExact(left, right);
          case "-" -> Math.subtractExact(left, right);
          case "*" -> Math.multiplyExact(left, right);
          case "//" -> Math.floorDiv(left, right);
          case "%" -> Math.floorMod(left, right);
          case "**" -> new BigDecimal(left).pow(Math.toIntExact(right)).longValueExact();
          default -> throw TemplateError.unsupported(line, "the operator '" + operator + "'");
        });
  }

  private static Value realArithmetic(String operator, double left, double right, int line) {
    if (right == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw new ArithmeticException("zero");
    }
    return new Real(
        switch (operator) {
          case "+" -> left + right;
          case "-" -> left - right;
          case "*" -> left * right;
          case "/" -> left / right;
          case "//" -> Math.floor(left / right);
          case "%" -> left - right * Math.floor(left / right);
          case "**" -> Math.pow(left, right);
          default -> throw TemplateError.unsupported(line, "the operator '" + operator + "'");
        });
  }

  static boolean isNumber(Value value) {
    return value instanceof Int || value instanceof Real || value instanceof Bool;
  }

  static double real(Value value) {
    return value instanceof Real number ? number.value() : whole(value);
  }

  private static long whole(Value value) {
    return value instanceof Bool bool ? (bool.value() ? 1 : 0) : ((Int) value).value();
  }

  static long index(Value value, int line) {
    if (value instanceof Int || value instanceof Bool) {
      return whole(value);
    }
    throw TemplateError.at(line, "a whole number is wanted, not " + kind(value));
  }

  /// Python's `str`.
  static Text text(Value value, int line) {
    return switch (value) {
      case Text text -> text;
      case Undefined undefined -> Text.EMPTY;
      default -> {
        Text.Builder result = new Text.Builder();
        represent(value, result, line);
        yield result.build();
      }
    };
  }

  /// Python's `repr`.
  private static void represent(Value value, Text.Builder result, int line) {
    switch (value) {
      case Text text -> quote(text, result, line);
      case Bool bool -> result.append(bool.value() ? "True" : "False");
      case Int number -> result.append(Long.toString(number.value()));
      case Real number -> result.append(real(number.value()));
      case None none -> result.append("None");
      case Items items -> {
        result.append(items.tuple() ? "(" : "[");
        String separator = "";
        for (Value item : items.values()) {
          result.append(separator);
          represent(item, result, line);
          separator = ", ";
        }
        result.append(items.tuple() ? (items.values().size() == 1 ? ",)" : ")") : "]");
      }
      case Mapping mapping -> {
        String separator = "{";
        for (Map.Entry<Value, Value> entry : mapping.entries().entrySet()) {
          result.append(separator);
          represent(entry.getKey(), result, line);
          result.append(": ");
          represent(entry.getValue(), result, line);
          separator = ", ";
        }
        result.append(mapping.entries().isEmpty() ? "{}" : "}");
      }
      case Undefined undefined -> result.append("Undefined");
      case Namespace namespace -> throw unprintable(value, line);
      case Function function -> throw unprintable(value, line);
    }
  }

  private static LatheException unprintable(Value value, int line) {
    return TemplateError.unsupported(line, "printing " + kind(value));
  }

  private static void quote(Text text, Text.Builder result, int line) {
    String characters = text.characters();
    String quote = characters.contains("'") && !characters.contains("\"") ? "\"" : "'";
    result.append(quote);
    for (int i = 0; i < characters.length(); i++) {
      char c = characters.charAt(i);
      int origin = text.originAt(i);
      switch (c) {
        case '\\' -> result.append("\\\\", origin);
        case '\n' -> result.append("\\n", origin);
        case '\r' -> result.append("\\r", origin);
        case '\t' -> result.append("\\t", origin);
        default -> {
          if (c < ' ' || c >= 0x7f && c <= 0xa0 || c == 0xad) {
            result.append("\\x" + String.format("%02x", (int) c), origin);
          } else if (c == quote.charAt(0)) {
            result.append("\\" + c, origin);
          } else if (Character.isSpaceChar(c) && c != ' ') {
            throw TemplateError.unsupported(line, "printing a list with unusual blanks");
          } else {
            result.append(String.valueOf(c), origin);
          }
        }
      }
    }
    result.append(quote);
  }

  /// Python's shortest form of a double: `1.0`, `0.0001`, `1e-05`, `1e+16`.
  static String real(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal digits = new BigDecimal(Double.toString(Math.abs(value))).stripTrailingZeros();
    String sign = value < 0 ? "-" : "";
    int exponent = digits.precision() - digits.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = digits.toPlainString();
      return sign + (plain.contains(".") ? plain : plain + ".0");
    }
    String mantissa = digits.unscaledValue().toString();
    return sign
        + mantissa.charAt(0)
        + (mantissa.length() > 1 ? "." + mantissa.substring(1) : "")
        + "e"
        + (exponent < 0 ? "-" : "+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }
}
