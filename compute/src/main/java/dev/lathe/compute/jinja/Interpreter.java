package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Template.Rendered;
import dev.lathe.compute.jinja.Template.Scoped;
import dev.lathe.compute.jinja.Template.Span;
import dev.lathe.compute.jinja.Value.Arguments;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.Namespace;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Undefined;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Renders one template once.
final class Interpreter {
  /// Names of one block, and the blocks around it.
  private record Scope(Map<String, Value> names, @Nullable Scope outer) {
    Scope inner() {
      return new Scope(new HashMap<>(), this);
    }

    @Nullable Value find(String name) {
      for (Scope scope = this; scope != null; scope = scope.outer) {
        Value value = scope.names.get(name);
        if (value != null) {
          return value;
        }
      }
      return null;
    }
  }

  private enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  private final Template.Limits limits;
  private final Scope globals;
  private final List<Scoped> scopes = new ArrayList<>();
  private final List<Span> generations = new ArrayList<>();
  private Text.Builder out = new Text.Builder();
  private int captures;
  private int writingScope;
  private long steps;
  private int depth;

  Interpreter(Map<String, Value> variables, Clock clock, Template.Limits limits) {
    this.limits = limits;
    Scope builtins = new Scope(new HashMap<>(Builtins.functions(clock)), null);
    this.globals = new Scope(new HashMap<>(variables), builtins);
  }

  Rendered render(List<Node.Statement> body) {
    run(body, globals.inner());
    return new Rendered(out.build(), scopes, generations);
  }

  // Statements

  private Flow run(List<Node.Statement> statements, Scope scope) {
    for (Node.Statement statement : statements) {
      Flow flow = run(statement, scope);
      if (flow != Flow.ON) {
        return flow;
      }
    }
    return Flow.ON;
  }

  private Flow run(Node.Statement statement, Scope scope) {
    enter();
    Flow flow = Flow.ON;
    switch (statement) {
      case Node.Data data -> write(data.text());
      case Node.Output output ->
          write(Operations.text(value(output.value(), scope), output.line()));
      case Node.If test ->
          flow =
              run(Operations.truth(value(test.condition(), scope)) ? test.yes() : test.no(), scope);
      case Node.For loop -> flow = loop(loop, scope);
      case Node.Break stop -> flow = Flow.BREAK;
      case Node.Continue next -> flow = Flow.CONTINUE;
      case Node.Assign assign ->
          bind(assign.targets(), value(assign.value(), scope), scope, assign.line());
      case Node.AssignMember assign -> assignMember(assign, scope);
      case Node.AssignBlock block ->
          scope
              .names()
              .put(block.name(), filtered(capture(block.body(), scope), block.filters(), scope));
      case Node.Macro macro -> scope.names().put(macro.name(), macro(macro, scope));
      case Node.CallBlock block -> callBlock(block, scope);
      case Node.FilterBlock block ->
          write(
              Operations.text(
                  filtered(capture(block.body(), scope), block.filters(), scope), block.line()));
      case Node.Generation generation -> {
        int start = out.length();
        flow = run(generation.body(), scope.inner());
        if (captures == 0) {
          generations.add(new Span(start, out.length()));
        }
      }
    }
    depth--;
    return flow;
  }

  private void write(Text text) {
    spend(text.length() / 16);
    int start = out.length();
    out.append(text);
    if (captures > 0 || text.isEmpty()) {
      return;
    }
    if (!scopes.isEmpty() && scopes.getLast().scope() == writingScope) {
      start = scopes.removeLast().start();
    }
    scopes.add(new Scoped(start, out.length(), writingScope));
  }

  private Text capture(List<Node.Statement> body, Scope scope) {
    Text.Builder outer = out;
    out = new Text.Builder();
    captures++;
    run(body, scope.inner());
    captures--;
    Text text = out.build();
    out = outer;
    return text;
  }

  private Value filtered(Value start, List<Node.FilterStep> filters, Scope scope) {
    Value value = start;
    for (Node.FilterStep filter : filters) {
      value =
          Filters.apply(filter.name(), value, arguments(filter.arguments(), scope, filter.line()));
    }
    return value;
  }

