package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Arguments;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The methods of Python's strings, lists and dictionaries that templates call. Methods that would
/// change a value are refused, as Hugging Face's sandbox does.
final class Methods {
  private static final Set<String> OF_TEXT =
      Set.of(
          "strip",
          "lstrip",
          "rstrip",
          "split",
          "rsplit",
          "splitlines",
          "startswith",
          "endswith",
          "replace",
          "upper",
          "lower",
          "title",
          "capitalize",
          "join",
          "find",
          "rfind",
          "count",
          "removeprefix",
          "removesuffix",
          "isdigit",
          "isspace",
          "isalpha",
          "isalnum",
          "isupper",
          "islower");
  private static final Set<String> OF_TEXT_UNSUPPORTED =
      Set.of(
          "casefold",
          "center",
          "encode",
          "expandtabs",
          "format",
          "format_map",
          "index",
          "isascii",
          "isdecimal",
          "isidentifier",
          "isnumeric",
          "isprintable",
          "istitle",
          "ljust",
          "maketrans",
          "partition",
          "rindex",
          "rjust",
          "rpartition",
          "swapcase",
          "translate",
          "zfill");
  private static final Set<String> OF_MAPPING = Set.of("items", "keys", "values", "get", "copy");
  private static final Set<String> OF_MAPPING_UNSUPPORTED =
      Set.of("clear", "fromkeys", "pop", "popitem", "setdefault", "update");
  private static final Set<String> OF_ITEMS = Set.of("index", "count");
  private static final Set<String> OF_ITEMS_UNSUPPORTED =
      Set.of("append", "clear", "copy", "extend", "insert", "pop", "remove", "reverse", "sort");

  private Methods() {}

  /// The method bound to its value, or null when values of this kind have none of that name.
  static @Nullable Function of(Value value, String name, int line) {
    Set<String> supported =
        switch (value) {
          case Text text -> OF_TEXT;
          case Mapping mapping -> OF_MAPPING;
          case Items items -> OF_ITEMS;
          default -> Set.of();
        };
    Set<String> unsupported =
        switch (value) {
          case Text text -> OF_TEXT_UNSUPPORTED;
          case Mapping mapping -> OF_MAPPING_UNSUPPORTED;
          case Items items -> OF_ITEMS_UNSUPPORTED;
          default -> Set.of();
        };
    if (unsupported.contains(name)) {
      throw TemplateError.unsupported(
          line, "the method '" + name + "' of " + Operations.kind(value));
    }
    return supported.contains(name)
        ? new Function(name, arguments -> call(value, name, arguments))
        : null;
  }

  private static Value call(Value value, String name, Arguments arguments) {
    CallReader call = new CallReader("'" + name + "'", arguments);
    Value result =
        switch (value) {
          case Text text -> ofText(text, name, call);
          case Mapping mapping -> ofMapping(mapping, name, call);
          case Items items -> ofItems(items, name, call);
          default -> throw new IllegalStateException(name);
        };
    call.end();
    return result;
  }

  private static Value ofText(Text text, String name, CallReader call) {
    String characters = text.characters();
    return switch (name) {
      case "strip" -> Strings.strip(text, set(call), true, true);
      case "lstrip" -> Strings.strip(text, set(call), true, false);
      case "rstrip" -> Strings.strip(text, set(call), false, true);
      case "split", "rsplit" -> split(text, name, call);
      case "splitlines" -> new Items(Strings.lines(text, call.flag("keepends", false)));
      case "startswith" -> Value.of(anyOf(call, "prefix", characters::startsWith));
      case "endswith" -> Value.of(anyOf(call, "suffix", characters::endsWith));
      case "replace" ->
          Strings.replace(
              text, call.requiredText("old"), call.requiredText("new"), call.whole("count", -1));
      case "upper" -> Strings.upper(text);
      case "lower" -> Strings.lower(text);
      case "title" -> Strings.title(text, point -> !Character.isLetter(point));
      case "capitalize" -> Strings.capitalize(text);
      case "join" -> join(text, Operations.items(call.required("iterable"), call.line()), call);
      case "find" -> points(characters, characters.indexOf(call.requiredText("sub").characters()));
      case "rfind" ->
          points(characters, characters.lastIndexOf(call.requiredText("sub").characters()));
      case "count" -> Value.of(count(characters, call.requiredText("sub").characters()));
      case "removeprefix" -> {
        Text prefix = call.requiredText("prefix");
        yield characters.startsWith(prefix.characters())
            ? text.slice(prefix.length(), text.length())
            : text;
      }
      case "removesuffix" -> {
        Text suffix = call.requiredText("suffix");
        yield characters.endsWith(suffix.characters())
            ? text.slice(0, text.length() - suffix.length())
            : text;
      }
      case "isdigit" -> all(characters, Character::isDigit);
      case "isspace" -> all(characters, point -> Operations.isSpace((char) point));
      case "isalpha" -> all(characters, Character::isLetter);
      case "isalnum" -> all(characters, Character::isLetterOrDigit);
      case "isupper" ->
          Value.of(
              characters.codePoints().anyMatch(Character::isUpperCase)
                  && characters.codePoints().noneMatch(Character::isLowerCase));
      case "islower" ->
          Value.of(
              characters.codePoints().anyMatch(Character::isLowerCase)
                  && characters.codePoints().noneMatch(Character::isUpperCase));
      default -> throw new IllegalStateException(name);
    };
  }

