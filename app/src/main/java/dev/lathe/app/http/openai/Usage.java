package dev.lathe.app.http.openai;

import dev.lathe.app.http.Shape;
import dev.lathe.platform.gateway.Answers;

/// Tokens of a request.
///
/// @param thoughts tokens of the answer that are thoughts
record Usage(long prompt, long completion, long thoughts) {
  private static final Shape<Usage> DETAILS =
      Shape.<Usage>named("CompletionTokensDetails")
          .whole("reasoning_tokens", "of them, tokens of thoughts", Usage::thoughts)
          .build();

  static final Shape<Usage> SHAPE =
      Shape.<Usage>named("Usage")
          .whole("prompt_tokens", "tokens of the prompt", Usage::prompt)
          .whole("completion_tokens", "tokens generated", Usage::completion)
          .whole("total_tokens", "both together", usage -> usage.prompt + usage.completion)
          .object("completion_tokens_details", "more about them", usage -> usage, DETAILS)
          .build();

  static Usage of(Answers.Event.Ended ended) {
    return new Usage(
        ended.reply().promptTokens(), ended.reply().outputTokens(), ended.thoughtTokens());
  }

  /// Of several answers to the same prompt.
  Usage plus(Usage other) {
    return new Usage(
        Math.max(prompt, other.prompt), completion + other.completion, thoughts + other.thoughts);
  }
}
