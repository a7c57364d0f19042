package dev.lathe.app.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.Nearest;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A JSON object on its way to becoming a record. A reader names each member once, with its type,
/// range, default and meaning; what it does not name is refused, and so is a member of the wrong
/// type. All problems are found before the first is told. The same reader, run without an object,
/// gives the schema for the OpenAPI document.
///
/// `null` stands for an absent member. After a problem a member has some value of its type, so that
/// reading can go on; a record must therefore not check what its reader has checked.
public final class Fields {
  private final JsonNode object;
  private final String path;
  private Report report;
  private final Set<String> known = new LinkedHashSet<>();
  private final ObjectNode properties = JsonNodeFactory.instance.objectNode();
  private final ArrayNode required = JsonNodeFactory.instance.arrayNode();

  /// What was found on the way.
  ///
  /// @param describing whether there is no object and only the schema is wanted
  private record Report(boolean describing, List<Refusal> problems) {
    void add(Fault fault, String message, String parameter) {
      if (!describing) {
        problems.add(new Refusal(fault, message, parameter));
      }
    }
  }

  /// Where nothing is told.
  private static Report nowhere() {
    return new Report(true, new ArrayList<>());
  }

  private Fields(JsonNode object, String path, Report report) {
    this.object = object;
    this.path = path;
    this.report = report;
  }

  /// Reads an object.
  ///
  /// @throws Refusal naming all problems, about the parameter of the first
  static <T> T read(JsonNode object, Function<Fields, T> reader) {
    Report report = new Report(false, new ArrayList<>());
    T value = new Fields(object, "", report).all(reader);
    if (report.problems.isEmpty()) {
      return value;
    }
    Refusal first = report.problems.getFirst();
    String all =
        report.problems.stream().limit(10).map(Refusal::message).collect(Collectors.joining("; "));
    throw new Refusal(first.fault(), all, first.parameter());
  }

  /// The schema of what a reader takes.
  static ObjectNode schema(Function<Fields, ?> reader) {
    Fields fields = new Fields(MissingNode.getInstance(), "", nowhere());
    fields.all(reader);
    return fields.schema();
  }

  private ObjectNode schema() {
    ObjectNode schema = Schemas.object();
    schema.set("properties", properties);
    if (!required.isEmpty()) {
      schema.set("required", required);
    }
    return schema.put("additionalProperties", false);
  }

  private <T> T all(Function<Fields, T> reader) {
    T value = reader.apply(this);
    for (String name : (Iterable<String>) object::fieldNames) {
      if (!known.contains(name)) {
        report.add(
            Fault.UNKNOWN_PARAMETER,
            "there is no parameter '" + path + name + "'" + Nearest.hint(name, known),
            path + name);
      }
    }
    return value;
  }

  /// A member.
  ///
  /// @param meaning one line for the OpenAPI document
  public Field field(String name, String meaning) {
    return new Field(name, meaning);
  }

  /// A member that others know and we do not. It may be `null`, or one of the values that ask for
  /// nothing.
  ///
  /// @param reason why not, or what to use instead
  /// @param harmless JSON texts, as `false` or `"auto"`
  public void refused(String name, String reason, String... harmless) {
    known.add(name);
    JsonNode found = object.path(name);
    if (found.isMissingNode() || found.isNull() || List.of(harmless).contains(found.toString())) {
      return;
    }
    report.add(
        Fault.UNSUPPORTED_PARAMETER,
        "'%s' is not supported: %s".formatted(path + name, reason),
        path + name);
  }

  /// A member as it stands, to be given back; it is read as a [#field] as well.
  public JsonNode raw(String name) {
    return object.path(name);
  }

  /// A problem that is about several members together.
  public void problem(String parameter, String message) {
    report.add(Fault.INVALID_VALUE, message, path + parameter);
  }

  /// Whether a problem was found with a member or below it, so that what follows from it need not
  /// be told as well.
  public boolean isWrong(String name) {
    return report.problems.stream().anyMatch(each -> isAt(each.parameter(), path + name));
  }

