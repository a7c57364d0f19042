package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.StrictJson;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ToolsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String GO =
      "{'type': 'function', 'function': {'name': 'go', 'description': 'Go there', 'parameters':"
          + " {'type': 'object', 'properties': {'to': {'enum': ['left', 'right']}},"
          + " 'required': ['to'], 'additionalProperties': false}, 'strict': true}}";
  private static final String STAY = "{'type': 'function', 'function': {'name': 'stay'}}";
  private static final String TOOLS = "'tools': [" + GO + ", " + STAY + "]";

  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.withTools(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static Answer chat(String rest) {
    return service.post(
        CHAT,
        "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'where?'}], "
            + (rest.contains("max_tokens") ? "" : "'max_tokens': 900, ")
            + rest
            + "}");
  }

  private static JsonNode json(String text) {
    return StrictJson.value("arguments", text.getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "2", "3"})
  void aRequiredCallIsOneOfTheToolsWithArgumentsByItsSchema(int seed) {
    JsonNode choice =
        chat(TOOLS + ", 'tool_choice': 'required', 'temperature': 1.5, 'seed': " + seed)
            .json()
            .at("/choices/0");

    assertThat(choice.path("finish_reason").textValue()).isEqualTo("tool_calls");
    JsonNode message = choice.path("message");
    assertThat(message.path("content").isNull()).isTrue();
    assertThat(message.path("tool_calls")).isNotEmpty();
    for (JsonNode call : message.path("tool_calls")) {
      JsonNode arguments = json(call.at("/function/arguments").textValue());
      if (call.at("/function/name").textValue().equals("go")) {
        assertThat(arguments.path("to").textValue()).isIn("left", "right");
      } else {
        assertThat(call.at("/function/name").textValue()).isEqualTo("stay");
        assertThat(arguments).isEmpty();
      }
      assertThat(call.path("id").textValue()).matches("call_[0-9A-Za-z]{24}");
    }
  }

  @Test
  void theNamedToolIsCalledOnce() {
    for (String name : List.of("go", "stay")) {
      JsonNode calls =
          chat(TOOLS
                  + ", 'tool_choice': {'type': 'function', 'function': {'name': '"
                  + name
                  + "'}}")
              .json()
              .at("/choices/0/message/tool_calls");

      assertThat(calls).hasSize(1);
      assertThat(calls.at("/0/function/name").textValue()).isEqualTo(name);
    }
  }

  private static String allowed(String mode, String... names) {
    String tools =
        Stream.of(names)
            .map("{'type': 'function', 'function': {'name': '%s'}}"::formatted)
            .collect(Collectors.joining(", "));
    return "{'type': 'allowed_tools', 'allowed_tools': {'mode': '%s', 'tools': [%s]}}"
        .formatted(mode, tools);
  }

  @Test
  void onlyAllowedToolsAreCalledAndAllAreShown() {
    String lively = TOOLS + ", 'temperature': 3, 'n': 8, 'seed': 4, 'tool_choice': ";
    for (String name : List.of("go", "stay")) {
      JsonNode answer = chat(lively + allowed("required", name)).json();

      for (JsonNode choice : answer.path("choices")) {
        assertThat(choice.at("/message/tool_calls")).isNotEmpty();
        for (JsonNode call : choice.at("/message/tool_calls")) {
          assertThat(call.at("/function/name").textValue()).isEqualTo(name);
        }
      }
      assertThat(answer.at("/usage/prompt_tokens"))
          .isEqualTo(chat(lively + "'required'").json().at("/usage/prompt_tokens"));
    }
    String fixed = TOOLS + ", 'temperature': 0, 'max_tokens': 30, 'tool_choice': ";
    assertThat(chat(fixed + allowed("auto", "go", "stay")).json().path("choices"))
        .isEqualTo(chat(fixed + "'auto'").json().path("choices"));
  }

  @Test
  void parallelCallsCanBeForbidden() {
    String lively = TOOLS + ", 'tool_choice': 'required', 'temperature': 3, 'n': 8, 'seed': 4";
    int most = 0;
    for (JsonNode choice : chat(lively).json().path("choices")) {
      most = Math.max(most, choice.at("/message/tool_calls").size());
    }
    assertThat(most).isGreaterThan(1);

    for (JsonNode choice : chat(lively + ", 'parallel_tool_calls': false").json().path("choices")) {
      assertThat(choice.at("/message/tool_calls")).hasSize(1);
    }
  }

  @Test
  void streamedCallsBeginWithNameAndIdGoOnWithArgumentsAndEndApart() {
    String options = TOOLS + ", 'tool_choice': 'required', 'temperature': 3, 'n': 8, 'seed': 4";
    JsonNode whole = chat(options).json();
    Answer streamed = chat(options + ", 'stream': true");

    assertThat(streamed.text()).endsWith("\n\ndata: [DONE]\n\n");
    List<JsonNode> events = streamed.events();
    Set<String> ids = new HashSet<>();
    for (int answer = 0; answer < 8; answer++) {
      int index = answer;
      List<JsonNode> own =
          events.stream().filter(e -> e.at("/choices/0/index").intValue() == index).toList();
      assertThat(own.getFirst().at("/choices/0/delta/role").textValue()).isEqualTo("assistant");
      JsonNode end = own.getLast().path("choices").get(0);
      assertThat(end.path("finish_reason").textValue()).isEqualTo("tool_calls");
      assertThat(end.path("delta")).isEmpty();
      List<String> names = new ArrayList<>();
      List<StringBuilder> arguments = new ArrayList<>();
      for (JsonNode event : own.subList(1, own.size() - 1)) {
        assertThat(event.at("/choices/0/finish_reason").isNull()).isTrue();
        JsonNode calls = event.at("/choices/0/delta/tool_calls");
        assertThat(calls).hasSize(1);
        JsonNode call = calls.get(0);
        if (call.has("id")) {
          assertThat(call.path("index").intValue()).isEqualTo(names.size());
          assertThat(call.path("type").textValue()).isEqualTo("function");
          assertThat(call.at("/function/arguments").textValue()).isEmpty();
          assertThat(ids.add(call.path("id").textValue())).isTrue();
          names.add(call.at("/function/name").textValue());
          arguments.add(new StringBuilder());
        } else {
          assertThat(call.path("index").intValue()).isEqualTo(names.size() - 1);
          assertThat(call.has("type")).isFalse();
          assertThat(call.path("function").has("name")).isFalse();
          arguments.getLast().append(call.at("/function/arguments").textValue());
        }
      }
      JsonNode calls = whole.at("/choices/" + index + "/message/tool_calls");
      assertThat(names).hasSize(calls.size());
      for (int i = 0; i < names.size(); i++) {
        assertThat(names.get(i)).isEqualTo(calls.at("/" + i + "/function/name").textValue());
        assertThat(arguments.get(i).toString())
            .isEqualTo(calls.at("/" + i + "/function/arguments").textValue());
      }
    }
  }

  @Test
  void withoutAChoiceTheModelMayAnswerAndHasTheFormAskedFor() {
    JsonNode free = chat(TOOLS + ", 'temperature': 0, 'max_tokens': 12").json().at("/choices/0");
    assertThat(free.at("/message/content").textValue()).isNotEmpty();
    assertThat(free.path("message").has("tool_calls")).isFalse();
    assertThat(free.path("finish_reason").textValue()).isEqualTo("length");

    for (int seed = 0; seed < 6; seed++) {
      JsonNode message =
          chat(TOOLS + ", 'guided_choice': ['here', 'there'], 'temperature': 3, 'seed': " + seed)
              .json()
              .at("/choices/0/message");
      if (!message.has("tool_calls")) {
        assertThat(message.path("content").textValue()).isIn("here", "there");
      }
    }
  }

  @Test
  void noneShowsTheModelNoTool() {
    String rest = "'temperature': 0, 'max_tokens': 5";
    JsonNode none = chat(TOOLS + ", 'tool_choice': 'none', " + rest).json();

    assertThat(none.path("usage")).isEqualTo(chat(rest).json().path("usage"));
    assertThat(chat(TOOLS + ", " + rest).json().at("/usage/prompt_tokens").intValue())
        .isGreaterThan(none.at("/usage/prompt_tokens").intValue() + 100);
  }

  @Test
  void aCallThatIsCutOffSaysSo() {
    JsonNode choice =
        chat(TOOLS + ", 'tool_choice': 'required', 'max_tokens': 45").json().at("/choices/0");

    assertThat(choice.path("finish_reason").textValue()).isEqualTo("length");
  }

  @Test
  void callsAndResultsOfBeforeAreWrittenByTheTemplate() {
    String history =
        "{'role': 'user', 'content': 'where?'}, {'role': 'assistant', 'content': null,"
            + " 'parsed': null, 'tool_calls': [{'id': 'call_1', 'type': 'function', 'function':"
            + " {'name': 'go', 'parsed_arguments': {'to': 'left'}, 'arguments':"
            + " '{\\u0022to\\u0022: \\u0022left\\u0022}'}}]}";
    String result = ", {'role': 'tool', 'tool_call_id': 'call_1', 'content': 'gone'}";
    String rest = ", 'max_tokens': 3, " + TOOLS + "}";
    JsonNode with =
        service
            .post(CHAT, "{'model': 'tiny', 'messages': [" + history + result + "]" + rest)
            .json();
    JsonNode without =
        service.post(CHAT, "{'model': 'tiny', 'messages': [" + history + "]" + rest).json();

    String added = "<|x<tool_response>\ngone\n</tool_response><|x\n";
    assertThat(with.at("/usage/prompt_tokens").intValue())
        .isBetween(
            without.at("/usage/prompt_tokens").intValue() + added.length(),
            without.at("/usage/prompt_tokens").intValue() + added.length() + 10);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'tools': [{'type': 'web_search'}] | tools[0].type",
        "'tools': [{'type': 'function', 'function': {'name': 'a b'}}] | tools",
        "'tools': [STAY, STAY] | tools",
        "'tools': [{'type': 'function', 'function': {'name': 'x', 'size': 1}}] |"
            + " tools[0].function.size",
        "'tools': [{'type': 'function', 'function': {'name': 'x', 'parameters': {'not': {}}}}] |"
            + " tools",
        "'tools': [STAY], 'tool_choice': 'often' | tool_choice",
        "'tools': [STAY], 'tool_choice': {'type': 'function', 'function': {'name': 'go'}} |"
            + " tool_choice",
        "'tool_choice': 'required' | tool_choice",
        "'tools': [STAY], 'tool_choice': {'type': 'allowed_tools', 'allowed_tools': {'mode':"
            + " 'auto', 'tools': [{'type': 'function', 'function': {'name': 'go'}}]}} |"
            + " tool_choice",
        "'tools': [STAY], 'tool_choice': {'type': 'allowed_tools', 'allowed_tools': {'mode':"
            + " 'often', 'tools': [{'type': 'function', 'function': {'name': 'stay'}}]}} |"
            + " tool_choice",
        "'tools': [STAY], 'tool_choice': {'type': 'allowed_tools', 'allowed_tools': {'mode':"
            + " 'auto', 'tools': []}} | tool_choice",
        "'tools': [STAY], 'tool_choice': {'type': 'allowed_tools', 'allowed_tools': {'mode':"
            + " 'auto', 'tools': [{'type': 'mcp', 'server_label': 'x'}]}} | tool_choice",
        "'reasoning_effort': 'high' | reasoning_effort"
      })
  void whatCannotBeDoneIsRefusedByName(String rest, String parameter) {
    Answer answer = chat(rest.replace("STAY", STAY));

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }
}
