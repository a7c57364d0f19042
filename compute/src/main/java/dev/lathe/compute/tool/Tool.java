package dev.lathe.compute.tool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// A function that a model may call.
///
/// @param parameters the JSON Schema of its arguments, which are an object
/// @param json the description as chat templates expect it: `{"type": "function", "function":
///   {"name": …, "description": …, "parameters": {…}}}`
public record Tool(String name, JsonNode parameters, String json) {
  private static final String NAME = "[a-zA-Z0-9_.-]{1,64}";
  private static final JsonNode NO_PARAMETERS =
      StrictJson.object(
          "no parameters",
          "{\"type\": \"object\", \"additionalProperties\": false}"
              .getBytes(StandardCharsets.UTF_8));

  /// Reads the list of tools of a request, as OpenAI's API has it.
  ///
  /// @throws LatheException naming all tools that cannot be offered, by their place
  public static List<Tool> list(JsonNode tools) {
    List<String> problems = new ArrayList<>();
    if (!tools.isArray() || tools.isEmpty()) {
      problems.add("'tools' is no list of tools");
    }
    List<Tool> read = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (int i = 0; i < tools.size() && tools.isArray(); i++) {
      JsonNode tool = tools.get(i);
      JsonNode function = tool.path("function");
      String name = function.path("name").asText("");
      JsonNode parameters = function.has("parameters") ? function.get("parameters") : NO_PARAMETERS;
      String where = "'tools/" + i + "' ";
      if (!tool.path("type").asText().equals("function") || !function.isObject()) {
        problems.add(where + "has no \"type\": \"function\" with a \"function\"");
      } else if (!name.matches(NAME)) {
        problems.add(where + "is named '" + name + "', a name has 1 to 64 of a-z A-Z 0-9 _ . -");
      } else if (!names.add(name)) {
        problems.add(where + "is named '" + name + "' like another one");
      } else if (!parameters.isObject()) {
        problems.add(where + "has parameters that are no JSON Schema");
      }
      read.add(new Tool(name, parameters, tool.toString()));
    }
    if (!problems.isEmpty()) {
      throw LatheException.user(String.join("; ", problems), "correct these");
    }
    return List.copyOf(read);
  }
}
