package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.compute.grammar.Expression.Characters;
import dev.lathe.compute.grammar.Expression.Choice;
import dev.lathe.compute.grammar.Expression.Literal;
import dev.lathe.compute.grammar.Expression.Repeat;
import dev.lathe.compute.grammar.Expression.Rule;
import dev.lathe.compute.grammar.Expression.Sequence;
import dev.lathe.compute.grammar.Expression.Spelling;
import dev.lathe.compute.grammar.Expression.Token;
import dev.lathe.compute.grammar.Expression.TokenId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Reads grammars in GBNF, as `grammars/README.md` of llama.cpp describes it: rules `name ::= …`,
/// texts in quotes, classes in brackets, `.`, groups, `|`, the repetitions `* + ? {m} {m,} {m,n}`,
/// tokens `<…>` and `<[id]>`, comments from `#` to the end of the line. The rule `root` is the
/// output. Not supported: a token that is excluded, `!<…>`.
final class EbnfParser {
  private static final String ROOT = "root";
  private static final int PROBLEMS_SHOWN = 20;

  private final String source;
  private final GrammarLimits limits;
  private final Map<String, Expression> rules = new LinkedHashMap<>();
  private final Map<String, Integer> used = new TreeMap<>();
  private int at;
  private int depth;

  private EbnfParser(String source, GrammarLimits limits) {
    this.source = source;
    this.limits = limits;
  }

  /// @throws LatheException naming line and column of what is wrong or not supported
  static Map<String, Expression> parse(String source, GrammarLimits limits) {
    if (source.length() > limits.sourceCharacters()) {
      throw LatheException.user(
          "the grammar has %d characters, at most %d are read"
              .formatted(source.length(), limits.sourceCharacters()),
          "make it shorter");
    }
    return new EbnfParser(source, limits).rules();
  }

  private Map<String, Expression> rules() {
    space(true);
    while (at < source.length()) {
      int start = at;
      String name = name();
      space(false);
      if (!source.startsWith("::=", at)) {
        throw wrong("'::=' is wanted after the name '" + name + "'", "write NAME ::= …");
      }
      at += 3;
      space(true);
      Expression body = choice(false);
      if (rules.putIfAbsent(name, body) != null) {
        at = start;
        throw wrong("the rule '" + name + "' is defined twice", "keep one of them");
      }
      if (at < source.length() && !atLineEnd()) {
        throw wrong(
            "'" + Character.toString(source.codePointAt(at)) + "' begins nothing", "quote texts");
      }
      space(true);
    }
    check();
    return rules;
  }

  private void check() {
    if (!rules.containsKey(ROOT)) {
      throw LatheException.user(
          "the grammar has no rule 'root'" + Nearest.hint(ROOT, rules.keySet()),
          "say what the whole output is: root ::= …");
    }
    List<String> missing = used.keySet().stream().filter(name -> !rules.containsKey(name)).toList();
    if (!missing.isEmpty()) {
      List<String> shown =
          missing.stream()
              .limit(PROBLEMS_SHOWN)
              .map(name ->
                  "'%s' (line %d%s)"
                      .formatted(
                          name,
                          line(used.getOrDefault(name, 0)),
                          Nearest.hint(name, rules.keySet())))
              .toList();
      int more = missing.size() - shown.size();
      throw LatheException.user(
          "the grammar uses rules that it does not have: "
              + String.join(", ", shown)
              + (more > 0 ? " and " + more + " more" : ""),
          "define them");
    }
  }

  private boolean atLineEnd() {
    return source.charAt(at) == '\n' || source.charAt(at) == '\r';
  }

  private void space(boolean overLines) {
    while (at < source.length()) {
      char c = source.charAt(at);
      if (c == '#') {
        while (at < source.length() && !atLineEnd()) {
          at++;
        }
      } else if (c == ' ' || c == '\t' || overLines && atLineEnd()) {
        at++;
      } else {
        return;
      }
    }
  }

  private static boolean isNamePart(char c) {
    return c >= 'a' && c <= 'z'
        || c >= 'A' && c <= 'Z'
        || c >= '0' && c <= '9'
        || c == '-'
        || c == '_';
  }

  private String name() {
    int start = at;
    while (at < source.length() && isNamePart(source.charAt(at))) {
      at++;
    }
    if (at == start) {
      throw wrong("the name of a rule is wanted", "use letters, digits, '-' and '_'");
    }
    return source.substring(start, at);
  }

  private Expression choice(boolean nested) {
    if (++depth > limits.nesting()) {
      throw wrong("groups nest more than " + limits.nesting() + " deep", "use rules");
    }
    List<Expression> options = new ArrayList<>();
    options.add(sequence(nested));
    while (at < source.length() && source.charAt(at) == '|') {
      at++;
      space(true);
      options.add(sequence(nested));
    }
    depth--;
    return options.size() == 1 ? options.getFirst() : new Choice(options);
  }

  private Expression sequence(boolean nested) {
    List<Expression> parts = new ArrayList<>();
    while (at < source.length()) {
      char c = source.charAt(at);
      Expression part;
      if (c == '"') {
        part = literal();
      } else if (c == '[') {
        part = characters();
      } else if (c == '.') {
        at++;
        part = new Characters(CharacterSet.ALL, Spelling.PLAIN);
      } else if (c == '(') {
        at++;
        space(true);
        part = choice(true);
        if (at == source.length() || source.charAt(at) != ')') {
          throw wrong("a group is not closed", "close it with ')'");
        }
        at++;
      } else if (c == '<') {
        part = token();
      } else if (c == '!') {
        throw wrong("an excluded token '!<…>' is not supported", "say which texts are allowed");
      } else if (isNamePart(c)) {
        int start = at;
        String name = name();
        used.putIfAbsent(name, start);
        part = new Rule(name);
      } else {
        break;
      }
      space(nested);
      part = repeated(part);
      space(nested);
      parts.add(part);
    }
    return parts.size() == 1 ? parts.getFirst() : new Sequence(parts);
  }

