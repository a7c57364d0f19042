package dev.lathe.app.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// The OpenAPI 3.1 document of some routes, made from what they say about themselves.
final class OpenApi {
  /// Errors that every route with a body has.
  private static final Set<Fault> OF_BODIES =
      EnumSet.of(
          Fault.INVALID_JSON,
          Fault.MISSING_PARAMETER,
          Fault.UNKNOWN_PARAMETER,
          Fault.UNSUPPORTED_PARAMETER,
          Fault.INVALID_VALUE,
          Fault.REQUEST_TIMEOUT,
          Fault.TOO_LARGE,
          Fault.MEDIA_TYPE);

  private final ObjectNode schemas = JsonNodeFactory.instance.objectNode();

  private OpenApi() {}

  static ObjectNode document(List<Route> routes, String version) {
    return new OpenApi().of(routes, version);
  }

  private ObjectNode of(List<Route> routes, String version) {
    ObjectNode document = JsonNodeFactory.instance.objectNode().put("openapi", "3.1.0");
    document
        .putObject("info")
        .put("title", "Lathe")
        .put("version", version)
        .put(
            "description",
            "A base model and its adapters, by OpenAI's, Ollama's and Lathe's own routes.");
    document.putArray("servers").addObject().put("url", "/");
    ObjectNode paths = document.putObject("paths");
    for (Route route : routes) {
      paths
          .withObjectProperty(route.path())
          .set(route.method().name().toLowerCase(Locale.ROOT), operation(route));
    }
    ObjectNode components = document.putObject("components");
    components
        .putObject("securitySchemes")
        .putObject("key")
        .put("type", "http")
        .put("scheme", "bearer");
    components.set("schemas", schemas);
    return document;
  }

  private ObjectNode operation(Route route) {
    ObjectNode operation = JsonNodeFactory.instance.objectNode().put("operationId", id(route));
    operation.put("summary", route.summary()).put("x-scope", route.operation().scope());
    ArrayNode security = operation.putArray("security");
    if (!route.operation().isOpen()) {
      security.addObject().putArray("key");
    }
    parameters(route, operation);
    route
        .body()
        .ifPresent(body ->
            operation
                .putObject("requestBody")
                .put("required", true)
                .putObject("content")
                .putObject("application/json")
                .set("schema", named(body.name(), Fields.schema(body.reader()))));
    responses(route, operation.putObject("responses"));
    return operation;
  }

  /// Names an operation, as generated clients call it: `postV1ChatCompletions`.
  private static String id(Route route) {
    StringBuilder id = new StringBuilder(route.method().name().toLowerCase(Locale.ROOT));
    for (String word : route.path().split("[^A-Za-z0-9]+")) {
      if (!word.isEmpty()) {
        id.append(Character.toUpperCase(word.charAt(0))).append(word, 1, word.length());
      }
    }
    return id.toString();
  }

  private static void parameters(Route route, ObjectNode operation) {
    if (route.parameters().isEmpty()) {
      return;
    }
    ArrayNode parameters = operation.putArray("parameters");
    for (Map.Entry<String, String> each : new TreeMap<>(route.parameters()).entrySet()) {
      boolean segment = route.path().contains("{" + each.getKey() + "}");
      parameters
          .addObject()
          .put("name", each.getKey())
          .put("in", segment ? "path" : "query")
          .put("required", segment)
          .put("description", each.getValue())
          .set("schema", Schemas.text());
    }
  }

  private void responses(Route route, ObjectNode responses) {
    if (!route.answers().isEmpty()) {
      good(route, responses.putObject("200"));
    }
    Map<Integer, String> faults = new TreeMap<>();
    for (Fault fault : faults(route)) {
      faults.merge(fault.status(), told(fault), (first, second) -> first + "; " + second);
    }
    faults.forEach((status, told) ->
        responses
            .putObject(String.valueOf(status))
            .put("description", told)
            .putObject("content")
            .putObject("application/json")
            .set("schema", named(route.errors().name(), route.errors().schema())));
  }

  private void good(Route route, ObjectNode good) {
    StringBuilder meaning = new StringBuilder();
    ObjectNode content = good.putObject("content");
    for (Route.Answer answer : route.answers()) {
      meaning.append(meaning.isEmpty() ? "" : "; ").append(answer.meaning());
      ObjectNode schema =
          answer.shape().map(shape -> named(shape.name(), shape.schema())).orElseGet(Schemas::text);
      content.putObject(answer.mediaType()).set("schema", schema);
    }
    good.put("description", meaning.toString());
  }

  private static String told(Fault fault) {
    return "`" + fault.code() + "`: " + fault.meaning();
  }

  /// The errors that a route can have, its own and those of every route like it.
  static Set<Fault> faults(Route route) {
    EnumSet<Fault> faults = EnumSet.of(Fault.INTERNAL, Fault.ORIGIN_NOT_ALLOWED);
    faults.addAll(route.faults());
    if (route.body().isPresent()) {
      faults.addAll(OF_BODIES);
    }
    if (!route.operation().isOpen()) {
      faults.add(Fault.INVALID_API_KEY);
      faults.add(Fault.NOT_ALLOWED);
      faults.add(Fault.UNAVAILABLE);
    }
    return faults;
  }

  private ObjectNode named(String name, ObjectNode schema) {
    if (schemas.has(name) && !schemas.get(name).equals(schema)) {
      throw new IllegalStateException("two schemas are called '" + name + "'");
    }
    schemas.set(name, schema);
    return JsonNodeFactory.instance.objectNode().put("$ref", "#/components/schemas/" + name);
  }
}
