package dev.lathe.compute.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.CompiledGrammar;
import dev.lathe.compute.grammar.GrammarCompiler;
import dev.lathe.compute.grammar.GrammarState;
import dev.lathe.compute.grammar.Vocabulary;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.text.RenderOptions;
import dev.lathe.compute.text.ToolCall;
import dev.lathe.compute.tool.CallForm.Part;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Forms found out from real templates, and outputs held to them.
class CallFormTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final RenderOptions OPTIONS = new RenderOptions(false, Clock.systemUTC());
  private static final List<String> CONTROL =
      List.of(
          "<|im_end|>",
          "<|im_start|>",
          "<tool_call>",
          "</tool_call>",
          "[TOOL_CALLS]",
          "</s>",
          "<|eot_id|>");

  /// In the manner of Llama 3.2's: no mark, one call.
  private static final String BARE =
      """
      {{ bos_token }}{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}\
      {% for m in messages %}[{{ m.role }}]
      {% if m.tool_calls %}{% if m.tool_calls | length != 1 %}\
      {{ raise_exception('one call') }}{% endif %}\
      {"name": "{{ m.tool_calls[0].function.name }}", "parameters": \
      {{ m.tool_calls[0].function.arguments | tojson }}}<|eot_id|>\
      {% else %}{{ m.content }}<|eot_id|>{% endif %}{% endfor %}\
      """;

  private static final String TOOLS =
      """
      [{"type": "function", "function": {"name": "weather", "description": "of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9},
          "days": {"type": "integer", "minimum": 1, "maximum": 7}}, "required": ["city"],
          "additionalProperties": false}}},
       {"type": "function", "function": {"name": "weather.now", "parameters": {"type": "object",
          "properties": {"q\\"": {"enum": ["}", "\\"", "a\\\\"]}}, "required": ["q\\""]}}},
       {"type": "function", "function": {"name": "stop"}}]
      """;

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  private static CallForm form(String model) {
    try (InputStream file =
        ChatTemplate.class.getResourceAsStream("/dev/lathe/compute/text/chat-templates.json")) {
      for (JsonNode each : JSON.readTree(file).path("models")) {
        if (each.path("name").asText().equals(model)) {
          Map<String, String> special = new LinkedHashMap<>();
          each.path("special")
              .properties()
              .forEach(entry -> special.put(entry.getKey(), entry.getValue().asText()));
          return CallForm.of(
              ChatTemplate.of(each.path("template").asText(), special), OPTIONS, CONTROL);
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return CallForm.of(ChatTemplate.of(BARE, Map.of()), OPTIONS, CONTROL);
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2_5", "qwen3"})
  void qwenWritesTaggedObjects(String model) {
    CallForm form = form(model);

    assertThat(form)
        .usingRecursiveComparison()
        .ignoringFields("tokens")
        .isEqualTo(CallForm.GENERIC);
    assertThat(form.tokens()).containsExactlyInAnyOrder("<tool_call>", "</tool_call>");
    assertThat(form.trigger()).contains("<tool_call>");
  }

  @Test
  void mistralWritesAListAfterAControlToken() {
    CallForm form = form("mistral_nemo");

    assertThat(form.begin()).isEqualTo("[TOOL_CALLS][{\"name\": \"");
    assertThat(form.call())
        .containsExactly(
            new Part.Name(),
            new Part.Fixed("\", \"arguments\": "),
            new Part.Arguments(),
            new Part.Fixed(", \"id\": \""),
            new Part.Id());
    assertThat(form.between()).contains("\"}, {\"name\": \"");
    assertThat(form.end()).isEqualTo("\"}]");
    assertThat(form.tokens()).containsExactly("[TOOL_CALLS]");
    assertThat(form.trigger()).contains("[TOOL_CALLS]");
  }

  @Test
  void aBareObjectCanOnlyBeToldAtTheBeginning() {
    CallForm form = form("bare");

    assertThat(form.begin()).isEqualTo("{\"name\": \"");
    assertThat(form.between()).isEmpty();
    assertThat(form.end()).isEqualTo("}");
    assertThat(form.trigger()).isEmpty();
  }

  @Test
  void aTemplateWithoutToolsGetsTheGenericFormAndTheToolsInItsSystemMessage() {
    CallForm form = form("smollm2");
    Conversation conversation =
        Conversation.of(
            Message.system("Be kind."),
            Message.user("Rain?"),
            new Message(Role.ASSISTANT, "", List.of(new ToolCall("1", "stop", "{}"))),
            Message.tool("done"));

    Conversation offered = form.offering(Tool.list(json(TOOLS)), conversation);

    assertThat(form).isEqualTo(CallForm.GENERIC);
    assertThat(offered.tools()).isEmpty();
    assertThat(offered.messages()).hasSize(4);
    assertThat(offered.messages().get(0).content())
        .startsWith("Be kind.\n\n")
        .contains("\"weather.now\"");
    assertThat(offered.messages().get(2).content())
        .isEqualTo("<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>");
    assertThat(offered.messages().get(3))
        .isEqualTo(Message.user("<tool_response>\ndone\n</tool_response>"));
    assertThat(form("qwen2_5").offering(Tool.list(json(TOOLS)), conversation).tools()).hasSize(3);
  }

  @ParameterizedTest
  @CsvSource({
    "qwen2_5, true",
    "mistral_nemo, true",
    "bare, true",
    "smollm2, true",
    "qwen2_5, false",
    "mistral_nemo, false"
  })
  void requiredCallsAreValidByConstruction(String model, boolean parallel) {
    CallForm form = form(model);
    List<Tool> tools = Tool.list(json(TOOLS));
    CompiledGrammar grammar = compiled(form, tools, new ToolChoice.Required(), parallel);
    Random random = new Random(5);
    int most = 0;
    int finished = 0;
    for (int i = 0; i < 200; i++) {
      Optional<String> output = output(grammar, random, Map.of());
      if (output.isPresent()) {
        finished++;
        CallParser.Parsed parsed = form.parser().parse(output.get());
        assertThat(parsed.text()).isEmpty();
        assertThat(parsed.calls()).as(output.get()).isNotEmpty();
        parsed.calls().forEach(call -> requireValid(call, tools));
        most = Math.max(most, parsed.calls().size());
      }
    }
    assertThat(finished).isGreaterThan(100);
    assertThat(most > 1).isEqualTo(parallel && form.between().isPresent());
  }

  @Test
  void aNamedToolIsTheOnlyOneCalled() {
    CallForm form = form("qwen2_5");
    List<Tool> tools = Tool.list(json(TOOLS));
    CompiledGrammar grammar = compiled(form, tools, new ToolChoice.Named("weather"), true);
    Random random = new Random(6);
    for (int i = 0; i < 20; i++) {
      output(grammar, random, Map.of())
          .ifPresent(output ->
              assertThat(form.parser().parse(output).calls())
                  .extracting(ToolCall::name)
                  .containsExactly("weather"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2_5", "mistral_nemo", "bare"})
  void aFreeChoiceMixesTextAndValidCalls(String model) {
    CallForm form = form(model);
    List<Tool> tools = Tool.list(json(TOOLS));
    CompiledGrammar grammar = compiled(form, tools, new ToolChoice.Auto(), true);
    Random random = new Random(7);
    int calls = 0;
    int texts = 0;
    for (int i = 0; i < 200; i++) {
      String start = form.begin().substring(0, random.nextInt(form.begin().length() + 1));
      Map<Integer, String> wanted = Map.of(random.nextInt(3), start);
      Optional<String> output = output(grammar, random, wanted);
      if (output.isPresent()) {
        CallParser.Parsed parsed = form.parser().parse(output.get());
        parsed.calls().forEach(call -> requireValid(call, tools));
        calls += parsed.calls().isEmpty() ? 0 : 1;
        texts += parsed.text().isEmpty() ? 0 : 1;
      }
    }
    assertThat(calls).isGreaterThan(3);
    assertThat(texts).isGreaterThan(20);
  }

  private static void requireValid(ToolCall call, List<Tool> tools) {
    JsonNode schema =
        tools.stream()
            .filter(tool -> tool.name().equals(call.name()))
            .findFirst()
            .orElseThrow()
            .parameters();
    assertThat(
            JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
                .getSchema(schema)
                .validate(json(call.argumentsJson())))
        .as(call.toString())
        .isEmpty();
  }

  private static final List<String> PIECES =
      List.of(
          "{\"",
          "\": ",
          "\", \"",
          "}\n",
          "weather",
          "arguments",
          "name",
          "city",
          "\"}",
          "}}",
          "stop",
          "ab1",
          "\n",
          "tool",
          "_call>",
          "hello ",
          "\"}]",
          "}, {\"",
          ", \"id\": \"");

  private static Vocabulary vocabulary() {
    List<byte[]> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    PIECES.forEach(piece -> tokens.add(piece.getBytes(StandardCharsets.UTF_8)));
    BitSet control = new BitSet();
    for (String token : CONTROL) {
      control.set(tokens.size(), !token.contains("tool_call>"));
      tokens.add(token.getBytes(StandardCharsets.UTF_8));
    }
    return new Vocabulary(tokens.toArray(byte[][]::new), control, false);
  }

  private static CompiledGrammar compiled(
      CallForm form, List<Tool> tools, ToolChoice choice, boolean parallel) {
    return new GrammarCompiler(vocabulary())
        .compile(form.grammar(tools, choice, parallel).orElseThrow());
  }

  /// A finished output of random tokens, control tokens spelt.
  ///
  /// @param wanted texts to write at some steps, as far as they are allowed
  private static Optional<String> output(
      CompiledGrammar grammar, Random random, Map<Integer, String> wanted) {
    GrammarState state = grammar.start();
    StringBuilder output = new StringBuilder();
    java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
    for (int step = 0; step < 400; step++) {
      String text = wanted.getOrDefault(step, "");
      for (String token : CONTROL) {
        int id = 256 + PIECES.size() + CONTROL.indexOf(token);
        if (text.startsWith(token) && state.allows(id)) {
          state.accept(id);
          bytes.writeBytes(spelling(id));
          text = text.substring(token.length());
        }
      }
      for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
        if (state.allows(value & 0xff)) {
          state.accept(value & 0xff);
          bytes.write(value);
        }
      }
      long[] bits = new long[(grammar.vocabulary().size() + 63) / 64];
      java.util.Arrays.fill(bits, -1);
      state.restrict(bits);
      BitSet allowed = BitSet.valueOf(bits);
      if (state.isComplete() && (allowed.isEmpty() || random.nextInt(3) == 0)) {
        output.append(bytes.toString(StandardCharsets.UTF_8));
        return Optional.of(output.toString());
      }
      int nth = random.nextInt(allowed.cardinality());
      int token = allowed.nextSetBit(0);
      for (int i = 0; i < nth; i++) {
        token = allowed.nextSetBit(token + 1);
      }
      state.accept(token);
      bytes.writeBytes(spelling(token));
    }
    return Optional.empty();
  }

  private static byte[] spelling(int token) {
    if (token < 256) {
      return new byte[] {(byte) token};
    }
    int index = token - 256;
    String text = index < PIECES.size() ? PIECES.get(index) : CONTROL.get(index - PIECES.size());
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void controlTokensAreMeantWhereTheFormNamesThem() {
    CallForm form = form("mistral_nemo");
    CompiledGrammar grammar =
        compiled(form, Tool.list(json(TOOLS)), new ToolChoice.Required(), false);
    int token = 256 + PIECES.size() + CONTROL.indexOf("[TOOL_CALLS]");

    assertThat(grammar.start().allows(token)).isTrue();
    assertThat(grammar.start().allows('[')).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{} ~ 'tools' is no list of tools",
        "[{\"type\": \"function\", \"function\": {\"name\": \"a b\"}}, 3]"
            + " ~ 'tools/0' is named 'a b', a name has 1 to 64 of a-z A-Z 0-9 _ . -; 'tools/1' has no",
        "[{\"type\": \"function\", \"function\": {\"name\": \"a\"}},"
            + "{\"type\": \"function\", \"function\": {\"name\": \"a\"}}] ~ like another one"
      })
  void toolsThatCannotBeOfferedAreNamed(String tools, String named) {
    assertThatThrownBy(() -> Tool.list(json(tools)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(named);
  }

  @Test
  void aSchemaThatCannotBeHeldToIsNamedWithItsTool() {
    String tools =
        "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\":"
            + " {\"type\": \"object\", \"not\": {}}}}]";

    assertThatThrownBy(
            () -> CallForm.GENERIC.grammar(Tool.list(json(tools)), new ToolChoice.Required(), true))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("tool 'f': the schema cannot be held to: '#/not'");
  }

  @Test
  void choicesAreReadAsTheApiHasThem() {
    List<Tool> tools = Tool.list(json(TOOLS));

    assertThat(ToolChoice.of(json("\"none\""), ToolChoice.Form.CHAT_COMPLETIONS, tools))
        .isEqualTo(new ToolChoice.None());
    assertThat(ToolChoice.of(json("{}").path("missing"), ToolChoice.Form.CHAT_COMPLETIONS, tools))
        .isEqualTo(new ToolChoice.Auto());
    assertThat(ToolChoice.of(json("\"required\""), ToolChoice.Form.CHAT_COMPLETIONS, tools))
        .isEqualTo(new ToolChoice.Required());
    assertThat(
            ToolChoice.of(
                json("{\"type\":\"function\",\"function\":{\"name\":\"stop\"}}"),
                ToolChoice.Form.CHAT_COMPLETIONS,
                tools))
        .isEqualTo(new ToolChoice.Named("stop"));
    assertThatThrownBy(() ->
            ToolChoice.of(
                json("{\"type\":\"function\",\"function\":{\"name\":\"stp\"}}"),
                ToolChoice.Form.CHAT_COMPLETIONS,
                tools))
        .hasMessageContaining("did you mean 'stop'");
    assertThatThrownBy(
            () -> ToolChoice.of(json("\"any\""), ToolChoice.Form.CHAT_COMPLETIONS, tools))
        .hasMessageContaining("'tool_choice' is \"any\"");
    assertThat(Set.copyOf(tools)).hasSize(3);
  }
}
