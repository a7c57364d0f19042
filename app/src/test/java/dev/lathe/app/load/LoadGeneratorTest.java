package dev.lathe.app.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LoadGeneratorTest {
  private final Queue<JsonNode> bodies = new ConcurrentLinkedQueue<>();
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger most = new AtomicInteger();
  private HttpServer server;
  private String stream = "";
  private int status = 200;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/v1/chat/completions", this::answer);
    server.createContext("/v1/models", exchange -> send(exchange, "{\"data\":[{\"id\":\"m\"}]}"));
    server.start();
    stream =
        event("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}")
            + piece("Hello")
            + piece(" world")
            + event("{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}")
            + event("{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}")
            + event("[DONE]");
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static String event(String data) {
    return "data: " + data + "\n\n";
  }

  private static String piece(String text) {
    return event("{\"choices\":[{\"delta\":{\"content\":\"" + text + "\"}}]}");
  }

  private void answer(HttpExchange exchange) throws IOException {
    most.accumulateAndGet(running.incrementAndGet(), Math::max);
    try {
      bodies.add(new JsonMapper().readTree(exchange.getRequestBody()));
      Thread.sleep(Duration.ofMillis(5));
    } catch (InterruptedException e) {
      throw new IOException(e);
    } finally {
      running.decrementAndGet();
    }
    send(exchange, stream);
  }

  private void send(HttpExchange exchange, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    try (exchange) {
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  private LoadPlan plan(double[] arrivals, int concurrency) {
    List<LoadPrompt> prompts = RandomPrompts.make(arrivals.length, 5, 0, 1);
    return new LoadPlan(
        address(),
        Optional.of("secret"),
        List.of("base", "mine"),
        prompts,
        arrivals,
        concurrency,
        16,
        true,
        0.5,
        Duration.ofMinutes(5));
  }

  private List<Sample> run(double[] arrivals, int concurrency) throws InterruptedException {
    try (LoadGenerator generator = new LoadGenerator(plan(arrivals, concurrency))) {
      return generator.run(_ -> {});
    }
  }

  @Test
  void countsWhatTheServerSays() throws InterruptedException {
    List<Sample> samples = run(Arrivals.atOnce(4), 100);
    assertThat(samples)
        .hasSize(4)
        .allSatisfy(sample -> {
          assertThat(sample.error()).isEmpty();
          assertThat(sample.promptTokens()).isEqualTo(7);
          assertThat(sample.outputTokens()).isEqualTo(3);
          assertThat(sample.gaps()).hasSize(1);
          assertThat(sample.first()).isBetween(sample.sent(), sample.last());
        });
    assertThat(samples).extracting(Sample::model).containsOnly("base", "mine");
  }

  @Test
  void sendsWhatThePlanSays() throws InterruptedException {
    run(Arrivals.atOnce(1), 1);
    JsonNode body = bodies.remove();
    assertThat(body.path("model").asText()).isEqualTo("base");
    assertThat(body.path("max_tokens").asInt()).isEqualTo(16);
    assertThat(body.path("temperature").asDouble()).isEqualTo(0.5);
    assertThat(body.path("ignore_eos").asBoolean()).isTrue();
    assertThat(body.path("stream_options").path("include_usage").asBoolean()).isTrue();
    assertThat(body.path("messages").path(0).path("content").asText().split(" ")).hasSize(5);
  }

  @Test
  void keepsItsConcurrency() throws InterruptedException {
    run(Arrivals.atOnce(12), 2);
    assertThat(most.get()).isBetween(1, 2);
  }

  @Test
  void waitingForRoomCounts() throws InterruptedException {
    List<Sample> samples = run(Arrivals.atOnce(6), 1);
    double latest = samples.stream().mapToDouble(Sample::timeToFirst).max().orElseThrow();
    assertThat(latest).isGreaterThan(0.025);
  }

  @Test
  void aRefusalIsAnErrorOfThatRequest() throws InterruptedException {
    status = 429;
    LoadReport report = new LoadReport(run(Arrivals.atOnce(3), 3), Map.of());
    assertThat(report.failed()).isEqualTo(3);
    assertThat(report.json().path("errors").path("HTTP 429").asInt()).isEqualTo(3);
    assertThat(report.lines()).anyMatch(line -> line.contains("HTTP 429"));
  }

  @Test
  void aStreamThatBreaksOffIsAnError() throws InterruptedException {
    stream = piece("Hello");
    assertThat(run(Arrivals.atOnce(1), 1).getFirst().error()).contains("the stream ended early");
  }

  @Test
  void anErrorInTheStreamIsAnError() throws InterruptedException {
    stream = piece("Hello") + event("{\"error\":{\"message\":\"no memory\"}}") + event("[DONE]");
    assertThat(run(Arrivals.atOnce(1), 1).getFirst().error()).contains("no memory");
  }

  @Test
  void namesTheModelsOfTheServer() throws InterruptedException {
    assertThat(LoadGenerator.models(address(), Optional.empty())).containsExactly("m");
  }

  @Test
  void aServerWithoutModelsIsRefused() {
    status = 401;
    assertThatThrownBy(() -> LoadGenerator.models(address(), Optional.empty()))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("401");
  }

  @Test
  void arrivalsHaveTheirRate() {
    double[] steady = Arrivals.poisson(20_001, 10, 10, 1);
    assertThat(steady[20_000] / 20_000).isCloseTo(0.1, within(0.003));
    double[] ramp = Arrivals.poisson(20_001, 1, 9, 1);
    double early = ramp[2_000] / 2_000;
    double late = (ramp[20_000] - ramp[18_000]) / 2_000;
    assertThat(early / late).isBetween(5.0, 7.5);
  }

  @Test
  void promptsShareOnlyWhatTheyAreAskedTo() {
    List<LoadPrompt> own = RandomPrompts.make(3, 40, 0, 1);
    assertThat(own).doesNotHaveDuplicates();
    List<LoadPrompt> shared = RandomPrompts.make(2, 40, 30, 1);
    String[] first = shared.get(0).turns().getFirst().text().split(" ");
    String[] second = shared.get(1).turns().getFirst().text().split(" ");
    assertThat(first).hasSize(40).startsWith(java.util.Arrays.copyOf(second, 30));
    assertThat(first).isNotEqualTo(second);
  }
}