  private Expression repeated(Expression part) {
    Expression result = part;
    int times = 0;
    while (at < source.length() && "*+?{".indexOf(source.charAt(at)) >= 0) {
      char kind = source.charAt(at++);
      result =
          switch (kind) {
            case '*' -> new Repeat(result, 0, Repeat.UNBOUNDED);
            case '+' -> new Repeat(result, 1, Repeat.UNBOUNDED);
            case '?' -> new Repeat(result, 0, 1);
            default -> counted(result);
          };
      if (++times > limits.nesting()) {
        throw wrong(
            "a repetition is repeated more than " + limits.nesting() + " times", "use rules");
      }
      space(false);
    }
    return result;
  }

  private Expression counted(Expression body) {
    int end = source.indexOf('}', at);
    String inside = end < 0 ? "" : source.substring(at, end).replaceAll("\\s", "");
    if (!inside.matches("\\d+(,\\d*)?")) {
      throw wrong("'{' begins no repetition", "write {m}, {m,} or {m,n}");
    }
    String[] counts = inside.split(",", -1);
    int least = count(counts[0]);
    int most = counts.length == 1 ? least : Repeat.UNBOUNDED;
    if (counts.length == 2 && !counts[1].isEmpty()) {
      most = count(counts[1]);
    }
    if (most < least) {
      throw wrong("{" + inside + "} ends below its beginning", "swap the numbers");
    }
    at = end + 1;
    return new Repeat(body, least, most);
  }

  private int count(String digits) {
    if (digits.length() > 9 || Integer.parseInt(digits) > limits.repetition()) {
      throw wrong("a repetition of " + digits, "at most " + limits.repetition() + " are supported");
    }
    return Integer.parseInt(digits);
  }

  private Expression literal() {
    int start = at++;
    StringBuilder text = new StringBuilder();
    while (at < source.length() && source.charAt(at) != '"' && !atLineEnd()) {
      text.appendCodePoint(character());
    }
    if (at == source.length() || atLineEnd()) {
      at = start;
      throw wrong("a text is not closed", "close it with '\"', write a line's end as \\n");
    }
    at++;
    return new Literal(text.toString());
  }

  private Expression characters() {
    int start = at++;
    boolean negated = source.startsWith("^", at);
    if (negated) {
      at++;
    }
    List<CharacterSet> parts = new ArrayList<>();
    while (at < source.length() && source.charAt(at) != ']') {
      int first = character();
      int last = first;
      if (source.startsWith("-", at) && at + 1 < source.length() && source.charAt(at + 1) != ']') {
        at++;
        last = character();
      }
      if (last < first) {
        throw wrong("a range ends below its beginning", "swap its ends");
      }
      parts.add(CharacterSet.of(first, last));
    }
    if (at == source.length()) {
      at = start;
      throw wrong("a class is not closed", "close it with ']'");
    }
    at++;
    CharacterSet set = CharacterSet.union(parts);
    return new Characters(negated ? set.not() : set, Spelling.PLAIN);
  }

  private int character() {
    int c = source.codePointAt(at);
    at += Character.charCount(c);
    if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
      throw wrong("half of a surrogate pair is no character", "write the whole character");
    }
    if (c != '\\') {
      return c;
    }
    char kind = at < source.length() ? source.charAt(at++) : ' ';
    return switch (kind) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case '\\', '"', '[', ']', '-', '^' -> kind;
      case 'x' -> hexadecimal(2);
      case 'u' -> hexadecimal(4);
      case 'U' -> hexadecimal(8);
      default ->
          throw wrong(
              "the escape '\\" + kind + "' is not known",
              "known are \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH");
    };
  }

  private int hexadecimal(int digits) {
    int end = at + digits;
    if (end > source.length() || !source.substring(at, end).matches("[0-9a-fA-F]+")) {
      throw wrong("an escape needs " + digits + " hexadecimal digits", "write them all");
    }
    long value = Long.parseLong(source, at, end, 16);
    if (value > Character.MAX_CODE_POINT || value >= 0xd800 && value <= 0xdfff) {
      throw wrong("there is no character U+" + Long.toHexString(value), "name a character");
    }
    at = end;
    return (int) value;
  }

  private Expression token() {
    int end = source.indexOf('>', at);
    String inside = end < 0 ? "" : source.substring(at + 1, end);
    if (inside.isEmpty() || inside.contains("\n")) {
      throw wrong("a token is not closed", "write <token> or <[id]>, or quote a text");
    }
    Expression token = new Token("<" + inside + ">");
    if (inside.matches("\\[\\d{1,9}]")) {
      token = new TokenId(Integer.parseInt(inside.substring(1, inside.length() - 1)));
    }
    at = end + 1;
    return token;
  }

  private int line(int offset) {
    return 1 + (int) source.substring(0, offset).chars().filter(c -> c == '\n').count();
  }

  private LatheException wrong(String what, String remedy) {
    int place = Math.min(at, source.length());
    int column = place - source.lastIndexOf('\n', Math.max(0, place - 1));
    return LatheException.user(
        "the grammar cannot be used: in line "
            + line(place)
            + ", column "
            + Math.max(1, column)
            + " "
            + what,
        remedy);
  }
}
