package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.Wire;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.engine.BrakedRunner;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.EngineStatus;
import dev.lathe.compute.kernel.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Answers that cannot be completed, and those that nobody waits for any more.
class BrokenAnswersTest {
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  /// The ways to ask for many tokens, one after the other.
  enum Api {
    CHAT(
        "/v1/chat/completions",
        "'messages': [{'role': 'user', 'content': 'hi'}], 'max_tokens': 1900, 'ignore_eos': true"),
    COMPLETIONS("/v1/completions", "'prompt': 'hi', 'max_tokens': 1900, 'ignore_eos': true"),
    RESPONSES("/v1/responses", "'input': 'hi', 'max_output_tokens': 1900, 'ignore_eos': true"),
    OLLAMA_CHAT(
        "/api/chat",
        "'messages': [{'role': 'user', 'content': 'hi'}], 'options': {'num_predict': 1900, 'temperature': 0}"),
    OLLAMA_GENERATE(
        "/api/generate", "'prompt': 'hi', 'options': {'num_predict': 1900, 'temperature': 0}");

    private final String path;
    private final String question;

    Api(String path, String question) {
      this.path = path;
      this.question = question;
    }

    private void post(Wire wire, boolean stream) throws IOException {
      String body = "{'model': 'tiny', " + question + ", 'stream': " + stream + "}";
      wire.post(path, body.replace('\'', '"'), "Content-Type: application/json");
    }

    /// The JSON of a streamed answer, all of it whole.
    private List<JsonNode> parts(String body) {
      List<JsonNode> parts = new ArrayList<>();
      for (String line : body.lines().filter(each -> each.contains("{")).toList()) {
        String json = line.startsWith("data: ") ? line.substring("data: ".length()) : line;
        parts.add(StrictJson.value("a part", json.getBytes(StandardCharsets.UTF_8)));
      }
      return parts;
    }

    /// Requires that a stream has begun, ends as its API has streams end, and that what it tells
    /// last is an error.
    private void requireBroken(Wire.Answer answer, String code, String message) {
      assertThat(answer.status()).as(answer.body()).isEqualTo(200);
      List<JsonNode> parts = parts(answer.body());
      assertThat(parts).hasSizeGreaterThan(2);
      JsonNode last = parts.getLast();
      switch (this) {
        case CHAT, COMPLETIONS -> {
          assertThat(answer.body()).endsWith("\n\ndata: [DONE]\n\n");
          assertThat(last.at("/error/code").textValue()).isEqualTo(code);
          assertThat(last.at("/error/message").textValue()).contains(message);
        }
        case RESPONSES -> {
          assertThat(answer.body()).contains("event: error\ndata: ").endsWith("}\n\n");
          assertThat(last.path("type").textValue()).isEqualTo("error");
          assertThat(last.path("code").textValue()).isEqualTo(code);
          assertThat(last.path("message").textValue()).contains(message);
        }
        case OLLAMA_CHAT, OLLAMA_GENERATE -> {
          assertThat(answer.body()).endsWith("}\n");
          assertThat(last).hasSize(1);
          assertThat(last.path("error").textValue()).contains(message);
        }
      }
      for (JsonNode part : parts.subList(0, parts.size() - 1)) {
        assertThat(part.path("error").isObject() || part.path("done").asBoolean()).isFalse();
      }
    }
  }

  @TempDir private Path folder;
  private BrakedRunner engine;
  private RunningService service;

  @BeforeEach
  void start() {
    start(PATIENCE);
  }

  /// @param most longest time that an answer may take
  private void start(Duration most) {
    EngineSettings settings =
        EngineSettings.of(Storage.F32).withMaxStreams(8).withKvTokens(2048).withThreads(1);
    Path model = TalkingModel.plain(folder.resolve("tiny"), 7);
    service = new RunningService(folder, model, settings, ServerSettings.Limits.USUAL, most);
    engine = service.brake();
  }

  @AfterEach
  void stop() {
    engine.release();
    service.close();
  }

