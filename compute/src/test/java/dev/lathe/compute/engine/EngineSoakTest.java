package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.LatheException.Kind;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.engine.TokenEvent.Reason;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The engine under everything at once: requests of all kinds come and are cancelled at random
/// moments, adapters come and go, the cache and the waiting room are too small. No stream is stuck,
/// each ends exactly once, answers stay what they were, and memory stays flat.
///
/// Some seconds in the usual run; `-Dslow` runs for half an hour, or `-Dlathe.soak.seconds=N`.
class EngineSoakTest {
  private static final EngineSettings SETTINGS =
      new EngineSettings(Storage.BF16, 6, 1024, 2, 24).withMaxWaiting(8).withAdapterBytes(3 << 20);
  private static final int CLIENTS = 6;
  private static final int ADAPTERS = 12;
  private static final long MIB = 1 << 20;

  /// How much more memory may be in use at the end than after the first part.
  private static final long HEAP_ALLOWED = 4 * MIB;

  private static final long NATIVE_ALLOWED = 24 * MIB;

  /// In a few seconds the compiler's own memory weighs more than any leak but a gross one.
  private static final long NATIVE_ALLOWED_SHORT = 128 * MIB;

  /// What each client does at least in a part, however slow the machine is.
  private static final int LEAST_TURNS = 20;

  /// A stream is stuck when nothing ends for so long after the last request.
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  @TempDir Path folder;
  private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final AtomicLong ended = new AtomicLong();
  private final AtomicLong refused = new AtomicLong();
  private final AtomicLong adapterLoads = new AtomicLong();

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nothingIsStuckLostOrLeaked(boolean speculates) throws Exception {
    soak(Duration.ofSeconds(6), speculates, NATIVE_ALLOWED_SHORT);
  }

  @Test
  @Tag("slow")
  void nothingIsStuckLostOrLeakedForLong() throws Exception {
    soak(Duration.ofSeconds(Long.getLong("lathe.soak.seconds", 1800)), true, NATIVE_ALLOWED);
  }

  private void soak(Duration time, boolean speculates, long nativeAllowed) throws Exception {
    Optional<Drafter> drafter = speculates ? Optional.of(new LookUpDrafter()) : Optional.empty();
    try (Checkpoint model = Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
        JavaEngine engine =
            JavaEngine.open(model.config(), model.weights(), SETTINGS, Kernel.best(), drafter)) {
      List<List<Integer>> expected = new ArrayList<>();
      for (int seed = 0; seed < 4; seed++) {
        expected.add(Streams.generate(engine, known(seed)));
      }
      round(engine, model, expected, time.multipliedBy(2).dividedBy(5), 1);
      long heap = heap();
      long outside = outsideHeap();
      long first = ended.get();

      round(engine, model, expected, time.multipliedBy(3).dividedBy(5), 1000);

      String done =
          "%,d streams ended, %,d refused, %,d adapters taken in"
              .formatted(ended.get(), refused.get(), adapterLoads.get());
      assertThat(ended.get() - first).as(done).isGreaterThan(20);
      assertThat(heap() - heap).as("bytes of heap more, " + done).isLessThan(HEAP_ALLOWED);
      assertThat(outsideHeap() - outside)
          .as("bytes outside the heap more, " + done)
          .isLessThan(nativeAllowed);
    }
  }

