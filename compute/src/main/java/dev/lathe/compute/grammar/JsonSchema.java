package dev.lathe.compute.grammar;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.compute.grammar.Schema.Bound;
import dev.lathe.compute.grammar.Schema.Constant;
import dev.lathe.compute.grammar.Schema.Items;
import dev.lathe.compute.grammar.Schema.Numbers;
import dev.lathe.compute.grammar.Schema.Options;
import dev.lathe.compute.grammar.Schema.Properties;
import dev.lathe.compute.grammar.Schema.Reference;
import dev.lathe.compute.grammar.Schema.Region;
import dev.lathe.compute.grammar.Schema.Strings;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Reads JSON Schema, draft 2020-12. Whatever is generated is valid under the schema; what cannot
/// be held to is refused, each keyword with its JSON pointer, all at once.
///
/// Supported: `type`, `enum`, `const`, `anyOf`, `oneOf` where the options can be shown to exclude
/// each other, `allOf`, `$ref` within the schema, recursive ones included; `properties`,
/// `required`, `additionalProperties`, `patternProperties`, `propertyNames`, `minProperties`,
/// `maxProperties`; `items`, `prefixItems`, `minItems`, `maxItems`; `minLength`, `maxLength`,
/// `pattern`, `format`; `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`.
///
/// Narrower than the standard, as users of such schemas expect:
/// - properties come in the order of the schema, additional ones after them
/// - names that the schema does not name are not kept from repeating
/// - an object that names properties has no others unless `additionalProperties` allows them
/// - without a type, one is concluded from the other keywords
/// - integers are written without a point; numbers as [JsonRules] and [NumberTexts] say
final class JsonSchema {
  private static final String ROOT = "#";
  private static final int PROBLEMS_SHOWN = 20;
  private static final Set<String> ANNOTATIONS =
      Set.of(
          "title",
          "description",
          "default",
          "examples",
          "deprecated",
          "readOnly",
          "writeOnly",
          "$schema",
          "$comment",
          "$defs",
          "definitions",
          "discriminator");
  private static final Set<String> STRUCTURE =
      Set.of("type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref");
  private static final Map<String, List<String>> BY_TYPE = byType();
  private static final Map<String, String> ADVICE =
      Map.of(
          "nullable", "write \"type\": [\"…\", \"null\"]",
          "additionalItems", "write \"prefixItems\" and \"items\"",
          "if", "write \"anyOf\" with both cases",
          "not", "say what is allowed");

  private final JsonNode root;
  private final Work work;
  private final SchemaAlgebra algebra;
  private final Map<String, Schema> read = new HashMap<>();
  private final Deque<String> unread = new ArrayDeque<>();
  private final Set<String> problems = new LinkedHashSet<>();
  private int depth;

  private JsonSchema(JsonNode root, Work work) {
    this.root = root;
    this.work = work;
    this.algebra = new SchemaAlgebra(this::resolved, work);
  }

  /// The rules for the values of a schema.
  ///
  /// @param name of the rule for all of it
  /// @throws LatheException naming everything that cannot be held to
  static Map<String, Expression> rules(JsonNode schema, String name, Work work) {
    JsonSchema reader = new JsonSchema(schema, work);
    reader.findInfinite(schema, ROOT);
    reader.requireNoProblems();
    reader.readAll();
    reader.requireNoProblems();
    Map<String, Expression> rules = new LinkedHashMap<>(JsonRules.rules());
    new SchemaRules(reader.algebra, rules, work).add(name, reader.resolved(ROOT));
    return rules;
  }

  private void findInfinite(JsonNode node, String pointer) {
    if (node.isDouble() && !Double.isFinite(node.doubleValue())) {
      problem(pointer, "is beyond " + Double.MAX_VALUE);
    }
    for (int i = 0; i < node.size() && node.isArray(); i++) {
      if (node.get(i).isContainerNode() || node.get(i).isDouble()) {
        findInfinite(node.get(i), child(pointer, String.valueOf(i)));
      }
    }
    for (var field : node.properties()) {
      if (field.getValue().isContainerNode() || field.getValue().isDouble()) {
        findInfinite(field.getValue(), child(pointer, field.getKey()));
      }
    }
  }

  private void readAll() {
    unread.add(ROOT);
    while (!unread.isEmpty()) {
      resolved(unread.remove());
    }
  }