  private static boolean isAt(@Nullable String parameter, String member) {
    return parameter != null && parameter.matches(Pattern.quote(member) + "([.\\[].*)?");
  }

  /// One member of the object.
  public final class Field {
    private final String name;
    private final String meaning;

    private Field(String name, String meaning) {
      this.name = name;
      this.meaning = meaning;
      known.add(name);
    }

    public String text() {
      return needed(Schemas::text, () -> "", this::asText);
    }

    public String text(String otherwise) {
      return maybe(() -> Schemas.text().put("default", otherwise), otherwise, this::asText);
    }

    public @Nullable String textOrNull() {
      return orNull(Schemas::text, this::asText);
    }

    private String asText(JsonNode found) {
      return found.isTextual() ? found.textValue() : wrong("a text", found, "");
    }

    public double number(Range range, double otherwise) {
      return maybe(
          () -> range.into(Schemas.number()).put("default", otherwise),
          otherwise,
          found -> asNumber(found, range));
    }

    public @Nullable Double numberOrNull(Range range) {
      return this.<Double>orNull(
          () -> range.into(Schemas.number()), found -> asNumber(found, range));
    }

    private double asNumber(JsonNode found, Range range) {
      if (!found.isNumber()) {
        return wrong("a number", found, range.low());
      }
      return range.contains(found.doubleValue())
          ? found.doubleValue()
          : outside(found, range, range.low());
    }

    public int whole(Range range, int otherwise) {
      return maybe(
          () -> range.into(Schemas.whole()).put("default", otherwise),
          otherwise,
          found -> (int) asWhole(found, range));
    }

    public @Nullable Integer wholeOrNull(Range range) {
      return this.<Integer>orNull(
          () -> range.into(Schemas.whole()), found -> (int) asWhole(found, range));
    }

    /// Any number of 64 bits.
    public @Nullable Long longOrNull() {
      return this.<Long>orNull(Schemas::whole, found -> asWhole(found, Range.ALL));
    }

    private long asWhole(JsonNode found, Range range) {
      if (!found.isIntegralNumber()) {
        return wrong("a whole number", found, (long) range.low());
      }
      return found.canConvertToLong() && range.contains((double) found.longValue())
          ? found.longValue()
          : outside(found, range, (long) range.low());
    }

    public boolean flag(boolean otherwise) {
      return maybe(() -> Schemas.flag().put("default", otherwise), otherwise, this::asFlag);
    }

    public boolean flag() {
      return needed(Schemas::flag, () -> false, this::asFlag);
    }

    public @Nullable Boolean flagOrNull() {
      return orNull(Schemas::flag, this::asFlag);
    }

    private boolean asFlag(JsonNode found) {
      return found.isBoolean() ? found.booleanValue() : wrong("true or false", found, false);
    }

    /// One of some words.
    ///
    /// @param otherwise one of them, or what stands for none
    public String choice(List<String> choices, String otherwise) {
      return maybe(
          () ->
              choices.contains(otherwise)
                  ? words(choices).put("default", otherwise)
                  : words(choices),
          otherwise,
          each -> one(each, choices));
    }

    /// As [#choice(List)], where the word says what else the object holds: if it is wrong, nothing
    /// more is told about the object.
    public String kind(List<String> kinds) {
      return deciding(choice(kinds));
    }

    /// As [#choice(List, String)], where the word says what else the object holds: if it is wrong,
    /// nothing more is told about the object.
    public String kind(List<String> kinds, String otherwise) {
      return deciding(choice(kinds, otherwise));
    }

    private String deciding(String kind) {
      if (isWrong(name)) {
        report = nowhere();
      }
      return kind;
    }

    /// One of some words; there must be one.
    public String choice(List<String> choices) {
      return needed(() -> words(choices), choices::getFirst, each -> one(each, choices));
    }