  /// Clients and an administrator at work for a while; then everything is at rest.
  private void round(
      JavaEngine engine, Checkpoint model, List<List<Integer>> expected, Duration time, long seed)
      throws Exception {
    long end = System.nanoTime() + time.toNanos();
    List<Thread> threads = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      Random random = new Random(seed + client);
      threads.add(start(end, () -> ask(engine, random, expected)));
    }
    Random random = new Random(seed + CLIENTS);
    threads.add(start(end, () -> changeAdapters(engine, model, random)));
    for (Thread thread : threads) {
      thread.join(time.plus(PATIENCE));
      assertThat(thread.isAlive()).as("a stream is stuck: %s", stack(thread)).isFalse();
    }
    assertThat(failures).isEmpty();
    engine.adapters().aliases().keySet().forEach(engine.adapters()::dropAlias);
    engine.adapters().versions().forEach(version -> engine.adapters().remove(version.id()));
    EngineStatus status = engine.status();
    assertThat(status.running()).isZero();
    assertThat(status.waiting()).isZero();
    assertThat(status.freePages() + status.cachedPages()).isEqualTo(status.pages());
    assertThat(status.adapters().inMemory()).isZero();
    assertThat(status.adapters().bytes()).isZero();
  }

  private static List<StackTraceElement> stack(Thread thread) {
    return List.of(thread.getStackTrace());
  }

  /// Work that is repeated.
  private interface Turn {
    void take() throws Exception;
  }

  private Thread start(long end, Turn turn) {
    return Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            int turns = 0;
            while ((System.nanoTime() < end || turns < LEAST_TURNS) && failures.isEmpty()) {
              turn.take();
              turns++;
            }
          } catch (Throwable e) {
            failures.add(e);
          }
        });
  }

  /// Loads, names anew, pins and removes.
  private void changeAdapters(JavaEngine engine, Checkpoint model, Random random)
      throws InterruptedException {
    AdapterPool pool = engine.adapters();
    String alias = "alias" + random.nextInt(3);
    try {
      int which = random.nextInt(ADAPTERS);
      AdapterVersion version =
          random.nextBoolean()
              ? pool.add(adapter(model, which), () -> adapter(model, which))
              : pool.add(adapter(model, which + ADAPTERS));
      adapterLoads.incrementAndGet();
      pool.alias(alias, version.id());
      if (random.nextInt(4) == 0) {
        pool.dropAlias(alias);
      }
      List<AdapterVersion> all = pool.versions();
      if (all.size() > 4) {
        pool.remove(all.get(random.nextInt(all.size())).id());
      }
    } catch (LatheException e) {
      requireExpected(
          e); // an alias still points to it, or the budget is used up by adapters at work
    }
    Thread.sleep(random.nextInt(8));
  }

  private static Adapter adapter(Checkpoint model, int which) {
    int rank = 8 + 8 * (which % 3);
    return RandomAdapters.of(
        model.config(), "a" + which, rank, EnumSet.allOf(Projection.class), which);
  }

  private void ask(JavaEngine engine, Random random, List<List<Integer>> expected)
      throws InterruptedException {
    try {
      switch (random.nextInt(12)) {
        case 0 -> {
          int which = random.nextInt(expected.size());
          try (TokenStream stream = engine.submit(known(which))) {
            assertThat(Streams.read(stream)).as("an answer").isEqualTo(expected.get(which));
          }
          ended.incrementAndGet();
        }
        case 1 -> {
          List<int[]> texts = List.of(prompt(random), prompt(random));
          Pooling pooling = random.nextBoolean() ? Pooling.MEAN : Pooling.LAST;
          assertThat(engine.embed(texts, adapter(engine, random), pooling, Terms.PLAIN)).hasSize(2);
        }
        default -> stream(engine, random);
      }
    } catch (LatheException e) {
      requireExpected(e);
    }
  }

  private void requireExpected(LatheException e) {
    if (e.kind() == Kind.INTERNAL || e.kind() == Kind.ENVIRONMENT) {
      throw e;
    }
    refused.incrementAndGet();
  }

  private static Request known(int which) {
    return Streams.greedy(Streams.prompt(30 + which, which), null, 40);
  }

  private static int[] prompt(Random random) {
    int[] start = Streams.prompt(40, random.nextInt(3));
    int[] rest = Streams.prompt(1 + random.nextInt(80), random.nextInt());
    return random.nextBoolean()
        ? rest
        : Streams.joined(start, Arrays.stream(rest).boxed().toList());
  }

  private static @Nullable String adapter(JavaEngine engine, Random random) {
    List<AdapterVersion> all = engine.adapters().versions();
    return switch (random.nextInt(3)) {
      case 0 -> null;
      case 1 -> "alias" + random.nextInt(3);
      default -> all.isEmpty() ? null : all.get(random.nextInt(all.size())).id();
    };
  }

  private void stream(JavaEngine engine, Random random) throws InterruptedException {
    Sampling sampling =
        random.nextBoolean()
            ? Sampling.GREEDY
            : new Sampling(1.5, 40, 0.95, 0, 1.1, 0.2, 0.1, Map.of(7, 2f), random.nextInt());
    int most = 1 + random.nextInt(80);
    Request request =
        new Request(
            prompt(random), adapter(engine, random), sampling, most, Set.of(random.nextInt(256)));
    if (random.nextInt(4) == 0) {
      request = request.withLogprobs(new Logprobs(2, random.nextInt(3) - 1, 1));
    }
    if (random.nextInt(4) == 0) {
      request =
          request.withTerms(
              Terms.PLAIN
                  .withUser("user" + random.nextInt(3))
                  .withScope("scope" + random.nextInt(3))
                  .withPriority(random.nextInt(3) - 1)
                  .withMaxTime(Duration.ofMillis(random.nextInt(400) + 1)));
    }
    int cancelAt = random.nextInt(3) == 0 ? random.nextInt(most + 1) : Integer.MAX_VALUE;
    TokenStream stream = engine.submit(request);
    if (cancelAt == 0 && random.nextBoolean()) {
      Thread.startVirtualThread(stream::close);
    }
    read(stream, most, cancelAt);
    ended.incrementAndGet();
  }

  /// Reads to the end, which must come once, after no more tokens than asked for, and stay.
  private static void read(TokenStream stream, int most, int cancelAt) throws InterruptedException {
    int tokens = 0;
    TokenEvent event = stream.next();
    while (event instanceof TokenEvent.Token || event instanceof TokenEvent.PromptToken) {
      tokens += event instanceof TokenEvent.Token ? 1 : 0;
      if (tokens >= cancelAt) {
        stream.close();
      }
      event = stream.next();
    }
    stream.close();
    assertThat(stream.next()).as("the end again").isEqualTo(event);
    if (event instanceof TokenEvent.Finished(Reason reason, _, int outputTokens)) {
      assertThat(outputTokens).isEqualTo(tokens).isLessThanOrEqualTo(most);
      assertThat(reason == Reason.LENGTH && tokens < most)
          .as("cut at %d of %d", tokens, most)
          .isFalse();
    } else if (event instanceof TokenEvent.Failed(LatheException error)) {
      assertThat(error.kind()).isNotEqualTo(Kind.INTERNAL);
    }
  }

  private static long heap() throws InterruptedException {
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(50);
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  /// What the process holds beside the heap, classes and compiled code; 0 where the system does not
  /// tell.
  private static long outsideHeap() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    useWholeHeap();
    long resident =
        Files.readAllLines(status).stream()
            .filter(line -> line.startsWith("RssAnon:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
            .sum();
    var memory = ManagementFactory.getMemoryMXBean();
    return resident
        - memory.getHeapMemoryUsage().getCommitted()
        - memory.getNonHeapMemoryUsage().getCommitted();
  }

  /// Fills the young part of the heap once: what is committed is then resident, on a machine whose
  /// heap is large too.
  private static void useWholeHeap() {
    long before = collections();
    while (collections() == before) {
      assertThat(new byte[1 << 20]).isNotEmpty();
    }
  }

  private static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(GarbageCollectorMXBean::getCollectionCount)
        .sum();
  }
}
