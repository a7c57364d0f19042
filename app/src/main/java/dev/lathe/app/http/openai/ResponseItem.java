package dev.lathe.app.http.openai;

import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.TokenLogprobs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An item of an answer: thoughts, text, or a call.
///
/// @param parts of thoughts and text
/// @param callId of a call, as name and arguments
record ResponseItem(
    Type type,
    String id,
    String status,
    List<Part> parts,
    @Nullable String callId,
    @Nullable String name,
    @Nullable String arguments) {
  /// Kinds of items, by the names that clients know.
  enum Type {
    REASONING("reasoning", "rs_"),
    MESSAGE("message", "msg_"),
    CALL("function_call", "fc_");

    private final String label;
    private final String prefix;

    Type(String label, String prefix) {
      this.label = label;
      this.prefix = prefix;
    }

    String prefix() {
      return prefix;
    }
  }

  static final String IN_PROGRESS = "in_progress";

  /// Text of an item.
  ///
  /// @param logprobs none where they are not asked for
  record Part(Type of, String text, List<TokenLogprobs.Entry> logprobs) {
    private String type() {
      return of == Type.REASONING ? "reasoning_text" : "output_text";
    }

    private <T> @Nullable List<T> ofText(List<T> list) {
      return of == Type.REASONING ? null : list;
    }
  }

  static final Shape<Part> PART =
      Shape.<Part>named("ResponsePart")
          .text("type", "output_text or reasoning_text", Part::type)
          .text("text", "the text", Part::text)
          .list(
              "annotations",
              Schemas.object(),
              "of output_text, always empty",
              part -> part.ofText(List.of()),
              (_, _) -> {})
          .orLeftOut()
          .objects(
              "logprobs",
              "of output_text, if they were included",
              part -> part.ofText(part.logprobs),
              TokenLogprobs.ENTRY)
          .orLeftOut()
          .build();

  static final Shape<ResponseItem> SHAPE =
      Shape.<ResponseItem>named("ResponseItem")
          .text("type", "message, reasoning or function_call", item -> item.type.label)
          .text("id", "names the item", ResponseItem::id)
          .text("status", "in_progress, completed or incomplete", ResponseItem::status)
          .text(
              "role",
              "of a message: assistant",
              item -> item.type == Type.MESSAGE ? "assistant" : null)
          .orLeftOut()
          .list(
              "summary",
              Schemas.object(),
              "of reasoning, always empty: its content is all",
              item -> item.type == Type.REASONING ? List.of() : null,
              (_, _) -> {})
          .orLeftOut()
          .objects(
              "content",
              "of a message or reasoning",
              item -> item.type == Type.CALL ? null : item.parts,
              PART)
          .orLeftOut()
          .text("call_id", "of a call: what the function's output refers to", ResponseItem::callId)
          .orLeftOut()
          .text("name", "of a call: the function", ResponseItem::name)
          .orLeftOut()
          .text("arguments", "of a call: a JSON object, as text", ResponseItem::arguments)
          .orLeftOut()
          .build();

  static ResponseItem text(
      Type type, String id, String status, String text, List<TokenLogprobs.Entry> logprobs) {
    return new ResponseItem(
        type, id, status, List.of(new Part(type, text, logprobs)), null, null, null);
  }

  static ResponseItem begun(Type type, String id) {
    return new ResponseItem(type, id, IN_PROGRESS, List.of(), null, null, null);
  }

  static ResponseItem call(String id, String status, String callId, String name, String arguments) {
    return new ResponseItem(Type.CALL, id, status, List.of(), callId, name, arguments);
  }
}
