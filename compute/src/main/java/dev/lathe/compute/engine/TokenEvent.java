package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;

/// What a stream delivers: any number of tokens, then exactly one end.
public sealed interface TokenEvent {
  /// One generated token.
  record Token(int id) implements TokenEvent {}

  /// The regular end.
  ///
  /// @param promptTokens tokens of the prompt
  /// @param outputTokens tokens delivered
  record Finished(Reason reason, int promptTokens, int outputTokens) implements TokenEvent {}

  /// The end by a failure.
  record Failed(LatheException error) implements TokenEvent {}

  /// Why a generation ended.
  enum Reason {
    /// A stop token was chosen.
    STOP,
    /// The most tokens, or the end of the context, were reached.
    LENGTH,
    /// The caller cancelled.
    CANCELLED
  }
}
