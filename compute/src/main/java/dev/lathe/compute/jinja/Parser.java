package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Lexer.Kind;
import dev.lathe.compute.jinja.Lexer.Token;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Builds the syntax tree; precedence as in Jinja 3 (`jinja2/parser.py`).
final class Parser {
  private static final int MAX_DEPTH = 200;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final List<Token> tokens;
  private int at;
  private int depth;
  private int loops;

  private Parser(List<Token> tokens) {
    this.tokens = tokens;
  }

  static List<Node.Statement> parse(String template) {
    Parser parser = new Parser(Lexer.tokens(template));
    List<Node.Statement> body = parser.body(Set.of());
    return body;
  }

  // Statements

  /// Statements up to a block tag that starts with one of `ends` (not consumed: the cursor is on
  /// its name), or up to the end of the template when `ends` is empty.
  private List<Node.Statement> body(Set<String> ends) {
    int startLine = peek().line();
    List<Node.Statement> statements = new ArrayList<>();
    while (true) {
      Token token = next();
      switch (token.kind()) {
        case DATA -> statements.add(new Node.Data(Text.of(token.text())));
        case OUTPUT_BEGIN -> {
          Node.Expression value = tupleOrExpression();
          expect(Kind.OUTPUT_END);
          statements.add(new Node.Output(value, token.line()));
        }
        case BLOCK_BEGIN -> {
          if (peek().kind() == Kind.NAME && ends.contains(peek().text())) {
            return statements;
          }
          statements.add(statement());
        }
        case END -> {
          if (ends.isEmpty()) {
            return statements;
          }
          throw TemplateError.at(
              startLine, "a block that starts here has no '" + String.join("' or '", ends) + "'");
        }
        default -> throw unexpected(token);
      }
    }
  }

  private Node.Statement statement() {
    Token name = expect(Kind.NAME);
    int line = name.line();
    enter(line);
    Node.Statement statement =
        switch (name.text()) {
          case "if" -> ifBlock();
          case "for" -> forBlock(line);
          case "set" -> set(line);
          case "macro" -> macro(line);
          case "call" -> call(line);
          case "filter" -> filterBlock(line);
          case "generation" -> {
            close();
            List<Node.Statement> body = body(Set.of("endgeneration"));
            end("endgeneration");
            yield new Node.Generation(body);
          }
          case "break", "continue" -> {
            if (loops == 0) {
              throw TemplateError.at(line, "'" + name.text() + "' stands outside a loop");
            }
            close();
            yield name.text().equals("break") ? new Node.Break() : new Node.Continue();
          }
          default -> throw TemplateError.unsupported(line, "the block '" + name.text() + "'");
        };
    depth--;
    return statement;
  }

  private Node.Statement ifBlock() {
    Node.Expression condition = tupleOrExpression();
    close();
    List<Node.Statement> yes = body(Set.of("elif", "else", "endif"));
    String word = next().text();
    List<Node.Statement> no = List.of();
    if (word.equals("elif")) {
      enter(peek().line());
      no = List.of(ifBlock());
      depth--;
      return new Node.If(condition, yes, no);
    }
    if (word.equals("else")) {
      close();
      no = body(Set.of("endif"));
      next();
    }
    close();
    return new Node.If(condition, yes, no);
  }

  private Node.Statement forBlock(int line) {
    List<String> targets = targets();
    expectName("in");
    Node.Expression items = tupleWithoutCondition();
    Optional<Node.Expression> condition =
        takeName("if") ? Optional.of(expression()) : Optional.empty();
    if (peek().isName("recursive")) {
      throw TemplateError.unsupported(line, "a 'recursive' loop");
    }
    close();
    loops++;
    List<Node.Statement> body = body(Set.of("else", "endfor"));
    loops--;
    List<Node.Statement> otherwise = List.of();
    if (next().text().equals("else")) {
      close();
      otherwise = body(Set.of("endfor"));
      next();
    }
    close();
    return new Node.For(targets, items, condition, body, otherwise, line);
  }

  private List<String> targets() {
    boolean parenthesis = take("(");
    List<String> names = new ArrayList<>();
    do {
      names.add(expect(Kind.NAME).text());
    } while (take(",") && peek().kind() == Kind.NAME && !peek().isName("in"));
    if (parenthesis) {
      expectOperator(")");
    }
    return names;
  }

