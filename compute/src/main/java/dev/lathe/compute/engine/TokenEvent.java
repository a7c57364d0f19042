package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import org.jspecify.annotations.Nullable;

/// What a stream delivers: the likelihoods of prompt tokens where they were asked for, any number
/// of tokens, then exactly one end.
public sealed interface TokenEvent {
  /// How likely a token of the prompt was.
  ///
  /// @param position its place in the prompt; the events come in this order, without a gap
  record PromptToken(int position, Likelihood likelihood) implements TokenEvent {}

  /// One generated token.
  ///
  /// @param likelihood where log-probabilities were asked for
  /// @param nanos when the engine had it, by [System#nanoTime]
  record Token(int id, @Nullable Likelihood likelihood, long nanos) implements TokenEvent {}

  /// The regular end.
  ///
  /// @param promptTokens tokens of the prompt
  /// @param outputTokens tokens delivered
  record Finished(Reason reason, int promptTokens, int outputTokens) implements TokenEvent {}

  /// The end by a failure.
  record Failed(LatheException error) implements TokenEvent {}

  /// Why a generation ended.
  enum Reason {
    /// A stop token was chosen, or the constraint allows nothing more.
    STOP,
    /// The most tokens, or the end of the context, were reached.
    LENGTH,
    /// The caller cancelled, or the engine was closed.
    CANCELLED,
    /// The time allowed by the request's [Terms] was over.
    DEADLINE
  }
}
