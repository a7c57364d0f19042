package dev.lathe.compute.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a template computes with. Values that a caller passes in are built from [Text], [#of] and
/// [Mapping]; the rest arises while rendering.
public sealed interface Value
    permits Text,
        Value.Bool,
        Value.Int,
        Value.Real,
        Value.None,
        Value.Undefined,
        Value.Items,
        Value.Mapping,
        Value.Namespace,
        Value.Function {

  static Value of(boolean value) {
    return value ? Bool.TRUE : Bool.FALSE;
  }

  static Value of(long value) {
    return new Int(value);
  }

  /// `true` or `false`.
  record Bool(boolean value) implements Value {
    static final Bool TRUE = new Bool(true);
    static final Bool FALSE = new Bool(false);
  }

  /// A whole number; what does not fit 64 bits is refused where it would arise.
  record Int(long value) implements Value {}

  record Real(double value) implements Value {}

  /// Python's `None`, JSON's `null`.
  record None() implements Value {
    public static final None NONE = new None();
  }

  /// A name or a member that is not there: prints nothing, is false, has no members.
  ///
  /// @param what how a message calls it: `'tools'`, `'name' of a mapping`
  record Undefined(String what) implements Value {}

  /// A list or a tuple; the two differ only where they are printed.
  record Items(List<Value> values, boolean tuple) implements Value {
    public Items {
      values = List.copyOf(values);
    }

    public Items(List<Value> values) {
      this(values, false);
    }

    static Items tuple(Value... values) {
      return new Items(List.of(values), true);
    }
  }

  /// A dictionary in the order of its keys.
  ///
  /// @param scope not 0: what a loop writes while this is its item is written in that scope
  record Mapping(Map<Value, Value> entries, int scope) implements Value {
    public Mapping {
      entries = new LinkedHashMap<>(entries);
    }

    public Mapping(Map<Value, Value> entries) {
      this(entries, 0);
    }

    /// The value under a string key, or null.
    @Nullable Value get(String key) {
      return entries.get(Text.of(key));
    }
  }

  /// `namespace(...)`: the one thing that a template may change from inside a loop.
  record Namespace(Map<String, Value> entries) implements Value {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /// A macro, a function given by the renderer, or a method bound to its value.
  record Function(String name, Body body) implements Value {
    /// What a call does.
    @FunctionalInterface
    interface Body {
      Value call(Arguments arguments);
    }
  }

  /// What a call was given.
  ///
  /// @param line where the call stands
  record Arguments(List<Value> positional, Map<String, Value> named, int line) {
    public Arguments {
      positional = List.copyOf(positional);
      named = new LinkedHashMap<>(named);
    }
  }

  /// Converts strings, booleans, numbers, `null`, maps and collections as JSON readers give them;
  /// all their characters get `origin`.
  static Value from(@Nullable Object object, int origin) {
    return switch (object) {
      case null -> None.NONE;
      case Value value -> value;
      case String text -> Text.of(text, origin);
      case Boolean value -> of(value);
      case Integer value -> of(value.longValue());
      case Long value -> of(value.longValue());
      case Float value -> new Real(value);
      case Double value -> new Real(value);
      case Map<?, ?> map -> {
        Map<Value, Value> entries = new LinkedHashMap<>();
        map.forEach((key, value) -> entries.put(from(key, origin), from(value, origin)));
        yield new Mapping(entries);
      }
      case Iterable<?> items -> {
        List<Value> values = new ArrayList<>();
        items.forEach(item -> values.add(from(item, origin)));
        yield new Items(values);
      }
      default ->
          throw new IllegalArgumentException(
              "no template value can be made of " + object.getClass().getName());
    };
  }
}
