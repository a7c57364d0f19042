package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Names of calls, with a model whose template takes none but its own kind.
class CallIdsTest {
  private static final String TOOLS =
      "'tools': [{'type': 'function', 'function': {'name': 'stay'}}, {'type': 'function',"
          + " 'function': {'name': 'go'}}]";

  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.withCallIds(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  @Test
  void aCallIsNamedAsItsTemplateTakesItBack() {
    String question = "{'role': 'user', 'content': 'where?'}";
    JsonNode message =
        service
            .post(
                "/v1/chat/completions",
                "{'model': 'tiny', 'messages': ["
                    + question
                    + "], 'tool_choice': 'required', "
                    + TOOLS
                    + "}")
            .json()
            .at("/choices/0/message");
    String id = message.at("/tool_calls/0/id").textValue();
    String call =
        "{'id': '%s', 'type': 'function', 'function': {'name': 'stay', 'arguments': '{}'}}"
            .formatted(id);
    Answer after =
        service.post(
            "/v1/chat/completions",
            "{'model': 'tiny', 'max_tokens': 2, 'messages': ["
                + question
                + ", {'role': 'assistant', 'tool_calls': ["
                + call
                + "]}, {'role': 'tool', 'tool_call_id': '"
                + id
                + "', 'content': 'done'}]}");

    assertThat(id).matches("[0-9A-Za-z]{9}");
    assertThat(after.status()).as(after.text()).isEqualTo(200);
  }

  @Test
  void callsWithoutNamesGetSome() {
    Answer answer =
        service.post(
            "/api/chat",
            "{'model': 'tiny', 'stream': false, 'options': {'num_predict': 2}, 'messages': ["
                + "{'role': 'user', 'content': 'where?'}, {'role': 'assistant', 'tool_calls': ["
                + "{'function': {'name': 'stay', 'arguments': {}}},"
                + " {'function': {'name': 'go', 'arguments': {}}}]},"
                + " {'role': 'tool', 'tool_name': 'go', 'content': 'gone'},"
                + " {'role': 'tool', 'content': 'stayed'}]}");

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
  }
}
