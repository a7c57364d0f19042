package dev.lathe.app.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The server with a few plain routes, on real sockets.
class HttpServerTest {
  private record Word(String text) {
    static final Shape<Word> SHAPE =
        Shape.<Word>named("Word").text("text", "the word", Word::text).build();

    static Word read(Fields in) {
      return new Word(in.field("text", "the word").text());
    }
  }

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final ServerSettings.Limits LIMITS = limits(PATIENCE);

  /// For what has to be given up.
  private static final ServerSettings.Limits IMPATIENT = limits(Duration.ofSeconds(2));

  private static ServerSettings.Limits limits(Duration toSendOrRead) {
    return new ServerSettings.Limits(
        1 << 20, 1 << 20, 1000, 8 << 10, 64, 2, toSendOrRead, toSendOrRead, PATIENCE, PATIENCE);
  }

  @TempDir private Path folder;
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch gone = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger written = new AtomicInteger();
  private final List<String> defects = new CopyOnWriteArrayList<>();
  private final List<ServerLog.Answered> answered = new CopyOnWriteArrayList<>();
  private @Nullable HttpServer server;

  private final ServerLog log =
      new ServerLog() {
        @Override
        public void answered(Answered each) {
          answered.add(each);
        }

        @Override
        public void departed(String id) {
          // not asked here
        }

        @Override
        public void defect(String id, @Nullable Throwable cause) {
          defects.add(id);
        }
      };

  private List<Route> routes() {
    return List.of(
        Route.get("/open").needs(Operation.LOOK).by(call -> call.send("text/plain", "open")),
        Route.get("/list/{name}")
            .needs(Operation.LIST)
            .by(call ->
                call.send("text/plain", call.segment("name") + call.query("more").orElse("-"))),
        Route.post("/echo")
            .needs(Operation.GENERATE)
            .by("Word", Word::read, (call, word) -> call.send(Word.SHAPE, word)),
        Route.get("/defect")
            .needs(Operation.LOOK)
            .by(call -> {
              throw new IllegalStateException("secret detail");
            }),
        Route.post("/wait").needs(Operation.GENERATE).by("Word", Word::read, this::waitForTest),
        Route.get("/flood").needs(Operation.LOOK).by(call -> flood(call, true)),
        Route.get("/gather").needs(Operation.LOOK).by(call -> flood(call, false)));
  }

  private void waitForTest(Call call, Word word) throws IOException, InterruptedException {
    waiting.incrementAndGet();
    begun.countDown();
    try (Call.Watch _ =
        call.watch(() -> {
          gone.countDown();
          goOn.countDown();
        })) {
      goOn.await();
    }
    call.send(Word.SHAPE, word);
  }

  private void flood(Call call, boolean flushes) throws IOException {
    EventStream out = call.stream(EventStream.Form.EVENTS);
    Word word = new Word("x".repeat(10_000));
    try {
      for (int i = 0; i < 10_000; i++) {
        out.add(Word.SHAPE, word);
        if (flushes) {
          out.flush();
        }
        written.incrementAndGet();
      }
      out.end();
    } catch (IOException cut) {
      gone.countDown();
      throw cut;
    }
  }

  private ApiKeys keys() {
    return ApiKeys.of(folder.resolve("keys.json"), Clock.systemUTC());
  }

  private URI start(ServerSettings settings) {
    server = HttpServer.start(settings, new Routes(routes()), keys(), log);
    return server.address();
  }

  private URI start() {
    return start(LIMITS);
  }

  private URI start(ServerSettings.Limits limits) {
    return start(new ServerSettings("127.0.0.1", 0, Optional.empty(), Set.of(), limits));
  }

  private static void await(CountDownLatch latch) throws InterruptedException {
    assertThat(latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
  }

  /// A condition that another thread brings about.
  private interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  private static void await(Condition condition) throws IOException, InterruptedException {
    long until = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      assertThat(System.nanoTime()).isLessThan(until);
      Thread.sleep(20);
    }
  }

  @AfterEach
  void stop() {
    goOn.countDown();
    if (server != null) {
      server.close();
    }
  }

