package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Likelihood;
import java.util.List;

/// A finished reply.
///
/// @param text without the stop text that ended it
/// @param promptTokens tokens of the prompt
/// @param cachedTokens of them, tokens that were in the prefix cache
/// @param outputTokens tokens generated, those of a stop text included
/// @param firstSeconds from asking to the first token
/// @param seconds from asking to the end
/// @param promptLikelihoods how likely the tokens of the prompt were from the second on, where that
///   was asked for
/// @param likelihoods how likely the tokens of the text were, where that was asked for
public record Reply(
    String text,
    Ending ending,
    int promptTokens,
    int cachedTokens,
    int outputTokens,
    double firstSeconds,
    double seconds,
    List<Likelihood> promptLikelihoods,
    List<Likelihood> likelihoods) {
  public Reply {
    promptLikelihoods = List.copyOf(promptLikelihoods);
    likelihoods = List.copyOf(likelihoods);
  }

  /// Why a reply ended.
  public enum Ending {
    /// The model ended it, or a stop text appeared.
    STOP,
    /// The most tokens, or the end of the context, were reached.
    LENGTH,
    /// The reader did not want more.
    CANCELLED,
    /// The time allowed for it was over.
    DEADLINE
  }

  /// Tokens per second after the first; 0 for a reply of one token.
  public double tokensPerSecond() {
    double decoding = seconds - firstSeconds;
    return outputTokens > 1 && decoding > 0 ? (outputTokens - 1) / decoding : 0;
  }
}
