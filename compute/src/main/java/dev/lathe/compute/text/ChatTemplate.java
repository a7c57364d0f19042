package dev.lathe.compute.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.jinja.Template;
import dev.lathe.compute.jinja.Text;
import dev.lathe.compute.jinja.Value;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.weights.Gguf;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/// How a model writes a conversation down: its own Jinja template. Immutable; any number of threads
/// may render.
public final class ChatTemplate {
  /// Origin of what comes from the tools' descriptions and other variables.
  static final int FROM_TOOLS = -1;

  private static final long MAX_CONFIG_BYTES = 64 << 20;
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String DEFAULT = "default";
  private static final String TOOL_USE = "tool_use";

  private final Map<String, Template> templates;
  private final Map<String, String> specialTokens;
  private final String sha256;
  private final Map<String, String> sources;

  private ChatTemplate(Map<String, String> sources, Map<String, String> specialTokens) {
    Map<String, Template> parsed = new LinkedHashMap<>();
    sources.forEach((name, source) -> parsed.put(name, Template.parse(source)));
    this.templates = Map.copyOf(parsed);
    this.specialTokens = new TreeMap<>(specialTokens);
    this.sources = Map.copyOf(sources);
    String identity = new TreeMap<>(sources) + "\n" + this.specialTokens;
    this.sha256 = Tokenizer.sha256(identity.getBytes(StandardCharsets.UTF_8));
  }

  /// The template of a model.
  ///
  /// @throws LatheException when there is none, or it uses what is not supported
  public static ChatTemplate of(Checkpoint checkpoint) {
    return checkpoint.gguf().map(ChatTemplate::of).orElseGet(() -> ofDirectory(checkpoint.path()));
  }

  /// The template in a GGUF file's metadata.
  public static ChatTemplate of(Gguf gguf) {
    Map<String, String> sources = new LinkedHashMap<>();
    String key = "tokenizer.chat_template";
    gguf.string(key).ifPresent(source -> sources.put(DEFAULT, source));
    gguf.string(key + "." + TOOL_USE).ifPresent(source -> sources.put(TOOL_USE, source));
    if (!sources.containsKey(DEFAULT)) {
      throw LatheException.user(
          "the model '" + gguf.path() + "' has no chat template", "use an instruct model");
    }
    return new ChatTemplate(sources, GgufTokenizer.specialTokens(gguf));
  }

  /// A template by its source.
  ///
  /// @param specialTokens what templates know as `bos_token`, `eos_token` and so on
  public static ChatTemplate of(String source, Map<String, String> specialTokens) {
    return new ChatTemplate(Map.of(DEFAULT, source), specialTokens);
  }

  /// The template of a Hugging Face directory: `chat_template.jinja`, else `chat_template` in
  /// `tokenizer_config.json`.
  ///
  /// @throws LatheException when there is none, or it uses what is not supported
  public static ChatTemplate ofDirectory(Path directory) {
    JsonNode config = json(directory.resolve("tokenizer_config.json"));
    Map<String, String> sources = new LinkedHashMap<>();
    Path file = directory.resolve("chat_template.jinja");
    JsonNode inConfig = config.path("chat_template");
    if (Files.isRegularFile(file)) {
      sources.put(DEFAULT, read(file));
    } else if (inConfig.isTextual()) {
      sources.put(DEFAULT, inConfig.asText());
    } else {
      inConfig.forEach(
          named -> sources.put(named.path("name").asText(), named.path("template").asText()));
    }
    if (!sources.containsKey(DEFAULT)) {
      throw LatheException.user(
          "the model in '" + directory + "' has no chat template",
          "use an instruct model, or put a chat_template.jinja beside its tokenizer.json");
    }
    return new ChatTemplate(sources, specialTokens(config));
  }

  private static Map<String, String> specialTokens(JsonNode config) {
    Map<String, String> tokens = new LinkedHashMap<>();
    for (String name :
        List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token")) {
      JsonNode token = config.path(name);
      String content = token.isObject() ? token.path("content").asText() : token.asText("");
      if (!token.isNull() && !content.isEmpty()) {
        tokens.put(name, content);
      }
    }
    return tokens;
  }

