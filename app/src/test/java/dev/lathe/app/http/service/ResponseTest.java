package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponseTest {
  private static final String RESPONSES = "/v1/responses";
  private static final String GO =
      "{'type': 'function', 'name': 'go', 'description': 'Go there', 'strict': true, 'parameters':"
          + " {'type': 'object', 'properties': {'to': {'enum': ['left', 'right']}},"
          + " 'required': ['to'], 'additionalProperties': false}}";

  @TempDir private static Path folder;
  private static RunningService service;
  private static RunningService thinking;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.withTools(folder.resolve("tiny"), 7));
    thinking = RunningService.over(folder, TalkingModel.thinking(folder.resolve("thinking"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    assertThat(thinking.defects()).isEmpty();
    service.close();
    thinking.close();
  }

  private static Answer ask(String rest) {
    return service.post(RESPONSES, "{'model': 'tiny', " + rest + "}");
  }

  private static List<String> types(List<JsonNode> events) {
    List<String> types = new ArrayList<>();
    for (JsonNode event : events) {
      String type = event.path("type").textValue();
      if (types.isEmpty() || !types.getLast().equals(type)) {
        types.add(type);
      }
    }
    return types;
  }

  private static String joined(List<JsonNode> events, String type) {
    StringBuilder text = new StringBuilder();
    for (JsonNode event : events) {
      if (event.path("type").textValue().equals(type)) {
        text.append(event.path("delta").textValue());
      }
    }
    return text.toString();
  }

  private static void requireNumbered(Answer streamed) {
    List<JsonNode> events = streamed.events();
    String[] blocks = streamed.text().split("\n\n");
    for (int i = 0; i < events.size(); i++) {
      assertThat(events.get(i).path("sequence_number").intValue()).isEqualTo(i);
      assertThat(blocks[i])
          .startsWith("event: " + events.get(i).path("type").textValue() + "\ndata: {");
    }
    assertThat(streamed.text()).doesNotContain("[DONE]");
  }

  @Test
  void aQuestionIsAnsweredAsInChat() {
    JsonNode response =
        ask("'input': 'hello', 'max_output_tokens': 12, 'temperature': 0, 'metadata': {'a': 'b'}")
            .json();
    JsonNode chat =
        service
            .post(
                "/v1/chat/completions",
                "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'hello'}],"
                    + " 'max_tokens': 12, 'temperature': 0}")
            .json();

    assertThat(response.path("output")).hasSize(1);
    assertThat(response.at("/output/0/type").textValue()).isEqualTo("message");
    assertThat(response.at("/output/0/content/0/type").textValue()).isEqualTo("output_text");
    assertThat(response.at("/output/0/content/0/text"))
        .isEqualTo(chat.at("/choices/0/message/content"));
    assertThat(response.path("status").textValue()).isEqualTo("incomplete");
    assertThat(response.at("/incomplete_details/reason").textValue())
        .isEqualTo("max_output_tokens");
    assertThat(response.at("/usage/input_tokens")).isEqualTo(chat.at("/usage/prompt_tokens"));
    assertThat(response.at("/usage/output_tokens").intValue()).isEqualTo(12);
    assertThat(response.at("/metadata/a").textValue()).isEqualTo("b");
    assertThat(response.path("store").booleanValue()).isFalse();
  }

  @Test
  void streamedEventsComeInOrderAndAddUp() {
    String rest =
        "'input': 'hello', 'temperature': 0, 'text': {'format': {'type': 'json_schema', 'name':"
            + " 'x', 'schema': {'enum': ['yes', 'no']}}}";
    JsonNode whole = ask(rest).json();
    Answer streamed = ask(rest + ", 'stream': true");

    requireNumbered(streamed);
    List<JsonNode> events = streamed.events();
    assertThat(types(events))
        .containsExactly(
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed");
    String text = joined(events, "response.output_text.delta");
    assertThat(text).isIn("\"yes\"", "\"no\"");
    assertThat(whole.at("/output/0/content/0/text").textValue()).isEqualTo(text);
    JsonNode last = events.getLast().path("response");
    assertThat(last.at("/output/0/content/0/text").textValue()).isEqualTo(text);
    assertThat(last.path("usage")).isEqualTo(whole.path("usage"));
    assertThat(last.path("status").textValue()).isEqualTo("completed");
    assertThat(last.at("/text/format/name").textValue()).isEqualTo("x");
    assertThat(events.getFirst().at("/response/status").textValue()).isEqualTo("in_progress");
    assertThat(events.getFirst().at("/response/usage").isNull()).isTrue();
    String item = events.get(2).at("/item/id").textValue();
    assertThat(events.get(4).path("item_id").textValue()).isEqualTo(item);
    assertThat(last.at("/output/0/id").textValue()).isEqualTo(item);
  }

  @Test
  void callsAreItemsOfTheirOwn() {
    String rest =
        "'input': 'where?', 'tools': ["
            + GO
            + "], 'tool_choice': 'required', 'temperature': 0,"
            + " 'parallel_tool_calls': false";
    JsonNode whole = ask(rest).json();
    Answer streamed = ask(rest + ", 'stream': true");

    assertThat(whole.path("status").textValue()).isEqualTo("completed");
    assertThat(whole.path("output")).hasSize(1);
    JsonNode call = whole.at("/output/0");
    assertThat(call.path("type").textValue()).isEqualTo("function_call");
    assertThat(call.path("name").textValue()).isEqualTo("go");
    assertThat(call.path("arguments").textValue()).contains("\"to\"");
    assertThat(whole.at("/tools/0/name").textValue()).isEqualTo("go");
    assertThat(whole.path("tool_choice").textValue()).isEqualTo("required");
    requireNumbered(streamed);
    List<JsonNode> events = streamed.events();
    assertThat(types(events))
        .containsExactly(
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed");
    assertThat(joined(events, "response.function_call_arguments.delta"))
        .isEqualTo(call.path("arguments").textValue());
    assertThat(events.get(2).at("/item/name").textValue()).isEqualTo("go");
    assertThat(events.get(2).at("/item/call_id").textValue()).startsWith("call_");
  }

  @Test
  void aNamedFunctionIsCalled() {
    JsonNode call =
        ask("'input': 'where?', 'tools': ["
                + GO
                + "], 'tool_choice': {'type': 'function',"
                + " 'name': 'go'}, 'temperature': 0")
            .json()
            .at("/output/0");

    assertThat(call.path("name").textValue()).isEqualTo("go");
  }

  @Test
  void onlyAllowedFunctionsAreCalled() {
    String stay = "{'type': 'function', 'name': 'stay'}";
    JsonNode output =
        ask("'input': 'where?', 'tools': ["
                + GO
                + ", "
                + stay
                + "], 'tool_choice': {'type': 'allowed_tools', 'mode': 'required', 'tools': ["
                + stay
                + "]}, 'temperature': 1.5")
            .json()
            .path("output");

    assertThat(output).isNotEmpty();
    output.forEach(call -> assertThat(call.path("name").textValue()).isEqualTo("stay"));
  }

  @Test
  void thoughtsAreAnItemBefore() {
    String rest =
        "{'model': 'tiny', 'input': 'why?', 'seed': 5, 'logit_bias': {'"
            + TalkingModel.THOUGHTS_END
            + "': 3}, 'text': {'format': {'type': 'json_schema', 'name': 'x', 'schema':"
            + " {'enum': ['yes', 'no']}}}";
    JsonNode output = thinking.post(RESPONSES, rest + "}").json().path("output");
    Answer streamed = thinking.post(RESPONSES, rest + ", 'stream': true}");

    assertThat(output).hasSize(2);
    assertThat(output.at("/0/type").textValue()).isEqualTo("reasoning");
    assertThat(output.at("/0/summary").isArray()).isTrue();
    assertThat(output.at("/0/content/0/type").textValue()).isEqualTo("reasoning_text");
    assertThat(output.at("/1/content/0/text").textValue()).isIn("\"yes\"", "\"no\"");
    requireNumbered(streamed);
    assertThat(types(streamed.events()))
        .containsSubsequence(
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.output_text.delta",
            "response.completed");
    assertThat(joined(streamed.events(), "response.reasoning_text.delta"))
        .isEqualTo(output.at("/0/content/0/text").textValue());
  }

  @Test
  void logprobsAreIncludedWhenAskedFor() {
    String rest =
        "'input': 'hello', 'temperature': 0, 'max_output_tokens': 6, 'top_logprobs': 2, 'include':"
            + " ['message.output_text.logprobs']";
    JsonNode logprobs = ask(rest).json().at("/output/0/content/0/logprobs");
    List<JsonNode> streamed =
        ask(rest + ", 'stream': true").events().stream()
            .filter(event -> event.path("type").textValue().equals("response.output_text.delta"))
            .flatMap(event -> event.path("logprobs").valueStream())
            .toList();

    assertThat(logprobs).hasSize(6);
    assertThat(logprobs.at("/0/top_logprobs")).hasSize(2);
    assertThat(logprobs.valueStream().limit(streamed.size()).toList()).isEqualTo(streamed);
  }

  private static int tokens(String input) {
    return ask(input + ", 'max_output_tokens': 1").json().at("/usage/input_tokens").intValue();
  }

  @Test
  void itemsAreTheMessagesOfAChat() {
    int items =
        tokens(
            "'instructions': 'Be', 'input': [{'role': 'developer', 'content': 'brief'}, {'type':"
                + " 'message', 'role': 'user', 'content': [{'type': 'input_text', 'text':"
                + " 'where?'}]}, {'type': 'reasoning', 'id': 'rs_1', 'summary': [], 'content':"
                + " [{'type': 'reasoning_text', 'text': 'hm'}]}, {'type': 'message', 'id': 'm',"
                + " 'role': 'assistant', 'status': 'completed', 'content': [{'type':"
                + " 'output_text', 'text': 'See', 'annotations': []}]}, {'type': 'function_call',"
                + " 'id': 'fc_1', 'call_id': 'c', 'name': 'go', 'arguments': '{}'}, {'type':"
                + " 'function_call_output', 'call_id': 'c', 'output': 'gone'}]");
    JsonNode chat =
        service
            .post(
                "/v1/chat/completions",
                "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'system', 'content':"
                    + " 'Be\\n\\nbrief'}, {'role': 'user', 'content': 'where?'}, {'role':"
                    + " 'assistant', 'content': '<think>\\nhm\\n</think>\\n\\nSee', 'tool_calls':"
                    + " [{'id': 'c', 'type': 'function', 'function': {'name': 'go', 'arguments':"
                    + " '{}'}}]}, {'role': 'tool', 'tool_call_id': 'c', 'content': 'gone'}]}")
            .json();

    assertThat(items).isEqualTo(chat.at("/usage/prompt_tokens").intValue());
  }

  @Test
  void whatAsksForNothingIsTaken() {
    Answer answer =
        ask(
            "'input': 'x', 'max_output_tokens': 1, 'reasoning': {'effort': null, 'summary': null},"
                + " 'store': false, 'background': false, 'truncation': 'disabled', 'include':"
                + " ['reasoning.encrypted_content'], 'text': {'verbosity': 'medium'}, 'tools': []");

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
  }

  @Test
  void ofAnObjectOfAnotherKindOnlyTheKindIsTold() {
    Answer tool =
        ask(
            "'input': 'x', 'tool_choice': 'required', 'tools': [{'type': 'file_search',"
                + " 'vector_store_ids': ['x']}, {'type': 'web_search'}]");
    Answer item = ask("'input': [{'type': 'item_reference', 'item': 'msg_1'}]");

    assertThat(tool.json().at("/error/message").textValue())
        .isEqualTo(
            "'tools[0].type' is the text \"file_search\", wanted is 'function'; 'tools[1].type' is"
                + " the text \"web_search\", wanted is 'function'");
    assertThat(item.json().at("/error/message").textValue())
        .isEqualTo(
            "'input[0].type' is the text \"item_reference\", wanted is one of 'message',"
                + " 'function_call', 'function_call_output', 'reasoning'");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'often'",
        "{'type': 'function', 'function': {'name': 'go'}}",
        "{'type': 'allowed_tools', 'mode': 'auto', 'tools': [{'type': 'function', 'function':"
            + " {'name': 'go'}}]}"
      })
  void aChoiceOfAToolInAnotherFormIsAnsweredWithTheFormOfResponses(String choice) {
    JsonNode error =
        ask("'input': 'x', 'tools': [" + GO + "], 'tool_choice': " + choice).json().path("error");

    assertThat(error.path("param").textValue()).isEqualTo("tool_choice");
    assertThat(error.path("message").textValue()).contains("{\"type\": \"function\", \"name\": …}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'input': [] | input",
        "'input': 5 | input",
        "'input': 'x', 'store': true | store",
        "'input': 'x', 'previous_response_id': 'resp_1' | previous_response_id",
        "'input': 'x', 'background': true | background",
        "'input': 'x', 'truncation': 'auto' | truncation",
        "'input': 'x', 'include': ['file_search_call.results'] | include",
        "'input': 'x', 'top_logprobs': 2 | top_logprobs",
        "'input': 'x', 'n': 2 | n",
        "'input': 'x', 'max_tokens': 2 | max_tokens",
        "'messages': [] | input",
        "'input': 'x', 'response_format': {'type': 'text'} | response_format",
        "'input': 'x', 'reasoning': {'effort': 'low'} | reasoning.effort",
        "'input': 'x', 'reasoning': {'summary': 'auto'} | reasoning.summary",
        "'input': 'x', 'stream_options': {'include_obfuscation': true} |"
            + " stream_options.include_obfuscation",
        "'input': 'x', 'tools': [{'type': 'web_search'}] | tools[0].type",
        "'input': 'x', 'text': {'format': {'type': 'json_schema', 'name': 'x'}} |"
            + " text.format.schema",
        "'input': [{'type': 'item_reference', 'id': 'x'}] | input[0].type",
        "'input': [{'type': 'function_call', 'call_id': 'x'}] | input[0].name",
        "'input': [{'role': 'user', 'content': [{'type': 'input_image'}]}] |"
            + " input[0].content[0].type",
        "'input': [{'role': 'user'}] | input[0].content"
      })
  void whatCannotBeDoneIsRefusedByName(String rest, String parameter) {
    Answer answer = ask(rest);

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }
}
