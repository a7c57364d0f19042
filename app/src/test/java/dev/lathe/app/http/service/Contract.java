package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import java.util.Map;

/// Checks answers against the server's own OpenAPI document.
final class Contract {
  private final JsonNode document;

  Contract(JsonNode document) {
    this.document = document;
  }

  /// An answer must be one that the document describes for the route.
  void check(String method, String path, int status, String mediaType, JsonNode answer) {
    JsonNode operation =
        document.path("paths").path(route(path)).path(method.toLowerCase(Locale.ROOT));
    assertThat(operation.isMissingNode()).as(method + " " + path + " is described").isFalse();
    JsonNode response = operation.path("responses").path(String.valueOf(status));
    assertThat(response.isMissingNode()).as(path + " has status " + status).isFalse();
    JsonNode schema = response.path("content").path(mediaType).path("schema");
    assertThat(schema.isMissingNode()).as(path + " gives " + mediaType).isFalse();
    String fault = fault(resolved(schema), answer, "answer");
    assertThat(fault).as(method + " " + path + " " + status + " gave " + answer).isEmpty();
  }

  private String route(String path) {
    for (String each : (Iterable<String>) () -> document.path("paths").fieldNames()) {
      if (path.matches(each.replaceAll("\\{\\w+}", "[^/]+"))) {
        return each;
      }
    }
    return path;
  }

  private JsonNode resolved(JsonNode schema) {
    String reference = schema.path("$ref").asText("");
    return reference.isEmpty() ? schema : document.at(reference.substring(1));
  }

  /// What is wrong with a value, or nothing.
  private String fault(JsonNode schema, JsonNode value, String at) {
    if (schema.has("anyOf")) {
      for (JsonNode each : schema.path("anyOf")) {
        if (fault(each, value, at).isEmpty()) {
          return "";
        }
      }
      return at + " is " + value + ", wanted " + schema;
    }
    if (schema.has("enum")) {
      for (JsonNode each : schema.path("enum")) {
        if (each.equals(value)) {
          return "";
        }
      }
      return at + " is " + value + ", wanted " + schema.path("enum");
    }
    return switch (schema.path("type").asText("")) {
      case "" -> "";
      case "string" -> value.isTextual() ? "" : at + " is no text: " + value;
      case "integer" -> value.isIntegralNumber() ? "" : at + " is no whole number: " + value;
      case "number" -> value.isNumber() ? "" : at + " is no number: " + value;
      case "boolean" -> value.isBoolean() ? "" : at + " is no boolean: " + value;
      case "null" -> value.isNull() ? "" : at + " is not null: " + value;
      case "array" -> items(schema, value, at);
      case "object" -> members(schema, value, at);
      default -> at + " has an unknown schema " + schema;
    };
  }

  private String items(JsonNode schema, JsonNode value, String at) {
    if (!value.isArray()) {
      return at + " is no list: " + value;
    }
    for (int i = 0; i < value.size(); i++) {
      String fault = fault(schema.path("items"), value.get(i), at + "[" + i + "]");
      if (!fault.isEmpty()) {
        return fault;
      }
    }
    return "";
  }

  private String members(JsonNode schema, JsonNode value, String at) {
    if (!value.isObject()) {
      return at + " is no object: " + value;
    }
    for (JsonNode name : schema.path("required")) {
      if (!value.has(name.asText())) {
        return at + " has no '" + name.asText() + "'";
      }
    }
    for (Map.Entry<String, JsonNode> member : value.properties()) {
      JsonNode known = schema.path("properties").path(member.getKey());
      JsonNode others = schema.path("additionalProperties");
      if (known.isMissingNode() && others.isBoolean() && !others.booleanValue()) {
        return at + " has '" + member.getKey() + "', which is not described";
      }
      String fault =
          fault(
              known.isMissingNode() ? others : known,
              member.getValue(),
              at + "." + member.getKey());
      if (!fault.isEmpty()) {
        return fault;
      }
    }
    return "";
  }
}
