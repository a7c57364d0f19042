package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Arguments;
import dev.lathe.compute.jinja.Value.Int;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Real;
import dev.lathe.compute.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The filters of `|`, as in `jinja2/filters.py`, and `tojson` as Hugging Face replaces it.
final class Filters {
  private Filters() {}

  static Value apply(String name, Value value, Arguments arguments) {
    CallReader call = new CallReader("the filter '" + name + "'", arguments);
    Value result =
        switch (name) {
          case "trim" -> {
            Value characters = call.next("chars", None.NONE);
            yield Strings.strip(
                text(value, call),
                characters instanceof Text set ? set.characters() : "",
                true,
                true);
          }
          case "upper" -> Strings.upper(text(value, call));
          case "lower" -> Strings.lower(text(value, call));
          case "capitalize" -> Strings.capitalize(text(value, call));
          case "title" ->
              Strings.title(
                  text(value, call),
                  point -> Character.isWhitespace(point) || "-({[<".indexOf(point) >= 0);
          case "string", "safe" -> text(value, call);
          case "replace" ->
              Strings.replace(
                  text(value, call),
                  call.requiredText("old"),
                  call.requiredText("new"),
                  call.whole("count", -1));
          case "indent" -> indent(value, call);
          case "tojson" -> json(value, call);
          case "length", "count" -> Value.of(Operations.length(value, call.line()));
          case "default", "d" -> {
            Value otherwise = call.next("default_value", Text.EMPTY);
            boolean falsyToo = call.flag("boolean", false);
            boolean absent = value instanceof Undefined || (falsyToo && !Operations.truth(value));
            yield absent ? otherwise : value;
          }
          case "int" -> whole(value, call);
          case "float" -> real(value, call);
          case "abs" -> absolute(value, call);
          default -> ofItems(name, value, arguments, call);
        };
    call.end();
    return result;
  }

  private static Value ofItems(String name, Value value, Arguments arguments, CallReader call) {
    return switch (name) {
      case "list" -> new Items(Operations.items(value, call.line()));
      case "items" -> {
        if (value instanceof Undefined) {
          yield new Items(List.of());
        }
        if (value instanceof Mapping mapping) {
          yield Methods.pairs(mapping);
        }
        throw TemplateError.at(call.line(), "'items' wants a mapping, not " + kind(value));
      }
      case "first" -> {
        List<Value> items = Operations.items(value, call.line());
        yield items.isEmpty() ? new Undefined("first of an empty list") : items.getFirst();
      }
      case "last" -> {
        List<Value> items = Operations.items(value, call.line());
        yield items.isEmpty() ? new Undefined("last of an empty list") : items.getLast();
      }
      case "join" -> join(value, call);
      case "map" -> map(value, arguments, call);
      case "select", "reject" -> select(name, value, arguments, call);
      case "selectattr", "rejectattr" -> selectByMember(name, value, arguments, call);
      case "reverse" -> reverse(value, call);
      case "unique" -> unique(value, call);
      case "sort" -> sort(value, call);
      case "dictsort" -> sortMapping(value, call);
      case "sum" -> sum(value, call);
      case "min", "max" -> extreme(name, value, call);
      default -> throw TemplateError.unsupported(call.line(), "the filter '" + name + "'");
    };
  }

  private static Text text(Value value, CallReader call) {
    return Operations.text(value, call.line());
  }

  private static String kind(Value value) {
    return Operations.kind(value);
  }

  private static Value indent(Value value, CallReader call) {
    Value width = call.next("width", Value.of(4));
    String indentation =
        width instanceof Text text
            ? text.characters()
            : " ".repeat(Math.toIntExact(Operations.index(width, call.line())));
    boolean first = call.flag("first", false);
    boolean blank = call.flag("blank", false);
    return Strings.indent(text(value, call), indentation, first, blank);
  }

