package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThoughtsTest {
  private static final String CHAT = "/v1/chat/completions";

  /// The model ends its thoughts at some token or other.
  private static final String THINKS =
      "'seed': 5, 'max_tokens': 900, 'logit_bias': {'" + TalkingModel.THOUGHTS_END + "': 3}";

  private static final String THINKS_AND_SAYS = "'guided_regex': '[a-c]{5}', " + THINKS;

  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.thinking(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static Answer chat(String rest) {
    return service.post(
        CHAT, "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'why?'}], " + rest + "}");
  }

  @Test
  void thoughtsStandApartFromWhatIsSaidAndOnlyThatHasTheFormAskedFor() {
    JsonNode json = chat(THINKS_AND_SAYS).json();

    JsonNode message = json.at("/choices/0/message");
    assertThat(message.path("content").textValue()).matches("[a-c]{5}");
    assertThat(message.path("reasoning_content").textValue()).isNotEmpty().doesNotContain("think>");
    assertThat(json.at("/usage/completion_tokens_details/reasoning_tokens").intValue())
        .isBetween(2, json.at("/usage/completion_tokens").intValue() - 5);
  }

  @Test
  void streamedThoughtsAreTheWholeAndComeFirst() {
    JsonNode message = chat(THINKS_AND_SAYS).json().at("/choices/0/message");
    List<JsonNode> events = chat(THINKS_AND_SAYS + ", 'stream': true").events();

    assertThat(events.getLast().at("/choices/0/finish_reason").textValue()).isEqualTo("stop");
    StringBuilder thoughts = new StringBuilder();
    StringBuilder said = new StringBuilder();
    for (JsonNode event : events) {
      JsonNode delta = event.at("/choices/0/delta");
      assertThat(delta.has("reasoning_content") && !said.isEmpty()).isFalse();
      thoughts.append(delta.path("reasoning_content").asText(""));
      said.append(delta.path("content").asText(""));
    }
    assertThat(thoughts.toString()).isEqualTo(message.path("reasoning_content").asText(""));
    assertThat(said.toString()).isEqualTo(message.path("content").textValue());
  }

  @Test
  void aVariableOfTheTemplateSwitchesThinkingOff() {
    JsonNode json =
        chat(THINKS_AND_SAYS + ", 'chat_template_kwargs': {'enable_thinking': false}").json();

    assertThat(json.at("/choices/0/message/content").textValue()).matches("[a-c]{5}");
    assertThat(json.at("/choices/0/message").has("reasoning_content")).isFalse();
  }

  @Test
  void aModelThatMayThinkDoesAndDoesNotWhereThatIsSwitchedOff() {
    String ask =
        "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'why?'}], 'guided_regex':"
            + " '[a-c]{5}', 'seed': 5, 'max_tokens': 900, 'logit_bias': {'256': 3, '60': 8}";
    try (RunningService other =
        RunningService.over(
            folder, TalkingModel.perhapsThinking(folder.resolve("perhaps/tiny"), 7))) {
      JsonNode thinks = other.post(CHAT, ask + "}").json().at("/choices/0/message");
      JsonNode without =
          other
              .post(CHAT, ask + ", 'chat_template_kwargs': {'enable_thinking': false}}")
              .json()
              .at("/choices/0/message");

      assertThat(thinks.path("reasoning_content").asText()).startsWith("<<");
      assertThat(thinks.path("content").textValue()).matches("[a-c]{5}");
      assertThat(without.has("reasoning_content")).isFalse();
      assertThat(without.path("content").textValue()).matches("[a-c]{5}");
    }
  }

  @Test
  void aSwitchThatIsNotThereIsRefused() {
    String ask = "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'why?'}], ";
    try (RunningService other =
        RunningService.over(
            folder, TalkingModel.alwaysThinking(folder.resolve("always/tiny"), 7))) {
      for (boolean on : List.of(true, false)) {
        Answer chat =
            other.post(
                CHAT,
                ask
                    + "'max_tokens': 2, 'chat_template_kwargs': {'enable_thinking': %s}}"
                        .formatted(on));
        Answer ollama = other.post("/api/chat", ask + "'think': " + on + "}");

        assertThat(chat.status()).isEqualTo(on ? 200 : 400);
        assertThat(ollama.status()).isEqualTo(on ? 200 : 400);
        assertThat(on || ollama.text().contains("thinks always")).isTrue();
      }
    }
    for (String name : List.of("enabel_thinking", "messages")) {
      JsonNode error = chat("'chat_template_kwargs': {'" + name + "': false}").json().path("error");
      assertThat(error.path("param").asText()).isEqualTo("chat_template_kwargs." + name);
    }
  }

  @Test
  void anUnendedThoughtIsNoAnswer() {
    JsonNode choice = chat("'temperature': 0, 'max_tokens': 9").json().at("/choices/0");

    assertThat(choice.at("/message/content").textValue()).isEmpty();
    assertThat(choice.at("/message/reasoning_content").textValue()).isNotEmpty();
    assertThat(choice.path("finish_reason").textValue()).isEqualTo("length");
  }

  @Test
  void aCallComesAfterThoughts() {
    JsonNode choice =
        chat(THINKS
                + ", 'tools': [{'type': 'function', 'function': {'name': 'stay'}}], 'tool_choice': 'required'")
            .json()
            .at("/choices/0");

    assertThat(choice.path("finish_reason").textValue()).isEqualTo("tool_calls");
    assertThat(choice.at("/message/tool_calls/0/function/name").textValue()).isEqualTo("stay");
    assertThat(choice.at("/message/reasoning_content").isTextual()).isTrue();
  }
}
