package dev.lathe.platform.gateway;

import dev.lathe.compute.text.Conversation;

/// What the model is given.
public sealed interface Prompt {
  /// A conversation, written by the model's chat template; text inside the messages never becomes a
  /// control token.
  record Chat(Conversation conversation) implements Prompt {}

  /// Text as it stands, no template; control tokens in it are read as such.
  record Raw(String text) implements Prompt {}
}
