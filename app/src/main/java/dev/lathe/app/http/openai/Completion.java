package dev.lathe.app.http.openai;

import dev.lathe.app.http.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `/v1/completions` gives, at once or as an event of a stream.
///
/// @param usage null in events of a stream where it is not asked for
record Completion(
    String id, long created, String model, List<Choice> choices, @Nullable Usage usage) {
  record Choice(
      int index, String text, @Nullable TextLogprobs logprobs, @Nullable String finishReason) {}

  private static final Shape<Choice> CHOICE =
      Shape.<Choice>named("CompletionChoice")
          .whole("index", "place among the answers, prompt by prompt", Choice::index)
          .text("text", "what comes, after the prompt if it is echoed", Choice::text)
          .object("logprobs", "how likely its tokens were", Choice::logprobs, TextLogprobs.SHAPE)
          .orNull()
          .text("finish_reason", Finish.MEANING, Choice::finishReason)
          .orNull()
          .build();

  static final Shape<Completion> SHAPE =
      Shape.<Completion>named("Completion")
          .text("id", "names the answer", Completion::id)
          .constant("object", "text_completion")
          .whole("created", "seconds since 1970", Completion::created)
          .text("model", "as asked for", Completion::model)
          .objects("choices", "the answers", Completion::choices, CHOICE)
          .object("usage", "tokens", Completion::usage, Usage.SHAPE)
          .orNull()
          .build();
}