  private Flow loop(Node.For loop, Scope scope) {
    List<Value> items = Operations.items(value(loop.items(), scope), loop.line());
    if (loop.condition().isPresent()) {
      List<Value> kept = new ArrayList<>();
      for (Value item : items) {
        spend(1);
        Scope inner = scope.inner();
        bind(loop.targets(), item, inner, loop.line());
        if (Operations.truth(value(loop.condition().get(), inner))) {
          kept.add(item);
        }
      }
      items = kept;
    }
    if (items.isEmpty()) {
      return run(loop.otherwise(), scope.inner());
    }
    Loop state = new Loop(items);
    int outerScope = writingScope;
    for (int i = 0; i < items.size(); i++) {
      spend(1);
      Scope inner = scope.inner();
      inner.names().put("loop", state.at(i));
      bind(loop.targets(), items.get(i), inner, loop.line());
      if (items.get(i) instanceof Mapping mapping && mapping.scope() != 0) {
        writingScope = mapping.scope();
      }
      Flow flow = run(loop.body(), inner);
      writingScope = outerScope;
      if (flow == Flow.BREAK) {
        break;
      }
    }
    return Flow.ON;
  }

  private void bind(List<String> targets, Value value, Scope scope, int line) {
    if (targets.size() == 1) {
      scope.names().put(targets.getFirst(), value);
      return;
    }
    List<Value> parts = Operations.items(value, line);
    if (parts.size() != targets.size()) {
      throw TemplateError.at(
          line, targets.size() + " names are given, but " + parts.size() + " values");
    }
    for (int i = 0; i < parts.size(); i++) {
      scope.names().put(targets.get(i), parts.get(i));
    }
  }

  private void assignMember(Node.AssignMember assign, Scope scope) {
    Value target = scope.find(assign.namespace());
    if (!(target instanceof Namespace namespace)) {
      throw TemplateError.at(
          assign.line(),
          "'" + assign.namespace() + "' is no namespace, so nothing can be set in it");
    }
    namespace.entries().put(assign.member(), value(assign.value(), scope));
  }

  private Function macro(Node.Macro macro, Scope defined) {
    return function(macro.name(), macro.parameters(), macro.body(), defined);
  }

  @SuppressWarnings("ReferenceEquality") // only this very marker says that nothing was given
  private Function function(
      String name, List<Node.Parameter> parameters, List<Node.Statement> body, Scope defined) {
    return new Function(
        name,
        arguments -> {
          Scope scope = defined.inner();
          CallReader call = new CallReader("the macro '" + name + "'", arguments);
          Value missing = new Undefined("missing");
          for (Node.Parameter parameter : parameters) {
            Value given = call.next(parameter.name(), missing);
            if (given == missing) {
              given =
                  parameter.initial().isPresent()
                      ? value(parameter.initial().get(), scope)
                      : new Undefined("'" + parameter.name() + "'");
            }
            scope.names().put(parameter.name(), given);
          }
          Value caller = arguments.named().get("caller");
          if (caller != null) {
            scope.names().put("caller", call.next("caller", caller));
          }
          call.end();
          return capture(body, scope);
        });
  }

  private void callBlock(Node.CallBlock block, Scope scope) {
    Function caller = function("caller", block.parameters(), block.body(), scope);
    Node.Call call = block.call();
    Arguments arguments = arguments(call.arguments(), scope, call.line());
    Map<String, Value> named = new LinkedHashMap<>(arguments.named());
    named.put("caller", caller);
    Value result =
        call(
            value(call.function(), scope),
            new Arguments(arguments.positional(), named, call.line()));
    write(Operations.text(result, block.line()));
  }

  // Expressions

