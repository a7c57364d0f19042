package dev.lathe.compute.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.grammar.Schema.Anything;
import dev.lathe.compute.grammar.Schema.Both;
import dev.lathe.compute.grammar.Schema.Constant;
import dev.lathe.compute.grammar.Schema.Items;
import dev.lathe.compute.grammar.Schema.Nothing;
import dev.lathe.compute.grammar.Schema.Numbers;
import dev.lathe.compute.grammar.Schema.Options;
import dev.lathe.compute.grammar.Schema.Properties;
import dev.lathe.compute.grammar.Schema.Reference;
import dev.lathe.compute.grammar.Schema.Region;
import dev.lathe.compute.grammar.Schema.Strings;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Computes with sets of JSON values: what two schemas both allow, and whether that is nothing.
final class SchemaAlgebra {
  private static final int LONGEST_CHAIN = 200;

  private final Function<String, Schema> references;
  private final Work work;

  /// @param references the schema that a reference names
  SchemaAlgebra(Function<String, Schema> references, Work work) {
    this.references = references;
    this.work = work;
  }

  /// Values that both allow. References are not followed.
  Schema both(Schema a, Schema b) {
    work.states(1);
    if (a.equals(b) || b instanceof Anything || a instanceof Nothing) {
      return a;
    }
    if (a instanceof Anything || b instanceof Nothing) {
      return b;
    }
    if (a instanceof Options(var options)) {
      return Options.of(options.stream().map(option -> both(option, b)).toList());
    }
    if (b instanceof Options(var options)) {
      return Options.of(options.stream().map(option -> both(a, option)).toList());
    }
    if (isOpen(a) || isOpen(b)) {
      return new Both(a, b);
    }
    if (a instanceof Constant(var value)) {
      return holds(b, value) ? a : Schema.NOTHING;
    }
    if (b instanceof Constant(var value)) {
      return holds(a, value) ? b : Schema.NOTHING;
    }
    if (a instanceof Numbers left && b instanceof Numbers right) {
      return bothNumbers(left, right);
    }
    if (a instanceof Strings left && b instanceof Strings right) {
      return bothStrings(left, right);
    }
    if (a instanceof Items left && b instanceof Items right) {
      return bothItems(left, right);
    }
    if (a instanceof Properties left && b instanceof Properties right) {
      return bothProperties(left, right);
    }
    return Schema.NOTHING;
  }

  private static boolean isOpen(Schema schema) {
    return schema instanceof Reference || schema instanceof Both;
  }

  /// The same without references at its top; [Schema#NOTHING] when they only lead to themselves.
  Schema followed(Schema schema) {
    Schema at = schema;
    for (int i = 0; i < LONGEST_CHAIN; i++) {
      work.states(1);
      switch (at) {
        case Reference(String pointer) -> at = references.apply(pointer);
        case Both(Schema left, Schema right) -> at = both(step(left), step(right));
        default -> {
          return at;
        }
      }
    }
    return Schema.NOTHING;
  }

  private Schema step(Schema schema) {
    return switch (schema) {
      case Reference(String pointer) -> references.apply(pointer);
      case Both(Schema left, Schema right) -> both(step(left), step(right));
      default -> schema;
    };
  }

  private Schema bothNumbers(Numbers a, Numbers b) {
    Set<BigDecimal> multiples = new LinkedHashSet<>(a.multiples());
    multiples.addAll(b.multiples());
    return numbers(
        new Numbers(
            a.integer() || b.integer(),
            JsonSchema.tighter(a.low(), b.low(), 1),
            JsonSchema.tighter(a.high(), b.high(), -1),
            multiples));
  }

  /// The same, or nothing when the range is empty.
  Schema numbers(Numbers numbers) {
    if (numbers.low() == null || numbers.high() == null) {
      return numbers;
    }
    int order = numbers.low().value().compareTo(numbers.high().value());
    boolean open = numbers.low().exclusive() || numbers.high().exclusive();
    return order > 0 || order == 0 && open ? Schema.NOTHING : numbers;
  }

  private Schema bothStrings(Strings a, Strings b) {
    Dfa language = a.language() == null ? b.language() : a.language();
    if (a.language() != null && b.language() != null) {
      language = a.language().and(b.language(), work);
    }
    return strings(
        new Strings(language, Math.max(a.least(), b.least()), Math.min(a.most(), b.most())));
  }

  /// The same, lengths made part of the language where there is one; nothing when it is empty.
  Schema strings(Strings strings) {
    if (strings.least() > strings.most()) {
      return Schema.NOTHING;
    }
    if (strings.language() == null) {
      return strings;
    }
    Dfa language = strings.language();
    int longest = language.longest();
    boolean bounded = strings.most() != Expression.Repeat.UNBOUNDED;
    boolean fits = longest >= 0 && longest <= strings.most();
    if (strings.least() > 0 || bounded && !fits) {
      language =
          language.and(
              lengths(strings.least(), fits ? Expression.Repeat.UNBOUNDED : strings.most()), work);
    }
    return language.isEmpty()
        ? Schema.NOTHING
        : new Strings(language, 0, Expression.Repeat.UNBOUNDED);
  }

