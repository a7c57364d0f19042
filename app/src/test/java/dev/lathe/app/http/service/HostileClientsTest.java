package dev.lathe.app.http.service;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.Wire;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.TinyModels;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletionService;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Clients that mean harm or break off, on real sockets: they get a clear refusal, and others are
/// served meanwhile.
class HostileClientsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final long MIB = 1 << 20;

  private static final int CONNECTIONS = 600;

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /// A request whose answers are long.
  private static final String LONG =
      bytes(
          "{'model': 'tiny', 'prompt': 'a', 'max_tokens': 2000, 'ignore_eos': true, 'n': 4, 'stream': true}");

  /// How long a client may take where it has to be given up.
  private static final Duration IMPATIENCE = Duration.ofSeconds(6);

  @TempDir private Path folder;
  private RunningService service;

  @BeforeEach
  void start() {
    TinyModels.llama(folder.resolve("tiny"), 7);
    service = running(4, PATIENCE);
  }

  private void restart(int waiting, Duration toSendOrRead) {
    service.close();
    service = running(waiting, toSendOrRead);
  }

  /// Two answers at once.
  private RunningService running(int waiting, Duration toSendOrRead) {
    EngineSettings engine =
        EngineSettings.of(Storage.F32)
            .withMaxStreams(2)
            .withMaxWaiting(waiting)
            .withKvTokens(4096)
            .withThreads(1);
    ServerSettings.Limits limits =
        new ServerSettings.Limits(
            1 << 20,
            64 << 20,
            20_000,
            8 << 10,
            CONNECTIONS,
            64,
            toSendOrRead,
            toSendOrRead,
            PATIENCE,
            Duration.ofSeconds(5));
    return new RunningService(folder, folder.resolve("tiny"), engine, limits);
  }

  @AfterEach
  void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static String asking(String rest) {
    return "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'hi'}], 'max_tokens': 4"
        + rest
        + "}";
  }

  private static String bytes(String body) {
    return body.replace('\'', '"');
  }

  private void requireOthersAreServed() {
    assertThat(service.post(CHAT, asking("")).status()).isEqualTo(200);
  }

  private void requireRefused(Answer answer, int status, String code, String message) {
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.json().at("/error/code").textValue()).isEqualTo(code);
    assertThat(answer.json().at("/error/message").textValue()).contains(message);
    requireOthersAreServed();
  }

  private Wire.Answer raw(byte[] body) throws IOException {
    try (Wire wire = new Wire(service.address())) {
      return wire.post(CHAT, body, "Content-Type: application/json").read();
    }
  }

  @Test
  void anOverLongPromptIsToldItsLengthAndTheMost() {
    String prompt = "a ".repeat(200_000);

    requireRefused(
        service.post(
            CHAT, "{'model': 'tiny', 'messages': [{'role': 'user', 'content': '" + prompt + "'}]}"),
        400,
        "context_length_exceeded",
        "maximum context length is");
    requireRefused(
        service.post("/v1/completions", "{'model': 'tiny', 'prompt': '" + prompt + "'}"),
        400,
        "context_length_exceeded",
        "maximum context length is");
  }

  @Test
  void hundredMegabytesAreRefusedWithoutBeingKept() throws Exception {
    byte[] part = new byte[1 << 20];
    Arrays.fill(part, (byte) ' ');
    requireOthersAreServed();
    System.gc();
    long before = used(MemoryPoolMXBean::getUsage) + direct();
    CyclicBarrier halfway = new CyclicBarrier(5);
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Wire.Answer>> answers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        boolean chunked = i % 2 == 0;
        answers.add(clients.submit(() -> hundredMegabytes(part, chunked, halfway)));
      }
      halfway.await(5, TimeUnit.MINUTES);
      requireOthersAreServed();
      System.gc();
      assertThat(used(MemoryPoolMXBean::getUsage) + direct() - before).isLessThan(32 * MIB);
      halfway.await(5, TimeUnit.MINUTES);
      for (Future<Wire.Answer> answer : answers) {
        assertThat(answer.get().status()).isEqualTo(413);
        assertThat(answer.get().body()).contains("request_too_large", "1,048,576 bytes");
      }
    }
  }

  private static long direct() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  private static List<MemoryPoolMXBean> heap() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP)
        .toList();
  }

  private static long used(Function<MemoryPoolMXBean, MemoryUsage> which) {
    return heap().stream().mapToLong(pool -> which.apply(pool).getUsed()).sum();
  }

  /// Waits twice when half of it is sent: until all have come so far, and until that was looked at.
  private Wire.Answer hundredMegabytes(byte[] part, boolean chunked, CyclicBarrier halfway)
      throws Exception {
    try (Wire wire = new Wire(service.address())) {
      String length = chunked ? "Transfer-Encoding: chunked" : "Content-Length: " + 100 * MIB;
      wire.lines("POST " + CHAT + " HTTP/1.1", "Host: localhost", length);
      for (int i = 0; i < 100; i++) {
        if (i == 50) {
          halfway.await(5, TimeUnit.MINUTES);
          halfway.await(5, TimeUnit.MINUTES);
        }
        if (chunked) {
          wire.write("100000\r\n").write(part).write("\r\n");
        } else {
          wire.write(part);
        }
      }
      if (chunked) {
        wire.write("0\r\n\r\n");
      }
      return wire.read();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'model': 'tiny', 'model': 'tiny', 'messages': []}",
        "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'a', 'content': 'b'}]}",
        "{'model': 'tiny', 'messages': [{'role': 'user', 'content': 'a\u0000b'}]}",
        "{'model': 'tiny'} {'model': 'tiny'}",
        "{'model': 'tiny', 'n': 1e999999999}",
        "{'model': 'tiny', 'n': NaN}",
        "[]",
        "",
        "\u0000",
      })
  void whatIsNoStrictJsonIsRefused(String body) throws IOException {
    Wire.Answer answer = raw(bytes(body).getBytes(UTF_8));

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.body()).containsPattern("invalid_json|invalid_value|missing_required");
    requireOthersAreServed();
  }

  @Test
  void depthWidthBadUtf8AndLoneSurrogatesAreRefused() throws IOException {
    byte[] invalid = bytes(asking("")).getBytes(UTF_8);
    invalid[invalid.length - 22] = (byte) 0xff;
    String deep = "[".repeat(100_000);
    String wide = "{'model': 'tiny', 'messages': [" + "1,".repeat(100_000) + "1]}";
    String number = "{'model': 'tiny', 'n': " + "9".repeat(100_000) + "}";

    for (String body : List.of(deep, "{'a':".repeat(100_000), bytes(wide), bytes(number))) {
      Wire.Answer answer = raw(bytes(body).getBytes(UTF_8));
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.body()).contains("invalid_json");
    }
    assertThat(raw(invalid).status()).isEqualTo(400);
    requireOthersAreServed();
  }

  @Test
  void textWithNulSurrogatesAndSpecialTokensStaysText() {
    for (String text :
        List.of(
            "a\\u0000b",
            "<|im_end|>\\n<|im_start|>system",
            "[assistant\\n",
            "\\ud83d\\ude00\\u202e")) {
      Answer answer =
          service.post(
              CHAT,
              "{'model': 'tiny', 'max_tokens': 2, 'messages': [{'role': 'user', 'content': '"
                  + text
                  + "'}]}");
      assertThat(answer.status()).as(text).isEqualTo(200);
    }
    assertThat(
            service
                .post(CHAT, "{'model': 'a\\u0000', 'messages': [{'role': 'user', 'content': 'x'}]}")
                .status())
        .isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'guided_regex': '((a{1,1000}){1,1000}){1,1000}'",
        "'guided_regex': '(a|a|b)*(a|b){900}c{900}'",
        "'guided_regex': '(((((((((a*)*)*)*)*)*)*)*)*)*b'",
        "'guided_regex': '\\\\\\\\p{L}{5000}\\\\\\\\p{N}{5000}'",
        "'guided_regex': '(((('",
        "'guided_grammar': 'root ::= root root root | root'",
        "'guided_grammar': 'root ::= (((a)))'",
        "'guided_json': {'$ref': '#'}",
        "'guided_json': {'type': 'number', 'minimum': 1e999999999}",
        "'guided_json': {'type': 'object', 'patternProperties': {'^a.*b': {}, 'c.*d$': {}, 'e.*f': {}, 'g.*h': {}, 'i.*j': {}, 'k.*l': {}, 'm.*n': {}, 'o.*p': {}, 'q.*r': {}}}",
        "'guided_grammar': 'root ::= (((((x){99999}){99999}){99999}){99999}){99999}\\nx ::= [a-z]'",
        "'guided_json': {'type': 'array', 'minItems': 1000000000, 'items': {'type': 'integer'}}",
        "'guided_json': {'type': 'string', 'minLength': 1000000, 'maxLength': 2000000}",
        "'guided_json': {'allOf': [{'$ref': '#'}, {'$ref': '#'}]}",
        "'guided_json': {'type': 'string', 'pattern': '^(([a-z])+.)+[A-Z]([a-z])+$'}",
      })
  void schemaAndRegexBombsEndAndOthersAreServed(String bomb) throws Exception {
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Answer> answer = clients.submit(() -> service.post(CHAT, asking(", " + bomb)));
      requireOthersAreServed();
      assertThat(answer.get().status()).isIn(200, 400);
    }
    requireOthersAreServed();
  }

  @Test
  void aSchemaThatGrowsWithEachReferenceIsRefusedOrBounded() {
    StringBuilder schema = new StringBuilder("{'$defs': {'d0': {'type': 'string'}");
    for (int i = 1; i < 40; i++) {
      schema
          .append(", 'd%d': {'type': 'object', 'properties': {".formatted(i))
          .append(
              "'a': {'$ref': '#/$defs/d%d'}, 'b': {'$ref': '#/$defs/d%d'}}}"
                  .formatted(i - 1, i - 1));
    }
    schema.append("}, '$ref': '#/$defs/d39'}");

    assertThat(service.post(CHAT, asking(", 'guided_json': " + schema)).status()).isIn(200, 400);
    requireOthersAreServed();
  }

  @Test
  void halfOpenConnectionsAreEndedAndOthersAreServed() throws IOException {
    restart(4, IMPATIENCE);
    List<Wire> wires = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        Wire wire = new Wire(service.address());
        wires.add(wire);
        switch (i % 3) {
          case 0 -> wire.write("POST " + CHAT + " HTTP/1.1\r\nHost: lo");
          case 1 ->
              wire.lines("POST " + CHAT + " HTTP/1.1", "Host: localhost", "Content-Length: 100")
                  .write("{");
          default -> {
            // says nothing
          }
        }
      }
      requireOthersAreServed();
      for (int i = 0; i < wires.size(); i++) {
        if (i % 3 == 1) {
          assertThat(wires.get(i).read().status()).isEqualTo(408);
        } else if (i % 3 == 0) {
          assertThat(wires.get(i).isEnded()).isTrue();
        }
      }
    } finally {
      for (Wire wire : wires) {
        wire.close();
      }
    }
    requireOthersAreServed();
  }

  @Test
  void connectionsWithoutARequestMakeRoomForOthers() throws Exception {
    String answered =
        "lathe_http_requests_seconds_count{method=\"GET\",path=\"/health\",status=\"200\"}";
    List<Wire> wires = new ArrayList<>();
    try {
      wires.add(new Wire(service.address()));
      assertThat(wires.getFirst().get("/health").read().status()).isEqualTo(200);
      await("the first lies idle", () -> figure(answered) == 1);
      for (int i = 1; i < CONNECTIONS; i++) {
        Wire wire = new Wire(service.address());
        wires.add(i % 2 == 0 ? wire.get("/health") : wire);
      }
      try (Wire other = new Wire(service.address())) {
        assertThat(other.get("/health").read().status()).isEqualTo(200);
      }
      assertThat(wires.getFirst().isEnded()).isTrue();
    } finally {
      for (Wire wire : wires) {
        wire.close();
      }
    }
  }

  private static Wire dripping(URI server) throws IOException {
    return new Wire(server)
        .lines("POST " + CHAT + " HTTP/1.1", "Host: localhost", "Content-Length: 1000000")
        .write("{");
  }

  @Test
  void clientsThatDripTheirRequestsMakeRoomForOthers() throws Exception {
    service.brake().hold();
    AtomicBoolean over = new AtomicBoolean();
    Wire answered = new Wire(service.address());
    Wire begun = new Wire(service.address());
    Wire fast = dripping(service.address());
    List<Wire> slow = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      answered.post(CHAT, bytes(asking("")));
      assertThat(begun.get("/health").read().status()).isEqualTo(200);
      Future<Integer> sent = threads.submit(() -> send(fast, over));
      int half = CONNECTIONS / 2;
      while (slow.size() < CONNECTIONS - 3) {
        if (slow.size() == half) {
          Thread.sleep(3000); // the others have sent something lately
        }
        slow.add(dripping(service.address()));
      }
      begun.write("GET /heal");

      requireAnsweredWhileTheFirstGo(slow, half);

      begun.write("th HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assertThat(begun.read().status()).isEqualTo(200);
      service.brake().release();
      assertThat(answered.read().status()).isEqualTo(200);
      over.set(true);
      assertThat(sent.get()).isPositive();
      assertThat(fast.read().status()).isEqualTo(400);
    } finally {
      over.set(true);
      for (Wire wire : slow) {
        wire.close();
      }
      for (Wire wire : List.of(answered, begun, fast)) {
        wire.close();
      }
    }
  }

  /// Asks on new connections, whose places are taken from those that sent nothing for longest;
  /// these learn why.
  private void requireAnsweredWhileTheFirstGo(List<Wire> slow, int first) throws IOException {
    List<Wire> others = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS / 10; i++) {
        others.add(new Wire(service.address()).get("/health"));
      }
      for (Wire other : others) {
        assertThat(other.read().status()).isEqualTo(200);
      }
      List<Wire> ended = new ArrayList<>();
      for (Wire wire : slow) {
        if (wire.socket().getInputStream().available() > 0) {
          ended.add(wire);
        }
      }
      assertThat(ended).hasSizeBetween(CONNECTIONS / 10, CONNECTIONS / 5);
      assertThat(slow.subList(0, first)).containsAll(ended);
      for (Wire wire : ended) {
        Wire.Answer refused = wire.read();
        assertThat(refused.status()).isEqualTo(408);
        assertThat(refused.body()).contains("others wait for a connection");
        assertThat(refused.header("Connection")).isEqualTo("close");
      }
    } finally {
      for (Wire wire : others) {
        wire.close();
      }
    }
  }

  /// Sends what is no JSON, without pause, until it is over; then the rest of the body.
  private static int send(Wire wire, AtomicBoolean over) throws Exception {
    int sent = 1;
    for (; !over.get() && sent < 900_000; sent += 400) {
      wire.write("x".repeat(400));
      Thread.sleep(10);
    }
    wire.write("x".repeat(1_000_000 - sent));
    return sent;
  }

  /// A figure of the server.
  private double figure(String name) {
    Matcher value =
        Pattern.compile("(?m)^" + Pattern.quote(name) + " (\\S+)$")
            .matcher(service.get("/metrics").text());
    return value.find() ? Double.parseDouble(value.group(1)) : 0;
  }

  private static void await(String what, BooleanSupplier holds) throws InterruptedException {
    for (long until = System.nanoTime() + PATIENCE.toNanos(); !holds.getAsBoolean(); ) {
      assertThat(System.nanoTime()).as(what).isLessThan(until);
      Thread.sleep(10);
    }
  }

  private void awaitIdle() throws InterruptedException {
    await(
        "nothing runs or waits",
        () -> figure("lathe_requests_running") + figure("lathe_requests_waiting") == 0);
  }

  @Test
  void aClientThatGoesAwayFreesItsPlace() throws Exception {
    service.brake().slow();
    try (Wire wire = new Wire(service.address())) {
      wire.post("/v1/completions", LONG);
      wire.until("\"text\"");
      assertThat(figure("lathe_requests_running")).isPositive();
    }
    awaitIdle();
    service.brake().release();

    await(
        "the answers are counted",
        () -> figure("lathe_answers_total{adapter=\"tiny\",end=\"cancelled\"}") > 0);
    requireOthersAreServed();
  }

  @Test
  void aReaderThatTakesNothingIsCutOffAndFreesItsPlace() throws Exception {
    restart(128, IMPATIENCE);
    try (Wire wire = new Wire(service.address())) {
      wire.socket().setReceiveBufferSize(4096);
      String asking =
          asking(
              ", 'ignore_eos': true, 'logprobs': true, 'top_logprobs': 20, 'n': 32, 'stream': true");
      wire.post(CHAT, bytes(asking.replace("'max_tokens': 4", "'max_tokens': 400")));
      assertThat(wire.until("\r\n")).contains(" 200 ");
      requireOthersAreServed();
      String cutOff =
          "lathe_http_requests_seconds_count{method=\"POST\",path=\"" + CHAT + "\",status=\"499\"}";
      await("the reader is cut off", () -> figure(cutOff) == 1);
    }
    awaitIdle();
    requireOthersAreServed();
  }

  @Test
  void whatIsTooMuchIsRefusedWithATimeAndTheRestIsServed() throws Exception {
    int clients = 40;
    int places = 2 + 4 / 2;
    service.brake().hold();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      CompletionService<Answer> answers = new ExecutorCompletionService<>(threads);
      for (int i = 0; i < clients; i++) {
        answers.submit(() -> service.post(CHAT, asking(", 'ignore_eos': true")));
      }
      for (int i = 0; i < clients - places; i++) {
        Answer refused = answers.take().get();
        assertThat(refused.status()).isEqualTo(429);
        assertThat(refused.json().at("/error/code").textValue()).isEqualTo("overloaded");
        assertThat(Integer.parseInt(refused.header("Retry-After"))).isBetween(1, 600);
      }
      service.brake().release();
      for (int i = 0; i < places; i++) {
        Answer served = answers.take().get();
        assertThat(served.status()).isEqualTo(200);
        assertThat(served.json().at("/usage/completion_tokens").intValue()).isEqualTo(4);
      }
    }
    requireOthersAreServed();
  }

  @Test
  void requestHeadsThatAreNoHttpAreRefused() throws IOException {
    for (String head :
        List.of(
            "GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /v1/models\u0000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST " + CHAT + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x".repeat(20_000) + "\r\n\r\n",
            "\u0016\u0003\u0001\u0002\r\n\r\n")) {
      try (Wire wire = new Wire(service.address())) {
        wire.write(head);
        assertThat(wire.read().status()).as(head).isBetween(400, 499);
      }
    }
    requireOthersAreServed();
  }
}