  private Value value(Node.Expression expression, Scope scope) {
    enter();
    Value value =
        switch (expression) {
          case Node.Literal literal -> literal.value();
          case Node.Name name -> {
            Value found = scope.find(name.name());
            yield found != null ? found : new Undefined("'" + name.name() + "'");
          }
          case Node.Member member ->
              Methods.member(value(member.value(), scope), member.name(), member.line());
          case Node.Index index ->
              item(value(index.value(), scope), value(index.index(), scope), index.line());
          case Node.Slice slice -> slice(slice, scope);
          case Node.Call call -> {
            Value function = value(call.function(), scope);
            yield call(function, arguments(call.arguments(), scope, call.line()));
          }
          case Node.Filter filter ->
              Filters.apply(
                  filter.name(),
                  value(filter.value(), scope),
                  arguments(filter.arguments(), scope, filter.line()));
          case Node.Test test ->
              Value.of(
                  Tests.test(
                      test.name(),
                      value(test.value(), scope),
                      arguments(test.arguments(), scope, test.line())));
          case Node.Unary unary -> unary(unary, scope);
          case Node.Binary binary ->
              Operations.binary(
                  binary.operator(),
                  value(binary.left(), scope),
                  value(binary.right(), scope),
                  binary.line());
          case Node.Comparison comparison -> comparison(comparison, scope);
          case Node.And and -> {
            Value left = value(and.left(), scope);
            yield Operations.truth(left) ? value(and.right(), scope) : left;
          }
          case Node.Or or -> {
            Value left = value(or.left(), scope);
            yield Operations.truth(left) ? left : value(or.right(), scope);
          }
          case Node.Conditional conditional -> conditional(conditional, scope);
          case Node.ListOf list -> new Items(values(list.values(), scope), list.tuple());
          case Node.MapOf map -> {
            Map<Value, Value> entries = new LinkedHashMap<>();
            for (Map.Entry<Node.Expression, Node.Expression> entry : map.entries()) {
              entries.put(value(entry.getKey(), scope), value(entry.getValue(), scope));
            }
            yield new Mapping(entries);
          }
        };
    if (value instanceof Text text) {
      spend(text.length() / 16);
    }
    depth--;
    return value;
  }

  private List<Value> values(List<Node.Expression> expressions, Scope scope) {
    List<Value> values = new ArrayList<>(expressions.size());
    for (Node.Expression expression : expressions) {
      values.add(value(expression, scope));
    }
    return values;
  }

  private Arguments arguments(Node.CallArguments arguments, Scope scope, int line) {
    Map<String, Value> named = new LinkedHashMap<>();
    arguments.named().forEach((name, expression) -> named.put(name, value(expression, scope)));
    return new Arguments(values(arguments.positional(), scope), named, line);
  }

  private static Value call(Value function, Arguments arguments) {
    if (function instanceof Function callee) {
      return callee.body().call(arguments);
    }
    throw TemplateError.at(
        arguments.line(), Operations.kind(function) + " is called, but is no function");
  }

  private Value unary(Node.Unary unary, Scope scope) {
    Value value = value(unary.value(), scope);
    return switch (unary.operator()) {
      case "not" -> Value.of(!Operations.truth(value));
      case "-" -> Operations.binary("-", Value.of(0), value, unary.line());
      default -> Operations.binary("+", Value.of(0), value, unary.line());
    };
  }

  private Value comparison(Node.Comparison comparison, Scope scope) {
    Value left = value(comparison.first(), scope);
    for (Node.Comparison.Step step : comparison.steps()) {
      Value right = value(step.right(), scope);
      if (!holds(step.operator(), left, right, comparison.line())) {
        return Value.of(false);
      }
      left = right;
    }
    return Value.of(true);
  }

  private static boolean holds(String operator, Value left, Value right, int line) {
    return switch (operator) {
      case "==" -> Operations.equal(left, right);
      case "!=" -> !Operations.equal(left, right);
      case "in" -> Operations.contains(right, left, line);
      case "not in" -> !Operations.contains(right, left, line);
      case "<" -> Operations.compare(left, right, line) < 0;
      case "<=" -> Operations.compare(left, right, line) <= 0;
      case ">" -> Operations.compare(left, right, line) > 0;
      default -> Operations.compare(left, right, line) >= 0;
    };
  }

