package dev.lathe.compute.text;

import java.util.List;

/// Messages in order, and the tools that the assistant may call.
///
/// @param tools each a JSON object as templates expect it: `{"type": "function", "function":
///   {"name": …, "description": …, "parameters": {…}}}`
public record Conversation(List<Message> messages, List<String> tools) {
  public Conversation {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a conversation has at least one message");
    }
  }

  public Conversation(List<Message> messages) {
    this(messages, List.of());
  }

  public static Conversation of(Message... messages) {
    return new Conversation(List.of(messages));
  }
}
