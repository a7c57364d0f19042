package dev.lathe.app.http.openai;

import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.TokenLogprobs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An event of a streamed chat.
///
/// @param choice null in the last event, which only counts tokens
/// @param usage null where it is not asked for
record ChatChunk(
    String id, long created, String model, @Nullable Choice choice, @Nullable Usage usage) {
  /// What is added to one of the answers.
  record Choice(
      int index, Delta delta, @Nullable TokenLogprobs logprobs, @Nullable String finishReason) {}

  /// @param role in the first event of an answer
  record Delta(
      @Nullable String role,
      @Nullable String content,
      @Nullable String thoughts,
      @Nullable CallDelta call) {
    static final Delta NONE = new Delta(null, null, null, null);

    static Delta role(String role) {
      return new Delta(role, "", null, null);
    }

    static Delta text(String text) {
      return new Delta(null, text, null, null);
    }

    static Delta thought(String text) {
      return new Delta(null, null, text, null);
    }

    static Delta call(CallDelta call) {
      return new Delta(null, null, null, call);
    }

    private @Nullable List<CallDelta> calls() {
      return call == null ? null : List.of(call);
    }
  }

  /// What is added to a call.
  ///
  /// @param index place among the calls of the answer
  /// @param id in the call's first event only, as the name
  record CallDelta(int index, @Nullable String id, @Nullable String name, String arguments) {
    private @Nullable String type() {
      return id == null ? null : "function";
    }
  }

  private static final Shape<CallDelta> CALL =
      Shape.<CallDelta>named("ToolCallDelta")
          .whole("index", "place among the calls of the answer", CallDelta::index)
          .text("id", "in the call's first event", CallDelta::id)
          .orLeftOut()
          .text("type", "`function`, in the call's first event", CallDelta::type)
          .orLeftOut()
          .object(
              "function",
              "what is called",
              call -> call,
              Shape.<CallDelta>named("ToolCallFunctionDelta")
                  .text("name", "in the call's first event", CallDelta::name)
                  .orLeftOut()
                  .text("arguments", "what is added to the arguments", CallDelta::arguments)
                  .build())
          .build();

  private static final Shape<Delta> DELTA =
      Shape.<Delta>named("ChatDelta")
          .text("role", "in the first event", Delta::role)
          .orLeftOut()
          .text("content", "what is added to what it says", Delta::content)
          .orLeftOut()
          .text("reasoning_content", "what is added to what it thinks", Delta::thoughts)
          .orLeftOut()
          .objects("tool_calls", "what is added to a call", Delta::calls, CALL)
          .orLeftOut()
          .build();

  private static final Shape<Choice> CHOICE =
      Shape.<Choice>named("ChatChunkChoice")
          .whole("index", "place among the answers", Choice::index)
          .object("delta", "what is added", Choice::delta, DELTA)
          .object("logprobs", "how likely the tokens were", Choice::logprobs, TokenLogprobs.SHAPE)
          .orNull()
          .text("finish_reason", Finish.MEANING + "; in the last event", Choice::finishReason)
          .orNull()
          .build();

  static final Shape<ChatChunk> SHAPE =
      Shape.<ChatChunk>named("ChatCompletionChunk")
          .text("id", "names the answer", ChatChunk::id)
          .constant("object", "chat.completion.chunk")
          .whole("created", "seconds since 1970", ChatChunk::created)
          .text("model", "as asked for", ChatChunk::model)
          .objects("choices", "what is added", ChatChunk::choices, CHOICE)
          .object(
              "usage",
              "tokens, in the last event or in each if asked for",
              ChatChunk::usage,
              Usage.SHAPE)
          .orNull()
          .build();

  private List<Choice> choices() {
    return choice == null ? List.of() : List.of(choice);
  }
}
