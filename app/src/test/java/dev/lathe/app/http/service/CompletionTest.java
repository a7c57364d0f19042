package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CompletionTest {
  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TinyModels.llama(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static Answer complete(String rest) {
    return service.post("/v1/completions", "{'model': 'tiny', " + rest + "}");
  }

  private static String text(JsonNode answer, int index) {
    return answer.at("/choices/" + index + "/text").textValue();
  }

  @Test
  void textAndItsTokensAreGoneOnWithAlike() {
    String rest = ", 'max_tokens': 9, 'temperature': 0";
    JsonNode byText = complete("'prompt': 'abc'" + rest).json();
    JsonNode byTokens = complete("'prompt': [97, 98, 99]" + rest).json();

    assertThat(text(byText, 0)).isEqualTo(text(byTokens, 0)).isNotEmpty();
    assertThat(byText.at("/usage/prompt_tokens").intValue()).isEqualTo(3);
    assertThat(byText.at("/usage/completion_tokens").intValue()).isEqualTo(9);
  }

  @Test
  void everyParameterOfTheChoiceHasItsEffect() {
    String fixed = "'prompt': 'abc', 'max_tokens': 30, 'temperature': 0, ";
    String plain = text(complete(fixed + "'seed': 1").json(), 0);

    for (String penalty :
        List.of("'repetition_penalty': 1.9", "'frequency_penalty': 2", "'presence_penalty': 2")) {
      assertThat(text(complete(fixed + penalty).json(), 0)).as(penalty).isNotEqualTo(plain);
    }
    assertThat(text(complete(fixed + "'logit_bias': {'65': 100}").json(), 0))
        .isEqualTo("A".repeat(30));
    String livelier = "'prompt': 'abc', 'max_tokens': 30, 'temperature': 2, 'seed': 1";
    String lively = text(complete(livelier).json(), 0);
    assertThat(lively).isNotEqualTo(plain).isEqualTo(text(complete(livelier).json(), 0));
    assertThat(text(complete(livelier.replace("'seed': 1", "'seed': 2")).json(), 0))
        .isNotEqualTo(lively);
    for (String only : List.of("'top_k': 1", "'min_p': 1", "'top_p': 1e-9")) {
      assertThat(text(complete(livelier + ", " + only).json(), 0)).as(only).isEqualTo(plain);
    }
  }

  @Test
  void everyParameterOfTheEndHasItsEffect() {
    String only = "'prompt': 'abc', 'temperature': 0, 'max_tokens': 9, 'logit_bias': {'65': 100}";
    String ending =
        "'prompt': 'abc', 'temperature': 0, 'max_tokens': 9, 'logit_bias': {'258': 100}";

    JsonNode stopped = complete(only + ", 'stop': ['AAA']").json();
    assertThat(text(stopped, 0)).isEmpty();
    assertThat(stopped.at("/choices/0/finish_reason").textValue()).isEqualTo("stop");
    assertThat(
            complete(only + ", 'stop_token_ids': [65]")
                .json()
                .at("/choices/0/finish_reason")
                .textValue())
        .isEqualTo("stop");
    assertThat(complete(ending).json().at("/choices/0/finish_reason").textValue())
        .isEqualTo("stop");
    assertThat(
            complete(ending + ", 'ignore_eos': true")
                .json()
                .at("/usage/completion_tokens")
                .intValue())
        .isEqualTo(9);
    assertThat(
            complete(ending + ", 'min_tokens': 4").json().at("/usage/completion_tokens").intValue())
        .isGreaterThanOrEqualTo(4);
  }

  @Test
  void severalPromptsAreAnsweredInTheirOrderEachAsOften() {
    String rest = ", 'max_tokens': 5, 'temperature': 0, 'ignore_eos': true";
    JsonNode both = complete("'prompt': ['abc', 'xyz'], 'n': 2" + rest).json();

    assertThat(both.path("choices")).hasSize(4);
    assertThat(text(both, 0)).isEqualTo(text(complete("'prompt': 'abc'" + rest).json(), 0));
    assertThat(text(both, 1)).isEqualTo(text(both, 0));
    assertThat(text(both, 2)).isEqualTo(text(complete("'prompt': 'xyz'" + rest).json(), 0));
    assertThat(both.at("/usage/prompt_tokens").intValue()).isEqualTo(6);
    assertThat(both.at("/usage/completion_tokens").intValue()).isEqualTo(20);
  }

  @Test
  void echoedPromptIsScoredBesideItsContinuation() {
    String rest = "'prompt': 'a\u00e9b', 'temperature': 0, 'ignore_eos': true, 'logprobs': 2";
    JsonNode echoed = complete(rest + ", 'max_tokens': 4, 'echo': true").json();
    JsonNode plain = complete(rest + ", 'max_tokens': 4").json();

    assertThat(text(echoed, 0)).isEqualTo("a\u00e9b" + text(plain, 0));
    JsonNode logprobs = echoed.at("/choices/0/logprobs");
    assertThat(logprobs.at("/tokens/0").textValue()).isEqualTo("a");
    assertThat(logprobs.at("/tokens/1").textValue()).isEqualTo("bytes:\\xc3");
    assertThat(logprobs.at("/token_logprobs/0").isNull()).isTrue();
    assertThat(logprobs.at("/token_logprobs/1").doubleValue()).isNegative();
    assertThat(logprobs.path("text_offset").valueStream().map(JsonNode::intValue).limit(5))
        .containsExactly(0, 1, 2, 2, 3);
    assertThat(logprobs.path("tokens")).hasSize(4 + 4);
    assertThat(logprobs.at("/top_logprobs/4")).hasSize(2);
    assertThat(logprobs.at("/token_logprobs/4"))
        .isEqualTo(plain.at("/choices/0/logprobs/token_logprobs/0"));
  }

  @Test
  void promptCanBeScoredAlone() {
    JsonNode scored =
        complete("'prompt': 'abcd', 'max_tokens': 0, 'echo': true, 'logprobs': 0").json();
    JsonNode withMore =
        complete("'prompt': 'abcd', 'max_tokens': 1, 'echo': true, 'logprobs': 0").json();

    assertThat(text(scored, 0)).isEqualTo("abcd");
    assertThat(scored.at("/usage/completion_tokens").intValue()).isZero();
    JsonNode logprobs = scored.at("/choices/0/logprobs/token_logprobs");
    assertThat(logprobs).hasSize(4);
    for (int i = 1; i < 4; i++) {
      assertThat(logprobs.get(i)).isEqualTo(withMore.at("/choices/0/logprobs/token_logprobs/" + i));
    }
  }

  @Test
  void eachEventCountsTheTokensOfItsAnswerSoFarIfAskedFor() {
    List<JsonNode> events =
        complete(
                "'prompt': ['abc', 'defgh'], 'max_tokens': 9, 'ignore_eos': true, 'stream': true,"
                    + " 'stream_options': {'continuous_usage_stats': true}")
            .events();

    for (JsonNode event : events) {
      boolean first = event.at("/choices/0/index").intValue() == 0;
      assertThat(event.at("/usage/prompt_tokens").intValue()).isEqualTo(first ? 3 : 5);
      boolean end = event.at("/choices/0/finish_reason").isTextual();
      assertThat(event.at("/usage/completion_tokens").intValue()).isBetween(end ? 9 : 1, 9);
    }
    for (int index = 0; index < 2; index++) {
      int own = index;
      // an event may bring several tokens
      assertThat(events.stream().filter(event -> event.at("/choices/0/index").intValue() == own))
          .extracting(event -> event.at("/usage/completion_tokens").intValue())
          .isSorted()
          .endsWith(9);
    }
  }

  @Test
  void streamedPartsAreTheWhole() {
    String rest =
        "'prompt': 'abc', 'max_tokens': 20, 'temperature': 0, 'echo': true, 'logprobs': 1";
    JsonNode whole = complete(rest).json();
    List<JsonNode> events =
        complete(rest + ", 'stream': true, 'stream_options': {'include_usage': true}").events();

    StringBuilder text = new StringBuilder();
    int tokens = 0;
    for (JsonNode event : events) {
      text.append(event.at("/choices/0/text").asText(""));
      tokens += event.at("/choices/0/logprobs/tokens").size();
    }
    assertThat(text.toString()).isEqualTo(text(whole, 0));
    assertThat(tokens).isEqualTo(whole.at("/choices/0/logprobs/tokens").size());
    assertThat(events.getLast().path("usage")).isEqualTo(whole.path("usage"));
    assertThat(events.get(events.size() - 2).at("/choices/0/finish_reason").textValue())
        .isEqualTo("length");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'response_format': {'type': 'json_object'} | \\{.*\\}",
        "'response_format': {'type': 'json_schema', 'json_schema': {'name': 'x', 'strict': true,"
            + " 'schema': {'enum': ['yes', 'no']}}} | `\"(yes/no)\"`",
        "'guided_json': {'type': 'integer', 'minimum': 5, 'maximum': 7} | [567]",
        "'guided_json': '{\\'type\\': \\'boolean\\'}' | true/false",
        "'guided_regex': '[xy]{3}z' | [xy]{3}z",
        "'guided_choice': ['left', 'right'] | left/right",
        "'guided_grammar': 'root ::= \\'k\\' [0-9]' | k[0-9]",
        "'structured_outputs': {'regex': 'q+'} | q+",
        "'structured_outputs': {'choice': ['a b']} | a b"
      })
  void answerIsHeldToItsForm(String form, String pattern) {
    JsonNode answer =
        complete(
                "'prompt': 'abc', 'max_tokens': 300, 'temperature': 0, 'seed': 3, "
                    + form.replace("\\'", "\\\""))
            .json();

    assertThat(text(answer, 0)).matches("(?s)" + pattern.replace("`", "").replace('/', '|'));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'suffix': 'x' | suffix",
        "'best_of': 2 | best_of",
        "'max_tokens': 0 | max_tokens",
        "'logprobs': 21 | logprobs",
        "'guided_regex': '(' | guided_regex",
        "'guided_regex': 'a', 'guided_choice': ['b'] | guided_choice",
        "'guided_regex': '((((a{999}){999}){999}){999})' | guided_regex",
        "'response_format': {'type': 'json_schema'} | response_format.json_schema",
        "'response_format': {'type': 'yaml'} | response_format.type",
        "'response_format': {'type': 'json_schema', 'json_schema': {'name': 'x', 'schema':"
            + " {'not': {}}}} | response_format"
      })
  void whatCannotBeDoneIsRefusedByName(String rest, String parameter) {
    Answer answer = complete("'prompt': 'abc', " + rest);

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'' | prompt",
        "[] | prompt",
        "['a', 1] | prompt[1]",
        "[-1] | prompt[0]",
        "5 | prompt"
      })
  void promptThatIsNoneIsRefused(String prompt, String parameter) {
    Answer answer = complete("'prompt': " + prompt);

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }
}