  private static Value json(Value value, CallReader call) {
    if (call.flag("ensure_ascii", false)) {
      throw TemplateError.unsupported(call.line(), "'tojson' with ensure_ascii");
    }
    Value indent = call.next("indent", None.NONE);
    Value separators = call.next("separators", None.NONE);
    boolean sorted = call.flag("sort_keys", false);
    int width =
        indent instanceof None ? -1 : Math.toIntExact(Operations.index(indent, call.line()));
    String between = width < 0 ? ", " : ",";
    String after = ": ";
    if (separators instanceof Items items && items.values().size() == 2) {
      between = text(items.values().get(0), call).characters();
      after = text(items.values().get(1), call).characters();
    }
    return Json.write(value, new Json.Style(width, between, after, sorted), call.line());
  }

  private static Value whole(Value value, CallReader call) {
    Value otherwise = call.next("default", Value.of(0));
    return switch (value) {
      case Real number -> Value.of((long) number.value());
      case Text text -> {
        String digits = Strings.strip(text, "", true, true).characters();
        try {
          yield Value.of(Long.parseLong(digits));
        } catch (NumberFormatException notWhole) {
          try {
            yield Value.of((long) Double.parseDouble(digits));
          } catch (NumberFormatException notANumber) {
            yield otherwise;
          }
        }
      }
      default ->
          Operations.isNumber(value) ? Value.of(Operations.index(value, call.line())) : otherwise;
    };
  }

  private static Value real(Value value, CallReader call) {
    Value otherwise = call.next("default", new Real(0));
    if (value instanceof Text text) {
      try {
        return new Real(Double.parseDouble(Strings.strip(text, "", true, true).characters()));
      } catch (NumberFormatException e) {
        return otherwise;
      }
    }
    return Operations.isNumber(value) ? new Real(Operations.real(value)) : otherwise;
  }

  private static Value absolute(Value value, CallReader call) {
    return switch (value) {
      case Int number -> Value.of(Math.absExact(number.value()));
      case Real number -> new Real(Math.abs(number.value()));
      default -> throw TemplateError.at(call.line(), "'abs' wants a number, not " + kind(value));
    };
  }

  private static Value join(Value value, CallReader call) {
    Text separator = call.text("d", "");
    Value attribute = call.next("attribute", None.NONE);
    List<Value> items = new ArrayList<>();
    for (Value item : Operations.items(value, call.line())) {
      items.add(attribute instanceof None ? item : path(item, attribute, call));
    }
    return Methods.join(separator, items, call);
  }

  /// A member by a dotted path or an index.
  private static Value path(Value item, Value attribute, CallReader call) {
    if (!(attribute instanceof Text text)) {
      return Interpreter.item(item, attribute, call.line());
    }
    Value found = item;
    for (String part : text.characters().split("\\.", -1)) {
      found =
          Interpreter.item(
              found,
              part.matches("\\d+") ? Value.of(Long.parseLong(part)) : Text.of(part),
              call.line());
    }
    return found;
  }

  private static Value map(Value value, Arguments arguments, CallReader call) {
    List<Value> results = new ArrayList<>();
    if (!call.hasMore()) {
      Value attribute = call.required("attribute");
      Value otherwise = call.next("default", new Undefined("default"));
      for (Value item : Operations.items(value, call.line())) {
        Value found = path(item, attribute, call);
        boolean replaced = found instanceof Undefined && !(otherwise instanceof Undefined);
        results.add(replaced ? otherwise : found);
      }
      return new Items(results);
    }
    String filter = call.requiredText("filter").characters();
    Arguments rest = rest(arguments, 1);
    for (Value item : Operations.items(value, call.line())) {
      results.add(apply(filter, item, rest));
    }
    consume(arguments, call);
    return new Items(results);
  }

  private static Arguments rest(Arguments arguments, int skip) {
    List<Value> positional = arguments.positional();
    return new Arguments(
        positional.subList(Math.min(skip, positional.size()), positional.size()),
        arguments.named(),
        arguments.line());
  }

  private static void consume(Arguments arguments, CallReader call) {
    while (call.hasMore()) {
      call.required("argument");
    }
    arguments.named().keySet().forEach(name -> call.next(name, None.NONE));
  }

  private static Value select(String name, Value value, Arguments arguments, CallReader call) {
    List<Value> results = new ArrayList<>();
    String test = call.hasMore() ? call.requiredText("test").characters() : "";
    Arguments rest = rest(arguments, 1);
    for (Value item : Operations.items(value, call.line())) {
      boolean passes = test.isEmpty() ? Operations.truth(item) : Tests.test(test, item, rest);
      if (passes == name.equals("select")) {
        results.add(item);
      }
    }
    consume(arguments, call);
    return new Items(results);
  }

