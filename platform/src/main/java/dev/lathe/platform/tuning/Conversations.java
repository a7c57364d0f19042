package dev.lathe.platform.tuning;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.platform.dataset.Row;
import dev.lathe.platform.dataset.Turn;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Rows as conversations that a template can render.
final class Conversations {
  private Conversations() {}

  /// @param system system text of a row that brings none, or null
  static Conversation of(Row row, @Nullable String system) {
    List<Message> messages = new ArrayList<>();
    if (system != null && row.turns().getFirst().role() != Turn.Role.SYSTEM) {
      messages.add(Message.system(system));
    }
    for (Turn turn : row.turns()) {
      messages.add(message(turn));
    }
    return new Conversation(messages, row.tools().stream().map(Conversations::tool).toList());
  }

  private static Message message(Turn turn) {
    return switch (turn.role()) {
      case SYSTEM -> Message.system(turn.content());
      case USER -> Message.user(turn.content());
      case TOOL -> Message.tool(turn.content());
      case ASSISTANT ->
          new Message(
              Message.Role.ASSISTANT,
              turn.content(),
              turn.calls().stream()
                  .map(call -> new ToolCall("", call.name(), call.arguments()))
                  .toList());
    };
  }

  /// Templates expect `{"type": "function", "function": {…}}`; data often has the inner object
  /// alone.
  private static String tool(String json) {
    try {
      JsonNode tool = Json.MAPPER.readTree(json);
      if (tool.has("function")) {
        return json;
      }
      ObjectNode wrapped = Json.object().put("type", "function");
      wrapped.set("function", tool);
      return wrapped.toString();
    } catch (JsonProcessingException checkedWhenRead) {
      throw new IllegalArgumentException(json, checkedWhenRead);
    }
  }
}
