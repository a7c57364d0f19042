package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Bool;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Int;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Real;
import dev.lathe.compute.jinja.Value.Undefined;

/// The tests of `is`.
final class Tests {
  private Tests() {}

  static boolean test(String name, Value value, Value.Arguments arguments) {
    CallReader call = new CallReader("the test '" + name + "'", arguments);
    boolean result =
        switch (name) {
          case "defined" -> !(value instanceof Undefined);
          case "undefined" -> value instanceof Undefined;
          case "none" -> value instanceof None;
          case "boolean" -> value instanceof Bool;
          case "true" -> value.equals(Bool.TRUE);
          case "false" -> value.equals(Bool.FALSE);
          case "integer" -> value instanceof Int;
          case "float" -> value instanceof Real;
          case "number" -> Operations.isNumber(value);
          case "string" -> value instanceof Text;
          case "mapping" -> value instanceof Mapping;
          case "sequence", "iterable" ->
              value instanceof Text
                  || value instanceof Items
                  || value instanceof Mapping
                  || value instanceof Undefined;
          case "callable" -> value instanceof Function;
          case "eq", "equalto" -> Operations.equal(value, call.required("other"));
          case "ne" -> !Operations.equal(value, call.required("other"));
          case "lt", "lessthan" ->
              Operations.compare(value, call.required("other"), call.line()) < 0;
          case "le" -> Operations.compare(value, call.required("other"), call.line()) <= 0;
          case "gt", "greaterthan" ->
              Operations.compare(value, call.required("other"), call.line()) > 0;
          case "ge" -> Operations.compare(value, call.required("other"), call.line()) >= 0;
          case "in" -> Operations.contains(call.required("seq"), value, call.line());
          case "odd" -> Math.floorMod(Operations.index(value, call.line()), 2L) == 1;
          case "even" -> Math.floorMod(Operations.index(value, call.line()), 2L) == 0;
          case "divisibleby" -> {
            long divisor = Operations.index(call.required("num"), call.line());
            if (divisor == 0) {
              throw TemplateError.at(call.line(), "'divisibleby' zero");
            }
            yield Operations.index(value, call.line()) % divisor == 0;
          }
          case "lower" -> {
            String text = Operations.text(value, call.line()).characters();
            yield text.codePoints().anyMatch(Character::isLowerCase)
                && text.codePoints().noneMatch(Character::isUpperCase);
          }
          case "upper" -> {
            String text = Operations.text(value, call.line()).characters();
            yield text.codePoints().anyMatch(Character::isUpperCase)
                && text.codePoints().noneMatch(Character::isLowerCase);
          }
          default -> throw TemplateError.unsupported(call.line(), "the test '" + name + "'");
        };
    call.end();
    return result;
  }
}
