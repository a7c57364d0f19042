package dev.lathe.compute.grammar;

import static dev.lathe.compute.grammar.Expression.characters;
import static dev.lathe.compute.grammar.Expression.choice;
import static dev.lathe.compute.grammar.Expression.optional;
import static dev.lathe.compute.grammar.Expression.sequence;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.lathe.compute.grammar.Expression.Characters;
import dev.lathe.compute.grammar.Expression.Literal;
import dev.lathe.compute.grammar.Expression.Member;
import dev.lathe.compute.grammar.Expression.Members;
import dev.lathe.compute.grammar.Expression.Repeat;
import dev.lathe.compute.grammar.Expression.Rule;
import dev.lathe.compute.grammar.Expression.Spelling;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// How JSON is written, RFC 8259 with bounds that keep a model from going on for ever:
///
/// - white space: none, one blank, or a line's end and up to 32 blanks or tabs, after `{`, `[` and
///   `,` and before `}` and `]`; at most one blank after `:`; none around the whole
/// - numbers: up to 16 digits before and 16 after the point, an exponent of up to two digits
/// - strings: any Unicode text; an escaped surrogate only as one of a pair
final class JsonRules {
  static final Expression VALUE = new Rule("value");
  static final Expression OBJECT = new Rule("object");
  static final Expression ARRAY = new Rule("array");
  static final Expression STRING = new Rule("string");
  static final Expression NUMBER = new Rule("number");
  static final Expression BOOLEAN = choice(new Literal("true"), new Literal("false"));
  static final Expression NULL = new Literal("null");

  /// One character of a string that is written without needless escapes.
  static final Expression CHARACTER = new Characters(CharacterSet.ALL, Spelling.JSON);

  private static final int DEEPEST_INDENT = 32;
  private static final int DIGITS = 16;
  private static final Expression GAP =
      choice(Expression.EMPTY, new Literal(" "), new Rule("indent"));
  private static final Expression COLON = sequence(new Literal(":"), optional(new Literal(" ")));
  private static final Expression COMMA = sequence(new Literal(","), GAP);

  private static final Map<String, Expression> RULES = written();

  private JsonRules() {}

  /// The rules that the expressions above call.
  static Map<String, Expression> rules() {
    return RULES;
  }

  private static Map<String, Expression> written() {
    return Map.of(
        "value", choice(OBJECT, ARRAY, STRING, NUMBER, BOOLEAN, NULL),
        "object", object(List.of(), member(STRING, VALUE), 0, Repeat.UNBOUNDED),
        "array", array(List.of(), VALUE, 0, Repeat.UNBOUNDED),
        "string", string(),
        "number", number(),
        "indent",
            sequence(
                new Literal("\n"),
                new Repeat(
                    new Characters(CharacterSet.in(" \t"), Spelling.PLAIN), 0, DEEPEST_INDENT)));
  }

  private static Expression string() {
    Expression hex = characters('0', '9', 'a', 'f', 'A', 'F');
    Expression d = characters('d', 'd', 'D', 'D');
    Expression unit =
        choice(
            sequence(characters('0', '9', 'a', 'c', 'A', 'C', 'e', 'f', 'E', 'F'), hex, hex, hex),
            sequence(d, characters('0', '7'), hex, hex),
            sequence(
                d,
                characters('8', '9', 'a', 'b', 'A', 'B'),
                hex,
                hex,
                new Literal("\\u"),
                d,
                characters('c', 'f', 'C', 'F'),
                hex,
                hex));
    Expression escape =
        choice(
            new Characters(CharacterSet.in("\"\\/bfnrt"), Spelling.PLAIN),
            sequence(new Literal("u"), unit));
    CharacterSet plain = CharacterSet.of(0, 0x1f, '"', '"', '\\', '\\').not();
    Expression character =
        choice(new Characters(plain, Spelling.PLAIN), sequence(new Literal("\\"), escape));
    return quoted(new Repeat(character, 0, Repeat.UNBOUNDED));
  }

  static Expression quoted(Expression content) {
    return sequence(new Literal("\""), content, new Literal("\""));
  }

  private static Expression number() {
    Expression digit = characters('0', '9');
    return sequence(
        optional(new Literal("-")),
        choice(new Literal("0"), sequence(characters('1', '9'), new Repeat(digit, 0, DIGITS - 1))),
        optional(sequence(new Literal("."), new Repeat(digit, 1, DIGITS))),
        optional(
            sequence(
                characters('e', 'e', 'E', 'E'),
                optional(characters('+', '+', '-', '-')),
                new Repeat(digit, 1, 2))));
  }

  /// A name and its value.
  static Expression member(Expression name, Expression value) {
    return sequence(name, COLON, value);
  }

  /// @param more further members, or [Expression#NOTHING]
  static Expression object(List<Member> members, Expression more, int least, int most) {
    return sequence(
        new Literal("{"),
        new Members(members, more, least, most, GAP, COMMA, GAP),
        new Literal("}"));
  }

  /// @param prefix the first items
  /// @param more further items, or [Expression#NOTHING]
  static Expression array(List<Expression> prefix, Expression more, int least, int most) {
    if (prefix.isEmpty()) {
      return sequence(
          new Literal("["),
          new Members(List.of(), more, least, most, GAP, COMMA, GAP),
          new Literal("]"));
    }
    int named = Math.min(prefix.size(), most);
    Expression tail = Expression.EMPTY;
    if (most > named && !more.equals(Expression.NOTHING)) {
      int furthest = most == Repeat.UNBOUNDED ? most : most - named;
      tail = new Repeat(sequence(COMMA, more), Math.max(0, least - named), furthest);
    } else if (least > named) {
      return Expression.NOTHING;
    }
    for (int i = named - 1; i >= 0; i--) {
      Expression rest = sequence(i == 0 ? GAP : COMMA, prefix.get(i), tail);
      rest = i == 0 ? sequence(rest, GAP) : rest;
      tail = i < least ? rest : optional(rest);
    }
    return sequence(new Literal("["), tail, new Literal("]"));
  }

  /// Exactly that value.
  static Expression constant(JsonNode value) {
    List<Expression> parts = new ArrayList<>();
    if (value.isObject()) {
      value
          .properties()
          .forEach(field -> parts.add(member(text(field.getKey()), constant(field.getValue()))));
      return joined("{", parts, "}");
    }
    if (value.isArray()) {
      value.forEach(item -> parts.add(constant(item)));
      return joined("[", parts, "]");
    }
    return new Literal(value.toString());
  }

  private static Expression joined(String open, List<Expression> parts, String close) {
    List<Expression> all = new ArrayList<>(List.of(new Literal(open)));
    for (Expression part : parts) {
      all.add(all.size() == 1 ? GAP : COMMA);
      all.add(part);
    }
    if (!parts.isEmpty()) {
      all.add(GAP);
    }
    all.add(new Literal(close));
    return new Expression.Sequence(all);
  }

  /// Exactly that string.
  static Expression text(String content) {
    return new Literal(TextNode.valueOf(content).toString());
  }
}
