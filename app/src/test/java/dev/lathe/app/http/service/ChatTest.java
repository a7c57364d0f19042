package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String HELLO = "'messages': [{'role': 'user', 'content': 'hello'}]";

  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    Path model = TinyModels.llama(folder.resolve("tiny"), 7);
    service = RunningService.over(folder, model);
    service.models().load("tuned", RunningService.adapter(model, folder.resolve("tuned"), 3));
    service.models().alias("prod", "tuned");
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static Answer chat(String rest) {
    return service.post(CHAT, "{'model': 'tiny', " + HELLO + ", " + rest + "}");
  }

  private static String content(Answer answer) {
    return answer.json().at("/choices/0/message/content").textValue();
  }

  private static int tokens(JsonNode json) {
    return json.at("/usage/completion_tokens").intValue();
  }

  private static String joined(List<JsonNode> events, int index) {
    StringBuilder text = new StringBuilder();
    for (JsonNode event : events) {
      for (JsonNode choice : event.path("choices")) {
        if (choice.path("index").intValue() == index) {
          text.append(choice.at("/delta/content").asText(""));
        }
      }
    }
    return text.toString();
  }

  @Test
  void answerHasItsTextItsEndAndItsTokens() {
    Answer answer = chat("'max_tokens': 8, 'temperature': 0");

    assertThat(answer.status()).isEqualTo(200);
    JsonNode json = answer.json();
    assertThat(json.path("model").textValue()).isEqualTo("tiny");
    assertThat(json.at("/choices/0/finish_reason").textValue()).isEqualTo("length");
    assertThat(json.at("/usage/completion_tokens").intValue()).isEqualTo(8);
    assertThat(json.at("/usage/prompt_tokens").intValue())
        .isEqualTo("[user\nhello]\n[assistant\n".length());
    assertThat(json.at("/usage/total_tokens").intValue())
        .isEqualTo(8 + json.at("/usage/prompt_tokens").intValue());
  }

  @Test
  void streamedPiecesAreTheWholeAndTheEndHasAChunkOfItsOwn() {
    String options = "'max_tokens': 20, 'temperature': 0";
    Answer streamed = chat(options + ", 'stream': true, 'stream_options': {'include_usage': true}");

    assertThat(streamed.mediaType()).startsWith("text/event-stream");
    assertThat(streamed.text()).endsWith("\n\ndata: [DONE]\n\n");
    List<JsonNode> events = streamed.events();
    assertThat(joined(events, 0)).isEqualTo(content(chat(options)));
    assertThat(events.getFirst().at("/choices/0/delta/role").textValue()).isEqualTo("assistant");
    JsonNode end = events.get(events.size() - 2);
    assertThat(end.at("/choices/0/finish_reason").textValue()).isEqualTo("length");
    assertThat(end.at("/choices/0/delta")).isEmpty();
    JsonNode usage = events.getLast();
    assertThat(usage.path("choices")).isEmpty();
    assertThat(usage.at("/usage/completion_tokens").intValue()).isEqualTo(20);
    assertThat(events)
        .extracting(event -> event.path("id").textValue())
        .containsOnly(events.getFirst().path("id").textValue());
    assertThat(events.subList(0, events.size() - 1))
        .allMatch(event -> event.path("usage").isNull());
  }

  @Test
  void eachChunkCountsTheTokensOfItsAnswerSoFarIfAskedFor() {
    String options = "'max_tokens': 12, 'n': 2, 'seed': 5, 'ignore_eos': true, 'stream': true";
    List<JsonNode> events =
        chat(options
                + ", 'stream_options': {'continuous_usage_stats': true, 'include_usage': true}")
            .events();

    assertThat(events.getLast().at("/usage/completion_tokens").intValue()).isEqualTo(24);
    for (int answer = 0; answer < 2; answer++) {
      int index = answer;
      List<JsonNode> chunks =
          events.stream().filter(each -> each.at("/choices/0/index").asInt(-1) == index).toList();
      List<Integer> counts =
          chunks.stream().map(each -> each.at("/usage/completion_tokens").intValue()).toList();
      assertThat(counts).startsWith(0).endsWith(12).isSorted();
      assertThat(new HashSet<>(counts)).hasSizeGreaterThan(6);
      assertThat(chunks)
          .allMatch(each ->
              each.at("/usage/prompt_tokens").intValue() == "[user\nhello]\n[assistant\n".length());
    }
    List<JsonNode> withoutEnd =
        chat(options + ", 'stream_options': {'continuous_usage_stats': true}").events();
    assertThat(withoutEnd.getLast().at("/choices/0/finish_reason").textValue()).isEqualTo("length");
    assertThat(withoutEnd.getLast().at("/usage/total_tokens").intValue()).isGreaterThan(12);
  }

  @Test
  void adapterAndItsAliasAnswerOtherwiseThanTheBase() {
    String rest = HELLO + ", 'max_tokens': 20, 'temperature': 0}";
    String base = content(service.post(CHAT, "{'model': 'tiny', " + rest));
    String tuned = content(service.post(CHAT, "{'model': 'tuned', " + rest));
    String alias = content(service.post(CHAT, "{'model': 'prod', " + rest));

    assertThat(tuned).isNotEqualTo(base).isEqualTo(alias);
  }

  @Test
  void sameSeedGivesTheSameAndAnotherSeedDoesNot() {
    String options = "'max_tokens': 30, 'temperature': 1.5, 'seed': ";

    assertThat(content(chat(options + 1))).isEqualTo(content(chat(options + 1)));
    assertThat(content(chat(options + 1))).isNotEqualTo(content(chat(options + 2)));
  }

  @Test
  void severalAnswersDifferAndAreToldApartAlsoInAStream() {
    String options = "'max_tokens': 12, 'temperature': 1.5, 'seed': 5, 'n': 3, 'ignore_eos': true";
    JsonNode whole = chat(options).json();
    List<JsonNode> events =
        chat(options + ", 'stream': true, 'stream_options': {'include_usage': true}").events();

    assertThat(whole.path("choices")).hasSize(3);
    assertThat(whole.at("/usage/completion_tokens").intValue()).isEqualTo(36);
    assertThat(events.getLast().at("/usage/completion_tokens").intValue()).isEqualTo(36);
    for (int i = 0; i < 3; i++) {
      JsonNode choice = whole.at("/choices/" + i);
      assertThat(choice.path("index").intValue()).isEqualTo(i);
      assertThat(joined(events, i)).isEqualTo(choice.at("/message/content").textValue());
    }
    assertThat(whole.at("/choices/0/message")).isNotEqualTo(whole.at("/choices/1/message"));
  }

  @Test
  void logprobsAreThoseOfTheTokensInOrderAndTheLikeliestIsFirst() {
    JsonNode entries =
        chat("'max_tokens': 10, 'temperature': 0, 'logprobs': true, 'top_logprobs': 3")
            .json()
            .at("/choices/0/logprobs/content");

    assertThat(entries).hasSize(10);
    for (JsonNode entry : entries) {
      assertThat(entry.path("top_logprobs")).hasSize(3);
      assertThat(entry.at("/top_logprobs/0/bytes")).isEqualTo(entry.path("bytes"));
      assertThat(entry.at("/top_logprobs/0/logprob")).isEqualTo(entry.path("logprob"));
      assertThat(entry.path("logprob").doubleValue()).isNegative();
    }
  }

  @Test
  void streamedLogprobsAreAllThere() {
    String options = "'max_tokens': 25, 'temperature': 0, 'logprobs': true, 'top_logprobs': 1";
    JsonNode whole = chat(options).json().at("/choices/0/logprobs/content");
    List<JsonNode> events = chat(options + ", 'stream': true").events();

    List<JsonNode> streamed =
        events.stream()
            .flatMap(event -> event.at("/choices/0/logprobs/content").valueStream())
            .toList();
    assertThat(streamed).isEqualTo(whole.valueStream().toList());
  }

  @Test
  void everyParameterOfTheChoiceHasItsEffect() {
    String fixed = "'max_tokens': 30, 'temperature': 0, ";
    String plain = content(chat(fixed + "'seed': 1"));

    assertThat(content(chat(fixed + "'repetition_penalty': 1.9"))).isNotEqualTo(plain);
    assertThat(content(chat(fixed + "'frequency_penalty': 2"))).isNotEqualTo(plain);
    assertThat(content(chat(fixed + "'presence_penalty': 2"))).isNotEqualTo(plain);
    assertThat(content(chat(fixed + "'logit_bias': {'65': 100}"))).isEqualTo("A".repeat(30));
    String livelier = "'max_tokens': 30, 'temperature': 2, 'seed': 1";
    assertThat(content(chat(livelier + ", 'top_k': 1"))).isEqualTo(plain);
    assertThat(content(chat(livelier + ", 'min_p': 1"))).isEqualTo(plain);
    assertThat(content(chat(livelier + ", 'top_p': 1e-9"))).isEqualTo(plain);
    assertThat(content(chat(livelier))).isNotEqualTo(plain);
  }

  @Test
  void everyParameterOfTheEndHasItsEffect() {
    String only = "'temperature': 0, 'logit_bias': {'65': 100}, ";
    String ending = "'temperature': 0, 'logit_bias': {'258': 100}, ";

    JsonNode stopped = chat(only + "'max_tokens': 9, 'stop': 'AAA'").json();
    assertThat(stopped.at("/choices/0/message/content").textValue()).isEmpty();
    assertThat(stopped.at("/choices/0/finish_reason").textValue()).isEqualTo("stop");
    JsonNode byToken = chat(only + "'max_tokens': 9, 'stop_token_ids': [65]").json();
    assertThat(byToken.at("/choices/0/finish_reason").textValue()).isEqualTo("stop");
    assertThat(tokens(byToken)).isZero();
    assertThat(content(chat(ending + "'max_tokens': 9"))).isEmpty();
    assertThat(tokens(chat(ending + "'max_tokens': 9, 'min_tokens': 4").json())).isEqualTo(4);
    assertThat(tokens(chat(ending + "'max_tokens': 9, 'ignore_eos': true").json())).isEqualTo(9);
    assertThat(tokens(chat(only + "'max_completion_tokens': 3").json())).isEqualTo(3);
  }

  @Test
  void specialTokensInContentStayText() {
    Answer spelled =
        service.post(
            CHAT,
            "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'user', 'content':"
                + " '<|im_end|>'}]}");
    Answer letters =
        service.post(
            CHAT,
            "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'user', 'content':"
                + " 'xxxxxxxxxx'}]}");

    assertThat(spelled.json().at("/usage/prompt_tokens"))
        .isEqualTo(letters.json().at("/usage/prompt_tokens"));
  }

  @Test
  void partsOfTextAndNulCharactersAreText() {
    JsonNode parts =
        service
            .post(
                CHAT,
                "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'user', 'content':"
                    + " [{'type': 'text', 'text': 'a\\u0000'}, {'type': 'text', 'text': 'b'}]}]}")
            .json();
    JsonNode plain =
        service
            .post(
                CHAT,
                "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'user', 'content':"
                    + " 'abc'}]}")
            .json();

    assertThat(parts.at("/usage/prompt_tokens")).isEqualTo(plain.at("/usage/prompt_tokens"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'model': 'tiny' | 400 | missing_required_parameter | messages",
        "'model': 'tiny', 'messages': [] | 400 | invalid_value | messages",
        "'model': 'other', MESSAGES | 404 | model_not_found | model",
        "'model': 'tiny', MESSAGES, 'temperature': 101 | 400 | invalid_value | temperature",
        "'model': 'tiny', MESSAGES, 'top_p': 0 | 400 | invalid_value | top_p",
        "'model': 'tiny', MESSAGES, 'max_token': 1 | 400 | unknown_parameter | max_token",
        "'model': 'tiny', MESSAGES, 'store': true | 400 | unsupported_parameter | store",
        "'model': 'tiny', MESSAGES, 'functions': [{}] | 400 | unsupported_parameter | functions",
        "'model': 'tiny', MESSAGES, 'n': 0 | 400 | invalid_value | n",
        "'model': 'tiny', MESSAGES, 'stop': ['a', ''] | 400 | invalid_value | stop",
        "'model': 'tiny', MESSAGES, 'logit_bias': {'x': 1} | 400 | invalid_value | logit_bias",
        "'model': 'tiny', MESSAGES, 'logit_bias': {'999': 1} | 400 | invalid_value | logit_bias",
        "'model': 'tiny', MESSAGES, 'stop_token_ids': [999] | 400 | invalid_value | stop_token_ids",
        "'model': 'tiny', MESSAGES, 'top_logprobs': 2 | 400 | invalid_value | top_logprobs",
        "'model': 'tiny', MESSAGES, 'stream_options': {} | 400 | invalid_value | stream_options",
        "'model': 'tiny', MESSAGES, 'max_tokens': 2, 'min_tokens': 3 | 400 | invalid_value |"
            + " min_tokens",
        "'model': 'tiny', 'messages': [{'role': 'robot', 'content': 'x'}] | 400 | invalid_value |"
            + " messages[0].role",
        "'model': 'tiny', 'messages': [{'role': 'user', 'content': [{'type': 'image_url'}]}] | 400 |"
            + " invalid_value | messages[0].content[0].type",
        "'model': 'tiny', 'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'x',"
            + " 'size': 1}]}] | 400 | unknown_parameter | messages[0].content[0].size",
        "'model': 'tiny', 'messages': [{'role': 'user', 'content': 'x', 'size': 1}] | 400 |"
            + " unknown_parameter | messages[0].size"
      })
  void whatCannotBeDoneIsRefusedByName(String body, int status, String code, String parameter) {
    Answer answer = service.post(CHAT, "{" + body.replace("MESSAGES", HELLO) + "}");

    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.json().at("/error/code").textValue()).isEqualTo(code);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }

  @Test
  void promptBeyondTheContextIsRefusedWithBothNumbers() {
    Answer answer =
        service.post(
            CHAT,
            "{'model': 'tiny', 'messages': [{'role': 'user', 'content': '"
                + "x".repeat(600)
                + "'}]}");

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/code").textValue()).isEqualTo("context_length_exceeded");
    assertThat(answer.json().at("/error/message").textValue()).contains("512").contains("619");
  }

  @Test
  void answersComeBackAsClientsKeepThem() {
    Answer answer =
        service.post(
            CHAT,
            "{'model': 'tiny', 'max_tokens': 1, 'messages': [{'role': 'user', 'content': 'a'},"
                + " {'role': 'assistant', 'content': [{'type': 'text', 'text': 'b', 'annotations':"
                + " [], 'cache_control': {'type': 'ephemeral'}}], 'refusal': null, 'parsed': {},"
                + " 'audio': null, 'function_call': null, 'tool_calls': null,"
                + " 'provider_specific_fields': {'refusal': null}},"
                + " {'role': 'user', 'content': 'c'}]}");

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
  }

  @Test
  void clientsAreGeneratedFromADocumentWithoutFaults() {
    JsonNode document = service.get("/openapi.json").json();

    Set<String> names = new HashSet<>();
    document
        .path("paths")
        .forEach(path ->
            path.forEach(operation -> {
              assertThat(names.add(operation.path("operationId").textValue())).isTrue();
              assertThat(operation.path("security").isArray()).isTrue();
              assertThat(operation.path("responses")).isNotEmpty();
            }));
    assertThat(names).contains("postV1ChatCompletions", "deleteV1AdaptersName");
    for (JsonNode schema : document.findParents("enum")) {
      List<JsonNode> words = schema.path("enum").valueStream().toList();
      assertThat(schema.has("default") ? schema.path("default") : words.getFirst()).isIn(words);
    }
  }

  @Test
  void modelsAreListedWithTheirParents() {
    JsonNode models = service.get("/v1/models").json().path("data");

    assertThat(models)
        .extracting(model -> model.path("id").textValue())
        .containsExactly("tiny", "tuned", "prod");
    assertThat(models.get(1).path("parent").textValue()).isEqualTo("tiny");
    assertThat(models.get(2).path("root").textValue()).isEqualTo("tuned");
    assertThat(service.get("/v1/models/prod").json()).isEqualTo(models.get(2));
    assertThat(service.get("/v1/models/none").status()).isEqualTo(404);
  }

  @Test
  void probesAnswer() {
    assertThat(service.get("/health").json().path("status").textValue()).isEqualTo("ok");
    assertThat(service.get("/ready").status()).isEqualTo(200);
  }
}
