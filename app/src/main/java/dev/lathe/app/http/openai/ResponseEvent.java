package dev.lathe.app.http.openai;

import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.TokenLogprobs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An event of a streamed response. What an event has depends on its type.
///
/// @param outputIndex place of the item; null where it is about none
/// @param contentIndex place of the part in its item; null where it is about none
/// @param text what was added or is complete, by the type
record ResponseEvent(
    String type,
    long sequence,
    @Nullable Response response,
    @Nullable Long outputIndex,
    @Nullable ResponseItem item,
    @Nullable String itemId,
    @Nullable Long contentIndex,
    ResponseItem.@Nullable Part part,
    @Nullable String text,
    @Nullable List<TokenLogprobs.Entry> logprobs,
    @Nullable Refusal error) {
  static final Shape<ResponseEvent> SHAPE =
      Shape.<ResponseEvent>named("ResponseEvent")
          .text("type", "what happened, also the event's name", ResponseEvent::type)
          .whole("sequence_number", "counts the events, from 0", ResponseEvent::sequence)
          .object("response", "the answer so far", ResponseEvent::response, Response.SHAPE)
          .orLeftOut()
          .text("item_id", "which item", ResponseEvent::itemId)
          .orLeftOut()
          .maybeWhole("output_index", "place of the item", ResponseEvent::outputIndex)
          .orLeftOut()
          .maybeWhole("content_index", "place of the part", ResponseEvent::contentIndex)
          .orLeftOut()
          .object("item", "the item", ResponseEvent::item, ResponseItem.SHAPE)
          .orLeftOut()
          .object("part", "the part", ResponseEvent::part, ResponseItem.PART)
          .orLeftOut()
          .text("delta", "what was added", event -> event.textIf(".delta"))
          .orLeftOut()
          .text("text", "all of the text", event -> event.textIf("text.done"))
          .orLeftOut()
          .text("arguments", "all arguments", event -> event.textIf("arguments.done"))
          .orLeftOut()
          .objects("logprobs", "of the tokens added", ResponseEvent::logprobs, TokenLogprobs.ENTRY)
          .orLeftOut()
          .text("code", "which error", event -> code(event.error))
          .orLeftOut()
          .text(
              "message",
              "what went wrong",
              event -> event.error == null ? null : event.error.message())
          .orLeftOut()
          .text("param", "what it is about", event -> parameter(event.error))
          .orLeftOut()
          .build();

  private @Nullable String textIf(String end) {
    return type.endsWith(end) ? text : null;
  }

  private static @Nullable String code(@Nullable Refusal error) {
    return error == null ? null : error.fault().code();
  }

  private static @Nullable String parameter(@Nullable Refusal error) {
    return error == null ? null : error.parameter();
  }
}
