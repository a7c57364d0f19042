package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.text.ToolCall;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An item of a conversation as responses have it: what somebody said, what the model thought, a
/// call, or what came of a call.
sealed interface ResponseInput {
  /// Somebody says something.
  record Said(Role role, String text) implements ResponseInput {}

  /// The model thought something.
  record Thought(String text) implements ResponseInput {}

  /// The model called a tool.
  record Called(ToolCall call) implements ResponseInput {}

  /// What came of a call.
  record Result(String callId, String text) implements ResponseInput {}

  static ResponseInput of(String question) {
    return new Said(Role.USER, question);
  }

  /// Reads one, those included that clients got from an earlier answer.
  static ResponseInput read(Fields in) {
    String type =
        in.field("type", "kind of item")
            .kind(
                List.of("message", "function_call", "function_call_output", "reasoning"),
                "message");
    in.field("id", "names the item; of no use here").text("");
    in.field("status", "how far it came; of no use here").text("");
    String role =
        in.field("role", "who speaks, in a message; developer is system")
            .choice(List.of("system", "developer", "user", "assistant"), "");
    JsonNode content = part(in, "content", "of a message: a text or a list of parts of text");
    JsonNode summary = part(in, "summary", "of reasoning: the thoughts in short");
    JsonNode output = part(in, "output", "of a function's output: a text or parts of text");
    String callId = in.field("call_id", "which call").text("");
    String name = in.field("name", "of a call: the function").text("");
    String arguments = in.field("arguments", "of a call: a JSON object, as text").text("");
    in.refused("encrypted_content", "thoughts are read as they are", "\"\"");
    in.field("parsed_arguments", "what a client made of the arguments; these count")
        .<@Nullable JsonNode>any(Schemas::any, null, found -> found);
    in.refused("phase", "an answer has one");
    return switch (type) {
      case "function_call" -> {
        need(in, type, "call_id", callId);
        need(in, type, "name", name);
        deny(in, type, !role.isEmpty(), "role");
        deny(in, type, !content.isNull(), "content");
        yield new Called(new ToolCall(callId, name, arguments.isEmpty() ? "{}" : arguments));
      }
      case "function_call_output" -> {
        need(in, type, "call_id", callId);
        deny(in, type, !role.isEmpty(), "role");
        deny(in, type, !content.isNull(), "content");
        yield new Result(callId, text(in, "output", output));
      }
      case "reasoning" -> {
        deny(in, type, !role.isEmpty(), "role");
        boolean whole = content.isArray() && !content.isEmpty();
        yield new Thought(thoughts(whole ? content : summary));
      }
      default -> {
        need(in, type, "role", role);
        deny(in, type, !callId.isEmpty(), "call_id");
        yield new Said(role(role), text(in, "content", content));
      }
    };
  }

  private static JsonNode part(Fields in, String name, String meaning) {
    return in.field(name, meaning)
        .<JsonNode>any(
            ChatMessages::contentSchema, JsonNodeFactory.instance.nullNode(), found -> found);
  }

  private static void need(Fields in, String type, String name, String value) {
    if (value.isEmpty()) {
      in.problem(name, "an item of type " + type + " needs '" + name + "'");
    }
  }

  private static void deny(Fields in, String type, boolean there, String name) {
    if (there) {
      in.problem(name, "an item of type " + type + " has no '" + name + "'");
    }
  }

  private static Role role(String role) {
    return switch (role) {
      case "user" -> Role.USER;
      case "assistant" -> Role.ASSISTANT;
      default -> Role.SYSTEM;
    };
  }

  private static String text(Fields in, String name, JsonNode found) {
    if (found.isNull()) {
      in.problem(name, "the parameter '" + name + "' is missing");
      return "";
    }
    // read again, so that what is wrong with it is reported with its place
    return in.field(name, "a text or a list of parts of text")
        .any(ChatMessages::contentSchema, "", ChatMessages::content);
  }

  private static String thoughts(JsonNode parts) {
    List<String> texts = new ArrayList<>();
    for (JsonNode part : parts) {
      texts.add(part.path("text").asText(""));
    }
    return String.join("\n", texts);
  }

  /// The conversation that instructions and items make. Thoughts, text and calls that follow one
  /// another are one answer of the assistant.
  static List<Message> messages(@Nullable String instructions, List<ResponseInput> items) {
    Builder messages = new Builder();
    if (instructions != null && !instructions.isEmpty()) {
      messages.system(instructions);
    }
    for (ResponseInput item : items) {
      switch (item) {
        case Thought(String text) -> messages.think(text);
        case Called(ToolCall call) -> messages.call(call);
        case Result(String id, String text) ->
            messages.add(new Message(Role.TOOL, text, List.of(), id, ""));
        case Said(Role role, String text) -> {
          switch (role) {
            case ASSISTANT -> messages.answer(text);
            case SYSTEM -> messages.system(text);
            case USER, TOOL -> messages.add(new Message(role, text));
          }
        }
      }
    }
    return messages.build();
  }

  /// Puts messages together.
  final class Builder {
    private final List<Message> done = new ArrayList<>();
    private final List<ToolCall> calls = new ArrayList<>();
    private String thoughts = "";
    private @Nullable String said;

    private Builder() {}

    /// What is said to the model at the beginning is one message, as templates want it.
    private void system(String text) {
      if (done.size() == 1 && done.getFirst().role() == Role.SYSTEM) {
        done.set(0, Message.system(done.getFirst().content() + "\n\n" + text));
      } else {
        add(Message.system(text));
      }
    }

    private void think(String text) {
      if (said != null || !calls.isEmpty()) {
        flush();
      }
      thoughts = text;
    }

    private void answer(String text) {
      if (said != null || !calls.isEmpty()) {
        flush();
      }
      said = text;
    }

    private void call(ToolCall call) {
      calls.add(call);
    }

    private void add(Message message) {
      flush();
      done.add(message);
    }

    private void flush() {
      if (said != null || !calls.isEmpty() || !thoughts.isEmpty()) {
        String text = Dialogue.thoughtAndSaid(thoughts, said == null ? "" : said);
        done.add(new Message(Role.ASSISTANT, text, calls));
      }
      calls.clear();
      thoughts = "";
      said = null;
    }

    private List<Message> build() {
      flush();
      return List.copyOf(done);
    }
  }
}