  private static Value points(String characters, int index) {
    return Value.of(index < 0 ? -1 : characters.codePointCount(0, index));
  }

  private static Value all(String characters, java.util.function.IntPredicate condition) {
    return Value.of(!characters.isEmpty() && characters.codePoints().allMatch(condition));
  }

  private static long count(String characters, String part) {
    if (part.isEmpty()) {
      return characters.codePointCount(0, characters.length()) + 1L;
    }
    long count = 0;
    for (int i = characters.indexOf(part);
        i >= 0;
        i = characters.indexOf(part, i + part.length())) {
      count++;
    }
    return count;
  }

  private static String set(CallReader call) {
    Value characters = call.next("chars", None.NONE);
    return characters instanceof Text text ? text.characters() : "";
  }

  private static boolean anyOf(
      CallReader call, String name, java.util.function.Predicate<String> condition) {
    Value wanted = call.required(name);
    List<Value> choices = wanted instanceof Items items ? items.values() : List.of(wanted);
    for (Value choice : choices) {
      if (!(choice instanceof Text text)) {
        throw TemplateError.at(call.line(), "a string is wanted, not " + Operations.kind(choice));
      }
      if (condition.test(text.characters())) {
        return true;
      }
    }
    return false;
  }

  private static Value split(Text text, String name, CallReader call) {
    Value separator = call.next("sep", None.NONE);
    long limit = call.whole("maxsplit", -1);
    if (separator instanceof Text by) {
      if (by.isEmpty()) {
        throw TemplateError.at(call.line(), "'" + name + "' wants a separator that is not empty");
      }
      return new Items(
          name.equals("split")
              ? Strings.split(text, by.characters(), limit)
              : Strings.splitFromRight(text, by.characters(), limit));
    }
    if (name.equals("rsplit") && limit >= 0) {
      throw TemplateError.unsupported(call.line(), "'rsplit' at white space with a limit");
    }
    return new Items(Strings.words(text, limit));
  }

  static Value join(Text separator, List<Value> items, CallReader call) {
    Text.Builder result = new Text.Builder();
    for (int i = 0; i < items.size(); i++) {
      if (i > 0) {
        result.append(separator);
      }
      result.append(Operations.text(items.get(i), call.line()));
    }
    return result.build();
  }

  private static Value ofMapping(Mapping mapping, String name, CallReader call) {
    return switch (name) {
      case "items" -> pairs(mapping);
      case "keys" -> new Items(List.copyOf(mapping.entries().keySet()));
      case "values" -> new Items(List.copyOf(mapping.entries().values()));
      case "get" -> {
        Value found = mapping.entries().get(call.required("key"));
        Value absent = call.next("default", None.NONE);
        yield found == null ? absent : found;
      }
      case "copy" -> mapping;
      default -> throw new IllegalStateException(name);
    };
  }

  static Items pairs(Mapping mapping) {
    List<Value> pairs = new ArrayList<>();
    mapping.entries().forEach((key, value) -> pairs.add(Items.tuple(key, value)));
    return new Items(pairs);
  }

  private static Value ofItems(Items items, String name, CallReader call) {
    Value wanted = call.required("value");
    if (name.equals("count")) {
      return Value.of(
          items.values().stream().filter(item -> Operations.equal(item, wanted)).count());
    }
    for (int i = 0; i < items.values().size(); i++) {
      if (Operations.equal(items.values().get(i), wanted)) {
        return Value.of(i);
      }
    }
    throw TemplateError.at(call.line(), "the list does not hold what 'index' looks for");
  }

  /// A member as Python's attribute look-up with Jinja's fallback to the item of that name.
  static Value member(Value value, String name, int line) {
    if (value instanceof Undefined undefined) {
      throw TemplateError.at(
          line, undefined.what() + " is undefined, so it has no member '" + name + "'");
    }
    Function method = of(value, name, line);
    if (method != null) {
      return method;
    }
    Value found =
        switch (value) {
          case Mapping mapping -> mapping.get(name);
          case Value.Namespace namespace -> namespace.entries().get(name);
          default -> null;
        };
    return found != null ? found : new Undefined("'" + name + "' of " + Operations.kind(value));
  }
}
