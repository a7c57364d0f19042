package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokensTest {
  private static final String HELLO = "'messages': [{'role': 'user', 'content': 'hello'}]";
  private static final String TOOL =
      ", 'tools': [{'type': 'function', 'function': {'name': 'stay'}}]";

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

  private static JsonNode tokenize(String rest) {
    return service.post("/tokenize", "{'model': 'tiny', " + rest + "}").json();
  }

  private static String text(JsonNode tokens) {
    return service
        .post("/detokenize", "{'model': 'tiny', 'tokens': " + tokens.path("tokens") + "}")
        .json()
        .path("prompt")
        .textValue();
  }

  @Test
  void aTextIsItsTokensAndBack() {
    JsonNode tokens = tokenize("'prompt': 'a\u00e9<|im_end|>', 'return_token_strs': true");

    assertThat(tokens.path("tokens").valueStream().map(JsonNode::intValue))
        .containsExactly(97, 0xc3, 0xa9, 258);
    assertThat(tokens.path("count").intValue()).isEqualTo(4);
    assertThat(tokens.path("max_model_len").intValue()).isEqualTo(2048);
    assertThat(tokens.at("/token_strs/3").textValue()).isEqualTo("<|im_end|>");
    assertThat(text(tokens)).isEqualTo("a\u00e9<|im_end|>");
    assertThat(tokenize("'prompt': 'x'").path("token_strs").isNull()).isTrue();
    assertThat(tokenize("'prompt': ''").path("count").intValue()).isZero();
  }

  @Test
  void aConversationIsWhatChatSees() {
    JsonNode tokens = tokenize(HELLO + TOOL);
    int seen =
        service
            .post(
                "/v1/chat/completions", "{'model': 'tiny', 'max_tokens': 1, " + HELLO + TOOL + "}")
            .json()
            .at("/usage/prompt_tokens")
            .intValue();

    assertThat(tokens.path("count").intValue()).isEqualTo(seen);
    assertThat(text(tokens)).endsWith("hello<|im_end|>\n<|im_start|>assistant\n").contains("stay");
    assertThat(text(tokenize(HELLO + ", 'add_generation_prompt': false")))
        .isEqualTo("<|im_start|>user\nhello<|im_end|>\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "/tokenize | {} | prompt",
        "/tokenize | {'prompt': 'x', 'messages': [{'role': 'user', 'content': 'x'}]} | prompt",
        "/tokenize | {'prompt': 'x', 'add_special_tokens': true} | add_special_tokens",
        "/tokenize | {'prompt': 'x', 'chat_template': 'x'} | chat_template",
        "/detokenize | {'tokens': [259]} | tokens[0]",
        "/detokenize | {'tokens': [-1]} | tokens[0]",
        "/detokenize | {'tokens': 'x'} | tokens"
      })
  void whatCannotBeDoneIsRefusedByName(String path, String body, String parameter) {
    Answer answer = service.post(path, body);

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }

  @Test
  void anUnknownModelIsRefused() {
    assertThat(service.post("/tokenize", "{'model': 'other', 'prompt': 'x'}").status())
        .isEqualTo(404);
  }
}
