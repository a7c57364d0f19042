package dev.lathe.app.http.openai;

import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.TokenLogprobs;
import dev.lathe.compute.text.ToolCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `/v1/chat/completions` gives at once.
///
/// @param created seconds since 1970
record ChatCompletion(String id, long created, String model, List<Choice> choices, Usage usage) {
  /// One of the answers.
  record Choice(int index, Answer message, @Nullable TokenLogprobs logprobs, String finishReason) {}

  /// What the assistant says.
  ///
  /// @param thoughts what it thought before; null where it did not
  /// @param calls null where it calls no tool
  record Answer(
      @Nullable String content, @Nullable String thoughts, @Nullable List<ToolCall> calls) {}

  private static final Shape<ToolCall> FUNCTION =
      Shape.<ToolCall>named("ToolCallFunction")
          .text("name", "the function", ToolCall::name)
          .text("arguments", "a JSON object, as text", ToolCall::argumentsJson)
          .build();

  private static final Shape<ToolCall> CALL =
      Shape.<ToolCall>named("ToolCall")
          .text("id", "what the tool's message refers to", ToolCall::id)
          .constant("type", "function")
          .object("function", "what is called", call -> call, FUNCTION)
          .build();

  private static final Shape<Answer> MESSAGE =
      Shape.<Answer>named("ChatMessage")
          .constant("role", "assistant")
          .text("content", "what it says", Answer::content)
          .orNull()
          .text("reasoning_content", "what it thought before", Answer::thoughts)
          .orLeftOut()
          .objects("tool_calls", "the tools it calls", Answer::calls, CALL)
          .orLeftOut()
          .text("refusal", "always null", _ -> null)
          .orNull()
          .build();

  private static final Shape<Choice> CHOICE =
      Shape.<Choice>named("ChatChoice")
          .whole("index", "place among the answers", Choice::index)
          .object("message", "the answer", Choice::message, MESSAGE)
          .object("logprobs", "how likely its tokens were", Choice::logprobs, TokenLogprobs.SHAPE)
          .orNull()
          .text("finish_reason", Finish.MEANING, Choice::finishReason)
          .build();

  static final Shape<ChatCompletion> SHAPE =
      Shape.<ChatCompletion>named("ChatCompletion")
          .text("id", "names the answer", ChatCompletion::id)
          .constant("object", "chat.completion")
          .whole("created", "seconds since 1970", ChatCompletion::created)
          .text("model", "as asked for", ChatCompletion::model)
          .objects("choices", "the answers", ChatCompletion::choices, CHOICE)
          .object("usage", "tokens", ChatCompletion::usage, Usage.SHAPE)
          .build();
}
