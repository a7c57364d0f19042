package dev.lathe.compute.tool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import java.util.List;

/// Whether a model calls a tool.
public sealed interface ToolChoice {
  /// It calls none.
  record None() implements ToolChoice {}

  /// It decides.
  record Auto() implements ToolChoice {}

  /// It calls at least one.
  record Required() implements ToolChoice {}

  /// It calls this one.
  record Named(String tool) implements ToolChoice {}

  /// Reads the choice of a request, as OpenAI's API has it: `none`, `auto`, `required`, or
  /// `{"type": "function", "function": {"name": …}}`; where it is missing the model decides.
  ///
  /// @throws LatheException when it is none of these, or names a tool that is not offered
  static ToolChoice of(JsonNode choice, List<Tool> tools) {
    if (choice.isMissingNode() || choice.isNull()) {
      return new Auto();
    }
    if (choice.isObject() && choice.path("type").asText().equals("function")) {
      return named(choice.path("function").path("name").asText(""), tools);
    }
    return switch (choice.isTextual() ? choice.asText() : "") {
      case "none" -> new None();
      case "auto" -> new Auto();
      case "required" -> new Required();
      default ->
          throw LatheException.user(
              "'tool_choice' is " + choice,
              "give \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\":"
                  + " {\"name\": …}}");
    };
  }

  /// The call of one tool.
  ///
  /// @throws LatheException when it is not offered
  static ToolChoice named(String name, List<Tool> tools) {
    List<String> names = tools.stream().map(Tool::name).toList();
    if (!names.contains(name)) {
      throw LatheException.user(
          "the tool '" + name + "' is not offered" + Nearest.hint(name, names),
          "choose one of " + String.join(", ", names));
    }
    return new Named(name);
  }
}