  private Value conditional(Node.Conditional conditional, Scope scope) {
    if (Operations.truth(value(conditional.condition(), scope))) {
      return value(conditional.yes(), scope);
    }
    return conditional.no().isPresent()
        ? value(conditional.no().get(), scope)
        : new Undefined("the missing 'else' of line " + conditional.line());
  }

  /// `value[key]`: the item, or the member of that name.
  static Value item(Value value, Value key, int line) {
    if (value instanceof Undefined undefined) {
      throw TemplateError.at(line, undefined.what() + " is undefined, so it has no items");
    }
    if (value instanceof Mapping mapping) {
      Value found = mapping.entries().get(key);
      if (found != null) {
        return found;
      }
    }
    if ((value instanceof Items || value instanceof Text) && key instanceof Value.Int index) {
      List<Value> items = Operations.items(value, line);
      long at = index.value() < 0 ? index.value() + items.size() : index.value();
      return at >= 0 && at < items.size()
          ? items.get((int) at)
          : new Undefined("item " + index.value() + " of " + Operations.kind(value));
    }
    return key instanceof Text name
        ? Methods.member(value, name.characters(), line)
        : new Undefined("an item of " + Operations.kind(value));
  }

  /// Python's slice rules, negative steps too.
  private Value slice(Node.Slice slice, Scope scope) {
    Value value = value(slice.value(), scope);
    List<Value> items = Operations.items(value, slice.line());
    long step = bound(slice.step(), 1, scope, slice.line());
    if (step == 0) {
      throw TemplateError.at(slice.line(), "a slice has the step 0");
    }
    long size = items.size();
    long low = step > 0 ? 0 : -1;
    long high = step > 0 ? size : size - 1;
    long start = clip(slice.start(), step > 0 ? low : high, size, low, high, scope, slice.line());
    long stop = clip(slice.stop(), step > 0 ? high : low, size, low, high, scope, slice.line());
    List<Value> kept = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      kept.add(items.get((int) i));
    }
    if (value instanceof Text text) {
      return sliceOfText(text, items, start, stop, step, kept);
    }
    return new Items(kept, value instanceof Items whole && whole.tuple());
  }

  private static Text sliceOfText(
      Text text, List<Value> points, long start, long stop, long step, List<Value> kept) {
    if (step == 1) {
      if (start >= stop) {
        return Text.EMPTY;
      }
      String characters = text.characters();
      boolean plain = points.size() == characters.length();
      int from = plain ? (int) start : characters.offsetByCodePoints(0, (int) start);
      int to = plain ? (int) stop : characters.offsetByCodePoints(0, (int) stop);
      return text.slice(from, to);
    }
    Text.Builder result = new Text.Builder();
    kept.forEach(point -> result.append((Text) point));
    return result.build();
  }

  private long bound(Optional<Node.Expression> expression, long absent, Scope scope, int line) {
    if (expression.isEmpty()) {
      return absent;
    }
    Value value = value(expression.get(), scope);
    return value instanceof None ? absent : Operations.index(value, line);
  }

  private long clip(
      Optional<Node.Expression> expression,
      long absent,
      long size,
      long low,
      long high,
      Scope scope,
      int line) {
    if (expression.isEmpty()) {
      return absent;
    }
    Value value = value(expression.get(), scope);
    if (value instanceof None) {
      return absent;
    }
    long index = Operations.index(value, line);
    return Math.clamp(index < 0 ? index + size : index, low, high);
  }

  // Limits

  private void enter() {
    spend(1);
    if (++depth > limits.depth()) {
      throw LatheException.capacity(
          "chat template: nesting is deeper than " + limits.depth(), "use a simpler template");
    }
  }

  private void spend(long count) {
    steps += count;
    if (steps > limits.steps()) {
      throw LatheException.capacity(
          "chat template: rendering takes more than " + limits.steps() + " steps",
          "shorten the conversation, or use a simpler template");
    }
  }
}
