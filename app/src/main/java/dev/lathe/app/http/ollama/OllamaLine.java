package dev.lathe.app.http.ollama;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.TokenLogprobs;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.platform.gateway.Reply;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A line of an answer of `/api/chat` or `/api/generate`, or all of it.
///
/// @param thoughts null where it does not think
/// @param logprobs of the tokens of this line; null where there are none
/// @param end in the last line only
record OllamaLine(
    String model,
    Instant created,
    String text,
    @Nullable String thoughts,
    List<ToolCall> calls,
    @Nullable List<TokenLogprobs.Entry> logprobs,
    @Nullable End end) {
  private static final double NANOS = 1e9;

  /// How it ended.
  ///
  /// @param counts null where nothing was generated
  record End(String reason, @Nullable Reply counts) {}

  OllamaLine with(List<TokenLogprobs.Entry> tokens) {
    return new OllamaLine(model, created, text, thoughts, calls, tokens, end);
  }

  private static final Shape<ToolCall> FUNCTION =
      Shape.<ToolCall>named("OllamaFunction")
          .text("name", "the function", ToolCall::name)
          .own("arguments", Schemas.object(), "its arguments", OllamaLine::arguments)
          .build();

  private static final Shape<ToolCall> CALL =
      Shape.<ToolCall>named("OllamaToolCall")
          .text("id", "what the tool's message may refer to", ToolCall::id)
          .object("function", "what is called", call -> call, FUNCTION)
          .build();

  private static void arguments(JsonGenerator out, ToolCall call) throws IOException {
    try {
      out.writeTree(StrictJson.parse(call.argumentsJson()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("calls are held to valid JSON", e);
    }
  }

  private static final Shape<OllamaLine> MESSAGE =
      Shape.<OllamaLine>named("OllamaMessage")
          .constant("role", "assistant")
          .text("content", "what it says", OllamaLine::text)
          .text("thinking", "what it thinks before", OllamaLine::thoughts)
          .orLeftOut()
          .objects(
              "tool_calls",
              "the tools it calls",
              line -> line.calls.isEmpty() ? null : line.calls,
              CALL)
          .orLeftOut()
          .build();

  static final Shape<OllamaLine> CHAT =
      ended(begun("OllamaChat").object("message", "what is added", line -> line, MESSAGE));

  static final Shape<OllamaLine> GENERATE =
      ended(
          begun("OllamaGenerate")
              .text("response", "what is added to what it says", OllamaLine::text)
              .text("thinking", "what is added to what it thinks", OllamaLine::thoughts)
              .orLeftOut());

  private static Shape.Builder<OllamaLine> begun(String name) {
    return Shape.<OllamaLine>named(name)
        .text("model", "as asked for", OllamaLine::model)
        .text("created_at", "when, by ISO 8601", line -> line.created.toString());
  }

  private static Shape<OllamaLine> ended(Shape.Builder<OllamaLine> shape) {
    return shape
        .objects(
            "logprobs",
            "with `logprobs`: how likely its tokens were",
            OllamaLine::logprobs,
            TokenLogprobs.ENTRY)
        .orLeftOut()
        .flag("done", "whether this is the last line", line -> line.end != null)
        .text(
            "done_reason",
            "`stop`, `length` (the most tokens) or `load` (nothing was asked)",
            line -> line.end == null ? null : line.end.reason)
        .orLeftOut()
        .maybeWhole("total_duration", "nanoseconds", counted(reply -> nanos(reply.seconds())))
        .orLeftOut()
        .maybeWhole("load_duration", "nanoseconds; the model is loaded", counted(_ -> 0L))
        .orLeftOut()
        .maybeWhole(
            "prompt_eval_count",
            "tokens of the prompt",
            counted(reply -> (long) reply.promptTokens()))
        .orLeftOut()
        .maybeWhole(
            "prompt_eval_duration",
            "nanoseconds to the first token",
            counted(reply -> nanos(reply.firstSeconds())))
        .orLeftOut()
        .maybeWhole(
            "eval_count", "tokens of the answer", counted(reply -> (long) reply.outputTokens()))
        .orLeftOut()
        .maybeWhole(
            "eval_duration",
            "nanoseconds after the first token",
            counted(reply -> nanos(reply.seconds() - reply.firstSeconds())))
        .orLeftOut()
        .build();
  }

  private static Function<OllamaLine, @Nullable Long> counted(Function<Reply, Long> of) {
    return line -> line.end == null || line.end.counts == null ? null : of.apply(line.end.counts);
  }

  private static long nanos(double seconds) {
    return Math.round(seconds * NANOS);
  }
}
