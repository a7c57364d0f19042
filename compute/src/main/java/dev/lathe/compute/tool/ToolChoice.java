package dev.lathe.compute.tool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import java.util.List;
import java.util.Optional;

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

  /// How OpenAI's APIs write that a function is to be called.
  enum Form {
    CHAT_COMPLETIONS("/function/name", "{\"type\": \"function\", \"function\": {\"name\": …}}"),
    RESPONSES("/name", "{\"type\": \"function\", \"name\": …}");

    private final String name;
    private final String example;

    Form(String name, String example) {
      this.name = name;
      this.example = example;
    }

    /// The name of a function; nothing where something else or nothing is named.
    public Optional<String> nameIn(JsonNode function) {
      boolean is = function.path("type").asText().equals("function");
      return Optional.of(function.at(name))
          .filter(found -> is && found.isTextual())
          .map(JsonNode::textValue);
    }

    /// What it looks like.
    public String example() {
      return example;
    }
  }

  /// Reads the choice of a request: `none`, `auto`, `required`, or a function; where it is missing
  /// the model decides.
  ///
  /// @throws LatheException when it is none of these, or names a tool that is not offered
  static ToolChoice of(JsonNode choice, Form form, List<Tool> tools) {
    if (choice.isMissingNode() || choice.isNull()) {
      return new Auto();
    }
    Optional<String> name = form.nameIn(choice);
    if (name.isPresent()) {
      return named(name.get(), tools);
    }
    return switch (choice.isTextual() ? choice.asText() : "") {
      case "none" -> new None();
      case "auto" -> new Auto();
      case "required" -> new Required();
      default ->
          throw LatheException.user(
              "'tool_choice' is " + choice,
              "give \"none\", \"auto\", \"required\" or " + form.example());
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
