package dev.lathe.compute.grammar;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import java.math.BigDecimal;
import java.util.List;
import java.util.random.RandomGenerator;

/// Random schemas, values that mostly fit them, and another library's judgement.
final class Schemas {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();
  private static final List<String> NAMES = List.of("a", "ab", "b", "Name", "日", "x y", "q\"");
  private static final List<String> TEXTS =
      List.of("", "a", "b", "abc", "ab", "日本", "😀", "\nb", "a\"b", "\\", "\u0001", "0", "abab");

  private final RandomGenerator random;

  Schemas(RandomGenerator random) {
    this.random = random;
  }

  static JsonNode parse(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError("no JSON: " + json, e);
    }
  }

  static boolean valid(JsonNode schema, JsonNode value) {
    SchemaValidatorsConfig config =
        SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
    return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
        .getSchema(schema, config)
        .validate(value)
        .isEmpty();
  }

  ObjectNode schema(int depth) {
    ObjectNode schema = JSON.objectNode();
    int kind = random.nextInt(depth > 0 ? 12 : 6);
    switch (kind) {
      case 0 -> string(schema);
      case 1 -> number(schema.put("type", "integer"), 1);
      case 2 -> number(schema.put("type", "number"), 4);
      case 3 -> schema.put("type", random.nextBoolean() ? "boolean" : "null");
      case 4 -> {
        ArrayNode values = schema.putArray("enum");
        values.add("a").add(3).add("日本").add(true).add(JSON.objectNode().put("b", 1));
      }
      case 5 -> {
        string(schema);
        schema.putArray("type").add("string").add("integer");
      }
      case 6, 7, 8 -> object(schema, depth);
      case 9, 10 -> array(schema, depth);
      default -> {
        ArrayNode options = schema.putArray("anyOf");
        options.add(schema(depth - 1)).add(schema(depth - 1));
      }
    }
    return schema;
  }

  private void string(ObjectNode schema) {
    schema.put("type", "string");
    switch (random.nextInt(5)) {
      case 0 -> schema.put("minLength", random.nextInt(3)).put("maxLength", 2 + random.nextInt(4));
      case 1 ->
          schema.put("pattern", one(List.of("^a", "b$", "^[ab]*$", "a.c", "^(ab)+$", "[^a]")));
      case 2 -> schema.put("pattern", "^[a-z日本]*$").put("minLength", 1).put("maxLength", 3);
      default -> schema.put("title", "any text");
    }
  }

  private void number(ObjectNode schema, int quarters) {
    int choice = random.nextInt(8);
    if ((choice & 1) != 0) {
      String low = random.nextInt(3) == 0 ? "exclusiveMinimum" : "minimum";
      schema.put(low, quarter(random.nextInt(-60, 30) * quarters));
    }
    if ((choice & 2) != 0) {
      String high = random.nextInt(3) == 0 ? "exclusiveMaximum" : "maximum";
      schema.put(high, quarter(random.nextInt(40, 900)));
    }
    if (choice >= 6) {
      schema.put("multipleOf", one(List.of(3, 7, 10, 2)));
    } else if (choice == 4 && quarters > 1) {
      schema.put("multipleOf", new BigDecimal(one(List.of("0.25", "0.01", "1.5"))));
    }
  }

  private static BigDecimal quarter(int quarters) {
    BigDecimal value =
        BigDecimal.valueOf(quarters).divide(BigDecimal.valueOf(4)).stripTrailingZeros();
    return value.setScale(Math.max(0, value.scale()));
  }

  private void object(ObjectNode schema, int depth) {
    schema.put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    ArrayNode required = JSON.arrayNode();
    for (String name : NAMES) {
      if (random.nextInt(3) == 0) {
        properties.set(name, schema(depth - 1));
        if (random.nextBoolean()) {
          required.add(name);
        }
      }
    }
    if (!required.isEmpty()) {
      schema.set("required", required);
    }
    switch (random.nextInt(4)) {
      case 0 -> schema.put("additionalProperties", true);
      case 1 -> schema.set("additionalProperties", schema(0));
      default -> schema.put("additionalProperties", false);
    }
    if (random.nextInt(4) == 0) {
      schema.putObject("patternProperties").set("^z", schema(0));
    }
    if (random.nextInt(4) == 0) {
      schema.put("minProperties", random.nextInt(2));
      schema.put("maxProperties", 3 + random.nextInt(4));
    }
  }

  private void array(ObjectNode schema, int depth) {
    schema.put("type", "array");
    if (random.nextInt(3) == 0) {
      schema.putArray("prefixItems").add(schema(depth - 1)).add(schema(depth - 1));
      if (random.nextBoolean()) {
        schema.put("items", false);
        return;
      }
    }
    schema.set("items", schema(depth - 1));
    if (random.nextBoolean()) {
      schema.put("minItems", random.nextInt(3));
    }
    if (random.nextBoolean()) {
      schema.put("maxItems", 2 + random.nextInt(4));
    }
  }

  /// A value that fits as a rule; its properties stand in the order of the schema.
  JsonNode value(JsonNode schema) {
    if (schema.has("enum")) {
      return schema.path("enum").get(random.nextInt(schema.path("enum").size()));
    }
    if (schema.has("anyOf")) {
      return value(schema.path("anyOf").get(random.nextInt(2)));
    }
    JsonNode type = schema.path("type");
    String name = type.isArray() ? type.get(random.nextInt(type.size())).asText() : type.asText();
    return switch (random.nextInt(30) == 0 ? "null" : name) {
      case "string" -> JSON.textNode(one(TEXTS));
      case "integer" -> JSON.numberNode(random.nextInt(-70, 240));
      case "number" -> JSON.numberNode(quarter(random.nextInt(-70, 900)));
      case "boolean" -> JSON.booleanNode(random.nextBoolean());
      case "object" -> objectValue(schema);
      case "array" -> {
        ArrayNode items = JSON.arrayNode();
        for (int i = random.nextInt(5); i > 0; i--) {
          JsonNode prefix = schema.path("prefixItems").path(items.size());
          JsonNode item = prefix.isMissingNode() ? schema.path("items") : prefix;
          items.add(item.isObject() ? value(item) : JSON.numberNode(1));
        }
        yield items;
      }
      default -> JSON.nullNode();
    };
  }

  private JsonNode objectValue(JsonNode schema) {
    ObjectNode object = JSON.objectNode();
    for (var field : schema.path("properties").properties()) {
      boolean wanted = schema.path("required").toString().contains("\"" + field.getKey() + "\"");
      if (random.nextInt(wanted ? 20 : 2) > 0) {
        object.set(field.getKey(), value(field.getValue()));
      }
    }
    JsonNode more = schema.path("additionalProperties");
    if (random.nextInt(3) == 0) {
      object.set("more", more.isObject() ? value(more) : JSON.textNode("a"));
    }
    if (random.nextInt(3) == 0 && schema.has("patternProperties")) {
      object.set("zz", value(schema.path("patternProperties").path("^z")));
    }
    return object;
  }

  private <T> T one(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }
}
