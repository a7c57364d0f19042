package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Arguments;
import java.util.HashSet;
import java.util.Set;

/// Takes the arguments of one call by position or name; what nobody took is refused.
final class CallReader {
  private final String callee;
  private final Arguments arguments;
  private final Set<String> taken = new HashSet<>();
  private int position;

  CallReader(String callee, Arguments arguments) {
    this.callee = callee;
    this.arguments = arguments;
  }

  int line() {
    return arguments.line();
  }

  /// The next argument, by position or as `name=`, or `absent`.
  Value next(String name, Value absent) {
    if (position < arguments.positional().size()) {
      return arguments.positional().get(position++);
    }
    position++;
    Value named = arguments.named().get(name);
    if (named == null) {
      return absent;
    }
    taken.add(name);
    return named;
  }

  /// The next argument, which must be there.
  @SuppressWarnings("ReferenceEquality") // only this very marker says that nothing was given
  Value required(String name) {
    Value missing = new Value.Undefined("missing");
    Value value = next(name, missing);
    if (value == missing) {
      throw TemplateError.at(line(), callee + " wants the argument '" + name + "'");
    }
    return value;
  }

  Text text(String name, String absent) {
    return asText(name, next(name, Text.of(absent)));
  }

  Text requiredText(String name) {
    return asText(name, required(name));
  }

  private Text asText(String name, Value value) {
    if (value instanceof Text text) {
      return text;
    }
    throw TemplateError.at(
        line(), callee + " wants a string as '" + name + "', not " + Operations.kind(value));
  }

  long whole(String name, long absent) {
    return Operations.index(next(name, Value.of(absent)), line());
  }

  boolean flag(String name, boolean absent) {
    return Operations.truth(next(name, Value.of(absent)));
  }

  /// Whether a further positional argument is there.
  boolean hasMore() {
    return position < arguments.positional().size();
  }

  /// Refuses what was not taken.
  void end() {
    if (hasMore()) {
      throw TemplateError.at(line(), callee + " was given too many arguments");
    }
    for (String name : arguments.named().keySet()) {
      if (!taken.contains(name)) {
        throw TemplateError.unsupported(line(), "the argument '" + name + "' of " + callee);
      }
    }
  }
}