  private Dfa lengths(int least, int most) {
    Dfa.Builder texts = new Dfa.Builder(work);
    int last = most == Expression.Repeat.UNBOUNDED ? least : most;
    for (int i = 0; i <= last; i++) {
      int state = texts.state(i >= least);
      if (i < last || most == Expression.Repeat.UNBOUNDED) {
        int to = Math.min(i + 1, last);
        texts.transition(state, 0, Character.MIN_SURROGATE - 1, to);
        texts.transition(state, Character.MAX_SURROGATE + 1, Character.MAX_CODE_POINT, to);
      }
    }
    return texts.build().minimised(work);
  }

  /// The texts of a schema that only has strings; empty when it has other values or is a reference.
  Optional<Dfa> language(Schema schema) {
    return switch (followed(schema)) {
      case Nothing _ -> Optional.of(none());
      case Constant(JsonNode value) when value.isTextual() ->
          Optional.of(RegexParser.whole(RegexParser.quoted(value.asText()), work));
      case Strings(Dfa language, int least, int most) ->
          Optional.of(language == null ? lengths(least, most) : language);
      case Options(var options) -> {
        Dfa all = none();
        for (Schema option : options) {
          Optional<Dfa> texts = language(option);
          if (texts.isEmpty()) {
            yield Optional.empty();
          }
          all = either(all, texts.get());
        }
        yield Optional.of(all);
      }
      default -> Optional.empty();
    };
  }

  private Dfa none() {
    Dfa.Builder none = new Dfa.Builder(work);
    none.state(false);
    return none.build();
  }

  private Dfa either(Dfa a, Dfa b) {
    Dfa all = lengths(0, Expression.Repeat.UNBOUNDED);
    return all.minus(all.minus(a, work).minus(b, work), work);
  }

  private Schema bothItems(Items a, Items b) {
    List<Schema> prefix = new ArrayList<>();
    for (int i = 0; i < Math.max(a.prefix().size(), b.prefix().size()); i++) {
      prefix.add(both(item(a, i), item(b, i)));
    }
    return items(
        new Items(
            prefix,
            both(a.more(), b.more()),
            Math.max(a.least(), b.least()),
            Math.min(a.most(), b.most())));
  }

  private static Schema item(Items items, int i) {
    return i < items.prefix().size() ? items.prefix().get(i) : items.more();
  }

  /// The same, cut off before items that cannot be; nothing when too few are left.
  Schema items(Items items) {
    int most = items.most();
    for (int i = 0; i < items.prefix().size() && i < most; i++) {
      most = items.prefix().get(i) instanceof Nothing ? i : most;
    }
    if (items.more() instanceof Nothing) {
      most = Math.min(most, items.prefix().size());
    }
    return items.least() > most
        ? Schema.NOTHING
        : new Items(items.prefix(), items.more(), items.least(), most);
  }

  private Schema bothProperties(Properties a, Properties b) {
    Map<String, Schema> named = new LinkedHashMap<>();
    Set<String> names = new LinkedHashSet<>(a.named().keySet());
    names.addAll(b.named().keySet());
    names.forEach(name -> named.put(name, both(a.of(name), b.of(name))));
    Set<String> required = new LinkedHashSet<>(a.required());
    required.addAll(b.required());
    List<Region> regions = new ArrayList<>();
    for (Region left : a.regions()) {
      for (Region right : b.regions()) {
        addRegion(
            regions, left.names().and(right.names(), work), both(left.values(), right.values()));
      }
      addRegion(regions, outside(left.names(), b.regions()), both(left.values(), others(b)));
    }
    for (Region right : b.regions()) {
      addRegion(regions, outside(right.names(), a.regions()), both(others(a), right.values()));
    }
    Schema more =
        a.more() == null ? b.more() : b.more() == null ? a.more() : both(a.more(), b.more());
    return properties(
        new Properties(
            named,
            required,
            regions,
            more,
            Math.max(a.least(), b.least()),
            Math.min(a.most(), b.most())));
  }

  private static Schema others(Properties properties) {
    return properties.more() == null ? Schema.ANYTHING : properties.more();
  }

  private Dfa outside(Dfa names, List<Region> regions) {
    Dfa left = names;
    for (Region region : regions) {
      left = left.minus(region.names(), work);
    }
    return left;
  }

  private static void addRegion(List<Region> regions, Dfa names, Schema values) {
    if (!names.isEmpty()) {
      regions.add(new Region(names, values));
    }
  }

