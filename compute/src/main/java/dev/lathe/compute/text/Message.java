package dev.lathe.compute.text;

import java.util.List;

/// One message of a conversation.
///
/// @param content the text; may be empty for an assistant that calls tools
/// @param toolCalls what an assistant calls; empty for the others
/// @param toolCallId which call a tool's message answers; empty where that is not said
/// @param name the tool that a tool's message comes from; empty where that is not said
public record Message(
    Role role, String content, List<ToolCall> toolCalls, String toolCallId, String name) {
  /// Who speaks.
  public enum Role {
    SYSTEM("system"),
    USER("user"),
    ASSISTANT("assistant"),
    TOOL("tool");

    private final String label;

    Role(String label) {
      this.label = label;
    }

    /// The word that templates know.
    public String label() {
      return label;
    }
  }

  public Message {
    toolCalls = List.copyOf(toolCalls);
    if (!toolCalls.isEmpty() && role != Role.ASSISTANT) {
      throw new IllegalArgumentException("only an assistant calls tools, not " + role.label());
    }
  }

  public Message(Role role, String content) {
    this(role, content, List.of(), "", "");
  }

  public Message(Role role, String content, List<ToolCall> toolCalls) {
    this(role, content, toolCalls, "", "");
  }

  public static Message system(String content) {
    return new Message(Role.SYSTEM, content);
  }

  public static Message user(String content) {
    return new Message(Role.USER, content);
  }

  public static Message assistant(String content) {
    return new Message(Role.ASSISTANT, content);
  }

  public static Message tool(String content) {
    return new Message(Role.TOOL, content);
  }
}
