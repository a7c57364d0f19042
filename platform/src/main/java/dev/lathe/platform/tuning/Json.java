package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// JSON laid out as Python's `json.dumps` does it, which is what readers of these files know.
final class Json {
  static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /// Keys sorted, `indent` spaces for each level, a line feed at the end.
  static String sorted(JsonNode node, int indent) {
    StringBuilder text = new StringBuilder();
    write(node, indent, 0, true, text);
    return text.append('\n').toString();
  }

  /// One line without line feed, keys in their order.
  static String line(JsonNode node) {
    StringBuilder text = new StringBuilder();
    write(node, 0, 0, false, text);
    return text.toString();
  }

  private static void write(
      JsonNode node, int indent, int depth, boolean sorted, StringBuilder text) {
    if (!node.isContainerNode() || node.isEmpty()) {
      text.append(node);
      return;
    }
    List<Runnable> parts = new ArrayList<>();
    if (node.isObject()) {
      Map<String, JsonNode> fields = sorted ? new TreeMap<>() : new java.util.LinkedHashMap<>();
      node.properties().forEach(entry -> fields.put(entry.getKey(), entry.getValue()));
      fields.forEach((key, value) ->
          parts.add(() -> {
            text.append(MAPPER.getNodeFactory().textNode(key)).append(": ");
            write(value, indent, depth + 1, sorted, text);
          }));
    } else {
      node.forEach(value -> parts.add(() -> write(value, indent, depth + 1, sorted, text)));
    }
    String inner = indent == 0 ? "" : "\n" + " ".repeat(indent * (depth + 1));
    text.append(node.isObject() ? '{' : '[').append(inner);
    for (int i = 0; i < parts.size(); i++) {
      text.append(i == 0 ? "" : "," + (indent == 0 ? " " : inner));
      parts.get(i).run();
    }
    text.append(indent == 0 ? "" : "\n" + " ".repeat(indent * depth));
    text.append(node.isObject() ? '}' : ']');
  }
}