  /// The same with values of those names held to a schema as well.
  Properties withNames(Properties properties, Dfa names, Schema values) {
    Map<String, Schema> named = new LinkedHashMap<>();
    properties
        .named()
        .forEach(
            (name, schema) -> named.put(name, names.matches(name) ? both(schema, values) : schema));
    List<Region> regions = new ArrayList<>();
    for (Region region : properties.regions()) {
      addRegion(regions, region.names().and(names, work), both(region.values(), values));
      addRegion(regions, region.names().minus(names, work), region.values());
    }
    addRegion(regions, outside(names, properties.regions()), values);
    return new Properties(
        named,
        properties.required(),
        regions,
        properties.more(),
        properties.least(),
        properties.most());
  }

  /// The same with all required names named; nothing when one of them cannot be, or too few may be.
  Schema properties(Properties properties) {
    Map<String, Schema> named = new LinkedHashMap<>(properties.named());
    for (String name : properties.required()) {
      named.computeIfAbsent(name, properties::of);
      if (named.get(name) instanceof Nothing) {
        return Schema.NOTHING;
      }
    }
    boolean impossible =
        properties.least() > properties.most() || properties.required().size() > properties.most();
    return impossible
        ? Schema.NOTHING
        : new Properties(
            named,
            properties.required(),
            properties.regions(),
            properties.more(),
            properties.least(),
            properties.most());
  }

  /// Whether no value that is written for one of them is allowed by the other.
  boolean exclude(Schema a, Schema b) {
    return isNothing(both(closed(followed(a)), followed(b)), 0)
        && isNothing(both(followed(a), closed(followed(b))), 0);
  }

  private Schema closed(Schema schema) {
    return switch (schema) {
      case Options(var options) ->
          Options.of(options.stream().map(option -> closed(followed(option))).toList());
      case Properties properties when properties.closesItself() ->
          new Properties(
              properties.named(),
              properties.required(),
              properties.regions(),
              Schema.NOTHING,
              properties.least(),
              properties.most());
      default -> schema;
    };
  }

  /// Whether there is surely no such value; references are followed a few times.
  private boolean isNothing(Schema schema, int depth) {
    if (depth > 8) {
      return false;
    }
    return switch (followed(schema)) {
      case Nothing _ -> true;
      case Options(var options) ->
          options.stream().allMatch(option -> isNothing(option, depth + 1));
      case Properties properties ->
          properties.required().stream()
              .anyMatch(name -> isNothing(properties.of(name), depth + 1));
      case Items items -> items.least() > 0 && isNothing(item(items, 0), depth + 1);
      default -> false;
    };
  }

  /// Whether a schema allows a value.
  boolean holds(Schema schema, JsonNode value) {
    work.states(1);
    return switch (followed(schema)) {
      case Anything _ -> true;
      case Nothing _ -> false;
      case Constant(JsonNode constant) -> equal(constant, value);
      case Options(var options) -> options.stream().anyMatch(option -> holds(option, value));
      case Numbers numbers -> value.isNumber() && holdsNumber(numbers, value.decimalValue());
      case Strings strings -> value.isTextual() && holdsText(strings, value.asText());
      case Items items -> value.isArray() && holdsItems(items, value);
      case Properties properties -> value.isObject() && holdsProperties(properties, value);
      case Reference _, Both _ -> false;
    };
  }

  private boolean equal(JsonNode a, JsonNode b) {
    return a.equals(
        (left, right) -> {
          work.steps(4);
          return left.isNumber() && right.isNumber()
              ? left.decimalValue().compareTo(right.decimalValue())
              : left.equals(right) ? 0 : 1;
        },
        b);
  }

  private static boolean holdsNumber(Numbers numbers, BigDecimal value) {
    return (!numbers.integer() || value.stripTrailingZeros().scale() <= 0)
        && inside(numbers.low(), value, 1)
        && inside(numbers.high(), value, -1)
        && numbers.multiples().stream().allMatch(factor -> value.remainder(factor).signum() == 0);
  }

  private static boolean inside(Schema.@Nullable Bound bound, BigDecimal value, int side) {
    int order = bound == null ? 1 : value.compareTo(bound.value()) * side;
    return order > 0 || order == 0 && bound != null && !bound.exclusive();
  }

  private static boolean holdsText(Strings strings, String text) {
    int length = text.codePointCount(0, text.length());
    return length >= strings.least()
        && length <= strings.most()
        && (strings.language() == null || strings.language().matches(text));
  }

  private boolean holdsItems(Items items, JsonNode value) {
    for (int i = 0; i < value.size(); i++) {
      if (!holds(item(items, i), value.get(i))) {
        return false;
      }
    }
    return value.size() >= items.least() && value.size() <= items.most();
  }

  private boolean holdsProperties(Properties properties, JsonNode value) {
    Set<String> names = new HashSet<>();
    for (var field : value.properties()) {
      names.add(field.getKey());
      if (!holds(properties.of(field.getKey()), field.getValue())) {
        return false;
      }
    }
    return names.containsAll(properties.required())
        && names.size() >= properties.least()
        && names.size() <= properties.most();
  }
}
