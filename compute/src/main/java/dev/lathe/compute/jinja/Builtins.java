package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Value.Arguments;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.Namespace;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The functions that every template may call.
final class Builtins {
  private static final int MAX_RANGE = 100_000;

  private Builtins() {}

  static Map<String, Value> functions(Clock clock) {
    Map<String, Value> functions = new HashMap<>();
    add(functions, "range", Builtins::range);
    add(functions, "namespace", arguments -> new Namespace(new LinkedHashMap<>(named(arguments))));
    add(
        functions,
        "dict",
        arguments -> {
          Map<Value, Value> entries = new LinkedHashMap<>();
          named(arguments).forEach((name, value) -> entries.put(Text.of(name), value));
          return new Mapping(entries);
        });
    add(functions, "raise_exception", Builtins::refuse);
    add(functions, "strftime_now", arguments -> now(arguments, clock));
    return functions;
  }

  private static void add(Map<String, Value> functions, String name, Function.Body body) {
    functions.put(name, new Function(name, body));
  }

  /// Named arguments, and those of one mapping given by position.
  private static Map<String, Value> named(Arguments arguments) {
    Map<String, Value> named = new LinkedHashMap<>();
    for (Value positional : arguments.positional()) {
      if (!(positional instanceof Mapping mapping)) {
        throw TemplateError.at(
            arguments.line(), "a mapping is wanted, not " + Operations.kind(positional));
      }
      mapping
          .entries()
          .forEach((key, value) ->
              named.put(Operations.text(key, arguments.line()).characters(), value));
    }
    named.putAll(arguments.named());
    return named;
  }

  private static Value range(Arguments arguments) {
    CallReader call = new CallReader("'range'", arguments);
    long first = Operations.index(call.required("stop"), call.line());
    long start = call.hasMore() ? first : 0;
    long stop = call.hasMore() ? call.whole("stop", 0) : first;
    long step = call.whole("step", 1);
    call.end();
    if (step == 0) {
      throw TemplateError.at(call.line(), "'range' has the step 0");
    }
    List<Value> values = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      if (values.size() == MAX_RANGE) {
        throw TemplateError.at(call.line(), "'range' has more than " + MAX_RANGE + " items");
      }
      values.add(Value.of(i));
    }
    return new Items(values);
  }

  private static Value refuse(Arguments arguments) {
    CallReader call = new CallReader("'raise_exception'", arguments);
    String message = Operations.text(call.required("message"), call.line()).characters();
    call.end();
    throw LatheException.user(
        "the model's chat template refuses this conversation: " + message, "");
  }

  private static Value now(Arguments arguments, Clock clock) {
    CallReader call = new CallReader("'strftime_now'", arguments);
    String format = call.requiredText("format").characters();
    call.end();
    ZonedDateTime now = ZonedDateTime.now(clock);
    StringBuilder result = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%') {
        result.append(c);
        continue;
      }
      char field = ++i < format.length() ? format.charAt(i) : ' ';
      String pattern =
          switch (field) {
            case 'd' -> "dd";
            case 'm' -> "MM";
            case 'Y' -> "yyyy";
            case 'y' -> "yy";
            case 'B' -> "MMMM";
            case 'b' -> "MMM";
            case 'A' -> "EEEE";
            case 'a' -> "EEE";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'p' -> "a";
            case 'j' -> "DDD";
            case '%' -> "'%'";
            default ->
                throw TemplateError.unsupported(call.line(), "'%" + field + "' of 'strftime_now'");
          };
      result.append(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now));
    }
    return Text.of(result.toString());
  }
}