  private static Value selectByMember(
      String name, Value value, Arguments arguments, CallReader call) {
    List<Value> results = new ArrayList<>();
    Value attribute = call.required("attribute");
    String test = call.hasMore() ? call.requiredText("test").characters() : "";
    Arguments rest = rest(arguments, 2);
    for (Value item : Operations.items(value, call.line())) {
      Value member = path(item, attribute, call);
      boolean passes = test.isEmpty() ? Operations.truth(member) : Tests.test(test, member, rest);
      if (passes == name.equals("selectattr")) {
        results.add(item);
      }
    }
    consume(arguments, call);
    return new Items(results);
  }

  private static Value reverse(Value value, CallReader call) {
    List<Value> reversed = Operations.items(value, call.line()).reversed();
    if (value instanceof Text) {
      return Methods.join(Text.EMPTY, reversed, call);
    }
    return new Items(reversed);
  }

  private static Value unique(Value value, CallReader call) {
    boolean caseSensitive = call.flag("case_sensitive", false);
    Value attribute = call.next("attribute", None.NONE);
    Map<Value, Value> seen = new LinkedHashMap<>();
    for (Value item : Operations.items(value, call.line())) {
      Value key = attribute instanceof None ? item : path(item, attribute, call);
      seen.putIfAbsent(fold(key, caseSensitive), item);
    }
    return new Items(List.copyOf(seen.values()));
  }

  private static Value fold(Value value, boolean caseSensitive) {
    return value instanceof Text text && !caseSensitive ? Strings.lower(text) : value;
  }

  private static Value sort(Value value, CallReader call) {
    boolean reverse = call.flag("reverse", false);
    boolean caseSensitive = call.flag("case_sensitive", false);
    Value attribute = call.next("attribute", None.NONE);
    List<Value> items = new ArrayList<>(Operations.items(value, call.line()));
    Comparator<Value> order =
        (a, b) ->
            Operations.compare(
                fold(attribute instanceof None ? a : path(a, attribute, call), caseSensitive),
                fold(attribute instanceof None ? b : path(b, attribute, call), caseSensitive),
                call.line());
    items.sort(reverse ? order.reversed() : order);
    return new Items(items);
  }

  private static Value sortMapping(Value value, CallReader call) {
    boolean caseSensitive = call.flag("case_sensitive", false);
    String by = call.text("by", "key").characters();
    boolean reverse = call.flag("reverse", false);
    if (!(value instanceof Mapping mapping) || (!by.equals("key") && !by.equals("value"))) {
      throw TemplateError.at(
          call.line(), "'dictsort' wants a mapping and by 'key' or 'value', not " + kind(value));
    }
    List<Value> pairs = new ArrayList<>(Methods.pairs(mapping).values());
    int part = by.equals("key") ? 0 : 1;
    Comparator<Value> order =
        (a, b) ->
            Operations.compare(
                fold(((Items) a).values().get(part), caseSensitive),
                fold(((Items) b).values().get(part), caseSensitive),
                call.line());
    pairs.sort(reverse ? order.reversed() : order);
    return new Items(pairs);
  }

  private static Value sum(Value value, CallReader call) {
    Value attribute = call.next("attribute", None.NONE);
    Value total = call.next("start", Value.of(0));
    for (Value item : Operations.items(value, call.line())) {
      Value part = attribute instanceof None ? item : path(item, attribute, call);
      total = Operations.binary("+", total, part, call.line());
    }
    return total;
  }

  private static Value extreme(String name, Value value, CallReader call) {
    List<Value> items = Operations.items(value, call.line());
    if (items.isEmpty()) {
      return new Undefined(name + " of an empty list");
    }
    Value best = items.getFirst();
    for (Value item : items) {
      int order = Operations.compare(fold(item, false), fold(best, false), call.line());
      if (name.equals("min") ? order < 0 : order > 0) {
        best = item;
      }
    }
    return best;
  }
}
