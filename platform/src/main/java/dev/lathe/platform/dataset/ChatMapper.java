package dev.lathe.platform.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.StrictJson;
import dev.lathe.platform.dataset.Layout.Format;
import dev.lathe.platform.dataset.Layout.Tags;
import dev.lathe.platform.dataset.RowMapper.Unusable;
import dev.lathe.platform.dataset.Turn.Call;
import dev.lathe.platform.dataset.Turn.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The messages of a sharegpt or openai row as turns.
final class ChatMapper {
  private static final Set<String> WEIGHTS = Set.of("loss", "loss_weight", "weight", "loss_scale");

  private final Layout layout;
  private final Tags tags;

  ChatMapper(Layout layout) {
    this.layout = layout;
    this.tags = layout.tags();
  }

  /// @param system the row's own system text, used where the messages bring none
  List<Turn> turns(ObjectNode row, String system) throws Unusable {
    JsonNode messages = messages(row);
    List<Turn> turns = new ArrayList<>();
    int at = 0;
    for (JsonNode message : messages) {
      at++;
      if (!(message instanceof ObjectNode object)) {
        throw new Unusable("message " + at + " is " + RowMapper.kind(message) + ", not an object");
      }
      turns.add(turn(object, at));
    }
    if (!system.isEmpty() && turns.getFirst().role() != Role.SYSTEM) {
      turns.addFirst(Turn.of(Role.SYSTEM, system));
    }
    checkOrder(turns);
    return turns;
  }

  private JsonNode messages(ObjectNode row) throws Unusable {
    String key = layout.columns().messages();
    if (key == null) {
      throw new Unusable("no column for the messages is named");
    }
    JsonNode messages = row.get(key);
    if (messages == null || messages.isNull()) {
      throw new Unusable("no '" + key + "'");
    }
    if (!messages.isArray() || messages.isEmpty()) {
      throw new Unusable("'" + key + "' is no list of messages: " + RowMapper.brief(messages));
    }
    return messages;
  }

  private Turn turn(ObjectNode message, int at) throws Unusable {
    for (String weight : WEIGHTS) {
      JsonNode value = message.get(weight);
      if (value != null && !(value.isBoolean() ? value.booleanValue() : value.asDouble(0) == 1)) {
        throw new Unusable("message " + at + " is weighed by '" + weight + "', not supported yet");
      }
    }
    String role = role(message, at);
    JsonNode content = message.get(Objects.requireNonNullElse(tags.content(), "content"));
    if (role.equals(tags.function()) && !message.hasNonNull("tool_calls")) {
      return new Turn(Role.ASSISTANT, "", calls(text(content, at), at));
    }
    if (role.equals(tags.assistant()) || role.equals(tags.function())) {
      return assistant(message, content, at);
    }
    if (role.equals(tags.user())) {
      return Turn.of(Role.USER, text(content, at));
    }
    if (role.equals(tags.observation())) {
      return Turn.of(Role.TOOL, text(content, at));
    }
    if (role.equals(tags.system()) && at == 1) {
      return Turn.of(Role.SYSTEM, text(content, at));
    }
    if (role.equals(tags.system())) {
      throw new Unusable("message " + at + " is a system message; only the first may be one");
    }
    throw new Unusable("message " + at + " has the role '" + role + "', none of " + roles());
  }

  private Turn assistant(ObjectNode message, @Nullable JsonNode content, int at) throws Unusable {
    JsonNode calls = layout.format() == Format.OPENAI ? message.get("tool_calls") : null;
    if (calls == null || calls.isNull() || calls.isEmpty()) {
      return Turn.of(Role.ASSISTANT, text(content, at));
    }
    List<Call> list = new ArrayList<>();
    for (JsonNode call : calls) {
      list.add(call(call.path("function"), at));
    }
    boolean silent = content == null || content.isNull();
    return new Turn(Role.ASSISTANT, silent ? "" : text(content, at), list);
  }

  private String role(ObjectNode message, int at) throws Unusable {
    String key = Objects.requireNonNullElse(tags.role(), "role");
    JsonNode role = message.get(key);
    if (role == null || !role.isTextual()) {
      throw new Unusable("message " + at + " has no '" + key + "'");
    }
    return role.textValue();
  }

  private static String text(@Nullable JsonNode content, int at) throws Unusable {
    if (content == null || content.isNull()) {
      throw new Unusable("message " + at + " has no content");
    }
    if (content.isTextual()) {
      return content.textValue();
    }
    if (!content.isArray()) {
      throw new Unusable(
          "the content of message " + at + " is " + RowMapper.kind(content) + ", not a text");
    }
    StringBuilder joined = new StringBuilder();
    for (JsonNode part : content) {
      if (!part.path("type").asText().equals("text") || !part.path("text").isTextual()) {
        throw new Unusable(
            "message "
                + at
                + " holds "
                + RowMapper.brief(part)
                + "; only text parts are supported");
      }
      joined.append(part.get("text").textValue());
    }
    return joined.toString();
  }

  private static List<Call> calls(String json, int at) throws Unusable {
    JsonNode node;
    try {
      node = StrictJson.parse(json);
    } catch (JsonProcessingException e) {
      throw new Unusable(
          "the function call of message " + at + " is no JSON: " + StrictJson.explain(e));
    }
    List<Call> calls = new ArrayList<>();
    if (node.isArray()) {
      for (JsonNode call : node) {
        calls.add(call(call, at));
      }
    } else {
      calls.add(call(node, at));
    }
    if (calls.isEmpty()) {
      throw new Unusable("message " + at + " calls no function");
    }
    return calls;
  }

  private static Call call(JsonNode call, int at) throws Unusable {
    if (!call.path("name").isTextual() || !call.has("arguments")) {
      throw new Unusable(
          "a function call of message "
              + at
              + " lacks 'name' or 'arguments': "
              + RowMapper.brief(call));
    }
    JsonNode arguments = call.get("arguments");
    if (arguments.isTextual()) {
      try {
        arguments = StrictJson.parse(arguments.textValue());
      } catch (JsonProcessingException e) {
        throw new Unusable(
            "the arguments of a call in message " + at + " are no JSON: " + StrictJson.explain(e));
      }
    }
    return new Call(call.get("name").textValue(), arguments.toString());
  }

  /// After the system turn a user's or tools' turn and an assistant's follow each other. Several
  /// tools may answer one after another in the openai layout.
  private void checkOrder(List<Turn> turns) throws Unusable {
    boolean asked = false;
    int at = 0;
    for (Turn turn : turns) {
      at++;
      boolean asks = turn.role() == Role.USER || turn.role() == Role.TOOL;
      boolean severalTools =
          turn.role() == Role.TOOL
              && layout.format() == Format.OPENAI
              && turns.get(Math.max(0, at - 2)).role() == Role.TOOL;
      if (turn.role() == Role.SYSTEM || severalTools) {
        continue;
      }
      if (asks == asked) {
        throw new Unusable(
            "turn "
                + at
                + " is "
                + (asks ? "a user's or tool's" : "an assistant's")
                + "; expected there is "
                + (asks ? "an assistant's" : "a user's or tool's"));
      }
      asked = asks;
    }
    if (asked || turns.getLast().role() == Role.SYSTEM) {
      throw new Unusable("the conversation does not end with an assistant's turn");
    }
  }

  private String roles() {
    List<String> known = new ArrayList<>();
    for (String role :
        new @Nullable String[] {
          tags.system(), tags.user(), tags.assistant(), tags.observation(), tags.function()
        }) {
      if (role != null) {
        known.add("'" + role + "'");
      }
    }
    return String.join(", ", known);
  }
}
