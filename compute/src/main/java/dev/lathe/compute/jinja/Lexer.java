package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.List;

/// Cuts a template into data, tags and the tokens inside tags, with Jinja's white-space rules as
/// Hugging Face sets them: `trim_blocks` (a line break after a block tag is dropped),
/// `lstrip_blocks` (blanks before a block tag that starts its line are dropped), one line break at
/// the end of the source is dropped, `-` beside a tag's brace drops all white space on that side.
final class Lexer {
  enum Kind {
    DATA,
    /// `{{`
    OUTPUT_BEGIN,
    /// `}}`
    OUTPUT_END,
    /// `{%`
    BLOCK_BEGIN,
    /// `%}`
    BLOCK_END,
    NAME,
    STRING,
    INTEGER,
    REAL,
    OPERATOR,
    END
  }

  /// @param text the characters: of a string its value, of the others as they stand
  record Token(Kind kind, String text, int line) {
    boolean is(String operator) {
      return kind == Kind.OPERATOR && text.equals(operator);
    }

    boolean isName(String name) {
      return kind == Kind.NAME && text.equals(name);
    }
  }

  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")",
          "[", "]", "{", "}", ",", ".", ":", "|", ";");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private boolean lineStarts = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    Lexer lexer = new Lexer(source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag(at);
      if (tag < 0) {
        data(at, source.length());
        at = source.length();
        break;
      }
      int end = tag;
      char kind = source.charAt(tag + 1);
      char mark = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
      if (mark == '-') {
        end = stripEnd(at, tag);
      } else if (mark != '+' && kind != '{') {
        end = stripBlanksOfLine(at, tag);
      }
      data(at, end);
      countLines(end, tag);
      at = tag + 2 + (mark == '-' || mark == '+' ? 1 : 0);
      switch (kind) {
        case '#' -> comment();
        case '{' -> output();
        default -> block();
      }
    }
    add(Kind.END, "end of template");
  }

  private int nextTag(int from) {
    for (int i = source.indexOf('{', from); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  private int stripEnd(int from, int to) {
    int end = to;
    while (end > from && isSpace(source.charAt(end - 1))) {
      end--;
    }
    return end;
  }

  private int stripBlanksOfLine(int from, int to) {
    int lineBreak = source.lastIndexOf('\n', to - 1);
    if (lineBreak < from && !lineStarts) {
      return to;
    }
    int begin = Math.max(lineBreak + 1, from);
    for (int i = begin; i < to; i++) {
      if (!isSpace(source.charAt(i))) {
        return to;
      }
    }
    return begin;
  }

  private void data(int from, int to) {
    if (to > from) {
      add(Kind.DATA, source.substring(from, to));
      countLines(from, to);
    }
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw error("a comment that starts here has no end");
    }
    char mark = end > at ? source.charAt(end - 1) : ' ';
    countLines(at, end);
    at = end + 2;
    afterTag(mark, true);
  }

  private void output() {
    add(Kind.OUTPUT_BEGIN, "{{");
    char mark = inside("}}");
    add(Kind.OUTPUT_END, "}}");
    afterTag(mark, false);
  }

  private void block() {
    if (raw()) {
      return;
    }
    add(Kind.BLOCK_BEGIN, "{%");
    char mark = inside("%}");
    add(Kind.BLOCK_END, "%}");
    afterTag(mark, true);
  }

  /// `{% raw %} … {% endraw %}`: all between is data.
  private boolean raw() {
    java.util.regex.Matcher begin =
        java.util.regex.Pattern.compile("\\s*raw\\s*(-?)%}")
            .matcher(source)
            .region(at, source.length());
    if (!begin.lookingAt()) {
      return false;
    }
    java.util.regex.Matcher end =
        java.util.regex.Pattern.compile("\\{%(-?)\\s*endraw\\s*([-+]?)%}").matcher(source);
    if (!end.find(begin.end())) {
      throw error("'raw' has no 'endraw'");
    }
    countLines(at, begin.end());
    at = begin.end();
    afterTag(begin.group(1).isEmpty() ? ' ' : '-', false);
    int from = Math.min(at, end.start());
    int to =
        end.group(1).isEmpty() ? stripBlanksOfLine(from, end.start()) : stripEnd(from, end.start());
    data(from, to);
    countLines(to, end.end());
    at = end.end();
    afterTag(end.group(2).isEmpty() ? ' ' : end.group(2).charAt(0), true);
    return true;
  }

  private void afterTag(char mark, boolean dropLineBreak) {
    int begin = at;
    if (mark == '-') {
      while (at < source.length() && isSpace(source.charAt(at))) {
        at++;
      }
    } else if (dropLineBreak && mark != '+' && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
    countLines(begin, at);
    lineStarts = at > begin && source.charAt(at - 1) == '\n';
  }

  /// Tokens up to the closing brace; the `-` or `+` before it, else a blank.
  private char inside(String close) {
    int depth = 0;
    while (true) {
      skipSpace();
      if (at >= source.length()) {
        throw error("a tag that starts before the end of the template has no '" + close + "'");
      }
      if (depth == 0 && source.startsWith(close, at)) {
        at += 2;
        return ' ';
      }
      if (depth == 0
          && (source.charAt(at) == '-' || source.charAt(at) == '+')
          && source.startsWith(close, at + 1)) {
        at += 3;
        return source.charAt(at - 3);
      }
      String operator = token();
      depth += "([{".contains(operator) && !operator.isEmpty() ? 1 : 0;
      depth -= ")]}".contains(operator) && !operator.isEmpty() ? 1 : 0;
    }
  }

  /// Adds the token that starts here; its text if it is an operator, else empty.
  private String token() {
    char c = source.charAt(at);
    if (c == '\'' || c == '"') {
      string(c);
      return "";
    }
    if (Character.isDigit(c)) {
      number();
      return "";
    }
    if (c == '_' || Character.isLetter(c)) {
      int begin = at;
      while (at < source.length()
          && (source.charAt(at) == '_' || Character.isLetterOrDigit(source.charAt(at)))) {
        at++;
      }
      add(Kind.NAME, source.substring(begin, at));
      return "";
    }
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        at += operator.length();
        add(Kind.OPERATOR, operator);
        return operator;
      }
    }
    throw error("the character '" + c + "' means nothing in a tag");
  }

  private void number() {
    int begin = at;
    digits();
    boolean real = false;
    if (at + 1 < source.length()
        && source.charAt(at) == '.'
        && Character.isDigit(source.charAt(at + 1))) {
      real = true;
      at++;
      digits();
    }
    if (at < source.length() && (source.charAt(at) == 'e' || source.charAt(at) == 'E')) {
      real = true;
      at++;
      if (at < source.length() && (source.charAt(at) == '+' || source.charAt(at) == '-')) {
        at++;
      }
      digits();
    }
    add(real ? Kind.REAL : Kind.INTEGER, source.substring(begin, at).replace("_", ""));
  }

  private void digits() {
    while (at < source.length()
        && (Character.isDigit(source.charAt(at)) || source.charAt(at) == '_')) {
      at++;
    }
  }

  private void string(char quote) {
    StringBuilder value = new StringBuilder();
    int startLine = line;
    at++;
    while (true) {
      if (at >= source.length()) {
        throw error("a string that starts in line " + startLine + " has no end");
      }
      char c = source.charAt(at++);
      if (c == quote) {
        break;
      }
      if (c == '\n') {
        line++;
      }
      if (c == '\\' && at < source.length()) {
        escape(value);
      } else {
        value.append(c);
      }
    }
    tokens.add(new Token(Kind.STRING, value.toString(), startLine));
  }

  private void escape(StringBuilder value) {
    char c = source.charAt(at++);
    switch (c) {
      case '\n' -> line++;
      case '\\', '\'', '"' -> value.append(c);
      case 'n' -> value.append('\n');
      case 't' -> value.append('\t');
      case 'r' -> value.append('\r');
      case 'a' -> value.append('\u0007');
      case 'b' -> value.append('\b');
      case 'f' -> value.append('\f');
      case 'v' -> value.append('\u000b');
      case 'x' -> codePoint(value, 2);
      case 'u' -> codePoint(value, 4);
      case 'U' -> codePoint(value, 8);
      case '0', '1', '2', '3', '4', '5', '6', '7', 'N' ->
          throw error("the string escape '\\" + c + "' is not supported");
      default -> value.append('\\').append(c);
    }
  }

  private void codePoint(StringBuilder value, int digits) {
    try {
      value.appendCodePoint(Integer.parseInt(source, at, at + digits, 16));
      at += digits;
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      throw error("a string escape needs " + digits + " hexadecimal digits");
    }
  }

  private void skipSpace() {
    while (at < source.length() && isSpace(source.charAt(at))) {
      line += source.charAt(at) == '\n' ? 1 : 0;
      at++;
    }
  }

  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || c == '\u00a0' || c == '\u0085';
  }

  private void countLines(int from, int to) {
    for (int i = from; i < to; i++) {
      line += source.charAt(i) == '\n' ? 1 : 0;
    }
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
  }

  private LatheException error(String what) {
    return TemplateError.at(line, what);
  }
}
