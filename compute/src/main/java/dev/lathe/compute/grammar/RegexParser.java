package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import java.lang.Character.UnicodeScript;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads regular expressions: what ECMAScript, Java, Python and RE2 have in common and agree about.
/// Back references, look-around, word boundaries, atomic groups, possessive quantifiers and flags
/// are refused by name.
///
/// Where dialects disagree about a class, a text is allowed only if all of them match it: `\d` and
/// `\w` are ASCII, `\s` is ASCII white space and `\S` excludes Unicode's, `.` excludes every line
/// terminator, `$` is the very end.
final class RegexParser {
  private static final CharacterSet DIGIT = CharacterSet.of('0', '9');
  private static final CharacterSet WORD = CharacterSet.of('0', '9', 'A', 'Z', '_', '_', 'a', 'z');
  private static final CharacterSet SPACE = CharacterSet.in("\t\n\u000b\f\r ");
  private static final CharacterSet ANY_SPACE =
      SPACE.or(
          CharacterSet.of(
              0x1c, 0x1f, 0x85, 0x85, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029,
              0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff));
  private static final CharacterSet DOT = CharacterSet.in("\n\u000b\f\r\u0085\u2028\u2029").not();
  private static final Map<String, int[]> CATEGORIES = categories();

  /// One part of an expression.
  private sealed interface Node {
    record Characters(CharacterSet set) implements Node {}

    record Sequence(List<Node> parts) implements Node {}

    record Choice(List<Node> options) implements Node {}

    record Repeat(Node body, int least, int most) implements Node {}

    record Anchor(Nfa.Place place) implements Node {}
  }

  private final String pattern;
  private final Work work;
  private int at;
  private int depth;

  private RegexParser(String pattern, Work work) {
    this.pattern = pattern;
    this.work = work;
  }

  /// The texts that match as a whole.
  ///
  /// @throws LatheException naming what is wrong or not supported, and where
  static Dfa whole(String pattern, Work work) {
    RegexParser parser = new RegexParser(pattern, work);
    Node node = parser.parse();
    Nfa nfa = new Nfa(work);
    int start = nfa.state();
    return nfa.determinised(start, parser.write(node, nfa, start));
  }

  /// The texts in which a part matches.
  static Dfa somewhere(String pattern, Work work) {
    RegexParser parser = new RegexParser(pattern, work);
    Node node = parser.parse();
    Nfa nfa = new Nfa(work);
    Node anything = new Node.Repeat(new Node.Characters(CharacterSet.ALL), 0, Integer.MAX_VALUE);
    int start = nfa.state();
    int end = parser.write(new Node.Sequence(List.of(anything, node, anything)), nfa, start);
    return nfa.determinised(start, end);
  }

  /// A pattern that matches exactly this text.
  static String quoted(String text) {
    StringBuilder pattern = new StringBuilder();
    text.codePoints()
        .forEach(c -> pattern.append("\\u{").append(Integer.toHexString(c)).append('}'));
    return pattern.toString();
  }

  private int write(Node node, Nfa nfa, int from) {
    work.steps(1);
    switch (node) {
      case Node.Characters(var set) -> {
        int end = nfa.state();
        for (int i = 0; i < set.ranges(); i++) {
          nfa.edge(from, set.first(i), set.last(i), end);
        }
        return end;
      }
      case Node.Sequence(var parts) -> {
        int end = from;
        for (Node part : parts) {
          end = write(part, nfa, end);
        }
        return end;
      }
      case Node.Choice(var options) -> {
        int end = nfa.state();
        for (Node option : options) {
          int start = nfa.state();
          nfa.empty(from, start);
          nfa.empty(write(option, nfa, start), end);
        }
        return end;
      }
      case Node.Repeat repeat -> {
        return write(repeat, nfa, from);
      }
      case Node.Anchor(var place) -> {
        int end = nfa.state();
        nfa.empty(from, end, place);
        return end;
      }
    }
  }

  private int write(Node.Repeat repeat, Nfa nfa, int from) {
    int last = from;
    for (int i = 0; i < repeat.least(); i++) {
      last = write(repeat.body(), nfa, last);
    }
    int end = nfa.state();
    if (repeat.most() == Integer.MAX_VALUE) {
      int loop = nfa.state();
      nfa.empty(last, loop);
      nfa.empty(write(repeat.body(), nfa, loop), loop);
      nfa.empty(loop, end);
      return end;
    }
    for (int i = repeat.least(); i < repeat.most(); i++) {
      nfa.empty(last, end);
      last = write(repeat.body(), nfa, last);
    }
    nfa.empty(last, end);
    return end;
  }

