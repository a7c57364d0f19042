package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;

/// Which log-probabilities a request wants. They are the model's own, natural logarithms of the
/// softmax before bias, penalties, temperature, constraint and cuts.
///
/// @param output how many of the likeliest tokens are given beside each token of the output, `[0,
///   20]`; -1 gives no log-probabilities at all
/// @param prompt the same for tokens of the prompt
/// @param promptFrom first token of the prompt that gets them, at least 1: nothing comes before
///   token 0, so it has none. The prompt is computed from there on even where its prefix is cached
public record Logprobs(int output, int prompt, int promptFrom) {
  /// The most alternatives at one position.
  public static final int MOST = 20;

  public static final Logprobs NONE = new Logprobs(-1, -1, 1);

  public Logprobs {
    require(output, "logprobs");
    require(prompt, "prompt_logprobs");
    if (promptFrom < 1) {
      throw new IllegalArgumentException("prompt logprobs from token " + promptFrom);
    }
  }

  /// For the output, with so many alternatives.
  public static Logprobs ofOutput(int alternatives) {
    return new Logprobs(alternatives, -1, 1);
  }

  /// For all tokens of the prompt but the first, with so many alternatives.
  public static Logprobs ofPrompt(int alternatives) {
    return new Logprobs(-1, alternatives, 1);
  }

  private static void require(int alternatives, String name) {
    if (alternatives < -1 || alternatives > MOST) {
      throw LatheException.user(
          name + " " + alternatives + " is outside [0, " + MOST + "]",
          "choose a value in that range");
    }
  }
}
