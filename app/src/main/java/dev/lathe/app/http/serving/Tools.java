package dev.lathe.app.http.serving;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Schemas;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.tool.Tool;
import dev.lathe.compute.tool.ToolChoice;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Tools that are offered to a model.
///
/// @param offered what it is shown; none where it may call none
/// @param allowed those of them that it may call
/// @param parallel whether it may make several calls in one answer
public record Tools(List<Tool> offered, List<Tool> allowed, ToolChoice choice, boolean parallel) {
  public static final Tools NONE = new Tools(List.of(), new ToolChoice.None(), true);

  public Tools {
    offered = List.copyOf(offered);
    allowed = List.copyOf(allowed);
  }

  /// Tools that may all be called.
  public Tools(List<Tool> offered, ToolChoice choice, boolean parallel) {
    this(offered, offered, choice, parallel);
  }

  /// `tools`, `tool_choice` and `parallel_tool_calls` as chat completions have them.
  public static Tools read(Fields in) {
    return chosen(in, offered(in), ToolChoice.Form.CHAT_COMPLETIONS, "/allowed_tools");
  }

  /// The same as responses have them, without the object `function` inside.
  public static Tools readFlat(Fields in) {
    List<Tool> tools = list(in, in.field("tools", MEANING).objects(Tools::flat));
    return chosen(in, tools, ToolChoice.Form.RESPONSES, "");
  }

  private static final String MEANING = "functions that the model may call";

  /// `tools` alone.
  public static List<Tool> offered(Fields in) {
    return list(in, in.field("tools", MEANING).objects(Tools::tool));
  }

  private static ObjectNode tool(Fields in) {
    in.field("type", "kind of tool: this server has none of its own").kind(List.of("function"));
    return in.field("function", "what can be called").object(Tools::function);
  }

  private static ObjectNode flat(Fields in) {
    in.field("type", "kind of tool: this server has none of its own").kind(List.of("function"));
    return function(in);
  }

  private static ObjectNode function(Fields in) {
    ObjectNode function = JsonNodeFactory.instance.objectNode();
    function.put("name", in.field("name", "1 to 64 of a-z A-Z 0-9 _ . -").text());
    String description = in.field("description", "what it does, for the model").textOrNull();
    if (description != null) {
      function.put("description", description);
    }
    ObjectNode parameters = in.field("parameters", "JSON Schema of its arguments").json();
    if (parameters != null) {
      function.set("parameters", parameters);
    }
    in.field("strict", "calls are held to the schema whatever this says").flagOrNull();
    return function;
  }

  private static List<Tool> list(Fields in, List<ObjectNode> functions) {
    if (functions.isEmpty() || in.isWrong("tools")) {
      return List.of();
    }
    ArrayNode tools = JsonNodeFactory.instance.arrayNode();
    for (ObjectNode function : functions) {
      tools.addObject().put("type", "function").set("function", function);
    }
    try {
      return Tool.list(tools);
    } catch (LatheException e) {
      in.problem("tools", String.valueOf(e.getMessage()));
      return List.of();
    }
  }

  /// @param allowedAt where a choice of several has its mode and tools
  private static Tools chosen(Fields in, List<Tool> tools, ToolChoice.Form form, String allowedAt) {
    JsonNode wanted =
        in.field(
                "tool_choice",
                "none, auto, required, the function that is to be called, or allowed_tools: those"
                    + " of the functions that may be called, with the mode auto or required")
            .<@Nullable JsonNode>any(
                () -> Schemas.either(Schemas.text(), Schemas.object()), null, found -> found);
    boolean parallel =
        in.field("parallel_tool_calls", "whether one answer may hold several calls").flag(true);
    boolean needless =
        wanted == null || wanted.asText("").equals("none") || wanted.asText("").equals("auto");
    if (in.isWrong("tools") || tools.isEmpty() && needless) {
      return NONE;
    }
    ToolChoice choice;
    List<Tool> allowed = tools;
    try {
      if (wanted != null && wanted.path("type").asText().equals("allowed_tools")) {
        allowed = allowed(wanted.at(allowedAt).path("tools"), form, tools);
        wanted = mode(wanted.at(allowedAt).path("mode"));
      }
      JsonNode given = wanted == null ? MissingNode.getInstance() : wanted;
      choice = ToolChoice.of(given, form, tools);
    } catch (LatheException e) {
      in.problem("tool_choice", String.valueOf(e.getMessage()));
      return NONE;
    }
    if (tools.isEmpty()) {
      in.problem("tool_choice", "'tool_choice' needs 'tools'");
    }
    return choice instanceof ToolChoice.None ? NONE : new Tools(tools, allowed, choice, parallel);
  }

  private static JsonNode mode(JsonNode mode) {
    if (!mode.asText().equals("auto") && !mode.asText().equals("required")) {
      throw LatheException.user(
          "the mode of allowed tools is " + (mode.isMissingNode() ? "missing" : mode),
          "give \"auto\" or \"required\"");
    }
    return mode;
  }

  private static List<Tool> allowed(JsonNode list, ToolChoice.Form form, List<Tool> offered) {
    Set<String> names = new HashSet<>();
    for (JsonNode each : list) {
      String name =
          form.nameIn(each)
              .orElseThrow(() ->
                  LatheException.user(
                      "an allowed tool is " + each, "give each as " + form.example()));
      ToolChoice.named(name, offered);
      names.add(name);
    }
    if (names.isEmpty()) {
      throw LatheException.user(
          "no tool is allowed", "name at least one, or give \"none\" as 'tool_choice'");
    }
    return offered.stream().filter(each -> names.contains(each.name())).toList();
  }
}
