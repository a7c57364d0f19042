package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.Wire;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Many idle connections and active streams for some time, while adapters come and go.
class SoakTest {
  private static final long MIB = 1 << 20;

  /// What each client does at least, however slow the machine is; of every three answers two are
  /// given for certain.
  private static final int LEAST_TURNS = 3;

  @TempDir private Path folder;

  @Test
  void idleAndActiveClientsAreServedWhileAdaptersComeAndGo() throws Exception {
    soak(40, 8, Duration.ofSeconds(3));
  }

  @Test
  @Tag("slow")
  void fiveHundredIdleAndSixtyFourActiveForTenMinutes() throws Exception {
    soak(500, 64, Duration.ofSeconds(Long.getLong("lathe.soak.seconds", 600)));
  }

  private void soak(int idle, int active, Duration time) throws Exception {
    Path model = TinyModels.llama(folder.resolve("tiny"), 7);
    for (int i = 0; i < 4; i++) {
      RunningService.adapter(model, folder.resolve("adapter" + i), i);
    }
    EngineSettings engine =
        EngineSettings.of(Storage.F32).withMaxStreams(active).withKvTokens(64 * active);
    List<Wire> wires = new ArrayList<>();
    try (RunningService service = new RunningService(folder, model, engine, patient(time))) {
      for (int i = 0; i < idle; i++) {
        Wire wire = new Wire(service.address());
        wires.add(wire);
        assertThat(wire.get("/health").read().status()).isEqualTo(200);
      }
      service.models().load("steady", folder.resolve("adapter0"));
      long before = liveBytes();
      long until = System.nanoTime() + time.toNanos();
      AtomicInteger answers = new AtomicInteger();
      AtomicLong changes = new AtomicLong();
      try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < active; i++) {
          int client = i;
          all.add(clients.submit(() -> ask(service, client, until, answers)));
        }
        all.add(clients.submit(() -> change(service, until, changes)));
        for (Future<?> each : all) {
          each.get();
        }
      }
      for (Wire wire : wires) {
        assertThat(wire.get("/ready").read().status()).isEqualTo(200);
      }
      assertThat(answers.get()).isGreaterThanOrEqualTo(active);
      assertThat(changes.get()).isPositive();
      assertThat(service.defects()).isEmpty();
      assertThat(service.models().generator().status().running()).isZero();
      assertThat(liveBytes() - before).isLessThan(64 * MIB);
    } finally {
      for (Wire wire : wires) {
        wire.close();
      }
    }
  }

  /// The usual limits, but connections may lie idle for longer than the test takes.
  private static ServerSettings.Limits patient(Duration time) {
    ServerSettings.Limits usual = ServerSettings.Limits.USUAL;
    return new ServerSettings.Limits(
        usual.bodyBytes(),
        usual.allBodiesBytes(),
        usual.jsonTokens(),
        usual.headerBytes(),
        usual.connections(),
        usual.streamsPerKey(),
        usual.toSend(),
        usual.toRead(),
        time.plus(usual.idle()),
        usual.drain());
  }

  private static long liveBytes() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /// Streams one answer after another: of the base, of an adapter that stays, and of one that may
  /// just have been taken away.
  private static void ask(RunningService service, int client, long until, AtomicInteger answers) {
    String[] names = {"tiny", "steady", "passing"};
    for (int turn = client; System.nanoTime() < until || turn < client + LEAST_TURNS; turn++) {
      String name = names[turn % names.length];
      Answer answer =
          service.post(
              "/v1/completions",
              "{'model': '%s', 'prompt': 'client %d', 'max_tokens': 32, 'ignore_eos': true, 'stream': true}"
                  .formatted(name, client));
      if (name.equals("passing") && answer.status() == 404) {
        continue;
      }
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.text()).contains("\"finish_reason\":\"length\"").endsWith("[DONE]\n\n");
      answers.incrementAndGet();
    }
  }

  private static void change(RunningService service, long until, AtomicLong changes) {
    for (int i = 0; System.nanoTime() < until || i < LEAST_TURNS; i++) {
      String body = "{'name': 'passing', 'path': 'adapter%d'}".formatted(1 + i % 3);
      assertThat(service.post("/v1/adapters", body).status()).isEqualTo(200);
      assertThat(service.delete("/v1/adapters/passing").status()).isEqualTo(200);
      changes.incrementAndGet();
    }
  }
}