    private String one(JsonNode found, List<String> choices) {
      if (found.isTextual() && choices.contains(found.textValue())) {
        return found.textValue();
      }
      String near = found.isTextual() ? Nearest.hint(found.textValue(), choices) : "";
      String words = "'" + String.join("', '", choices) + "'";
      return wrong(
          choices.size() == 1 ? words : "one of " + words, found, near, choices.getFirst());
    }

    private static ObjectNode words(List<String> choices) {
      ObjectNode schema = Schemas.text();
      choices.forEach(schema.putArray("enum")::add);
      return schema;
    }

    public <T> T object(Function<Fields, T> reader) {
      return needed(
          () -> schema(reader), () -> placeholder(reader), found -> asObject(found, reader));
    }

    public <T> @Nullable T objectOrNull(Function<Fields, T> reader) {
      return this.<T>orNull(() -> schema(reader), found -> asObject(found, reader));
    }

    private <T> T asObject(JsonNode found, Function<Fields, T> reader) {
      return found.isObject()
          ? new Fields(found, path + name + ".", report).all(reader)
          : wrong("an object", found, placeholder(reader));
    }

    /// Objects in a list; an absent member is an empty list.
    public <T> List<T> objects(Function<Fields, T> reader) {
      return maybe(
          () -> Schemas.list(schema(reader)), List.of(), found -> asObjects(found, reader));
    }

    /// One text or a list of objects, of which there must be one.
    public <T> List<T> textOrObjects(Function<String, T> ofText, Function<Fields, T> reader) {
      return needed(
          () -> Schemas.either(Schemas.text(), Schemas.list(schema(reader)).put("minItems", 1)),
          List::of,
          found -> {
            if (found.isTextual()) {
              return List.of(ofText.apply(found.textValue()));
            }
            return found.isArray() && !found.isEmpty()
                ? asObjects(found, reader)
                : wrong("a text or a list that is not empty", found, List.<T>of());
          });
    }

    /// Objects in a list of one or more.
    public <T> List<T> someObjects(Function<Fields, T> reader) {
      return needed(
          () -> Schemas.list(schema(reader)).put("minItems", 1),
          List::of,
          found ->
              found.isArray() && found.isEmpty()
                  ? wrong("a list that is not empty", found, List.<T>of())
                  : asObjects(found, reader));
    }

    private <T> List<T> asObjects(JsonNode found, Function<Fields, T> reader) {
      return items(
          found,
          "an object",
          JsonNode::isObject,
          (each, at) -> new Fields(each, at + ".", report).all(reader));
    }

    /// Texts in a list; an absent member is an empty list.
    public List<String> texts() {
      return maybe(() -> Schemas.list(Schemas.text()), List.of(), this::asTexts);
    }

    /// One text or a list of them; an absent member is an empty list.
    public List<String> textOrTexts() {
      return maybe(
          () -> Schemas.either(Schemas.text(), Schemas.list(Schemas.text())),
          List.of(),
          found -> found.isTextual() ? List.of(found.textValue()) : asTexts(found));
    }

    private List<String> asTexts(JsonNode found) {
      return items(found, "a text", JsonNode::isTextual, (each, _) -> each.textValue());
    }

    /// Whole numbers in a list; an absent member is an empty list.
    public List<Integer> wholes(Range range) {
      return maybe(
          () -> Schemas.list(range.into(Schemas.whole())),
          List.of(),
          found ->
              items(
                  found,
                  "a whole number in " + range,
                  each ->
                      each.isIntegralNumber()
                          && each.canConvertToInt()
                          && range.contains(each.intValue()),
                  (each, _) -> each.intValue()));
    }

    private interface Item<T> {
      T of(JsonNode item, String path);
    }

    private <T> List<T> items(
        JsonNode found, String wanted, java.util.function.Predicate<JsonNode> fits, Item<T> item) {
      if (!found.isArray()) {
        return wrong("a list", found, List.of());
      }
      List<T> items = new ArrayList<>();
      for (int i = 0; i < found.size(); i++) {
        String at = path + name + "[" + i + "]";
        JsonNode each = found.get(i);
        if (fits.test(each)) {
          items.add(item.of(each, at));
        } else {
          report.add(
              Fault.INVALID_VALUE,
              "'%s' is %s, wanted is %s".formatted(at, seen(each), wanted),
              at);
        }
      }
      return items;
    }

