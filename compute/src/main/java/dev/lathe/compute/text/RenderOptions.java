package dev.lathe.compute.text;

import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;

/// How a conversation is rendered.
///
/// @param addGenerationPrompt whether the start of the assistant's next answer is written
/// @param clock what templates read that print the date
/// @param variables further names for the template, such as `enable_thinking`; values as JSON
///   readers give them
public record RenderOptions(
    boolean addGenerationPrompt, Clock clock, Map<String, Object> variables) {
  public RenderOptions {
    variables = new LinkedHashMap<>(variables);
  }

  public RenderOptions(boolean addGenerationPrompt, Clock clock) {
    this(addGenerationPrompt, clock, Map.of());
  }

  RenderOptions withGenerationPrompt(boolean add) {
    return new RenderOptions(add, clock, variables);
  }

  RenderOptions withVariables(Map<String, Object> more) {
    Map<String, Object> all = new LinkedHashMap<>(variables);
    all.putAll(more);
    return new RenderOptions(addGenerationPrompt, clock, all);
  }
}
