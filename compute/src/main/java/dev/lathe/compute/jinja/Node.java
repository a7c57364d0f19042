package dev.lathe.compute.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The syntax tree of a template. Every node that can fail knows its line.
sealed interface Node {
  /// What has a value.
  sealed interface Expression extends Node {}

  record Literal(Value value) implements Expression {}

  record Name(String name, int line) implements Expression {}

  /// `value.name`
  record Member(Expression value, String name, int line) implements Expression {}

  /// `value[index]`
  record Index(Expression value, Expression index, int line) implements Expression {}

  /// `value[start:stop:step]`
  record Slice(
      Expression value,
      Optional<Expression> start,
      Optional<Expression> stop,
      Optional<Expression> step,
      int line)
      implements Expression {}

  /// `function(…)`
  record Call(Expression function, CallArguments arguments, int line) implements Expression {}

  record CallArguments(List<Expression> positional, Map<String, Expression> named) {
    static final CallArguments NONE = new CallArguments(List.of(), Map.of());
  }

  /// `value | name(…)`
  record Filter(Expression value, String name, CallArguments arguments, int line)
      implements Expression {}

  /// `value is name(…)`
  record Test(Expression value, String name, CallArguments arguments, int line)
      implements Expression {}

  /// `-value`, `+value`, `not value`
  record Unary(String operator, Expression value, int line) implements Expression {}

  /// Arithmetic and `~`.
  record Binary(String operator, Expression left, Expression right, int line)
      implements Expression {}

  /// `a < b <= c`: all neighbours compared.
  record Comparison(Expression first, List<Step> steps, int line) implements Expression {
    record Step(String operator, Expression right) {}
  }

  record And(Expression left, Expression right) implements Expression {}

  record Or(Expression left, Expression right) implements Expression {}

  /// `yes if condition else no`
  record Conditional(Expression condition, Expression yes, Optional<Expression> no, int line)
      implements Expression {}

  record ListOf(List<Expression> values, boolean tuple) implements Expression {}

  record MapOf(List<Map.Entry<Expression, Expression>> entries) implements Expression {}

  /// What writes or changes something.
  sealed interface Statement extends Node {}

  record Data(Text text) implements Statement {}

  record Output(Expression value, int line) implements Statement {}

  record If(Expression condition, List<Statement> yes, List<Statement> no) implements Statement {}

  record For(
      List<String> targets,
      Expression items,
      Optional<Expression> condition,
      List<Statement> body,
      List<Statement> otherwise,
      int line)
      implements Statement {}

  record Break() implements Statement {}

  record Continue() implements Statement {}

  /// `set a = …`, `set a, b = …`
  record Assign(List<String> targets, Expression value, int line) implements Statement {}

  /// `set space.name = …`
  record AssignMember(String namespace, String member, Expression value, int line)
      implements Statement {}

  /// `set name | filter … endset`
  record AssignBlock(String name, List<FilterStep> filters, List<Statement> body, int line)
      implements Statement {}

  record FilterStep(String name, CallArguments arguments, int line) {}

  record Macro(String name, List<Parameter> parameters, List<Statement> body, int line)
      implements Statement {}

  record Parameter(String name, Optional<Expression> initial) {}

  /// `call(parameters) function(…) … endcall`: the body is the function's `caller`.
  record CallBlock(List<Parameter> parameters, Call call, List<Statement> body, int line)
      implements Statement {}

  record FilterBlock(List<FilterStep> filters, List<Statement> body, int line)
      implements Statement {}

  /// `generation … endgeneration`: what the model is to write.
  record Generation(List<Statement> body) implements Statement {}
}
