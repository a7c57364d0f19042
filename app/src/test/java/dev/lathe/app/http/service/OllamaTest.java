package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lathe.app.http.service.RunningService.Answer;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OllamaTest {
  private static final String HELLO = "'messages': [{'role': 'user', 'content': 'hello'}]";
  private static final String GO =
      "{'type': 'function', 'function': {'name': 'go', 'description': 'Go there', 'parameters':"
          + " {'type': 'object', 'properties': {'to': {'enum': ['left', 'right']}},"
          + " 'required': ['to'], 'additionalProperties': false}}}";

  @TempDir private static Path folder;
  private static RunningService service;
  private static RunningService thinking;

  @BeforeAll
  static void start() {
    Path model = TalkingModel.withTools(folder.resolve("tiny"), 7);
    service = RunningService.over(folder, model);
    service.models().load("tuned", RunningService.adapter(model, folder.resolve("tuned"), 3));
    service.models().alias("prod", "tuned");
    thinking = RunningService.over(folder, TalkingModel.thinking(folder.resolve("thinking"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    assertThat(thinking.defects()).isEmpty();
    service.close();
    thinking.close();
  }

  private static Answer chat(String rest) {
    return service.post("/api/chat", "{'model': 'tiny', " + HELLO + ", " + rest + "}");
  }

  private static String content(Answer answer) {
    return answer.json().at("/message/content").textValue();
  }

  private static void requireCounts(JsonNode end, int tokens) {
    assertThat(end.path("done").booleanValue()).isTrue();
    assertThat(end.path("eval_count").intValue()).isEqualTo(tokens);
    assertThat(end.path("prompt_eval_count").intValue()).isPositive();
    long total = end.path("total_duration").longValue();
    long parts =
        end.path("prompt_eval_duration").longValue() + end.path("eval_duration").longValue();
    assertThat(parts).isBetween(total - 2, total + 2);
    assertThat(total).isGreaterThan(1000);
  }

  @Test
  void linesJoinedAreTheWholeAndTheLastOneCounts() {
    String options = "'options': {'num_predict': 20, 'temperature': 0}";
    Answer streamed = chat(options);
    Answer whole = chat(options + ", 'stream': false");

    assertThat(streamed.mediaType()).isEqualTo("application/x-ndjson");
    assertThat(whole.mediaType()).isEqualTo("application/json");
    List<JsonNode> lines = streamed.lines();
    StringBuilder text = new StringBuilder();
    for (JsonNode line : lines) {
      assertThat(line.path("model").textValue()).isEqualTo("tiny");
      assertThat(Instant.parse(line.path("created_at").textValue())).isBefore(Instant.now());
      text.append(line.at("/message/content").textValue());
    }
    assertThat(lines.subList(0, lines.size() - 1)).noneMatch(line -> line.path("done").asBoolean());
    assertThat(text.toString()).isEqualTo(content(whole)).isNotEmpty();
    for (JsonNode end : List.of(lines.getLast(), whole.json())) {
      requireCounts(end, 20);
      assertThat(end.path("done_reason").textValue()).isEqualTo("length");
    }
  }

  @Test
  void aGeneratedAnswerIsThatOfAChatOfOneQuestion() {
    String options = ", 'options': {'num_predict': 15, 'temperature': 0}, 'stream': false}";
    JsonNode plain =
        service.post("/api/generate", "{'model': 'tiny', 'prompt': 'hello'" + options).json();
    JsonNode told =
        service
            .post("/api/generate", "{'model': 'tiny', 'prompt': 'hello', 'system': 'Be'" + options)
            .json();
    JsonNode raw =
        service
            .post("/api/generate", "{'model': 'tiny', 'prompt': 'hello', 'raw': true" + options)
            .json();

    assertThat(plain.path("response").textValue())
        .isEqualTo(
            content(chat("'options': {'num_predict': 15, 'temperature': 0}, 'stream': false")));
    assertThat(told.path("prompt_eval_count").intValue())
        .isEqualTo(plain.path("prompt_eval_count").intValue() + "[system\nBe]\n".length());
    assertThat(raw.path("prompt_eval_count").intValue()).isEqualTo("hello".length());
    requireCounts(plain, 15);
  }

  @Test
  void everyOptionHasItsEffect() {
    String fixed = "'stream': false, 'options': {'num_predict': 30, 'temperature': 0";
    String plain = content(chat(fixed + "}"));
    String livelier =
        "'stream': false, 'options': {'num_predict': 30, 'temperature': 3, 'top_k': 0, 'top_p': 1,"
            + " 'seed': 4";

    assertThat(content(chat(livelier + "}")))
        .isEqualTo(content(chat(livelier + "}")))
        .isNotEqualTo(plain);
    assertThat(content(chat(livelier.replace("'top_k': 0", "'top_k': 1") + "}"))).isEqualTo(plain);
    assertThat(content(chat(livelier.replace("'top_p': 1", "'top_p': 1e-9") + "}")))
        .isEqualTo(plain);
    assertThat(content(chat(livelier + ", 'min_p': 1}"))).isEqualTo(plain);
    assertThat(content(chat(livelier.replace("'seed': 4", "'seed': 5") + "}")))
        .isNotEqualTo(content(chat(livelier + "}")));
    assertThat(content(chat(fixed + ", 'repeat_penalty': 1.9}"))).isNotEqualTo(plain);
    assertThat(content(chat(fixed + ", 'presence_penalty': 2}"))).isNotEqualTo(plain);
    assertThat(content(chat(fixed + ", 'frequency_penalty': 2}"))).isNotEqualTo(plain);
    JsonNode stopped =
        service
            .post(
                "/api/generate",
                "{'model': 'tiny', 'prompt': 'hello', 'format': {'const': 'abcdef'},"
                    + " 'stream': false, 'options': {'stop': ['cd']}}")
            .json();
    assertThat(stopped.path("response").textValue()).isEqualTo("\"ab");
    assertThat(stopped.path("done_reason").textValue()).isEqualTo("stop");
    JsonNode small =
        chat("'stream': false, 'options': {'num_ctx': 40, 'temperature': 0, 'num_predict': -1}")
            .json();
    assertThat(small.path("done_reason").textValue()).isIn("length", "stop");
    assertThat(small.path("eval_count").intValue() + small.path("prompt_eval_count").intValue())
        .isLessThanOrEqualTo(40);
  }

  @Test
  void anAnswerHasTheFormatAskedFor() {
    String options = "'stream': false, 'options': {'num_predict': 300, 'temperature': 0}, ";

    assertThat(content(chat(options + "'format': {'enum': ['yes', 'no']}")))
        .isIn("\"yes\"", "\"no\"");
    assertThat(content(chat(options + "'format': 'json'"))).startsWith("{");
    assertThat(content(chat(options + "'format': ''")))
        .isEqualTo(content(chat(options.substring(0, options.length() - 2))));
  }

  @Test
  void aToolIsCalledWithArgumentsByItsSchema() {
    JsonNode called = MissingNode.getInstance();
    JsonNode streamed = MissingNode.getInstance();
    for (int seed = 0; seed < 40 && called.isMissingNode(); seed++) {
      String rest =
          "'tools': ["
              + GO
              + "], 'format': {'const': 1}, 'options': {'temperature': 3, 'top_k': 0,"
              + " 'top_p': 1, 'seed': "
              + seed
              + "}";
      JsonNode message = chat(rest + ", 'stream': false").json().path("message");
      if (message.has("tool_calls")) {
        called = message.path("tool_calls");
        streamed =
            chat(rest).lines().stream()
                .map(line -> line.at("/message/tool_calls"))
                .filter(calls -> !calls.isMissingNode())
                .findFirst()
                .orElseThrow();
      } else {
        assertThat(message.path("content").textValue()).isEqualTo("1");
      }
    }

    assertThat(called).isNotEmpty();
    assertThat(called.at("/0/function/name").textValue()).isEqualTo("go");
    assertThat(called.at("/0/function/arguments/to").textValue()).isIn("left", "right");
    assertThat(streamed.at("/0/function")).isEqualTo(called.at("/0/function"));
  }

  @Test
  void callsAndResultsOfBeforeAreTaken() {
    String history =
        "{'model': 'tiny', 'stream': false, 'options': {'num_predict': 2}, 'tools': ["
            + GO
            + "], 'messages': [{'role': 'user', 'content': 'where?'}, {'role': 'assistant',"
            + " 'content': '', 'tool_calls': [{'function': {'name': 'go', 'arguments': {'to':"
            + " 'left'}}}]}, {'role': 'tool', 'tool_name': 'go', 'content': 'gone'}]}";

    assertThat(service.post("/api/chat", history).json().path("prompt_eval_count").intValue())
        .isGreaterThan(250);
  }

  @Test
  void thoughtsStandApart() {
    String ask = "{'model': 'tiny', " + HELLO + ", 'options': {'num_predict': 9}, 'stream': ";
    JsonNode whole = thinking.post("/api/chat", ask + "false}").json().path("message");
    List<JsonNode> lines = thinking.post("/api/chat", ask + "true}").lines();
    JsonNode without =
        thinking.post("/api/chat", ask + "false, 'think': false}").json().path("message");

    assertThat(whole.path("thinking").textValue()).isNotEmpty();
    assertThat(whole.path("content").textValue()).isEmpty();
    assertThat(lines.getFirst().at("/message/thinking").textValue()).isNotEmpty();
    assertThat(without.has("thinking")).isFalse();
    assertThat(without.path("content").textValue()).isNotEmpty();
    Answer refused = chat("'think': true");
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.json().path("error").textValue()).contains("does not support thinking");
  }

  @Test
  void aDurationOfAnyLengthIsReadAtOnce() {
    Answer answer =
        service.post(
            "/api/chat", "{'model': 'tiny', 'keep_alive': '" + "1s".repeat(200_000) + "'}");

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().path("error").textValue()).contains("'keep_alive'");
  }

  @Test
  void anEmptyQuestionOnlyLoads() {
    JsonNode chat = service.post("/api/chat", "{'model': 'tiny'}").json();
    JsonNode generate =
        service.post("/api/generate", "{'model': 'tiny', 'keep_alive': '5m'}").json();

    assertThat(chat.path("done_reason").textValue()).isEqualTo("load");
    assertThat(generate.path("done_reason").textValue()).isEqualTo("load");
    assertThat(generate.path("response").textValue()).isEmpty();
  }

  @Test
  void textsBecomeTheVectorsOfTheOtherApi() {
    JsonNode vectors =
        service.post("/api/embed", "{'model': 'tiny', 'input': ['one', 'two']}").json();
    JsonNode other =
        service.post("/v1/embeddings", "{'model': 'tiny', 'input': ['one', 'two']}").json();

    assertThat(vectors.path("embeddings")).hasSize(2);
    for (int i = 0; i < 2; i++) {
      assertThat(vectors.path("embeddings").get(i))
          .isEqualTo(other.at("/data/" + i + "/embedding"));
    }
    assertThat(vectors.path("prompt_eval_count").intValue()).isEqualTo(6);
    String tooLong = "{'model': 'tiny', 'input': '" + "x".repeat(3000) + "'";
    assertThat(service.post("/api/embed", tooLong + "}").status()).isEqualTo(400);
    assertThat(
            service
                .post("/api/embed", tooLong + ", 'truncate': true}")
                .json()
                .path("prompt_eval_count")
                .intValue())
        .isEqualTo(2047);
  }

  @Test
  void oneTextBecomesTheSameVectorByTheOlderRoute() {
    JsonNode vectors = service.post("/api/embed", "{'model': 'tiny', 'input': 'one'}").json();
    JsonNode older =
        service
            .post("/api/embeddings", "{'model': 'tiny', 'prompt': 'one', 'keep_alive': '5m'}")
            .json();

    assertThat(older.path("embedding")).isEqualTo(vectors.at("/embeddings/0")).isNotEmpty();
    assertThat(service.post("/api/embeddings", "{'model': 'tiny'}").json().path("embedding"))
        .isEmpty();
  }

  @Test
  void logprobsAreThoseOfTheOtherApi() {
    JsonNode other =
        service
            .post(
                "/v1/chat/completions",
                "{'model': 'tiny', "
                    + HELLO
                    + ", 'max_tokens': 12, 'temperature': 0, 'logprobs': true, 'top_logprobs': 3}")
            .json()
            .at("/choices/0/logprobs/content");
    String asking =
        "'options': {'num_predict': 12, 'temperature': 0}, 'logprobs': true, 'top_logprobs': 3";
    JsonNode whole = chat(asking + ", 'stream': false").json();
    List<JsonNode> streamed = new ArrayList<>();
    for (JsonNode line : chat(asking).lines()) {
      line.path("logprobs").forEach(streamed::add);
    }

    assertThat(other).hasSize(12);
    assertThat(whole.path("logprobs")).isEqualTo(other);
    assertThat(streamed).containsExactlyElementsOf(other);
    assertThat(chat("'options': {'num_predict': 3}, 'stream': false").json().has("logprobs"))
        .isFalse();
  }

  @Test
  void logprobsOfAGeneratedAnswerAreOfItsTokens() {
    JsonNode answer =
        service
            .post(
                "/api/generate",
                "{'model': 'tiny', 'prompt': 'hello', 'raw': true, 'stream': false, 'logprobs':"
                    + " true, 'options': {'num_predict': 8}}")
            .json();

    assertThat(answer.path("logprobs")).hasSize(8);
    for (JsonNode each : answer.path("logprobs")) {
      assertThat(each.path("logprob").doubleValue()).isNotPositive();
      assertThat(each.path("top_logprobs")).isEmpty();
    }
  }

  @Test
  void modelsAreListedAndShown() {
    JsonNode tags = service.get("/api/tags").json().path("models");
    JsonNode running = service.get("/api/ps").json().path("models");

    assertThat(tags)
        .extracting(model -> model.path("name").textValue())
        .containsExactly("tiny", "tuned", "prod");
    assertThat(running)
        .extracting(model -> model.path("name").textValue())
        .containsExactly("tiny", "tuned", "prod");
    assertThat(tags.at("/0/digest").textValue()).matches("[0-9a-f]{64}");
    assertThat(tags.at("/1/digest")).isEqualTo(tags.at("/2/digest"));
    assertThat(tags.at("/1/details/parent_model").textValue()).isEqualTo("tiny");
    assertThat(tags.at("/0/details/quantization_level").textValue()).isEqualTo("F32");
    assertThat(running.at("/0/context_length").intValue()).isEqualTo(2048);
    JsonNode shown = service.post("/api/show", "{'model': 'tiny:latest'}").json();
    assertThat(shown.path("template").textValue()).contains("<tool_call>");
    assertThat(shown.path("capabilities").valueStream().map(JsonNode::textValue))
        .containsExactly("completion", "embedding", "tools");
    assertThat(shown.at("/model_info/llama.embedding_length").intValue()).isEqualTo(32);
    // 2 layers of q 32x32, k and v 16x32, o 32x32, three of 48x32, two norms; embedding; norm
    assertThat(shown.at("/model_info/general.parameter_count").intValue())
        .isEqualTo(2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 2 * 32) + 259 * 32 + 32);
    assertThat(service.get("/api/version").json().path("version").textValue())
        .matches("\\d+\\.\\d+\\.\\d+");
  }

  @ParameterizedTest
  @CsvSource({
    "/api/nothing, 404, /api/nothing",
    "/api/chat, 405, POST",
    "/api/delete, 405, DELETE"
  })
  void whereThereIsNoRouteErrorsHaveOllamasFormToo(String path, int status, String message)
      throws Exception {
    HttpRequest request = HttpRequest.newBuilder(service.address().resolve(path)).build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());

      assertThat(answer.statusCode()).isEqualTo(status);
      assertThat(answer.body()).startsWith("{\"error\":\"").contains(message);
    }
  }

  @Test
  void toolsMayAskForMoreContextThanThereIsAndAreToldHowMuchThereIs() {
    String rest = "'stream': false, 'options': {'num_predict': 4, 'temperature': 0";

    assertThat(content(chat(rest + ", 'num_ctx': 32768}"))).isEqualTo(content(chat(rest + "}")));
    assertThat(service.post("/api/show", "{'model': 'tiny'}").json().path("parameters").textValue())
        .isEqualTo("num_ctx 2048");
  }

  @Test
  void aTextToEmbedIsCutToTheContextAskedFor() {
    String cut = "'truncate': true, 'options': {'num_ctx': 4, 'temperature': null}}";

    JsonNode longer =
        service.post("/api/embed", "{'model': 'tiny', 'input': 'abcdef', " + cut).json();
    JsonNode shorter = service.post("/api/embed", "{'model': 'tiny', 'input': 'abc'}").json();

    assertThat(longer.path("prompt_eval_count").intValue()).isEqualTo(3);
    assertThat(longer.path("embeddings")).isEqualTo(shorter.path("embeddings"));
  }

  @Test
  void anAdapterAnswersUnderItsName() {
    String rest = HELLO + ", 'stream': false, 'options': {'num_predict': 20, 'temperature': 0}}";
    String base = content(service.post("/api/chat", "{'model': 'tiny:latest', " + rest));
    String tuned = content(service.post("/api/chat", "{'model': 'tuned', " + rest));

    assertThat(tuned).isNotEqualTo(base);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "/api/chat | 'model': 'other', 'messages': [] | 404 | 'other'",
        "/api/chat | 'messages': [] | 400 | 'model' is missing",
        "/api/chat | 'model': 'tiny', 'options': {'heat': 1} | 400 | 'options.heat'",
        "/api/chat | 'model': 'tiny', 'options': {'num_gpu': 1} | 400 | 'options.num_gpu' is not",
        "/api/chat | 'model': 'tiny', 'options': {'mirostat': 2} | 400 | 'options.mirostat' is not",
        "/api/chat | 'model': 'tiny', 'format': 'xml' | 400 | 'format'",
        "/api/chat | 'model': 'tiny', 'keep_alive': 'long' | 400 | 'keep_alive'",
        "/api/chat | 'model': 'tiny', 'keep_alive': 0 | 400 | stays loaded",
        "/api/chat | 'model': 'tiny', 'prompt': 'x' | 400 | 'prompt'",
        "/api/chat | 'model': 'tiny', 'messages': [{'role': 'user', 'content': 'x', 'images':"
            + " ['x']}] | 400 | 'messages[0].images' is not supported",
        "/api/chat | 'model': 'tiny', 'messages': [{'role': 'user', 'content': 'x'}], 'options':"
            + " {'num_ctx': 3} | 400 | num_ctx",
        "/api/generate | 'model': 'tiny', 'suffix': 'x' | 400 | 'suffix' is not supported",
        "/api/generate | 'model': 'tiny', 'prompt': 'x', 'template': 'y' | 400 | 'template' is not",
        "/api/generate | 'model': 'tiny', 'prompt': 'x', 'images': ['y'] | 400 | 'images' is not",
        "/api/generate | 'model': 'tiny', 'prompt': 'x', 'width': 9 | 400 | 'width' is not",
        "/api/chat | 'model': 'tiny', 'top_logprobs': 2 | 400 | needs 'logprobs'",
        "/api/chat | 'model': 'tiny', 'logprobs': true, 'top_logprobs': 21 | 400 | 'top_logprobs'",
        "/api/embed | 'model': 'tiny', 'input': [1] | 400 | 'input'",
        "/api/embeddings | 'model': 'tiny', 'input': 'x' | 400 | 'input'",
        "/api/embeddings | 'model': 'tiny', 'prompt': 'x', 'options': {'a': 1} | 400 | 'options.a'",
        "/api/embed | 'model': 'tiny', 'input': 'xxxxx', 'options': {'num_ctx': 4} | 400 | num_ctx",
        "/api/show | 'verbose': true | 400 | 'model'",
        "/api/pull | 'model': 'other' | 501 | lathe pull",
        "/api/push | 'model': 'tiny' | 501 | do not change",
        "/api/create | 'model': 'other', 'from': 'tiny' | 501 | do not change",
        "/api/copy | 'source': 'tiny', 'destination': 'other' | 501 | /v1/adapters",
        "/api/blobs/sha256:12 | 'any': 1 | 501 | do not change"
      })
  void whatCannotBeDoneIsRefusedInOllamasForm(
      String path, String body, int status, String message) {
    Answer answer = service.post(path, "{" + body + "}");

    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    assertThat(answer.json()).hasSize(1);
    assertThat(answer.json().path("error").textValue()).contains(message);
  }
}
