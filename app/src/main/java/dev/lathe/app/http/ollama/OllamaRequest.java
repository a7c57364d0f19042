package dev.lathe.app.http.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.app.http.serving.Tools;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.grammar.GrammarSource;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.compute.tool.Tool;
import dev.lathe.compute.tool.ToolChoice;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What `/api/chat` and `/api/generate` take.
///
/// @param messages none where the model is only to be loaded
/// @param raw the prompt as it stands, in place of messages; null where there are messages
/// @param thinks whether the model is to think; null: as it likes
/// @param format what the answer is held to
/// @param topLogprobs likeliest tokens beside each token; -1 where no log-probabilities are wanted
record OllamaRequest(
    String model,
    List<Message> messages,
    @Nullable String raw,
    Tools tools,
    @Nullable Boolean thinks,
    Optional<GrammarSource> format,
    int topLogprobs,
    OllamaOptions options,
    boolean stream) {
  private static final String MODEL = "name of the base, of an adapter, or an alias";
  private static final int LONGEST_DURATION = 64;
  private static final String TEXT_ONLY = "this server reads text";

  static OllamaRequest chat(Fields in) {
    List<Message> messages =
        in.field("messages", "the conversation so far; none only loads the model")
            .objects(OllamaRequest::message);
    List<Tool> offered = Tools.offered(in);
    Tools tools = offered.isEmpty() ? Tools.NONE : new Tools(offered, new ToolChoice.Auto(), true);
    return rest(in, named(messages), null, tools);
  }

  /// Names the calls that have no name, and the results that follow them, by the tool's name or
  /// else in their order: Ollama's clients give none, and some chat templates want them, with nine
  /// characters.
  private static List<Message> named(List<Message> messages) {
    List<Message> all = new ArrayList<>();
    List<ToolCall> open = new ArrayList<>();
    int next = 0;
    for (Message message : messages) {
      String id = message.toolCallId();
      List<ToolCall> calls = new ArrayList<>();
      for (ToolCall call : message.toolCalls()) {
        String name = call.id().isEmpty() ? String.format(Locale.ROOT, "%09d", next++) : call.id();
        calls.add(new ToolCall(name, call.name(), call.argumentsJson()));
      }
      if (message.role() == Role.TOOL && id.isEmpty() && !open.isEmpty()) {
        ToolCall answered =
            open.stream()
                .filter(call -> call.name().equals(message.name()))
                .findFirst()
                .orElse(open.getFirst());
        open.remove(answered);
        id = answered.id();
      }
      open.addAll(calls);
      all.add(new Message(message.role(), message.content(), calls, id, message.name()));
    }
    return all;
  }

  static OllamaRequest generate(Fields in) {
    String prompt = in.field("prompt", "the question; none only loads the model").text("");
    String system = in.field("system", "what is said to the model before").text("");
    boolean raw = in.field("raw", "whether the prompt is taken without a template").flag(false);
    in.refused("suffix", "models are asked to go on, not to fill in", "\"\"");
    in.refused("template", "the model's own is used", "\"\"");
    in.refused("context", "send the conversation to /api/chat", "[]");
    in.refused("images", TEXT_ONLY, "[]");
    if (raw && !system.isEmpty()) {
      in.problem("system", "'system' needs a template: leave out 'raw'");
    }
    List<Message> messages =
        prompt.isEmpty() || raw
            ? List.of()
            : system.isEmpty()
                ? List.of(Message.user(prompt))
                : List.of(Message.system(system), Message.user(prompt));
    return rest(in, messages, raw && !prompt.isEmpty() ? prompt : null, Tools.NONE);
  }

  private static OllamaRequest rest(
      Fields in, List<Message> messages, @Nullable String raw, Tools tools) {
    OllamaOptions options =
        in.field("options", "how the answer is generated").objectOrNull(OllamaOptions::read);
    OllamaRequest request =
        new OllamaRequest(
            in.field("model", MODEL).text(),
            messages,
            raw,
            tools,
            in.field("think", "whether a model that thinks does so").flagOrNull(),
            in.field("format", "json, or a JSON schema that the answer fulfils")
                .<Optional<GrammarSource>>any(
                    () -> Schemas.either(Schemas.text(), Schemas.object()),
                    Optional.empty(),
                    OllamaRequest::format),
            topLogprobs(in),
            options == null ? OllamaOptions.USUAL : options,
            in.field("stream", "whether the answer is sent as it comes").flag(true));
    if (raw != null && request.thinks != null) {
      in.problem("think", "'think' needs a template: leave out 'raw'");
    }
    boolean nothing = messages.isEmpty() && raw == null;
    if (keepAlive(in) && nothing) {
      in.problem("keep_alive", "the model stays loaded as long as the server runs");
    }
    in.refused("truncate", "a prompt that does not fit is refused", "false");
    in.refused("shift", "an answer ends where the context does", "false");
    in.refused("width", "this server writes text", "0");
    in.refused("height", "this server writes text", "0");
    in.refused("steps", "this server writes text", "0");
    return request;
  }

  private static int topLogprobs(Fields in) {
    boolean wanted = in.field("logprobs", "whether log-probabilities are given").flag(false);
    int top =
        in.field("top_logprobs", "likeliest tokens given beside each; needs logprobs")
            .whole(Range.of(0, Logprobs.MOST), 0);
    if (top > 0 && !wanted) {
      in.problem("top_logprobs", "'top_logprobs' needs 'logprobs': true");
    }
    return wanted ? top : -1;
  }

  /// Reads how long the model is to be kept, which changes nothing: it stays.
  ///
  /// @return whether it is not to be kept
  static boolean keepAlive(Fields in) {
    return in.field("keep_alive", "changes nothing: the model stays loaded")
        .any(
            () -> Schemas.either(Schemas.text(), Schemas.number()),
            false,
            found -> {
              String text = found.asText("");
              if (!(found.isNumber() || found.isTextual())
                  || text.length() > LONGEST_DURATION
                  || !text.matches("-?[0-9.]+(E-?[0-9]+)?|-?([0-9.]+(ns|us|µs|ms|s|m|h))+")) {
                throw new Refusal(
                    Fault.INVALID_VALUE, "'keep_alive' is seconds or a duration such as 5m");
              }
              return text.matches("0[a-z]*");
            });
  }

  private static Message message(Fields in) {
    Role role =
        switch (in.field("role", "who speaks")
            .choice(List.of("system", "user", "assistant", "tool"))) {
          case "user" -> Role.USER;
          case "assistant" -> Role.ASSISTANT;
          case "tool" -> Role.TOOL;
          default -> Role.SYSTEM;
        };
    String content = in.field("content", "the text").text("");
    String thoughts = in.field("thinking", "what an assistant thought before").text("");
    List<ToolCall> calls =
        in.field("tool_calls", "what an assistant called").objects(OllamaRequest::call);
    String name = in.field("tool_name", "the tool that a tool's message comes from").text("");
    String id = in.field("tool_call_id", "the call that a tool's message answers").text("");
    in.refused("images", TEXT_ONLY, "[]");
    if (role != Role.ASSISTANT && !(calls.isEmpty() && thoughts.isEmpty())) {
      in.problem("role", "only an assistant's message has tool_calls or thinking");
      return new Message(role, content);
    }
    return new Message(role, Dialogue.thoughtAndSaid(thoughts, content), calls, id, name);
  }

  private static ToolCall call(Fields in) {
    String id = in.field("id", "what the tool's message refers to").text("");
    in.field("type", "kind of call").choice(List.of("function"), "function");
    return in.field("function", "what is called")
        .object(function -> {
          String name = function.field("name", "the function's name").text();
          ObjectNode arguments = function.field("arguments", "its arguments").json();
          function.field("index", "place among the calls").whole(Range.from(0), 0);
          function.field("description", "of no use here").text("");
          return new ToolCall(id, name, arguments == null ? "{}" : arguments.toString());
        });
  }

  private static Optional<GrammarSource> format(JsonNode found) {
    if (found.isTextual() && found.textValue().isEmpty()) {
      return Optional.empty();
    }
    if (found.isTextual() && found.textValue().equals("json")) {
      return Optional.of(GrammarSource.json());
    }
    if (!found.isObject()) {
      throw new Refusal(Fault.INVALID_VALUE, "'format' is \"json\" or a JSON schema");
    }
    return Optional.of(GrammarSource.jsonSchema(found));
  }

  /// Whether the model is only to be loaded, which it is.
  boolean isEmpty() {
    return messages.isEmpty() && raw == null;
  }

  /// @param variables further ones of the chat template
  Dialogue dialogue(Map<String, Object> variables) {
    return new Dialogue(messages, variables, tools, format, "format");
  }
}
