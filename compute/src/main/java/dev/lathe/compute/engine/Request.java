package dev.lathe.compute.engine;

import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One generation.
///
/// @param prompt token ids, at least one; owned by the request
/// @param adapter applied to prompt and output, an id or alias of the engine's [AdapterPool]; or
///   none
/// @param maxTokens most tokens to generate, at least 1; 0 to do no more than score the prompt
/// @param stopTokens tokens that end the generation; they are not part of the output. None: the
///   generation goes on to its most tokens
/// @param minTokens tokens before which no stop token is chosen, `[0, maxTokens]`; a constraint
///   that allows nothing more ends the generation all the same
/// @param constraint gives what the tokens are held to, or null when they are free; asked once,
///   when the stream starts, by the engine's thread, so it should only hand out what was made
///   before
public record Request(
    int[] prompt,
    @Nullable String adapter,
    Sampling sampling,
    int maxTokens,
    Set<Integer> stopTokens,
    int minTokens,
    @Nullable Supplier<? extends TokenConstraint> constraint,
    Logprobs logprobs,
    Terms terms) {
  public Request {
    stopTokens = Set.copyOf(stopTokens);
    if (prompt.length == 0) {
      throw new IllegalArgumentException("an empty prompt");
    }
    boolean scoring = logprobs.prompt() >= 0;
    if (maxTokens < (scoring ? 0 : 1)) {
      throw new IllegalArgumentException("max tokens " + maxTokens + " is less than 1");
    }
    if (scoring && logprobs.promptFrom() >= prompt.length && maxTokens == 0) {
      throw new IllegalArgumentException("neither tokens nor log-probabilities are asked for");
    }
    if (minTokens < 0 || minTokens > maxTokens) {
      throw new IllegalArgumentException(
          "min tokens " + minTokens + " is outside [0, " + maxTokens + "]");
    }
  }

  /// One that may stop at once and is free.
  public Request(
      int[] prompt,
      @Nullable String adapter,
      Sampling sampling,
      int maxTokens,
      Set<Integer> stopTokens) {
    this(prompt, adapter, sampling, maxTokens, stopTokens, 0, null, Logprobs.NONE, Terms.PLAIN);
  }

  /// One that generates nothing and scores its prompt.
  public static Request scoring(int[] prompt, @Nullable String adapter, Logprobs logprobs) {
    return new Request(
        prompt, adapter, Sampling.GREEDY, 0, Set.of(), 0, null, logprobs, Terms.PLAIN);
  }

  /// The same, held to a constraint.
  public Request withConstraint(Supplier<? extends TokenConstraint> source) {
    return new Request(
        prompt, adapter, sampling, maxTokens, stopTokens, minTokens, source, logprobs, terms);
  }

  /// The same with another least number of tokens.
  public Request withMinTokens(int least) {
    return new Request(
        prompt, adapter, sampling, maxTokens, stopTokens, least, constraint, logprobs, terms);
  }

  /// The same with log-probabilities.
  public Request withLogprobs(Logprobs wanted) {
    return new Request(
        prompt, adapter, sampling, maxTokens, stopTokens, minTokens, constraint, wanted, terms);
  }

  /// The same on other terms.
  public Request withTerms(Terms others) {
    return new Request(
        prompt, adapter, sampling, maxTokens, stopTokens, minTokens, constraint, logprobs, others);
  }
}
