package dev.lathe.platform.gateway;

import dev.lathe.compute.text.Conversation;
import java.util.LinkedHashMap;
import java.util.Map;

/// What the model is given.
public sealed interface Prompt {
  /// Characters of its texts, without what a template adds.
  default long characters() {
    return switch (this) {
      case Chat(Conversation conversation, _) ->
          conversation.messages().stream().mapToLong(each -> each.content().length()).sum();
      case Raw(String text) -> text.length();
      case Tokens _ -> 0;
    };
  }

  /// A conversation, written by the model's chat template; text inside the messages never becomes a
  /// control token.
  ///
  /// @param variables further names for the template, such as `enable_thinking`; values as JSON
  ///   readers give them
  record Chat(Conversation conversation, Map<String, Object> variables) implements Prompt {
    public Chat {
      variables = new LinkedHashMap<>(variables);
    }

    public Chat(Conversation conversation) {
      this(conversation, Map.of());
    }
  }

  /// Text as it stands, no template; control tokens in it are read as such.
  record Raw(String text) implements Prompt {}

  /// Tokens as they stand.
  ///
  /// @param ids owned by the prompt
  record Tokens(int[] ids) implements Prompt {}
}