  private Node parse() {
    if (pattern.length() > work.limits().sourceCharacters()) {
      throw LatheException.user(
          "a pattern has %d characters, at most %d are read"
              .formatted(pattern.length(), work.limits().sourceCharacters()),
          "use a shorter one");
    }
    Node node = choice();
    if (at < pattern.length()) {
      throw wrong("')' closes nothing", "escape it as \\)");
    }
    return node;
  }

  private Node choice() {
    if (++depth > work.limits().nesting()) {
      throw wrong(
          "groups nest more than " + work.limits().nesting() + " deep", "nest them less deeply");
    }
    List<Node> options = new ArrayList<>();
    options.add(sequence());
    while (at < pattern.length() && pattern.charAt(at) == '|') {
      at++;
      options.add(sequence());
    }
    depth--;
    return options.size() == 1 ? options.getFirst() : new Node.Choice(options);
  }

  private Node sequence() {
    List<Node> parts = new ArrayList<>();
    while (at < pattern.length() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
      work.steps(1);
      parts.add(quantified(atom()));
    }
    return parts.size() == 1 ? parts.getFirst() : new Node.Sequence(parts);
  }

  private Node atom() {
    int start = at;
    int c = pattern.codePointAt(at);
    at += Character.charCount(c);
    return switch (c) {
      case '(' -> group();
      case '[' -> new Node.Characters(set());
      case '.' -> new Node.Characters(DOT);
      case '^' -> new Node.Anchor(Nfa.Place.BEGINNING);
      case '$' -> new Node.Anchor(Nfa.Place.END);
      case '\\' -> escape();
      case '*', '+', '?' -> {
        at = start;
        throw wrong("'" + (char) c + "' repeats nothing", "escape it as \\" + (char) c);
      }
      case '{', '}', ']' -> {
        at = start;
        throw wrong("'" + (char) c + "' stands alone", "escape it as \\" + (char) c);
      }
      default -> new Node.Characters(character(c));
    };
  }