  private Node.Statement set(int line) {
    if (tokens.get(at + 1).is(".")) {
      String namespace = expect(Kind.NAME).text();
      next();
      String member = expect(Kind.NAME).text();
      expectOperator("=");
      Node.Expression value = tupleOrExpression();
      close();
      return new Node.AssignMember(namespace, member, value, line);
    }
    List<String> targets = targets();
    if (take("=")) {
      Node.Expression value = tupleOrExpression();
      close();
      return new Node.Assign(targets, value, line);
    }
    if (targets.size() > 1) {
      throw unexpected(peek());
    }
    List<Node.FilterStep> filters = new ArrayList<>();
    while (take("|")) {
      filters.add(filterStep());
    }
    close();
    List<Node.Statement> body = body(Set.of("endset"));
    end("endset");
    return new Node.AssignBlock(targets.getFirst(), filters, body, line);
  }

  private Node.Statement macro(int line) {
    String name = expect(Kind.NAME).text();
    List<Node.Parameter> parameters = parameters();
    close();
    List<Node.Statement> body = bodyOutsideLoops("endmacro");
    return new Node.Macro(name, parameters, body, line);
  }

  private Node.Statement call(int line) {
    List<Node.Parameter> parameters = peek().is("(") ? parameters() : List.of();
    if (!(expression() instanceof Node.Call call)) {
      throw TemplateError.at(line, "'call' wants a call, as in 'call name(…)'");
    }
    close();
    return new Node.CallBlock(parameters, call, bodyOutsideLoops("endcall"), line);
  }

  private List<Node.Statement> bodyOutsideLoops(String end) {
    int outer = loops;
    loops = 0;
    List<Node.Statement> body = body(Set.of(end));
    loops = outer;
    end(end);
    return body;
  }

  private List<Node.Parameter> parameters() {
    expectOperator("(");
    List<Node.Parameter> parameters = new ArrayList<>();
    while (!take(")")) {
      String name = expect(Kind.NAME).text();
      parameters.add(
          new Node.Parameter(name, take("=") ? Optional.of(expression()) : Optional.empty()));
      if (!peek().is(")")) {
        expectOperator(",");
      }
    }
    return parameters;
  }

  private Node.Statement filterBlock(int line) {
    List<Node.FilterStep> filters = new ArrayList<>();
    do {
      filters.add(filterStep());
    } while (take("|"));
    close();
    List<Node.Statement> body = body(Set.of("endfilter"));
    end("endfilter");
    return new Node.FilterBlock(filters, body, line);
  }

  private Node.FilterStep filterStep() {
    Token name = expect(Kind.NAME);
    return new Node.FilterStep(
        name.text(), peek().is("(") ? arguments() : Node.CallArguments.NONE, name.line());
  }

  // Expressions

  private Node.Expression tupleOrExpression() {
    Node.Expression first = expression();
    return peek().is(",") ? tupleAfter(first, true) : first;
  }

  private Node.Expression tupleWithoutCondition() {
    Node.Expression first = or();
    return peek().is(",") ? tupleAfter(first, false) : first;
  }

  private Node.Expression tupleAfter(Node.Expression first, boolean conditions) {
    List<Node.Expression> values = new ArrayList<>(List.of(first));
    while (take(",") && startsExpression()) {
      values.add(conditions ? expression() : or());
    }
    return new Node.ListOf(values, true);
  }

  private boolean startsExpression() {
    Token token = peek();
    return switch (token.kind()) {
      case NAME, STRING, INTEGER, REAL -> true;
      case OPERATOR -> "([{-+".contains(token.text());
      default -> false;
    };
  }

  private Node.Expression expression() {
    enter(peek().line());
    Node.Expression value = or();
    while (peek().isName("if")) {
      int line = next().line();
      Node.Expression condition = or();
      Optional<Node.Expression> no =
          takeName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Node.Conditional(condition, value, no, line);
    }
    depth--;
    return value;
  }

  private Node.Expression or() {
    Node.Expression left = and();
    while (takeName("or")) {
      left = new Node.Or(left, and());
    }
    return left;
  }

  private Node.Expression and() {
    Node.Expression left = not();
    while (takeName("and")) {
      left = new Node.And(left, not());
    }
    return left;
  }

  private Node.Expression not() {
    if (!peek().isName("not")) {
      return comparison();
    }
    int line = next().line();
    enter(line);
    Node.Expression value = not();
    depth--;
    return new Node.Unary("not", value, line);
  }

