package dev.lathe.app.http.serving;

import dev.lathe.compute.grammar.GrammarSource;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A conversation that is to be answered, as every chat API comes down to it.
///
/// @param messages at least one
/// @param variables further names for the chat template
/// @param grammar what the answer is held to where it calls no tool
/// @param grammarParameter where that stands in the request
public record Dialogue(
    List<Message> messages,
    Map<String, Object> variables,
    Tools tools,
    Optional<GrammarSource> grammar,
    String grammarParameter) {

  /// What an assistant thought and then said, as models write it.
  public static String thoughtAndSaid(String thoughts, String said) {
    return thoughts.isEmpty() ? said : "<think>\n" + thoughts + "\n</think>\n\n" + said;
  }

  /// Whether it has to do with calls, offered or made before.
  boolean calls() {
    return !tools.offered().isEmpty()
        || messages.stream()
            .anyMatch(each -> each.role() == Role.TOOL || !each.toolCalls().isEmpty());
  }

  Conversation conversation() {
    return new Conversation(messages);
  }
}
