package dev.lathe.platform.dataset;

import java.util.List;

/// One turn of a conversation as the data has it.
///
/// @param content the text; empty where an assistant only calls tools
/// @param calls tools that an assistant calls; empty for every other role
public record Turn(Role role, String content, List<Call> calls) {
  /// Who speaks.
  public enum Role {
    SYSTEM,
    USER,
    ASSISTANT,
    /// What a tool answered.
    TOOL
  }

  /// A tool call.
  ///
  /// @param arguments a JSON value, mostly an object, compact, in the order of the file
  public record Call(String name, String arguments) {}

  public Turn {
    calls = List.copyOf(calls);
    if (!calls.isEmpty() && role != Role.ASSISTANT) {
      throw new IllegalArgumentException(role + " cannot call tools");
    }
  }

  /// A turn without tool calls.
  public static Turn of(Role role, String content) {
    return new Turn(role, content, List.of());
  }
}