  @Test
  void answersCarryTheRequestsIdOrANewOne() throws IOException {
    try (Wire wire = new Wire(start())) {
      Wire.Answer given = wire.get("/open", "X-Request-Id: abc-1").read();
      Wire.Answer fresh = wire.get("/open", "X-Request-Id: a b\"c").read();

      assertThat(given.body()).isEqualTo("open");
      assertThat(given.header("X-Request-Id")).isEqualTo("abc-1");
      assertThat(fresh.header("X-Request-Id")).matches("req_[0-9a-f]{24}");
    }
  }

  @Test
  void pathsMethodsAndSegmentsAreTold() throws IOException {
    try (Wire wire = new Wire(start())) {
      assertThat(wire.get("/list/a%2Fb%20c?more=1").read().body()).isEqualTo("a/b c1");
      assertThat(wire.get("/nothing").read())
          .matches(each -> each.status() == 404 && each.body().contains("'/nothing'"));
      assertThat(wire.get("/echo").read())
          .matches(each -> each.status() == 405 && each.body().contains("it has POST"));
    }
  }

  @Test
  void keysAreNeededFromTheFirstOneOnAndAllowTheirScopesOnly() throws IOException {
    try (Wire wire = new Wire(start())) {
      assertThat(wire.get("/list/x").read().status()).isEqualTo(200);

      String key = keys().create("k", Set.of(Operation.LIST), Optional.empty()).text();

      Wire.Answer without = wire.get("/list/x").read();
      assertThat(without.status()).isEqualTo(401);
      assertThat(without.body()).contains("\"code\":\"invalid_api_key\"");
      assertThat(without.header("WWW-Authenticate")).isEqualTo("Bearer");
      assertThat(wire.get("/list/x", "Authorization: Bearer sk-x").read().status()).isEqualTo(401);
      assertThat(wire.get("/list/x", "Authorization: Bearer " + key).read().status())
          .isEqualTo(200);
      Wire.Answer beyond =
          wire.post("/echo", "{\"text\": \"x\"}", "Authorization: bearer " + key).read();
      assertThat(beyond.status()).isEqualTo(403);
      assertThat(beyond.body()).contains("lacks the scope 'generate'");
      assertThat(wire.get("/open").read().status()).isEqualTo(200);

      keys().revoke("k");
      assertThat(wire.get("/list/x", "Authorization: Bearer " + key).read().status())
          .isEqualTo(401);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"text\": \"x\", \"text\": \"y\"} | Duplicate",
        "{\"text\": \"x\"} {} | follows the end",
        "[1] | is not a JSON object",
        "{\"text\": NaN} | NaN",
        "{\"text\": 'x'} | code 39",
        "`` | it is empty",
        "{\"text\": \"a\tb\"} | CTRL-CHAR"
      })
  void bodyThatIsNoStrictJsonIsRefused(String body, String why) throws IOException {
    try (Wire wire = new Wire(start())) {
      Wire.Answer answer = wire.post("/echo", body).read();

      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.body()).contains("\"code\":\"invalid_json\"").containsIgnoringCase(why);
      assertThat(wire.post("/echo", "{\"text\": \"still there\"}").read().status()).isEqualTo(200);
    }
  }

  @Test
  void invalidUtf8DeepNestingAndManyValuesAreRefused() throws IOException {
    byte[] invalid = "{\"text\": \"x\"}".getBytes(java.nio.charset.StandardCharsets.UTF_8);
    invalid[10] = (byte) 0xff;
    try (Wire wire = new Wire(start())) {
      assertThat(wire.post("/echo", invalid).read())
          .matches(each -> each.status() == 400 && each.body().contains("UTF-8"));
      assertThat(wire.post("/echo", "{\"text\": " + "[".repeat(100_000)).read())
          .matches(each -> each.status() == 400 && each.body().contains("nesting depth"));
      assertThat(wire.post("/echo", "{\"text\": [" + "{},".repeat(5000) + "{}]}").read())
          .matches(each -> each.status() == 400 && each.body().contains("oken count"));
      assertThat(wire.post("/echo", "{\"text\": \"\\u0000\\ud83d\\ude00\"}").read().body())
          .isEqualTo("{\"text\":\"\\u0000😀\"}\n");
    }
  }

  @Test
  void longBodiesWaitForOthersWhileShortOnesAreRead() throws Exception {
    String large = "{\"text\": \"" + "x".repeat(900_000) + "\"}";
    URI address = start();
    try (Wire held = new Wire(address);
        Wire other = new Wire(address)) {
      held.post("/wait", large);
      await(begun);

      Wire.Answer refused = other.post("/echo", large).read();
      Wire.Answer small = other.post("/echo", "{\"text\": \"y\"}").read();
      goOn.countDown();
      Wire.Answer first = held.read();
      await(() -> answered.size() == 3);
      Wire.Answer later = other.post("/echo", large).read();

      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.body()).contains("1,048,576 bytes");
      assertThat(refused.header("Retry-After")).isEqualTo("1");
      assertThat(small.status()).isEqualTo(200);
      assertThat(first.status()).isEqualTo(200);
      assertThat(later.status()).isEqualTo(200);
    }
  }

  @Test
  void largeBodyIsRefusedAlsoWithoutALengthAndItsClientLearnsWhy() throws IOException {
    URI address = start();
    byte[] part = new byte[1 << 20];
    for (boolean announced : List.of(true, false)) {
      try (Wire wire = new Wire(address)) {
        String framing = announced ? "Content-Length: 104857600" : "Transfer-Encoding: chunked";
        wire.write("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + framing + "\r\n\r\n");
        for (int i = 0; i < 100; i++) {
          wire.write(announced ? "" : "100000\r\n").write(part).write(announced ? "" : "\r\n");
        }
        wire.write(announced ? "" : "0\r\n\r\n");

        assertThat(wire.read())
            .matches(each -> each.status() == 413 && each.body().contains("1,048,576 bytes"));
        assertThat(wire.isEnded()).isTrue();
      }
    }
  }

  @Test
  void bodyThatComesTooSlowlyIsGivenUp() throws IOException {
    try (Wire wire = new Wire(start(IMPATIENT))) {
      wire.write("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");

      assertThat(wire.read())
          .matches(each -> each.status() == 408 && each.body().contains("request_timeout"));
    }
  }

  @Test
  void bodyThatIsDeliveredByteByByteIsReadAndThatOfARefusedRequestLeft() throws Exception {
    try (Wire wire = new Wire(start())) {
      for (String path : List.of("/echo", "/nowhere", "/echo")) {
        String framing = path.equals("/echo") ? "Content-Length: 13" : "Transfer-Encoding: chunked";
        String body = "{\"text\": \"x\"}";
        String request =
            "POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n".formatted(path, framing)
                + (path.equals("/echo") ? body : "d\r\n" + body + "\r\n0\r\n\r\n");
        for (byte each : request.getBytes(US_ASCII)) {
          wire.write(new byte[] {each});
        }

        assertThat(wire.read().status()).isEqualTo(path.equals("/echo") ? 200 : 404);
      }
    }
  }

  /// A request as it is sent, and the status of its answer.
  private record Sent(String text, int status) {
    private static Sent of(String head, String body, boolean chunked, int status) {
      String framing =
          chunked
              ? "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                  .formatted(body.length(), body)
              : "Content-Length: " + body.length() + "\r\n\r\n" + body;
      return new Sent(head + "\r\nHost: localhost\r\n" + framing, status);
    }

    private static Sent random(Random random) {
      String body = "{\"text\": \"%s\"}".formatted("x".repeat(random.nextInt(3) * 5000));
      boolean chunked = random.nextBoolean();
      return switch (random.nextInt(9)) {
        case 0 -> new Sent("GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
        case 1 -> of("GET /list/a HTTP/1.1", body, chunked, 200);
        case 2 -> of("POST /echo HTTP/1.1", body, chunked, 200);
        case 3 -> of("POST /wait HTTP/1.1", body, chunked, 200);
        case 4 -> of("POST /echo HTTP/1.1", body + body, chunked, 400);
        case 5 -> of("POST /nowhere HTTP/1.1", body, chunked, 404);
        case 6 -> of("PUT /open HTTP/1.1", body, chunked, 405);
        case 7 -> of("POST /echo HTTP/1.1\r\nContent-Type: text/html", body, chunked, 415);
        default -> of("GET /defect HTTP/1.1", body, chunked, 500);
      };
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 40, 1000, 100_000})
  void requestsSentAheadInAnyPiecesAreAnsweredInTheirOrder(int longestPiece) throws Exception {
    goOn.countDown();
    Random random = new Random(longestPiece);
    List<Sent> requests =
        Stream.generate(() -> Sent.random(random)).limit(5 + Math.min(longestPiece, 100)).toList();
    byte[] bytes =
        requests.stream().map(Sent::text).collect(Collectors.joining()).getBytes(US_ASCII);
    try (Wire wire = new Wire(start())) {
      Thread writer =
          Thread.startVirtualThread(() -> {
            try {
              for (int at = 0; at < bytes.length; ) {
                int end = Math.min(bytes.length, at + 1 + random.nextInt(longestPiece));
                wire.write(Arrays.copyOfRange(bytes, at, end));
                at = end;
              }
            } catch (IOException ended) {
              // the reader says so
            }
          });

      for (Sent request : requests) {
        assertThat(wire.read().status()).as(request.text()).isEqualTo(request.status());
      }
      writer.join();
    }
  }

  @Test
  void brokenChunkIsTheClientsFault() throws Exception {
    try (Wire wire = new Wire(start())) {
      wire.lines("POST /echo HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked");
      wire.write("5\r\n{\"te\r\nno number\r\n\r\n");

      assertThat(wire.read().status()).isEqualTo(400);
      assertThat(wire.isEnded()).isTrue();
    }
    await(() -> answered.size() == 1);
    assertThat(defects).isEmpty();
  }

  @Test
  void headThatComesByteByByteIsGivenUp() throws Exception {
    URI address = start(IMPATIENT);
    goOn.countDown();
    try (Wire fresh = new Wire(address);
        Wire used = new Wire(address);
        Wire watched = new Wire(address)) {
      used.get("/open").read();
      watched.post("/wait", "{\"text\": \"x\"}").read();
      List<Wire> open = new ArrayList<>(List.of(fresh, used, watched));

      await(() -> {
        open.removeIf(wire -> !takes(wire));
        return open.isEmpty();
      });
    }
  }

  private static boolean takes(Wire wire) {
    try {
      wire.write("G");
      return true;
    } catch (IOException ended) {
      return false;
    }
  }

  @Test
  void connectionThatWaitsBetweenRequestsIsKept() throws Exception {
    try (Wire wire = new Wire(start(IMPATIENT))) {
      wire.get("/open").read();
      Thread.sleep(4000);

      assertThat(wire.get("/open").read().status()).isEqualTo(200);
    }
  }

  @Test
  void clientThatGoesAwayIsNoticedWhileItsAnswerIsMade() throws Exception {
    Wire wire = new Wire(start());
    wire.post("/wait", "{\"text\": \"x\"}");
    await(begun);
    assertThat(gone.getCount()).isEqualTo(1);

    wire.close();

    await(gone);
  }

  @Test
  void requestSentAheadIsNoDepartureAndIsAnsweredNext() throws Exception {
    try (Wire wire = new Wire(start())) {
      wire.post("/wait", "{\"text\": \"first\"}");
      await(begun);
      wire.post("/echo", "{\"text\": \"second\"}");
      Thread.sleep(300);
      assertThat(gone.getCount()).isEqualTo(1);
      goOn.countDown();

      assertThat(wire.read().body()).contains("first");
      assertThat(wire.read().body()).contains("second");
    }
  }

  @Test
  void largeRequestSentAheadIsKeptWhole() throws Exception {
    String large = "{\"text\": \"%s\"}".formatted("x".repeat(20_000));
    try (Wire wire = new Wire(start())) {
      wire.write(
          "POST /wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n"
              + "{\"text\": \"one\"}POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
              + large.length()
              + "\r\n\r\n"
              + large);
      await(begun);
      Thread.sleep(300);
      goOn.countDown();

      assertThat(wire.read().body()).contains("one");
      assertThat(wire.read().body()).isEqualTo(large.replace(" ", "") + "\n");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/flood", "/gather"})
  void readerThatTakesNothingIsCutOffAndLittleIsKeptForIt(String path) throws Exception {
    try (Wire wire = new Wire(start(IMPATIENT))) {
      wire.get(path);

      await(gone);
      assertThat(written.get()).isLessThan(5000);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/echo", "/nowhere"})
  void refusalBeforeTheBodyIsThereLeavesTheConnectionOpen(String path) throws Exception {
    String key = keys().create("one", Set.of(Operation.GENERATE), Optional.empty()).text();
    try (Wire wire = new Wire(start())) {
      wire.lines("POST " + path + " HTTP/1.1", "Host: localhost", "Content-Length: 13");
      assertThat(wire.read().status()).isGreaterThanOrEqualTo(400);
      wire.write("{\"text\": \"x\"}");

      Wire.Answer next =
          wire.post("/echo", "{\"text\": \"x\"}", "Authorization: Bearer " + key).read();
      assertThat(next.status()).isEqualTo(200);
    }
  }

  @Test
  void refusedClientThatWaitsToBeAskedForItsBodyIsNotWaitedFor() throws Exception {
    try (Wire wire = new Wire(start())) {
      wire.lines(
          "POST /nowhere HTTP/1.1",
          "Host: localhost",
          "Expect: 100-continue",
          "Content-Length: 13");

      assertThat(wire.read().status()).isEqualTo(404);
      assertThat(wire.isEnded()).isTrue();
    }
  }

  @Test
  void oneKeyHasSoManyRequestsUnderWayAndOthersAreNotConcerned() throws Exception {
    String key = keys().create("busy", Set.of(Operation.GENERATE), Optional.empty()).text();
    String other = keys().create("other", Set.of(Operation.GENERATE), Optional.empty()).text();
    URI address = start();
    try (Wire first = new Wire(address);
        Wire second = new Wire(address);
        Wire third = new Wire(address)) {
      first.post("/wait", "{\"text\": \"x\"}", "Authorization: Bearer " + key);
      second.post("/wait", "{\"text\": \"x\"}", "Authorization: Bearer " + key);
      await(() -> waiting.get() == 2);
      Wire.Answer excess =
          third.post("/echo", "{\"text\": \"x\"}", "Authorization: Bearer " + key).read();
      assertThat(excess.status()).isEqualTo(429);
      assertThat(excess.body()).contains("rate_limit_exceeded");
      assertThat(excess.header("Retry-After")).isEqualTo("1");
      assertThat(
              third
                  .post("/echo", "{\"text\": \"x\"}", "Authorization: Bearer " + other)
                  .read()
                  .status())
          .isEqualTo(200);

      goOn.countDown();
      first.read();
      second.read();

      assertThat(
              third
                  .post("/echo", "{\"text\": \"x\"}", "Authorization: Bearer " + key)
                  .read()
                  .status())
          .isEqualTo(200);
    }
  }

  /// Asks until the answer has this status.
  private static Wire.Answer untilStatus(Wire wire, int status, String... headers)
      throws IOException, InterruptedException {
    AtomicReference<Wire.Answer> last = new AtomicReference<>();
    await(() -> {
      last.set(wire.post("/echo", "{\"text\": \"x\"}", headers).read());
      return last.get().status() == status;
    });
    return last.get();
  }

  @Test
  void defectIsToldByItsRequestAndShowsNothing() throws IOException {
    try (Wire wire = new Wire(start())) {
      Wire.Answer answer = wire.get("/defect", "X-Request-Id: r1").read();

      assertThat(answer.status()).isEqualTo(500);
      assertThat(answer.body()).contains("r1").doesNotContain("secret");
      assertThat(defects).containsExactly("r1");
    }
  }

  @Test
  void webPagesOfOtherOriginsAreTurnedAwayUnlessInvited() throws IOException {
    URI address =
        start(
            new ServerSettings(
                "127.0.0.1", 0, Optional.empty(), Set.of("https://chat.example"), LIMITS));
    try (Wire wire = new Wire(address)) {
      assertThat(wire.get("/open", "Origin: https://evil.example").read().status()).isEqualTo(403);
      assertThat(wire.get("/open", "Origin: http://localhost").read().status()).isEqualTo(200);
      Wire.Answer invited = wire.get("/open", "Origin: https://chat.example").read();
      assertThat(invited.header("Access-Control-Allow-Origin")).isEqualTo("https://chat.example");
      assertThat(invited.header("Access-Control-Expose-Headers"))
          .isEqualTo("X-Request-Id, Retry-After, X-Should-Retry");
      wire.lines(
          "OPTIONS /echo HTTP/1.1",
          "Host: localhost",
          "Origin: https://chat.example",
          "Access-Control-Request-Method: POST",
          "Access-Control-Request-Headers: authorization, content-type");
      Wire.Answer preflight = wire.read();
      assertThat(preflight.status()).isEqualTo(204);
      assertThat(preflight.header("Access-Control-Allow-Headers"))
          .isEqualTo("authorization, content-type");
    }
  }

  @Test
  void aPageWithoutAnOriginIsOneOfAnySite() throws IOException {
    try (Wire wire = new Wire(start())) {
      assertThat(wire.get("/open", "Origin: null").read())
          .matches(each -> each.status() == 403 && each.body().contains("serve it over HTTP"))
          .matches(each -> !each.body().contains("--cors-origin null"));
    }
    stop();
    try (Wire wire =
        new Wire(
            start(new ServerSettings("127.0.0.1", 0, Optional.empty(), Set.of("*"), LIMITS)))) {
      assertThat(wire.get("/open", "Origin: null").read().header("Access-Control-Allow-Origin"))
          .isEqualTo("null");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "",
        "chat.example",
        "https://chat.example/",
        "https://*.example",
        "https://Chat.example",
        "https://chat.example:443",
        "http://chat.example:80"
      })
  void anOriginThatNoBrowserNamesIsRefused(String origin) {
    assertThatThrownBy(
            () -> new ServerSettings("127.0.0.1", 0, Optional.empty(), Set.of(origin), LIMITS))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'" + origin + "'");
  }

  @Test
  void withoutKeysOtherHostNamesAreTurnedAway() throws IOException {
    try (Wire wire = new Wire(start())) {
      wire.write("GET /open HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n");

      assertThat(wire.read())
          .matches(each -> each.status() == 403 && each.body().contains("rebound.example"));
    }
  }

  @Test
  void addressThatOthersReachNeedsAKey() {
    ServerSettings open = new ServerSettings("0.0.0.0", 0, Optional.empty(), Set.of(), LIMITS);

    assertThatThrownBy(() -> start(open))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("lathe key create");

    keys().create("k", Operation.USUAL, Optional.empty());
    assertThat(start(open).getPort()).isPositive();
  }

  @Test
  void portThatIsTakenIsNamed() {
    URI taken = start();

    assertThatThrownBy(() ->
            HttpServer.start(
                new ServerSettings(
                    "127.0.0.1", taken.getPort(), Optional.empty(), Set.of(), LIMITS),
                new Routes(routes()),
                keys(),
                log))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("port " + taken.getPort());
  }

  @Test
  void stoppingLetsRunningRequestsEndAndRefusesNewOnes() throws Exception {
    URI address = start();
    try (Wire running = new Wire(address);
        Wire idle = new Wire(address)) {
      idle.get("/open").read();
      running.post("/wait", "{\"text\": \"x\"}");
      await(begun);
      HttpServer stopping = java.util.Objects.requireNonNull(server);
      var left = new java.util.concurrent.FutureTask<>(stopping::drain);
      Thread.startVirtualThread(left);
      Wire.Answer refused = untilStatus(idle, 503);
      assertThat(refused.header("Connection")).isEqualTo("close");
      await(() -> isUnreachable(address));

      goOn.countDown();

      assertThat(running.read().status()).isEqualTo(200);
      assertThat(left.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isZero();
    }
  }

  private static boolean isUnreachable(URI address) {
    try (Wire _ = new Wire(address)) {
      return false;
    } catch (IOException unreachable) {
      return true;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"text/html", "multipart/form-data; boundary=x", "application/xml"})
  void bodyOfAnotherMediaTypeIsRefused(String type) throws IOException {
    try (Wire wire = new Wire(start())) {
      assertThat(wire.post("/echo", "{\"text\": \"x\"}", "Content-Type: " + type).read().status())
          .isEqualTo(415);
      assertThat(wire.post("/echo", "{\"text\": \"x\"}", "Content-Encoding: gzip").read().status())
          .isEqualTo(415);
    }
  }

  @Test
  void clientsThatOfferHttp2GetHttp1() throws IOException {
    try (Wire wire = new Wire(start())) {
      Wire.Answer answer =
          wire.post(
                  "/echo",
                  "{\"text\": \"x\"}",
                  "Connection: Upgrade, HTTP2-Settings",
                  "Upgrade: h2c",
                  "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
                  "Content-Type: application/json")
              .read();

      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("{\"text\":\"x\"}\n");
    }
  }

  @Test
  void whatIsNoHttpIsRefusedAsJsonToo() throws IOException {
    URI address = start();
    List<String[]> requests =
        List.of(
            new String[] {"GET /open HTTP/1.1", "Host: a", "Host: b"},
            new String[] {"GET /%zz HTTP/1.1", "Host: localhost"},
            new String[] {
              "POST /echo HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked"
            },
            new String[] {"GET /open HTTP/1.1", "Host: localhost", "X: " + "y".repeat(20_000)});
    for (String[] request : requests) {
      try (Wire wire = new Wire(address)) {
        Wire.Answer answer = wire.lines(request).read();

        assertThat(answer.status()).isBetween(400, 431);
        assertThat(answer.body()).startsWith("{\"error\":{\"message\":");
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET /open HTTP/1.2 | 505 | speaks HTTP/1.1",
        "PRI * HTTP/2.0 | 426 | speaks HTTP/1.1",
        "GET /open?LONG HTTP/1.1 | 414 | too large",
        "GET /open/ HTTP/1.1 | 404 | did you mean '/open'",
        "GET //open HTTP/1.1 | 404 | did you mean '/open'",
        "GET /list/ HTTP/1.1 | 404 | there is no path '/list/'",
        "GET /x/../o%70en HTTP/1.1 | 200 | open",
        "GET /list/a%2fb HTTP/1.1 | 200 | a/b",
        "GET /list/%252e HTTP/1.1 | 400 | Ambiguous URI path encoding",
        "GET http://localhost/open HTTP/1.1 | 200 | open",
        "GET /open HTTP/1.0 | 200 | open",
        "TRACE /open HTTP/1.1 | 405 | it has GET"
      })
  void whateverAProxySendsIsAnsweredClearly(String line, int status, String text)
      throws IOException {
    try (Wire wire = new Wire(start())) {
      wire.lines(line.replace("LONG", "x".repeat(20_000)), "Host: localhost");

      Wire.Answer answer = wire.read();
      assertThat(answer.status()).isEqualTo(status);
      assertThat(answer.body()).contains(text).doesNotContain("defect");
    }
  }

  @Test
  void methodsOfAPathAreToldWithARefusalAndWhereAskedFor() throws IOException {
    try (Wire wire = new Wire(start())) {
      assertThat(wire.get("/echo").read().header("Allow")).isEqualTo("OPTIONS, POST");
      for (String path : List.of("/open", "*")) {
        wire.lines("OPTIONS " + path + " HTTP/1.1", "Host: localhost");
        Wire.Answer answer = wire.read();
        assertThat(answer.status()).isEqualTo(204);
        assertThat(answer.header("Allow"))
            .isEqualTo(path.equals("*") ? "GET, HEAD, OPTIONS, POST" : "GET, HEAD, OPTIONS");
      }
      wire.lines("OPTIONS /nothing HTTP/1.1", "Host: localhost");
      assertThat(wire.read().status()).isEqualTo(404);
    }
  }

  @Test
  void onlyChunksAreATransferEncoding() throws IOException {
    try (Wire wire = new Wire(start())) {
      wire.lines("POST /echo HTTP/1.1", "Host: localhost", "Transfer-Encoding: gzip, chunked");
      wire.write("0\r\n\r\n");

      assertThat(wire.read())
          .matches(each -> each.status() == 415 && each.body().contains("'gzip, chunked'"));
    }
  }

  @Test
  void everyRequestIsLoggedByItsRoute() throws Exception {
    try (Wire wire = new Wire(start())) {
      wire.get("/list/secret").read();
      wire.get("/nothing").read();
    }
    await(() -> answered.size() == 2);

    assertThat(answered).extracting(ServerLog.Answered::path).containsExactly("/list/{name}", "");
    assertThat(answered).extracting(ServerLog.Answered::status).containsExactly(200, 404);
  }

  @Test
  void routeWithoutAnOperationDoesNotStart() {
    assertThatThrownBy(() -> Route.get("/x").by(call -> call.send("text/plain", "x")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("GET /x states no operation");
  }
}
