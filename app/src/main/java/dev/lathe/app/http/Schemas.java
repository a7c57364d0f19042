package dev.lathe.app.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/// Pieces of JSON Schema 2020-12, as OpenAPI 3.1 uses it. Each call gives a new one.
public final class Schemas {
  private Schemas() {}

  public static ObjectNode text() {
    return of("string");
  }

  public static ObjectNode whole() {
    return of("integer");
  }

  public static ObjectNode number() {
    return of("number");
  }

  public static ObjectNode flag() {
    return of("boolean");
  }

  /// `null`.
  public static ObjectNode none() {
    return of("null");
  }

  /// Any JSON object.
  public static ObjectNode object() {
    return of("object");
  }

  /// Any JSON value.
  public static ObjectNode any() {
    return JsonNodeFactory.instance.objectNode();
  }

  public static ObjectNode list(ObjectNode items) {
    ObjectNode schema = of("array");
    schema.set("items", items);
    return schema;
  }

  public static ObjectNode either(ObjectNode... schemas) {
    ObjectNode schema = JsonNodeFactory.instance.objectNode();
    ArrayNode either = schema.putArray("anyOf");
    for (ObjectNode each : schemas) {
      either.add(each);
    }
    return schema;
  }

  static ObjectNode orNull(ObjectNode schema) {
    ObjectNode nullable = schema.deepCopy();
    String description = nullable.path("description").asText();
    nullable.remove("description");
    return either(nullable, none()).put("description", description);
  }

  private static ObjectNode of(String type) {
    return JsonNodeFactory.instance.objectNode().put("type", type);
  }
}
