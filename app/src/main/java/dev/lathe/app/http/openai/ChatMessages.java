package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.text.ToolCall;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Messages as OpenAI's clients send them, those included that they got from an earlier answer.
final class ChatMessages {
  private static final List<String> ROLES =
      List.of("system", "developer", "user", "assistant", "tool");

  /// Members of a part of content that change nothing, and why.
  private static final Map<String, String> NEEDLESS =
      new TreeMap<>(
          Map.of(
              "annotations", "of an earlier answer, which had none",
              "logprobs", "of an earlier answer; the text counts",
              "parsed", "what a client made of the text; the text counts",
              "cache_control", "changes nothing: whatever was computed for a prompt is kept"));

  private ChatMessages() {}

  static Message read(Fields in) {
    Role role =
        switch (in.field("role", "who speaks; developer is system").choice(ROLES)) {
          case "user" -> Role.USER;
          case "assistant" -> Role.ASSISTANT;
          case "tool" -> Role.TOOL;
          default -> Role.SYSTEM;
        };
    String content =
        in.field("content", "the text, or a list of parts of text")
            .any(ChatMessages::contentSchema, "", ChatMessages::content);
    String thoughts = in.field("reasoning_content", "what an assistant thought before").text("");
    List<ToolCall> calls =
        in.field("tool_calls", "what an assistant called").objects(ChatMessages::call);
    String callId = in.field("tool_call_id", "the call that a tool's message answers").text("");
    String name = in.field("name", "who speaks, among those of one role").text("");
    derived(in, "parsed");
    derived(in, "provider_specific_fields");
    in.refused("function_call", "use tool_calls");
    in.refused("audio", "this server reads and writes text");
    in.refused("refusal", "send what was refused as content");
    in.refused("annotations", "this server keeps none", "[]");
    if (!calls.isEmpty() && role != Role.ASSISTANT) {
      in.problem("tool_calls", "only an assistant's message has tool_calls");
      calls = List.of();
    }
    if (!thoughts.isEmpty() && role != Role.ASSISTANT) {
      in.problem("reasoning_content", "only an assistant's message has reasoning_content");
    }
    return new Message(role, Dialogue.thoughtAndSaid(thoughts, content), calls, callId, name);
  }

  private static ToolCall call(Fields in) {
    String id = in.field("id", "what the tool's message refers to").text("");
    in.field("type", "kind of call").choice(List.of("function"), "function");
    in.field("index", "place among the calls of one answer")
        .whole(dev.lathe.app.http.Range.from(0), 0);
    return in.field("function", "what is called")
        .object(function -> {
          derived(function, "parsed_arguments");
          return new ToolCall(
              id,
              function.field("name", "the function's name").text(),
              function.field("arguments", "a JSON object, as text").text("{}"));
        });
  }

  /// Reads what clients make of an answer and send back with it; the text it was made of counts.
  private static void derived(Fields in, String name) {
    in.field(name, "what a client made of the text; the text counts")
        .<@Nullable JsonNode>any(Schemas::any, null, found -> found);
  }

  static ObjectNode contentSchema() {
    ObjectNode part = Schemas.object();
    ObjectNode properties = part.putObject("properties");
    properties.set("type", Schemas.text());
    properties.set("text", Schemas.text());
    NEEDLESS.forEach(
        (name, meaning) -> properties.set(name, Schemas.any().put("description", meaning)));
    part.put("additionalProperties", false);
    return Schemas.either(Schemas.text(), Schemas.list(part));
  }

  /// A text, or parts of text, which become one.
  static String content(JsonNode found) {
    if (found.isTextual()) {
      return found.textValue();
    }
    if (!found.isArray()) {
      throw new Refusal(Fault.INVALID_VALUE, "content is neither a text nor a list of parts");
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < found.size(); i++) {
      text.append(part(found.get(i), "[" + i + "]"));
    }
    return text.toString();
  }

  private static String part(JsonNode part, String at) {
    String type = part.path("type").asText("");
    if (!List.of("text", "input_text", "output_text").contains(type)) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "a part of content is of type '" + type + "': this model reads parts of type text",
          at + ".type");
    }
    for (String name : (Iterable<String>) part::fieldNames) {
      if (!name.equals("type") && !name.equals("text") && !NEEDLESS.containsKey(name)) {
        throw new Refusal(
            Fault.UNKNOWN_PARAMETER, "a part of text has no '" + name + "'", at + "." + name);
      }
    }
    if (!part.path("text").isTextual()) {
      throw new Refusal(Fault.INVALID_VALUE, "a part of content has no text", at + ".text");
    }
    return part.path("text").textValue();
  }
}
