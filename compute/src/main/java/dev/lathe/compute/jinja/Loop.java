package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The `loop` variable of one running loop.
final class Loop {
  private final List<Value> items;
  private List<Value> seen = List.of();

  Loop(List<Value> items) {
    this.items = items;
  }

  /// What `loop` is in round `index`.
  Value at(int index) {
    Map<Value, Value> members = new LinkedHashMap<>();
    int size = items.size();
    put(members, "index", Value.of(index + 1L));
    put(members, "index0", Value.of((long) index));
    put(members, "revindex", Value.of((long) size - index));
    put(members, "revindex0", Value.of((long) size - index - 1));
    put(members, "first", Value.of(index == 0));
    put(members, "last", Value.of(index == size - 1));
    put(members, "length", Value.of((long) size));
    if (index > 0) {
      put(members, "previtem", items.get(index - 1));
    }
    if (index < size - 1) {
      put(members, "nextitem", items.get(index + 1));
    }
    put(members, "cycle", new Function("cycle", arguments -> cycle(arguments, index)));
    put(members, "changed", new Function("changed", this::changed));
    return new Mapping(members);
  }

  private static void put(Map<Value, Value> members, String name, Value value) {
    members.put(Text.of(name), value);
  }

  private static Value cycle(Value.Arguments arguments, int index) {
    List<Value> choices = arguments.positional();
    if (choices.isEmpty()) {
      throw TemplateError.at(arguments.line(), "'cycle' wants what to go through");
    }
    return choices.get(index % choices.size());
  }

  private Value changed(Value.Arguments arguments) {
    boolean same = Operations.equal(new Items(seen), new Items(arguments.positional()));
    boolean first = seen.isEmpty();
    seen = arguments.positional();
    return Value.of(first || !same);
  }
}
