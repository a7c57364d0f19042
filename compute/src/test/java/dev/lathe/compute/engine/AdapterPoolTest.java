package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.generate;
import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.prompt;
import static dev.lathe.compute.engine.Streams.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterPoolTest {
  private static final Set<Projection> ALL = EnumSet.allOf(Projection.class);
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 4, 2048, 1, 24);

  @TempDir Path folder;
  private Checkpoint model;
  private JavaEngine engine;
  private AdapterPool pool;

  @BeforeEach
  void openTinyModel() {
    model = Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
    open(SETTINGS);
  }

  private void open(EngineSettings settings) {
    engine = JavaEngine.open(model, settings);
    pool = engine.adapters();
  }

  @AfterEach
  void close() {
    engine.close();
    model.close();
  }

  private Adapter adapter(int seed) {
    return RandomAdapters.of(model.config(), "adapter-" + seed, 4, ALL, seed);
  }

  private List<Integer> answer(String adapter) throws InterruptedException {
    return generate(engine, greedy(prompt(9, 1), adapter, 20));
  }

  /// Bytes of one adapter of [#adapter].
  private long size() {
    try (PackedAdapter packed = PackedAdapter.of(model.config(), adapter(0), 16)) {
      return packed.bytes();
    }
  }

  @Test
  void equalFactorsAreOneVersionAndAnyBitMakesAnother() {
    AdapterVersion version = pool.add(adapter(1));

    assertThat(pool.add(new Adapter("another name", adapter(1).factors()))).isEqualTo(version);
    assertThat(version.tensors()).isEqualTo(2 * 7 * 2);
    assertThat(version.id()).matches("[0-9a-f]{64}");
    List<Factor> factors = new ArrayList<>(adapter(1).factors());
    Factor last = factors.removeLast();
    float[] b = last.b().clone();
    b[b.length - 1] = Math.nextUp(b[b.length - 1]);
    factors.add(
        new Factor(last.layer(), last.projection(), last.rank(), last.scaling(), last.a(), b));
    assertThat(pool.add(new Adapter("adapter-1", factors)).id()).isNotEqualTo(version.id());
    assertThat(pool.status().versions()).isEqualTo(2);
  }

  @Test
  void anAliasTurnsAtOnceAndStreamsFinishOnTheVersionTheyBeganWith() throws Exception {
    AdapterVersion one = pool.add(adapter(1));
    AdapterVersion two = pool.add(adapter(2));
    List<Integer> ofOne = answer(one.id());
    List<Integer> ofTwo = answer(two.id());
    pool.alias("live", one.id());
    try (Brake brake = new Brake()) {
      TokenStream begun = engine.submit(brake.on(greedy(prompt(9, 1), "live", 20)));

      pool.alias("live", two.id());
      pool.remove(one.id());

      assertThat(begun.adapter()).contains(one);
      TokenStream next = engine.submit(greedy(prompt(9, 1), "live", 20));
      brake.release();
      assertThat(read(next)).isEqualTo(ofTwo).isNotEqualTo(ofOne);
      assertThat(read(begun)).isEqualTo(ofOne);
    }
    assertThat(pool.find("live")).contains(two);
    assertThatThrownBy(() -> answer(one.id()))
        .isInstanceOfSatisfying(
            LatheException.class,
            e -> assertThat(e.kind()).isEqualTo(LatheException.Kind.NOT_FOUND));
    assertThatThrownBy(() -> pool.remove(two.id()))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("has the alias 'live'");
  }

  @Test
  void memoryOfARemovedVersionIsFreedWithItsLastRequest() throws Exception {
    AdapterVersion version = pool.add(adapter(1));
    try (Brake brake = new Brake()) {
      TokenStream stream = engine.submit(brake.on(greedy(prompt(9, 1), version.id(), 40)));

      pool.remove(version.id());

      assertThat(pool.status().versions()).isZero();
      assertThat(pool.status().bytes()).isEqualTo(version.bytes()).isPositive();
      brake.release();
      assertThat(read(stream)).hasSize(40);
    }
    assertThat(pool.status().bytes()).isZero();
    assertThat(pool.status().inMemory()).isZero();
    EngineStatus status = engine.status();
    assertThat(status.cachedPages()).as("prefixes of a version that is gone").isZero();
    assertThat(status.freePages()).isEqualTo(status.pages());
  }

  @Test
  void theLeastRecentlyUsedMakesRoomAndComesBackWhenNamed() throws Exception {
    long size = size();
    engine.close();
    open(SETTINGS.withAdapterBytes(3 * size));
    List<AdapterVersion> versions = new ArrayList<>();
    List<List<Integer>> answers = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      int seed = i;
      versions.add(pool.add(adapter(seed), () -> adapter(seed)));
      answers.add(answer(versions.getLast().id()));
      assertThat(pool.status().bytes()).isEqualTo(Math.min(i + 1, 3) * size);
    }

    assertThat(pool.status().versions()).isEqualTo(6);
    answer(versions.get(3).id());
    assertThat(pool.status().reads()).as("3 was there").isZero();
    assertThat(answer(versions.get(0).id())).isEqualTo(answers.get(0));
    assertThat(pool.status().reads()).isEqualTo(1);
    answer(versions.get(3).id());
    assertThat(pool.status().reads()).as("3 was used after 4").isEqualTo(1);
    answer(versions.get(4).id());
    assertThat(pool.status().reads()).isEqualTo(2);
  }

  @Test
  void whatIsPinnedInUseOrCannotBeReadAgainStays() throws Exception {
    long size = size();
    engine.close();
    open(SETTINGS.withAdapterBytes(3 * size));
    AdapterVersion pinned = pool.add(adapter(1), () -> adapter(1));
    pool.pin(pinned.id());
    AdapterVersion unsaved = pool.add(adapter(2));
    AdapterVersion used = pool.add(adapter(3), () -> adapter(3));
    try (Brake brake = new Brake()) {
      TokenStream stream = engine.submit(brake.on(greedy(prompt(9, 1), used.id(), 40)));

      assertThatThrownBy(() -> pool.add(adapter(4), () -> adapter(4)))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("'adapter-4' takes")
          .hasMessageContaining("in use, pinned or cannot be read again");
      assertThat(pool.status().bytes()).isEqualTo(3 * size);
      brake.release();
      assertThat(read(stream)).hasSize(40);
    }
    pool.unpin(pinned.id());
    pool.add(adapter(4), () -> adapter(4));
    pool.add(adapter(5), () -> adapter(5));

    assertThat(answer(unsaved.id())).hasSize(20);
    assertThat(pool.status().reads()).isZero();
  }

  @Test
  void anAdapterThatChangedOnItsWayBackIsRefused() throws Exception {
    long size = size();
    engine.close();
    open(SETTINGS.withAdapterBytes(size));
    AdapterVersion first = pool.add(adapter(1), () -> adapter(9));
    AdapterVersion second = pool.add(adapter(2), () -> adapter(2));

    assertThatThrownBy(() -> answer(first.id()))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'adapter-1' has changed since it was loaded");
    assertThat(answer(second.id())).hasSize(20);
    assertThat(pool.status().bytes()).isEqualTo(size);
  }

  @Test
  void anUnknownAdapterIsNotFound() {
    assertThatThrownBy(() -> answer("nobody"))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("there is no adapter 'nobody' here");
  }

  @Test
  void aThousandAdaptersAreServedFromAPoolForAFewByManyThreadsWithExactAccounts() throws Exception {
    long size = size();
    engine.close();
    open(SETTINGS.withAdapterBytes(12 * size));
    List<AdapterVersion> versions = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      int seed = i;
      Adapter small = adapter(seed % 20);
      List<Factor> factors = new ArrayList<>();
      for (Factor factor : small.factors()) {
        factors.add(
            new Factor(
                factor.layer(),
                factor.projection(),
                factor.rank(),
                1f / (1 + seed),
                factor.a(),
                factor.b()));
      }
      Adapter one = new Adapter("a" + seed, factors);
      versions.add(pool.add(one, () -> one));
    }
    AtomicInteger answered = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> all = new ArrayList<>();
      for (int thread = 0; thread < 6; thread++) {
        Random random = new Random(thread);
        all.add(
            threads.submit(() -> {
              for (int i = 0; i < 40; i++) {
                String id = versions.get(random.nextInt(1000)).id();
                answered.addAndGet(generate(engine, greedy(prompt(3, i), id, 2)).size());
              }
              return null;
            }));
      }
      for (Future<?> each : all) {
        each.get();
      }
    }
    engine.status();

    assertThat(answered).hasValue(6 * 40 * 2);
    assertThat(pool.status().versions()).isEqualTo(1000);
    assertThat(pool.status().inMemory()).isEqualTo(12);
    assertThat(pool.status().bytes()).isEqualTo(12 * size);
    versions.forEach(version -> pool.remove(version.id()));
    assertThat(pool.status().bytes()).isZero();
  }
}