    /// A JSON object as it stands, or null.
    public @Nullable ObjectNode json() {
      return this.<ObjectNode>orNull(
          Schemas::object,
          found ->
              found instanceof ObjectNode json
                  ? json
                  : wrong("an object", found, JsonNodeFactory.instance.objectNode()));
    }

    /// A value of a form of its own.
    ///
    /// @param reader gives the value, or throws a [Refusal] whose parameter is a path below this
    ///   member, such as `[0].type`, or null
    /// @param otherwise the value of an absent member
    public <T extends @Nullable Object> T any(
        Supplier<ObjectNode> schema, T otherwise, Function<JsonNode, T> reader) {
      return maybe(
          schema,
          otherwise,
          found -> {
            try {
              return reader.apply(found);
            } catch (Refusal refusal) {
              String below = refusal.parameter() == null ? "" : refusal.parameter();
              report.add(refusal.fault(), refusal.message(), path + name + below);
              return otherwise;
            }
          });
    }

    /// As [#any], where the member must be there.
    public <T> T someAny(Supplier<ObjectNode> schema, T placeholder, Function<JsonNode, T> reader) {
      required.add(name);
      if (isAbsent()) {
        missing();
      }
      return any(schema, placeholder, reader);
    }

    private <T> T placeholder(Function<Fields, T> reader) {
      return new Fields(MissingNode.getInstance(), "", nowhere()).all(reader);
    }

    private boolean isAbsent() {
      JsonNode found = object.path(name);
      return found.isMissingNode() || found.isNull();
    }

    private void missing() {
      report.add(
          Fault.MISSING_PARAMETER, "the parameter '" + path + name + "' is missing", path + name);
    }

    private <T> T needed(
        Supplier<ObjectNode> schema, Supplier<T> placeholder, Function<JsonNode, T> reader) {
      describe(schema);
      required.add(name);
      if (isAbsent()) {
        missing();
        return placeholder.get();
      }
      return reader.apply(object.path(name));
    }

    private <T extends @Nullable Object> T maybe(
        Supplier<ObjectNode> schema, T otherwise, Function<JsonNode, T> reader) {
      describe(schema);
      return isAbsent() ? otherwise : reader.apply(object.path(name));
    }

    private <T> @Nullable T orNull(Supplier<ObjectNode> schema, Function<JsonNode, T> reader) {
      describe(schema);
      return isAbsent() ? null : reader.apply(object.path(name));
    }

    private void describe(Supplier<ObjectNode> schema) {
      if (report.describing) {
        properties.set(name, schema.get().put("description", meaning));
      }
    }

    private <T> T wrong(String wanted, JsonNode found, T placeholder) {
      return wrong(wanted, found, "", placeholder);
    }

    private <T> T wrong(String wanted, JsonNode found, String hint, T placeholder) {
      report.add(
          Fault.INVALID_VALUE,
          "'%s' is %s, wanted is %s%s".formatted(path + name, seen(found), wanted, hint),
          path + name);
      return placeholder;
    }

    private <T> T outside(JsonNode found, Range range, T placeholder) {
      report.add(
          Fault.INVALID_VALUE,
          "'%s' is %s, outside %s".formatted(path + name, seen(found), range),
          path + name);
      return placeholder;
    }
  }

  private static String seen(JsonNode found) {
    return switch (found.getNodeType()) {
      case ARRAY -> found.isEmpty() ? "an empty list" : "a list";
      case OBJECT -> "an object";
      case STRING -> "the text " + shortened(found.toString());
      case NUMBER -> shortened(found.asText());
      case BOOLEAN -> found.asText();
      case NULL, MISSING -> "null";
      case BINARY, POJO -> "a value";
    };
  }

  private static String shortened(String text) {
    return text.length() > 40 ? text.substring(0, 40) + "…" : text;
  }
}
