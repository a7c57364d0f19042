package dev.lathe.app.http.openai;

import dev.lathe.app.http.Shape;
import dev.lathe.platform.gateway.AnswerStream;
import dev.lathe.platform.gateway.Answers;

/// Tokens of a request.
///
/// @param cached tokens of the prompt that were in the prefix cache
/// @param thoughts tokens of the answer that are thoughts
record Usage(long prompt, long cached, long completion, long thoughts) {
  private static final Shape<Usage> PROMPT_DETAILS =
      Shape.<Usage>named("PromptTokensDetails")
          .whole("cached_tokens", "of them, tokens found in the prefix cache", Usage::cached)
          .build();

  private static final Shape<Usage> DETAILS =
      Shape.<Usage>named("CompletionTokensDetails")
          .whole("reasoning_tokens", "of them, tokens of thoughts", Usage::thoughts)
          .build();

  static final Shape<Usage> SHAPE =
      Shape.<Usage>named("Usage")
          .whole("prompt_tokens", "tokens of the prompt", Usage::prompt)
          .whole("completion_tokens", "tokens generated", Usage::completion)
          .whole("total_tokens", "both together", usage -> usage.prompt + usage.completion)
          .object("prompt_tokens_details", "more about them", usage -> usage, PROMPT_DETAILS)
          .object("completion_tokens_details", "more about them", usage -> usage, DETAILS)
          .build();

  /// Of no answer yet.
  static final Usage NONE = new Usage(0, Long.MAX_VALUE, 0, 0);

  /// Of one answer, up to an event.
  static Usage of(Answers.Event event) {
    AnswerStream.Count count = event.count();
    return new Usage(count.prompt(), count.cached(), count.output(), count.thoughts());
  }

  /// Of an answer of which nothing was told yet.
  Usage beforeAnswer() {
    return new Usage(prompt, cached, 0, 0);
  }

  /// Of several answers to the same prompt.
  Usage plus(Usage other) {
    return new Usage(
        Math.max(prompt, other.prompt),
        Math.min(cached, other.cached),
        completion + other.completion,
        thoughts + other.thoughts);
  }
}