  private CharacterSet character(int c) {
    if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
      throw wrong("half of a surrogate pair is no character", "write the whole character");
    }
    return CharacterSet.of(c);
  }

  private Node group() {
    if (pattern.startsWith("?", at)) {
      groupKind();
    }
    Node body = choice();
    if (at == pattern.length()) {
      throw wrong("a group is not closed", "close it with ')'");
    }
    at++;
    return body;
  }

  private void groupKind() {
    for (String look : List.of("?=", "?!", "?<=", "?<!")) {
      if (pattern.startsWith(look, at)) {
        throw wrong(
            "look-around '(" + look + "' is not supported", "say it without looking around");
      }
    }
    if (pattern.startsWith("?>", at)) {
      throw wrong("an atomic group '(?>' is not supported", "use '(?:'");
    }
    if (pattern.startsWith("?:", at)) {
      at += 2;
      return;
    }
    int name = at + (pattern.startsWith("?P<", at) ? 3 : 2);
    int end = pattern.indexOf('>', at);
    boolean named = pattern.startsWith("?<", at) || pattern.startsWith("?P<", at);
    if (named && end > name && pattern.substring(name, end).matches("\\w+")) {
      at = end + 1;
      return;
    }
    throw wrong("flags and conditions '(?…' are not supported", "say it without them");
  }

  private Node quantified(Node atom) {
    Node node = atom;
    boolean repeated = false;
    while (at < pattern.length() && "*+?{".indexOf(pattern.charAt(at)) >= 0) {
      char c = pattern.charAt(at);
      if (repeated && c == '?') {
        at++;
        return node;
      }
      if (repeated) {
        throw c == '+'
            ? wrong("a possessive quantifier is not supported", "leave out the second '+'")
            : wrong("a repetition is repeated", "put the inner one into a group");
      }
      node = repeat(node, c);
      repeated = true;
    }
    return node;
  }

  private Node repeat(Node body, char kind) {
    if (body instanceof Node.Anchor) {
      throw wrong("an anchor is repeated", "leave out the repetition");
    }
    at++;
    return switch (kind) {
      case '*' -> new Node.Repeat(body, 0, Integer.MAX_VALUE);
      case '+' -> new Node.Repeat(body, 1, Integer.MAX_VALUE);
      case '?' -> new Node.Repeat(body, 0, 1);
      default -> counted(body);
    };
  }

  private Node counted(Node body) {
    int end = pattern.indexOf('}', at);
    String inside = end < 0 ? "" : pattern.substring(at, end);
    if (!inside.matches("\\d+(,\\d*)?")) {
      at--;
      throw wrong("'{' begins no repetition", "write {n}, {n,} or {n,m}, or escape it as \\{");
    }
    String[] counts = inside.split(",", -1);
    int least = count(counts[0]);
    int most = counts.length == 1 ? least : Integer.MAX_VALUE;
    if (counts.length == 2 && !counts[1].isEmpty()) {
      most = count(counts[1]);
    }
    if (most < least) {
      throw wrong("{" + inside + "} ends below its beginning", "swap the numbers");
    }
    at = end + 1;
    return new Node.Repeat(body, least, most);
  }

  private int count(String digits) {
    int largest = work.limits().repetition();
    if (digits.length() > 9 || Integer.parseInt(digits) > largest) {
      throw wrong("a repetition of " + digits, "at most " + largest + " are supported");
    }
    return Integer.parseInt(digits);
  }

  private Node escape() {
    if (at == pattern.length()) {
      throw wrong("the pattern ends with '\\'", "escape it as \\\\");
    }
    char c = pattern.charAt(at);
    return switch (c) {
      case 'b', 'B' ->
          throw wrong("a word boundary '\\" + c + "' is not supported", "say it without it");
      case 'k', '1', '2', '3', '4', '5', '6', '7', '8', '9' ->
          throw wrong("a back reference '\\" + c + "' is not supported", "repeat the group itself");
      case 'A' -> {
        at++;
        yield new Node.Anchor(Nfa.Place.BEGINNING);
      }
      case 'z', 'Z' -> {
        at++;
        yield new Node.Anchor(Nfa.Place.END);
      }
      default -> new Node.Characters(escaped());
    };
  }

  /// What stands behind a backslash, inside a class or not.
  private CharacterSet escaped() {
    if (at == pattern.length()) {
      throw wrong("the pattern ends with '\\'", "escape it as \\\\");
    }
    int c = pattern.codePointAt(at);
    at += Character.charCount(c);
    return switch (c) {
      case 'd' -> DIGIT;
      case 'D' -> work.characters("\\D", each -> !Character.isDigit(each));
      case 'w' -> WORD;
      case 'W' -> work.characters("\\W", each -> !isWord(each));
      case 's' -> SPACE;
      case 'S' -> ANY_SPACE.not();
      case 't' -> CharacterSet.of('\t');
      case 'n' -> CharacterSet.of('\n');
      case 'r' -> CharacterSet.of('\r');
      case 'f' -> CharacterSet.of('\f');
      case 'v' -> CharacterSet.of(0x0b);
      case '0' -> CharacterSet.of(0);
      case 'x' -> character(hexadecimal(2));
      case 'u' -> character(unicode());
      case 'p' -> property();
      case 'P' -> property().not();
      default -> {
        if (c < 128 && Character.isLetterOrDigit(c)) {
          throw wrong(
              "the escape '\\" + (char) c + "' is not supported", "write the character itself");
        }
        yield character(c);
      }
    };
  }

  private static boolean isWord(int c) {
    return c == '_'
        || Character.isLetterOrDigit(c)
        || switch (Character.getType(c)) {
          case Character.NON_SPACING_MARK,
              Character.COMBINING_SPACING_MARK,
              Character.ENCLOSING_MARK,
              Character.CONNECTOR_PUNCTUATION,
              Character.LETTER_NUMBER,
              Character.OTHER_NUMBER ->
              true;
          default -> c == 0x200c || c == 0x200d;
        };
  }

  private int unicode() {
    if (pattern.startsWith("{", at)) {
      return braced();
    }
    int first = hexadecimal(4);
    if (Character.isHighSurrogate((char) first) && pattern.startsWith("\\u", at)) {
      at += 2;
      int second = hexadecimal(4);
      if (Character.isLowSurrogate((char) second)) {
        return Character.toCodePoint((char) first, (char) second);
      }
    }
    return first;
  }

  private int hexadecimal(int digits) {
    if (digits == 2 && pattern.startsWith("{", at)) {
      return braced();
    }
    int end = at + digits;
    if (end > pattern.length() || !pattern.substring(at, end).matches("[0-9a-fA-F]+")) {
      throw wrong("an escape needs " + digits + " hexadecimal digits", "write them all");
    }
    int value = Integer.parseInt(pattern, at, end, 16);
    at = end;
    return value;
  }

  private int braced() {
    int end = pattern.indexOf('}', at);
    String digits = end < 0 ? "" : pattern.substring(at + 1, end);
    if (!digits.matches("[0-9a-fA-F]{1,6}")
        || Integer.parseInt(digits, 16) > Character.MAX_CODE_POINT) {
      throw wrong("'{' begins no character's number", "write 1 to 6 hexadecimal digits and '}'");
    }
    at = end + 1;
    return Integer.parseInt(digits, 16);
  }

  private CharacterSet property() {
    int end = pattern.indexOf('}', at);
    boolean braces = pattern.startsWith("{", at) && end > 0;
    String name = braces ? pattern.substring(at + 1, end) : "";
    if (!braces && at < pattern.length()) {
      name = pattern.substring(at, at + 1);
    }
    int[] types = CATEGORIES.get(name.replaceFirst("^(gc|General_Category)=", ""));
    CharacterSet found = CharacterSet.NONE;
    if (types != null) {
      found =
          work.characters(
              name,
              c -> {
                for (int type : types) {
                  if (Character.getType(c) == type) {
                    return true;
                  }
                }
                return false;
              });
    } else if (name.matches("(sc|Script)=\\w+")) {
      found = script(name.substring(name.indexOf('=') + 1));
    } else {
      throw wrong(
          "the property '" + name + "' is not supported",
          "use a general category such as L or Lu, or Script=…");
    }
    at = braces ? end + 1 : at + 1;
    return found;
  }

  private CharacterSet script(String name) {
    try {
      UnicodeScript script = UnicodeScript.forName(name);
      return work.characters("Script=" + script, c -> UnicodeScript.of(c) == script);
    } catch (IllegalArgumentException e) {
      throw wrong("there is no script '" + name + "'", "use a script's name in Unicode");
    }
  }

  /// A class, after its bracket.
  private CharacterSet set() {
    int start = at;
    boolean negated = pattern.startsWith("^", at);
    if (negated) {
      at++;
    }
    List<CharacterSet> parts = new ArrayList<>();
    while (at < pattern.length() && pattern.charAt(at) != ']') {
      CharacterSet part = range();
      work.steps(part.ranges() + 1);
      parts.add(part);
    }
    if (at == pattern.length()) {
      at = start;
      throw wrong("a class is not closed", "close it with ']'");
    }
    at++;
    CharacterSet set = CharacterSet.union(parts);
    return negated ? set.not() : set;
  }

  private CharacterSet range() {
    if (pattern.startsWith("[:", at)) {
      throw wrong("the class '[:' is not supported", "write its characters");
    }
    if (pattern.startsWith("&&", at) || pattern.charAt(at) == '[') {
      throw wrong("dialects read '" + pattern.charAt(at) + "' in a class differently", "escape it");
    }
    CharacterSet first = member();
    boolean dash =
        pattern.startsWith("-", at) && at + 1 < pattern.length() && pattern.charAt(at + 1) != ']';
    if (!dash) {
      return first;
    }
    at++;
    CharacterSet last = member();
    if (!isOne(first) || !isOne(last)) {
      throw wrong("a range goes from or to a class", "put '-' at the end of the brackets");
    }
    if (last.first(0) < first.first(0)) {
      throw wrong("a range ends below its beginning", "swap its ends");
    }
    return CharacterSet.of(first.first(0), last.first(0));
  }

  private static boolean isOne(CharacterSet set) {
    return set.ranges() == 1 && set.first(0) == set.last(0);
  }

  private CharacterSet member() {
    int c = pattern.codePointAt(at);
    at += Character.charCount(c);
    if (c != '\\') {
      return character(c);
    }
    if (pattern.startsWith("b", at)) {
      at++;
      return CharacterSet.of('\b');
    }
    if (pattern.startsWith("-", at)) {
      at++;
      return CharacterSet.of('-');
    }
    return escaped();
  }

  private LatheException wrong(String what, String remedy) {
    String shown = pattern.length() > 80 ? pattern.substring(0, 80) + "…" : pattern;
    return LatheException.user(
        "the pattern '" + shown + "' cannot be used: at character " + (at + 1) + " " + what,
        remedy);
  }

  private static Map<String, int[]> categories() {
    Map<String, int[]> byName = new HashMap<>();
    String[] names = {
      "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "", "Zs", "Zl", "Zp",
      "Cc", "Cf", "", "Co", "Cs", "Pd", "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf"
    };
    Map<String, List<Integer>> groups = new HashMap<>();
    for (int type = 0; type < names.length; type++) {
      if (!names[type].isEmpty()) {
        byName.put(names[type], new int[] {type});
        groups.computeIfAbsent(names[type].substring(0, 1), n -> new ArrayList<>()).add(type);
      }
    }
    Map<String, String> words =
        Map.of(
            "L",
            "Letter",
            "M",
            "Mark",
            "N",
            "Number",
            "Z",
            "Separator",
            "C",
            "Other",
            "P",
            "Punctuation",
            "S",
            "Symbol");
    groups.forEach((name, types) -> {
      int[] all = types.stream().mapToInt(Integer::intValue).toArray();
      byName.put(name, all);
      byName.put(words.getOrDefault(name, name), all);
    });
    byName.put("Lowercase_Letter", byName.get("Ll"));
    byName.put("Uppercase_Letter", byName.get("Lu"));
    byName.put("Decimal_Number", byName.get("Nd"));
    return byName;
  }
}