  private Node.Expression comparison() {
    int line = peek().line();
    Node.Expression first = sum();
    List<Node.Comparison.Step> steps = new ArrayList<>();
    while (true) {
      Token token = peek();
      if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
        next();
        steps.add(new Node.Comparison.Step(token.text(), sum()));
      } else if (takeName("in")) {
        steps.add(new Node.Comparison.Step("in", sum()));
      } else if (token.isName("not") && tokens.get(at + 1).isName("in")) {
        at += 2;
        steps.add(new Node.Comparison.Step("not in", sum()));
      } else {
        return steps.isEmpty() ? first : new Node.Comparison(first, steps, line);
      }
    }
  }

  private Node.Expression sum() {
    Node.Expression left = concatenation();
    while (peek().is("+") || peek().is("-")) {
      Token operator = next();
      left = new Node.Binary(operator.text(), left, concatenation(), operator.line());
    }
    return left;
  }

  private Node.Expression concatenation() {
    Node.Expression left = product();
    while (peek().is("~")) {
      int line = next().line();
      left = new Node.Binary("~", left, product(), line);
    }
    return left;
  }

  private Node.Expression product() {
    Node.Expression left = power();
    while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
      Token operator = next();
      left = new Node.Binary(operator.text(), left, power(), operator.line());
    }
    return left;
  }

  private Node.Expression power() {
    Node.Expression left = unary(true);
    while (peek().is("**")) {
      int line = next().line();
      left = new Node.Binary("**", left, unary(true), line);
    }
    return left;
  }

  private Node.Expression unary(boolean withFilters) {
    Token token = peek();
    enter(token.line());
    Node.Expression value;
    if (token.is("-") || token.is("+")) {
      next();
      value = new Node.Unary(token.text(), unary(false), token.line());
    } else {
      value = primary();
    }
    value = postfix(value);
    depth--;
    return withFilters ? filters(value) : value;
  }

  private Node.Expression primary() {
    Token token = next();
    return switch (token.kind()) {
      case NAME -> name(token);
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (peek().kind() == Kind.STRING) {
          text.append(next().text());
        }
        yield new Node.Literal(Text.of(text.toString()));
      }
      case INTEGER -> {
        try {
          yield new Node.Literal(Value.of(Long.parseLong(token.text())));
        } catch (NumberFormatException e) {
          throw TemplateError.unsupported(token.line(), "the number " + token.text());
        }
      }
      case REAL -> new Node.Literal(new Value.Real(Double.parseDouble(token.text())));
      case OPERATOR ->
          switch (token.text()) {
            case "(" -> {
              if (take(")")) {
                yield new Node.ListOf(List.of(), true);
              }
              Node.Expression value = tupleOrExpression();
              expectOperator(")");
              yield value;
            }
            case "[" -> new Node.ListOf(listItems(), false);
            case "{" -> mapping();
            default -> throw unexpected(token);
          };
      default -> throw unexpected(token);
    };
  }

  private static Node.Expression name(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Node.Literal(Value.of(true));
      case "false", "False" -> new Node.Literal(Value.of(false));
      case "none", "None" -> new Node.Literal(Value.None.NONE);
      default -> new Node.Name(token.text(), token.line());
    };
  }

  private List<Node.Expression> listItems() {
    List<Node.Expression> values = new ArrayList<>();
    while (!take("]")) {
      values.add(expression());
      if (!peek().is("]")) {
        expectOperator(",");
      }
    }
    return values;
  }

  private Node.Expression mapping() {
    List<Map.Entry<Node.Expression, Node.Expression>> entries = new ArrayList<>();
    while (!take("}")) {
      Node.Expression key = expression();
      expectOperator(":");
      entries.add(Map.entry(key, expression()));
      if (!peek().is("}")) {
        expectOperator(",");
      }
    }
    return new Node.MapOf(entries);
  }

  private Node.Expression postfix(Node.Expression start) {
    Node.Expression value = start;
    while (true) {
      Token token = peek();
      if (token.is(".")) {
        next();
        Token member = next();
        value =
            switch (member.kind()) {
              case NAME -> new Node.Member(value, member.text(), member.line());
              case INTEGER ->
                  new Node.Index(
                      value,
                      new Node.Literal(Value.of(Long.parseLong(member.text()))),
                      member.line());
              default -> throw unexpected(member);
            };
      } else if (token.is("[")) {
        next();
        value = subscript(value, token.line());
      } else if (token.is("(")) {
        value = new Node.Call(value, arguments(), token.line());
      } else {
        return value;
      }
    }
  }

  private Node.Expression subscript(Node.Expression value, int line) {
    Optional<Node.Expression> start = peek().is(":") ? Optional.empty() : Optional.of(expression());
    if (start.isPresent() && take("]")) {
      return new Node.Index(value, start.get(), line);
    }
    expectOperator(":");
    Optional<Node.Expression> stop = slicePart();
    Optional<Node.Expression> step = take(":") ? slicePart() : Optional.empty();
    expectOperator("]");
    return new Node.Slice(value, start, stop, step, line);
  }

  private Optional<Node.Expression> slicePart() {
    return peek().is("]") || peek().is(":") ? Optional.empty() : Optional.of(expression());
  }

  private Node.CallArguments arguments() {
    expectOperator("(");
    List<Node.Expression> positional = new ArrayList<>();
    Map<String, Node.Expression> named = new LinkedHashMap<>();
    while (!take(")")) {
      Token token = peek();
      if (token.is("*") || token.is("**")) {
        throw TemplateError.unsupported(token.line(), "'" + token.text() + "' in a call");
      }
      if (token.kind() == Kind.NAME && tokens.get(at + 1).is("=")) {
        at += 2;
        named.put(token.text(), expression());
      } else {
        positional.add(expression());
      }
      if (!peek().is(")")) {
        expectOperator(",");
      }
    }
    return new Node.CallArguments(positional, named);
  }

  private Node.Expression filters(Node.Expression start) {
    Node.Expression value = start;
    while (true) {
      if (take("|")) {
        Node.FilterStep step = filterStep();
        value = new Node.Filter(value, step.name(), step.arguments(), step.line());
      } else if (peek().isName("is")) {
        value = test(value);
      } else if (peek().is("(")) {
        value = new Node.Call(value, arguments(), peek().line());
      } else {
        return value;
      }
    }
  }

  private Node.Expression test(Node.Expression value) {
    int line = next().line();
    boolean negated = takeName("not");
    String name = expect(Kind.NAME).text();
    Node.CallArguments arguments = Node.CallArguments.NONE;
    if (peek().is("(")) {
      arguments = arguments();
    } else if (startsTestArgument()) {
      arguments = new Node.CallArguments(List.of(postfix(primary())), Map.of());
    }
    Node.Expression test = new Node.Test(value, name, arguments, line);
    return negated ? new Node.Unary("not", test, line) : test;
  }

  private boolean startsTestArgument() {
    Token token = peek();
    return switch (token.kind()) {
      case STRING, INTEGER, REAL -> true;
      case NAME -> !Set.of("else", "or", "and", "is", "if", "not", "in").contains(token.text());
      case OPERATOR -> token.is("[") || token.is("{");
      default -> false;
    };
  }

  // Tokens

  private Token peek() {
    return tokens.get(at);
  }

  private Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Kind.END) {
      at++;
    }
    return token;
  }

  private boolean take(String operator) {
    boolean found = peek().is(operator);
    at += found ? 1 : 0;
    return found;
  }

  private boolean takeName(String name) {
    boolean found = peek().isName(name);
    at += found ? 1 : 0;
    return found;
  }

  private Token expect(Kind kind) {
    if (peek().kind() != kind) {
      throw unexpected(peek());
    }
    return next();
  }

  private void expectOperator(String operator) {
    if (!take(operator)) {
      throw TemplateError.at(
          peek().line(), "'" + operator + "' is wanted before '" + peek().text() + "'");
    }
  }

  private void expectName(String name) {
    if (!takeName(name)) {
      throw TemplateError.at(
          peek().line(), "'" + name + "' is wanted before '" + peek().text() + "'");
    }
  }

  private void close() {
    expect(Kind.BLOCK_END);
  }

  private void end(String name) {
    expectName(name);
    close();
  }

  private void enter(int line) {
    if (++depth > MAX_DEPTH) {
      throw TemplateError.at(line, "nesting is deeper than " + MAX_DEPTH);
    }
  }

  private static LatheException unexpected(Token token) {
    return TemplateError.at(token.line(), "'" + token.text() + "' is not wanted here");
  }
}