  private void requireNoProblems() {
    if (!problems.isEmpty()) {
      throw LatheException.user(
          "the schema cannot be held to: " + String.join("; ", problems),
          "leave these out, or check them afterwards");
    }
  }

  private static Map<String, List<String>> byType() {
    Map<String, List<String>> keywords = new LinkedHashMap<>();
    List<String> numbers =
        List.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");
    keywords.put(
        "object",
        List.of(
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties"));
    keywords.put("array", List.of("items", "prefixItems", "minItems", "maxItems", "uniqueItems"));
    keywords.put("string", List.of("minLength", "maxLength", "pattern", "format"));
    keywords.put("integer", numbers);
    keywords.put("number", numbers);
    keywords.put("boolean", List.of());
    keywords.put("null", List.of());
    return keywords;
  }

  private void problem(String pointer, String what) {
    if (problems.size() < PROBLEMS_SHOWN) {
      problems.add("'" + pointer + "' " + what);
    }
  }

  private String child(String pointer, String name) {
    work.steps((pointer.length() + name.length()) / 8);
    return pointer + "/" + name.replace("~", "~0").replace("/", "~1");
  }

  /// The schema that a reference names, read once. While it is read it counts as anything.
  private Schema resolved(String reference) {
    Schema known = read.get(reference);
    if (known == null) {
      JsonNode node = target(reference);
      read.put(reference, Schema.ANYTHING);
      known = node == null ? Schema.NOTHING : schema(node, reference);
      read.put(reference, known);
    }
    return known;
  }

  private @Nullable JsonNode target(String reference) {
    try {
      String path = URLDecoder.decode(reference.replace("+", "%2B"), StandardCharsets.UTF_8);
      JsonNode node = root.at(JsonPointer.compile(path.substring(1)));
      return node.isMissingNode() ? null : node;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private Schema schema(JsonNode node, String pointer) {
    work.states(1);
    if (node.isBoolean()) {
      return node.asBoolean() ? Schema.ANYTHING : Schema.NOTHING;
    }
    if (!node.isObject()) {
      problem(pointer, "is neither an object nor true or false");
      return Schema.ANYTHING;
    }
    if (++depth > work.limits().nesting()) {
      depth--;
      problem(pointer, "nests more than " + work.limits().nesting() + " deep");
      return Schema.ANYTHING;
    }
    Schema schema = combined(node, pointer);
    depth--;
    return schema;
  }

  private Schema combined(JsonNode node, String pointer) {
    Schema schema = own(node, pointer);
    for (var field : node.properties()) {
      String at = child(pointer, field.getKey());
      JsonNode value = field.getValue();
      Schema more =
          switch (field.getKey()) {
            case "const" -> new Constant(value);
            case "enum" -> enumeration(value, at);
            case "anyOf" -> Options.of(list(value, at));
            case "oneOf" -> oneOf(list(value, at), at);
            case "allOf" -> allOf(list(value, at));
            case "$ref" -> reference(value, at);
            default -> {
              if (!isKnown(field.getKey(), pointer)) {
                unknown(field.getKey(), at);
              }
              yield Schema.ANYTHING;
            }
          };
      schema = algebra.both(schema, more);
    }
    return schema;
  }

  private static boolean isKnown(String keyword, String pointer) {
    return ANNOTATIONS.contains(keyword)
        || STRUCTURE.contains(keyword)
        || keyword.equals("$id") && pointer.equals(ROOT)
        || BY_TYPE.values().stream().anyMatch(keywords -> keywords.contains(keyword));
  }

  /// Keywords that replies are held to.
  static Set<String> keywords() {
    Set<String> keywords = new TreeSet<>(STRUCTURE);
    BY_TYPE.values().forEach(keywords::addAll);
    keywords.remove("uniqueItems");
    return keywords;
  }

  private void unknown(String keyword, String pointer) {
    String advice = ADVICE.get(keyword);
    problem(
        pointer,
        "is not supported" + (advice == null ? Nearest.hint(keyword, keywords()) : ": " + advice));
  }

  private List<Schema> list(JsonNode value, String pointer) {
    List<Schema> schemas = new ArrayList<>();
    if (!value.isArray() || value.isEmpty()) {
      problem(pointer, "is no list of schemas");
    }
    for (int i = 0; i < value.size() && value.isArray(); i++) {
      schemas.add(schema(value.get(i), child(pointer, String.valueOf(i))));
    }
    return schemas;
  }

  private Schema enumeration(JsonNode value, String pointer) {
    if (!value.isArray() || value.isEmpty()) {
      problem(pointer, "is no list of values");
    }
    List<Schema> options = new ArrayList<>();
    value.forEach(each -> options.add(new Constant(each)));
    work.states(options.size());
    return Options.of(options);
  }

  private Schema oneOf(List<Schema> options, String pointer) {
    for (int i = 0; i < options.size(); i++) {
      for (int j = i + 1; j < options.size(); j++) {
        work.states(1);
        if (!problems.isEmpty()) {
          return Schema.ANYTHING;
        }
        if (!algebra.exclude(options.get(i), options.get(j))) {
          problem(
              pointer,
              "has options "
                  + i
                  + " and "
                  + j
                  + " that may hold both; write anyOf, or give each a required property with"
                  + " another const");
          return Schema.ANYTHING;
        }
      }
    }
    return Options.of(options);
  }

  private Schema allOf(List<Schema> parts) {
    Schema schema = Schema.ANYTHING;
    for (Schema part : parts) {
      schema = algebra.both(schema, part);
    }
    return schema;
  }

  private Schema reference(JsonNode value, String pointer) {
    String reference = value.asText();
    boolean inside = reference.equals(ROOT) || reference.startsWith("#/");
    if (!inside || target(reference) == null) {
      problem(
          pointer,
          inside
              ? "refers to '" + reference + "', which is not there"
              : "refers to '" + reference + "', supported are pointers into the schema, '#/…'");
      return Schema.ANYTHING;
    }
    unread.add(reference);
    return new Reference(reference);
  }

  /// What the keywords say that belong to types.
  private Schema own(JsonNode node, String pointer) {
    Set<String> types = types(node, pointer);
    if (types.isEmpty()) {
      return Schema.ANYTHING;
    }
    List<Schema> options = new ArrayList<>();
    for (String type : types) {
      switch (type) {
        case "object" -> options.add(object(node, pointer));
        case "array" -> options.add(array(node, pointer));
        case "string" -> options.add(string(node, pointer));
        case "integer" -> options.add(number(node, pointer, true));
        case "number" -> options.add(number(node, pointer, false));
        case "boolean" -> options.add(Schema.BOOLEANS);
        case "null" -> options.add(new Constant(NullNode.instance));
        default ->
            problem(
                child(pointer, "type"),
                "names the type '" + type + "'" + Nearest.hint(type, BY_TYPE.keySet()));
      }
    }
    return Options.of(options);
  }

  /// The types spoken of; none when nothing is said about types.
  private Set<String> types(JsonNode node, String pointer) {
    Set<String> types = new LinkedHashSet<>();
    JsonNode type = node.path("type");
    if (type.isTextual()) {
      types.add(type.asText());
    } else if (type.isArray() && !type.isEmpty()) {
      type.forEach(each -> types.add(each.asText()));
    } else if (!type.isMissingNode()) {
      problem(child(pointer, "type"), "is neither a type nor a list of types");
    }
    if (type.isMissingNode()) {
      BY_TYPE.forEach((name, keywords) -> {
        if (keywords.stream().anyMatch(node::has)) {
          types.add(name);
        }
      });
      boolean combines = List.of("anyOf", "oneOf", "allOf", "$ref").stream().anyMatch(node::has);
      if (!types.isEmpty() && combines) {
        types.addAll(BY_TYPE.keySet());
      }
    }
    if (types.contains("number")) {
      types.remove("integer");
    }
    return types;
  }

  private int count(JsonNode node, String keyword, String pointer, int otherwise) {
    JsonNode value = node.path(keyword);
    if (value.isMissingNode()) {
      return otherwise;
    }
    boolean whole = value.isNumber() && value.decimalValue().stripTrailingZeros().scale() <= 0;
    if (!whole || value.decimalValue().signum() < 0) {
      problem(child(pointer, keyword), "is " + value + ", no count");
      return otherwise;
    }
    int largest = work.limits().repetition();
    if (value.decimalValue().compareTo(BigDecimal.valueOf(largest)) > 0) {
      problem(child(pointer, keyword), "is " + value + ", more than " + largest);
      return otherwise;
    }
    return value.decimalValue().intValueExact();
  }

  private int most(JsonNode node, String keyword, String pointer) {
    return count(node, keyword, pointer, Expression.Repeat.UNBOUNDED);
  }

  private Schema string(JsonNode node, String pointer) {
    Optional<Dfa> language = Optional.empty();
    JsonNode pattern = node.path("pattern");
    if (pattern.isTextual()) {
      language = pattern(pattern.asText(), child(pointer, "pattern"));
    } else if (!pattern.isMissingNode()) {
      problem(child(pointer, "pattern"), "is no string");
    }
    Optional<Dfa> format = format(node, pointer);
    if (language.isPresent() && format.isPresent()) {
      language = Optional.of(language.get().and(format.get(), work));
    } else if (format.isPresent()) {
      language = format;
    }
    return algebra.strings(
        new Strings(
            language.orElse(null),
            count(node, "minLength", pointer, 0),
            most(node, "maxLength", pointer)));
  }

  private Optional<Dfa> pattern(String pattern, String pointer) {
    try {
      return Optional.of(RegexParser.somewhere(pattern, work));
    } catch (LatheException e) {
      problem(pointer, "cannot be used: " + e.getMessage());
      return Optional.empty();
    }
  }

  private Optional<Dfa> format(JsonNode node, String pointer) {
    JsonNode format = node.path("format");
    if (format.isMissingNode() || speaksOfNumbers(node) && ofNumbers(format.asText())) {
      return Optional.empty();
    }
    Optional<Dfa> texts = StringFormats.of(format.asText(), work);
    if (texts.isEmpty()) {
      problem(
          child(pointer, "format"),
          "is '"
              + format.asText()
              + "', supported are "
              + String.join(", ", StringFormats.names()));
    }
    return texts;
  }

  private Schema number(JsonNode node, String pointer, boolean integer) {
    Bound low =
        tighter(bound(node, "minimum", pointer), bound(node, "exclusiveMinimum", pointer), 1);
    Bound high =
        tighter(bound(node, "maximum", pointer), bound(node, "exclusiveMaximum", pointer), -1);
    int bits = bits(node, pointer);
    if (bits > 0) {
      BigDecimal end = BigDecimal.TWO.pow(bits);
      low = tighter(low, new Bound(end.negate(), false), 1);
      high = tighter(high, new Bound(end, true), -1);
    }
    Set<BigDecimal> multiples = Set.of();
    JsonNode factor = node.path("multipleOf");
    if (factor.isNumber() && NumberTexts.canBeMultiplesOf(factor.decimalValue())) {
      multiples = Set.of(factor.decimalValue().stripTrailingZeros());
    } else if (!factor.isMissingNode()) {
      problem(
          child(pointer, "multipleOf"),
          "is "
              + factor
              + ", supported are numbers above 0 of up to "
              + NumberTexts.LARGEST_FACTOR
              + " without zeros at the end and point");
    }
    return algebra.numbers(new Numbers(integer || bits > 0, low, high, multiples));
  }

  /// The format of a number: 31 or 63 for integers with a sign, 0 for any number.
  private int bits(JsonNode node, String pointer) {
    return switch (node.path("format").asText("")) {
      case "int32" -> 31;
      case "int64" -> 63;
      case "", "float", "double" -> 0;
      default -> {
        if (!speaksOf(node, "string")) {
          problem(
              child(pointer, "format"),
              "is " + node.path("format") + ", for numbers are int32, int64, float and double");
        }
        yield 0;
      }
    };
  }

  private static boolean ofNumbers(String format) {
    return Set.of("int32", "int64", "float", "double").contains(format);
  }

  private static boolean speaksOfNumbers(JsonNode node) {
    return speaksOf(node, "integer") || speaksOf(node, "number");
  }

  private static boolean speaksOf(JsonNode node, String type) {
    for (JsonNode each : node.path("type")) {
      if (each.asText().equals(type)) {
        return true;
      }
    }
    return node.path("type").asText().equals(type);
  }

  static @Nullable Bound tighter(@Nullable Bound a, @Nullable Bound b, int side) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    int order = a.value().compareTo(b.value()) * side;
    return order == 0 ? (a.exclusive() ? a : b) : order > 0 ? a : b;
  }

  private @Nullable Bound bound(JsonNode node, String keyword, String pointer) {
    JsonNode value = node.path(keyword);
    if (value.isMissingNode()) {
      return null;
    }
    if (!value.isNumber()) {
      problem(child(pointer, keyword), "is " + value + ", no number");
      return null;
    }
    return new Bound(value.decimalValue().stripTrailingZeros(), keyword.startsWith("exclusive"));
  }

  private Schema array(JsonNode node, String pointer) {
    JsonNode items = node.path("items");
    if (items.isArray()) {
      problem(child(pointer, "items"), "is a list: write \"prefixItems\"");
    }
    if (node.path("uniqueItems").asBoolean()) {
      problem(child(pointer, "uniqueItems"), "is not supported");
    }
    Schema more =
        items.isMissingNode() || items.isArray()
            ? Schema.ANYTHING
            : schema(items, child(pointer, "items"));
    List<Schema> prefix =
        node.has("prefixItems")
            ? list(node.path("prefixItems"), child(pointer, "prefixItems"))
            : List.of();
    if (prefix.size() > 4 * work.limits().nesting()) {
      problem(child(pointer, "prefixItems"), "has more than " + 4 * work.limits().nesting());
    }
    return algebra.items(
        new Items(
            prefix, more, count(node, "minItems", pointer, 0), most(node, "maxItems", pointer)));
  }

  private Schema object(JsonNode node, String pointer) {
    Map<String, Schema> named = new LinkedHashMap<>();
    JsonNode properties = node.path("properties");
    if (!properties.isMissingNode() && !properties.isObject()) {
      problem(child(pointer, "properties"), "is no object");
    }
    String at = child(pointer, "properties");
    properties
        .properties()
        .forEach(field ->
            named.put(field.getKey(), schema(field.getValue(), child(at, field.getKey()))));
    Properties known =
        new Properties(named, Set.of(), List.of(), null, 0, Expression.Repeat.UNBOUNDED);
    for (var field : node.path("patternProperties").properties()) {
      String each = child(child(pointer, "patternProperties"), field.getKey());
      Schema values = schema(field.getValue(), each);
      Optional<Dfa> names = pattern(field.getKey(), each);
      if (names.isPresent()) {
        known = algebra.withNames(known, names.get(), values);
      }
    }
    Schema more =
        node.has("additionalProperties")
            ? schema(node.path("additionalProperties"), child(pointer, "additionalProperties"))
            : null;
    Schema object =
        new Properties(
            known.named(),
            required(node, pointer),
            known.regions(),
            more,
            count(node, "minProperties", pointer, 0),
            most(node, "maxProperties", pointer));
    boolean free = more == null ? named.isEmpty() : !more.equals(Schema.NOTHING);
    int least = ((Properties) object).least();
    if ((free || !known.regions().isEmpty()) && least > required(node, pointer).size() + 1) {
      problem(
          child(pointer, "minProperties"),
          "is "
              + least
              + ", and names that the schema does not name cannot be kept from repeating; supported"
              + " is one more than there are required ones");
    }
    JsonNode names = node.path("propertyNames");
    if (!names.isMissingNode()) {
      object = withNames((Properties) object, names, child(pointer, "propertyNames"));
    }
    return object instanceof Properties result ? algebra.properties(result) : object;
  }

  private Set<String> required(JsonNode node, String pointer) {
    Set<String> required = new LinkedHashSet<>();
    JsonNode names = node.path("required");
    if (!names.isMissingNode() && !names.isArray()) {
      problem(child(pointer, "required"), "is no list of names");
    }
    names.forEach(name -> required.add(name.asText()));
    return required;
  }

  /// Names outside a schema of strings are names without a value.
  private Schema withNames(Properties object, JsonNode names, String pointer) {
    Schema schema =
        algebra.both(schema(names, pointer), new Strings(null, 0, Expression.Repeat.UNBOUNDED));
    Optional<Dfa> language = algebra.language(schema);
    if (language.isEmpty()) {
      problem(pointer, "is more than pattern, format, lengths, enum and const");
      return object;
    }
    Dfa others = RegexParser.somewhere("", work).minus(language.get(), work);
    Properties open =
        new Properties(
            object.named(),
            object.required(),
            object.regions(),
            object.closesItself() || object.more() != null ? object.more() : Schema.ANYTHING,
            object.least(),
            object.most());
    return algebra.both(
        open,
        new Properties(
            Map.of(),
            Set.of(),
            List.of(new Region(others, Schema.NOTHING)),
            null,
            0,
            Expression.Repeat.UNBOUNDED));
  }
}