  @ParameterizedTest
  @EnumSource(Api.class)
  void whatFailsInTheMiddleIsToldInTheStreamAndLogged(Api api) throws IOException {
    try (Wire wire = new Wire(service.address())) {
      engine.failAfter(40);
      api.post(wire, true);

      api.requireBroken(wire.read(), "internal_error", "the engine's step failed");
      api.post(wire, false);
      assertThat(wire.read().status()).isEqualTo(200);
    }
    assertThat(service.defects()).hasSize(1).first().asString().contains("has this step fail");
  }

  @ParameterizedTest
  @EnumSource(Api.class)
  void whatFailsInTheMiddleOfAWholeAnswerIsAnError(Api api) throws IOException {
    try (Wire wire = new Wire(service.address())) {
      engine.failAfter(40);
      api.post(wire, false);

      Wire.Answer answer = wire.read();
      assertThat(answer.status()).isEqualTo(500);
      assertThat(answer.body()).contains("the engine's step failed");
    }
    assertThat(service.defects()).hasSize(1);
  }

  @Test
  void whatIsNotReadyInTimeIsToldInTheStream() throws IOException {
    service.close();
    start(Duration.ofSeconds(15));
    Map<Api, Wire> wires = new EnumMap<>(Api.class);
    try {
      engine.slow();
      for (Api api : Api.values()) {
        Wire wire = new Wire(service.address());
        wires.put(api, wire);
        api.post(wire, true);
      }
      for (Map.Entry<Api, Wire> each : wires.entrySet()) {
        Wire.Answer answer = each.getValue().read();
        each.getKey().requireBroken(answer, "deadline_exceeded", "was not complete after");
      }
    } finally {
      for (Wire wire : wires.values()) {
        wire.close();
      }
    }
    assertThat(service.defects()).isEmpty();
  }

  /// To read what a request asks for and to answer it share one time.
  @Test
  void whatTakesAllItsTimeToBeReadIsNotBegun() {
    service.close();
    start(Duration.ofMillis(1));

    Answer answer =
        service.post(
            "/v1/chat/completions",
            "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'hi'}],"
                + " 'guided_regex': '([a-z]{1,40} ){1,40}'}");

    assertThat(answer.status()).isEqualTo(504);
    assertThat(answer.json().at("/error/message").textValue())
        .contains("over before its answer could begin");
    assertThat(service.get("/metrics").text()).doesNotContain("lathe_answers_total");
  }

  private boolean isIdle() throws InterruptedException {
    EngineStatus status = service.models().generator().status();
    return status.running() + status.waiting() == 0;
  }

  /// That a client has gone is noticed while nothing is computed or written, and no step is begun
  /// for it any more.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aClientThatGoesAwayFreesItsPlaceBeforeTheNextStep(boolean stream) throws Exception {
    int gone = 0;
    for (Api api : Api.values()) {
      engine.slow();
      int then = engine.computed() + 5;
      try (Wire wire = new Wire(service.address())) {
        api.post(wire, stream);
        while (engine.computed() < then) {
          Thread.sleep(1);
        }
        assertThat(isIdle()).as(api.path).isFalse();
        then = engine.held();
        gone++;
        wire.socket().shutdownOutput(); // what is being written still arrives, and tells nothing
        while (service.departures() < gone) {
          Thread.sleep(1);
        }
      }
      assertThat(engine.computed()).as(api.path).isEqualTo(then);
      engine.slow();
      while (!isIdle()) {
        Thread.sleep(1);
      }
      assertThat(engine.computed()).as(api.path).isEqualTo(then);
    }
    String all = "lathe_answers_total{adapter=\"tiny\",end=\"cancelled\"} 5.0";
    long until = System.nanoTime() + PATIENCE.toNanos();
    while (!service.get("/metrics").text().contains(all)) {
      assertThat(System.nanoTime()).as(all).isLessThan(until);
    }
    assertThat(service.get("/metrics").text()).contains("lathe_http_departures_total 5.0");
    assertThat(service.defects()).isEmpty();
  }
}