  private static JsonNode json(Path file) {
    return Files.isRegularFile(file)
        ? StrictJson.object(file, MAX_CONFIG_BYTES)
        : MAPPER.createObjectNode();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be read (" + e.getMessage() + ")", "fetch the model again", e);
    }
  }

  /// The conversation as the model reads it.
  ///
  /// @throws LatheException when the template refuses the conversation
  public String render(Conversation conversation, RenderOptions options) {
    return rendered(conversation, options).text().characters();
  }

  /// With origins: 0 what the template wrote, [#contentOrigin] and [#callsOrigin] what a message
  /// holds, [#FROM_TOOLS] what tools and variables hold; and with scopes: `i + 1` what was written
  /// for message `i`.
  Template.Rendered rendered(Conversation conversation, RenderOptions options) {
    LatheException failure = null;
    Optional<String> leftOut = Optional.empty();
    for (CallForm form : forms(conversation)) {
      try {
        Template.Rendered rendered = rendered(conversation, options, form);
        leftOut = Completeness.leftOut(rendered.text(), conversation);
        if (leftOut.isEmpty()) {
          return rendered;
        }
      } catch (LatheException e) {
        failure = failure == null ? e : failure;
      }
    }
    if (leftOut.isEmpty() && failure != null) {
      throw failure;
    }
    throw LatheException.user(
        "the model's chat template leaves out " + leftOut.orElse("something"),
        "leave it out yourself, or use a model whose template knows it");
  }

  /// Templates disagree about how an assistant's tool calls look: whether the content beside them
  /// is `none` or empty, whether arguments are a mapping or JSON text. The form that a template
  /// does not expect makes it fail or leave the calls out; both are noticed.
  private enum CallForm {
    NONE_AND_MAPPING(true, true),
    EMPTY_AND_MAPPING(false, true),
    NONE_AND_TEXT(true, false),
    EMPTY_AND_TEXT(false, false);

    private final boolean contentIsNone;
    private final boolean argumentsAreMapping;

    CallForm(boolean contentIsNone, boolean argumentsAreMapping) {
      this.contentIsNone = contentIsNone;
      this.argumentsAreMapping = argumentsAreMapping;
    }
  }

  private static List<CallForm> forms(Conversation conversation) {
    boolean calls =
        conversation.messages().stream().anyMatch(message -> !message.toolCalls().isEmpty());
    return calls ? List.of(CallForm.values()) : List.of(CallForm.EMPTY_AND_MAPPING);
  }

  private Template.Rendered rendered(
      Conversation conversation, RenderOptions options, CallForm form) {
    Map<String, Value> variables = new LinkedHashMap<>();
    specialTokens.forEach((name, token) -> variables.put(name, Text.of(token)));
    options
        .variables()
        .forEach((name, value) -> variables.put(name, Value.from(value, FROM_TOOLS)));
    List<Value> messages = new ArrayList<>();
    for (int i = 0; i < conversation.messages().size(); i++) {
      messages.add(message(conversation.messages().get(i), i, form));
    }
    variables.put("messages", new Value.Items(messages));
    variables.put("add_generation_prompt", Value.of(options.addGenerationPrompt()));
    variables.put("tools", tools(conversation.tools()));
    variables.putIfAbsent("documents", Value.None.NONE);
    return template(conversation).render(variables, options.clock(), Template.Limits.USUAL);
  }

  private Template template(Conversation conversation) {
    Template forTools = templates.get(TOOL_USE);
    Template usual = templates.get(DEFAULT);
    if (usual == null) {
      throw new IllegalStateException("no default template");
    }
    return forTools != null && !conversation.tools().isEmpty() ? forTools : usual;
  }

  /// Origin of the content of message `index`, and of its name and id.
  static int contentOrigin(int index) {
    return 2 * index + 1;
  }

  /// Origin of the tool calls of message `index`.
  static int callsOrigin(int index) {
    return 2 * index + 2;
  }

  private static Value message(Message message, int index, CallForm form) {
    int origin = contentOrigin(index);
    Map<Value, Value> fields = new LinkedHashMap<>();
    fields.put(Text.of("role"), Text.of(message.role().label()));
    boolean onlyCalls = message.content().isEmpty() && !message.toolCalls().isEmpty();
    fields.put(
        Text.of("content"),
        onlyCalls && form.contentIsNone ? Value.None.NONE : Text.of(message.content(), origin));
    if (!message.toolCalls().isEmpty()) {
      fields.put(Text.of("tool_calls"), toolCalls(message.toolCalls(), callsOrigin(index), form));
    }
    if (!message.toolCallId().isEmpty()) {
      fields.put(Text.of("tool_call_id"), Text.of(message.toolCallId(), origin));
    }
    if (!message.name().isEmpty()) {
      fields.put(Text.of("name"), Text.of(message.name(), origin));
    }
    return new Value.Mapping(fields, index + 1);
  }

  private static Value toolCalls(List<ToolCall> calls, int origin, CallForm form) {
    List<Value> values = new ArrayList<>();
    for (ToolCall call : calls) {
      Map<Value, Value> function = new LinkedHashMap<>();
      function.put(Text.of("name"), Text.of(call.name(), origin));
      Value arguments = parsed(call.argumentsJson(), "arguments of a call", origin);
      function.put(
          Text.of("arguments"),
          form.argumentsAreMapping ? arguments : Text.of(call.argumentsJson(), origin));
      Map<Value, Value> fields = new LinkedHashMap<>();
      if (!call.id().isEmpty()) {
        fields.put(Text.of("id"), Text.of(call.id(), origin));
      }
      fields.put(Text.of("type"), Text.of("function"));
      fields.put(Text.of("function"), new Value.Mapping(function));
      values.add(new Value.Mapping(fields));
    }
    return new Value.Items(values);
  }

  private static Value tools(List<String> tools) {
    if (tools.isEmpty()) {
      return Value.None.NONE;
    }
    List<Value> values = new ArrayList<>();
    tools.forEach(tool -> values.add(parsed(tool, "a tool's description", FROM_TOOLS)));
    return new Value.Items(values);
  }

  private static Value parsed(String json, String what, int origin) {
    try {
      JsonNode node = StrictJson.parse(json);
      if (!node.isObject()) {
        throw LatheException.user(what + " is not a JSON object: " + shortened(json), "");
      }
      return Value.from(MAPPER.convertValue(node, Object.class), origin);
    } catch (JsonProcessingException e) {
      throw LatheException.user(
          what + " is not JSON (" + StrictJson.explain(e) + "): " + shortened(json), "");
    }
  }

  private static String shortened(String text) {
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  /// What may become of the characters of a given origin.
  static AddedTokens.Trust trust(int origin, Conversation conversation) {
    if (origin == Text.TEMPLATE) {
      return AddedTokens.Trust.TEMPLATE;
    }
    boolean answer =
        origin > 0 && conversation.messages().get((origin - 1) / 2).role() == Role.ASSISTANT;
    return answer ? AddedTokens.Trust.ANSWER : AddedTokens.Trust.PLAIN;
  }

  /// What the template knows as `bos_token`, `eos_token` and so on; empty where it knows none.
  String specialToken(String name) {
    return specialTokens.getOrDefault(name, "");
  }

  /// Whether a text stands in its source.
  public boolean mentions(String text) {
    return sources.values().stream().anyMatch(source -> source.contains(text));
  }

  /// Whether it may read a variable: whether its name stands in the source, neither quoted nor as a
  /// member of something else.
  public boolean reads(String variable) {
    Pattern name = Pattern.compile("(?<![\\w.'\"])" + Pattern.quote(variable) + "(?![\\w'\"])");
    return sources.values().stream().anyMatch(source -> name.matcher(source).find());
  }

  /// Its source; where there are several, that of conversations without tools.
  public String source() {
    return sources.getOrDefault(DEFAULT, "");
  }

  /// Identity of sources and special tokens, 64 hexadecimal digits.
  public String sha256() {
    return sha256;
  }
}
