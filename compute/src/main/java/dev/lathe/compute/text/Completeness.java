package dev.lathe.compute.text;

import dev.lathe.compute.jinja.Text;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// Finds what a rendering left out: a template that knows no tools, no system message or no tool
/// results often drops them without a word.
final class Completeness {
  private Completeness() {}

  /// What was left out first, or empty.
  static Optional<String> leftOut(Text rendered, Conversation conversation) {
    Set<Integer> written =
        rendered.runs().stream().map(Text.Run::origin).collect(Collectors.toSet());
    if (!conversation.tools().isEmpty() && !written.contains(ChatTemplate.FROM_TOOLS)) {
      return Optional.of("the descriptions of the tools");
    }
    List<Message> messages = conversation.messages();
    for (int i = 0; i < messages.size(); i++) {
      Message message = messages.get(i);
      if (!message.content().isBlank() && !written.contains(ChatTemplate.contentOrigin(i))) {
        return Optional.of("message " + (i + 1) + " (" + message.role().label() + ")");
      }
      if (!message.toolCalls().isEmpty() && !written.contains(ChatTemplate.callsOrigin(i))) {
        return Optional.of("the tool calls of message " + (i + 1));
      }
    }
    return Optional.empty();
  }
}
