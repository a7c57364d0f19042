package dev.lathe.app.http.openai;

import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `/v1/responses` gives.
///
/// @param status in_progress, completed or incomplete
/// @param usage null before the end
record Response(
    ResponseRequest request,
    String id,
    long created,
    String status,
    List<ResponseItem> output,
    @Nullable Usage usage) {
  private static final Shape<Usage> USAGE =
      Shape.<Usage>named("ResponseUsage")
          .whole("input_tokens", "tokens of the prompt", Usage::prompt)
          .object(
              "input_tokens_details",
              "more about them",
              usage -> usage,
              Shape.<Usage>named("InputTokensDetails")
                  .whole("cached_tokens", "of them, found in the prefix cache", Usage::cached)
                  .whole("cache_write_tokens", "0: writing costs nothing here", _ -> 0)
                  .build())
          .whole("output_tokens", "tokens generated", Usage::completion)
          .object(
              "output_tokens_details",
              "more about them",
              usage -> usage,
              Shape.<Usage>named("OutputTokensDetails")
                  .whole("reasoning_tokens", "of them, tokens of thoughts", Usage::thoughts)
                  .build())
          .whole("total_tokens", "both together", usage -> usage.prompt() + usage.completion())
          .build();

  private static final Shape<String> INCOMPLETE =
      Shape.<String>named("ResponseIncomplete")
          .text("reason", "`max_output_tokens`", reason -> reason)
          .build();

  static final Shape<Response> SHAPE =
      Shape.<Response>named("Response")
          .text("id", "names the answer", Response::id)
          .constant("object", "response")
          .whole("created_at", "seconds since 1970", Response::created)
          .text("status", "in_progress, completed or incomplete", Response::status)
          .flag("background", "always false", _ -> false)
          .json(
              "error", Schemas.object(), "always null: errors are answers of their own", _ -> null)
          .orNull()
          .object(
              "incomplete_details",
              "why it is incomplete",
              response -> response.isIncomplete() ? "max_output_tokens" : null,
              INCOMPLETE)
          .orNull()
          .text("instructions", "as asked for", response -> response.request.echo().instructions())
          .orNull()
          .maybeWhole("max_output_tokens", "as asked for", Response::maxTokens)
          .orNull()
          .text("model", "as asked for", response -> response.request.model())
          .objects("output", "thoughts, text and calls", Response::output, ResponseItem.SHAPE)
          .flag("parallel_tool_calls", "as asked for", r -> r.request.echo().parallel())
          .text("previous_response_id", "always null: nothing is kept", _ -> null)
          .orNull()
          .object(
              "reasoning",
              "always without effort and summary",
              response -> response,
              Shape.<Response>named("ResponseReasoning")
                  .text("effort", "always null", _ -> null)
                  .orNull()
                  .text("summary", "always null", _ -> null)
                  .orNull()
                  .build())
          .flag("store", "always false: nothing is kept", _ -> false)
          .number(
              "temperature", "as asked for", response -> response.request.decoding().temperature())
          .json(
              "text", Schemas.object(), "as asked for", response -> response.request.echo().text())
          .json("tool_choice", Schemas.any(), "as asked for", r -> r.request.echo().toolChoice())
          .json("tools", Schemas.any(), "as asked for", response -> response.request.echo().tools())
          .whole("top_logprobs", "as asked for", r -> Math.max(0, r.request.topLogprobs()))
          .number("top_p", "as asked for", response -> response.request.decoding().topP())
          .constant("truncation", "disabled")
          .object("usage", "tokens, at the end", Response::usage, USAGE)
          .orNull()
          .json("metadata", Schemas.object(), "as given", r -> r.request.echo().metadata())
          .build();

  private boolean isIncomplete() {
    return status.equals("incomplete");
  }

  private @Nullable Long maxTokens() {
    Integer most = request.maxTokens();
    return most == null ? null : (long) most;
  }
}
