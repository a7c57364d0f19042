package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.PlainDecoder.assertClose;
import static dev.lathe.compute.engine.Streams.generate;
import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.in;
import static dev.lathe.compute.engine.Streams.prompt;
import static dev.lathe.compute.engine.Streams.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.ScalarKernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.model.TinyModels.Shape;
import dev.lathe.compute.weights.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class JavaEngineTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 8, 2048, 2, 24);
  private static final Set<Projection> ALL = EnumSet.allOf(Projection.class);

  @TempDir Path folder;

  private Checkpoint llama() {
    return Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
  }

  private Checkpoint model(String family) {
    return family.equals("llama")
        ? llama()
        : Checkpoint.open(TinyModels.qwen2(folder.resolve("qwen2"), 12));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2"})
  void logitsAreThoseOfThePlainDecoder(String family) {
    int[] tokens = prompt(70, 1);
    try (Checkpoint model = model(family);
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      double[][] expected = new PlainDecoder(model.config(), model.weights(), null).logits(tokens);

      assertClose(engine.allLogits(tokens, null), expected, 2e-5);
      assertClose(new float[][] {engine.logits(tokens, null)}, new double[][] {expected[69]}, 2e-5);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 7, 16})
  void logitsAreTheSameForAnyNumberOfThreads(int threads) {
    Shape shape = new Shape(Family.LLAMA, 32, 2, 4, 2, 1536, 259, true, DType.F32);
    int[] tokens = prompt(40, 2);
    try (Checkpoint model = Checkpoint.open(TinyModels.write(folder.resolve("wide"), shape, 3));
        JavaEngine one = JavaEngine.open(model, withThreads(1));
        JavaEngine many = JavaEngine.open(model, withThreads(threads))) {
      for (int length : new int[] {1, 3, 40}) {
        int[] start = Arrays.copyOf(tokens, length);

        assertThat(many.logits(start, null)).isEqualTo(one.logits(start, null));
      }
    }
  }

  private static EngineSettings withThreads(int threads) {
    return new EngineSettings(Storage.F32, 8, 2048, threads, 24);
  }

  @ParameterizedTest
  @CsvSource({"F32, 2e-5", "BF16, 5e-3", "INT8, 5e-3"})
  void theScalarKernelGivesTheSameLogits(CacheType type, float tolerance) {
    int[] tokens = prompt(40, 2);
    EngineSettings settings = SETTINGS.withCacheType(type);
    try (Checkpoint model = llama();
        JavaEngine fast = JavaEngine.open(model, settings);
        JavaEngine plain =
            JavaEngine.open(
                model.config(), model.weights(), settings, (Kernel) new ScalarKernel())) {
      float[] expected = plain.logits(tokens, null);

      assertThat(fast.logits(tokens, null)).containsExactly(expected, within(tolerance));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2"})
  void anAdapterIsAppliedAsThePlainDecoderAppliesIt(String family) {
    int[] tokens = prompt(30, 3);
    try (Checkpoint model = model(family);
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      for (Set<Projection> targets :
          List.of(ALL, EnumSet.of(Projection.V), EnumSet.of(Projection.UP, Projection.DOWN))) {
        Adapter adapter = RandomAdapters.of(model.config(), "a", 3, targets, 5);
        double[][] expected =
            new PlainDecoder(model.config(), model.weights(), adapter).logits(tokens);

        assertClose(engine.allLogits(tokens, in(engine, adapter)), expected, 5e-5);
        assertThat((double) engine.logits(tokens, null)[0])
            .isNotCloseTo(expected[29][0], within(1e-3));
      }
    }
  }

  /// Beside weights of 8 bits factors have 8, too. What they change is compared, as the rounded
  /// weights change the logits by more than the rounded factors.
  @Test
  void factorsOfEightBitsChangeLogitsAsTheyAre() {
    int[] tokens = prompt(30, 3);
    try (Checkpoint model = llama();
        JavaEngine plain = JavaEngine.open(model, SETTINGS);
        JavaEngine rounded =
            JavaEngine.open(model, new EngineSettings(Storage.INT8, 8, 2048, 2, 24))) {
      Adapter adapter = RandomAdapters.of(model.config(), "a", 3, ALL, 5);

      double[] expected = change(plain, adapter, tokens);
      double[] found = change(rounded, adapter, tokens);

      double apart = 0;
      double size = 0;
      for (int id = 0; id < expected.length; id++) {
        apart += Math.pow(found[id] - expected[id], 2);
        size += Math.pow(expected[id], 2);
      }
      assertThat(Math.sqrt(apart / size)).isBetween(1e-6, 0.06);
    }
  }

  private static double[] change(JavaEngine engine, Adapter adapter, int[] tokens) {
    float[] before = engine.logits(tokens, null);
    float[] after = engine.logits(tokens, in(engine, adapter));
    double[] change = new double[before.length];
    Arrays.setAll(change, id -> (double) after[id] - before[id]);
    return change;
  }

  @Test
  void ranksMayDifferInsideOneAdapter() {
    int[] tokens = prompt(20, 4);
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      List<Factor> factors = new ArrayList<>();
      for (Projection projection : Projection.values()) {
        int rank = 1 + projection.ordinal() * 4;
        Adapter one = RandomAdapters.of(model.config(), "x", rank, EnumSet.of(projection), rank);
        factors.add(one.factors().get(projection.ordinal() % 2));
      }
      Adapter mixed = new Adapter("mixed", factors);
      double[][] expected = new PlainDecoder(model.config(), model.weights(), mixed).logits(tokens);

      assertClose(engine.allLogits(tokens, in(engine, mixed)), expected, 5e-5);
    }
  }

  @ParameterizedTest
  @CsvSource({"F32, F32", "BF16, BF16", "INT8, BF16", "INT4, BF16", "BF16, INT8", "INT4, INT8"})
  void aStreamIsTheSameAloneAndAmongOthersWithOtherAdapters(Storage storage, CacheType type)
      throws Exception {
    EngineSettings settings = new EngineSettings(storage, 8, 2048, 2, 24).withCacheType(type);
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, settings)) {
      Adapter wide = RandomAdapters.of(model.config(), "wide", 20, ALL, 1);
      Adapter narrow = RandomAdapters.of(model.config(), "narrow", 2, EnumSet.of(Projection.Q), 2);
      List<Request> requests = new ArrayList<>();
      for (int i = 0; i < 14; i++) {
        Adapter adapter = i % 3 == 0 ? null : i % 3 == 1 ? wide : narrow;
        Sampling sampling = i % 2 == 0 ? Sampling.GREEDY : new Sampling(1.5, 0, 1, 0, 1, i);
        requests.add(
            new Request(prompt(1 + i * 7, i), in(engine, adapter), sampling, 20, Set.of()));
      }
      List<List<Integer>> alone = new ArrayList<>();
      for (Request request : requests) {
        alone.add(generate(engine, request));
      }

      List<TokenStream> streams = requests.stream().map(engine::submit).toList();

      for (int i = 0; i < streams.size(); i++) {
        assertThat(read(streams.get(i))).as("stream %d", i).isEqualTo(alone.get(i)).hasSize(20);
      }
    }
  }

  @Test
  void greedyTextFollowsThePlainDecoder() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      int[] tokens = prompt(50, 9);

      List<Integer> text = generate(engine, greedy(tokens, null, 10));

      PlainDecoder plain = new PlainDecoder(model.config(), model.weights(), null);
      List<Integer> all = new ArrayList<>();
      for (int token : tokens) {
        all.add(token);
      }
      for (int token : text) {
        double[] last =
            plain.logits(all.stream().mapToInt(Integer::intValue).toArray())[all.size() - 1];
        int best = 0;
        for (int v = 0; v < last.length; v++) {
          best = last[v] > last[best] ? v : best;
        }
        assertThat(token).isEqualTo(best);
        all.add(token);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void streamsThatDoNotFitTogetherAreAllServedInFull(CacheType type) throws Exception {
    EngineSettings tight = new EngineSettings(Storage.F32, 8, 128, 2, 16).withCacheType(type);
    try (Checkpoint model = llama();
        JavaEngine roomy = JavaEngine.open(model, SETTINGS.withCacheType(type));
        JavaEngine engine = JavaEngine.open(model, tight)) {
      List<Request> requests = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        requests.add(greedy(prompt(20 + i * 5, i), null, 60));
      }

      List<TokenStream> streams = requests.stream().map(engine::submit).toList();

      for (int i = 0; i < streams.size(); i++) {
        assertThat(read(streams.get(i))).isEqualTo(generate(roomy, requests.get(i))).hasSize(60);
      }
    }
  }

  @Test
  void endsSayWhy() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      int[] tokens = prompt(10, 1);
      List<Integer> text = generate(engine, greedy(tokens, null, 8));
      int stop = text.get(4);

      Request stopping = new Request(tokens, null, Sampling.GREEDY, 8, Set.of(stop));
      try (TokenStream stream = engine.submit(stopping)) {
        assertThat(read(stream)).isEqualTo(text.subList(0, text.indexOf(stop)));
        assertThat(stream.next())
            .isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.STOP, 10, text.indexOf(stop)));
      }
      try (TokenStream stream = engine.submit(greedy(tokens, null, 8))) {
        read(stream);
        assertThat(stream.next())
            .isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.LENGTH, 10, 8));
      }
      try (Brake brake = new Brake()) {
        TokenStream cancelled = engine.submit(brake.on(greedy(tokens, null, 400)));
        cancelled.next();
        cancelled.close();
        brake.release();
        assertThat(cancelled.next())
            .isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.CANCELLED, 10, 1));
      }
    }
  }

  @Test
  void theContextEndsAStream() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      assertThat(generate(engine, greedy(prompt(500, 1), null, 400))).hasSize(12);

      assertThatThrownBy(() -> engine.submit(greedy(prompt(512, 1), null, 1)))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("512 tokens")
          .hasMessageContaining("2048");
    }
  }

  @Test
  void whatCannotBeServedIsRefusedByName() {
    try (Checkpoint model = llama();
        Checkpoint other = model("qwen2");
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      assertThat(other.config().width()).isEqualTo(model.config().width());
      Adapter wrong =
          new Adapter(
              "wrong",
              List.of(
                  new Factor(0, Projection.Q, 2, 1, new float[2 * 32], new float[2 * 33]),
                  new Factor(7, Projection.UP, 2, 1, new float[2 * 32], new float[2 * 48])));

      assertThatThrownBy(() -> engine.adapters().add(wrong))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("'wrong'")
          .hasMessageContaining("layer 0 q_proj maps 32 to 33 features, the base's maps 32 to 32")
          .hasMessageContaining("layer 7 up_proj is outside the base's 2 layers");
      assertThatThrownBy(() -> engine.submit(greedy(new int[] {259}, null, 1)))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("token 259 is outside the vocabulary of 259");
    }
  }

  @Test
  void aStepThatFailsEndsItsStreamsAndTheEngineGoesOn() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      float[] broken = new float[2 * 32];
      broken[0] = Float.NaN;
      Adapter poison =
          new Adapter(
              "poison", List.of(new Factor(0, Projection.Q, 2, 1, broken, new float[2 * 32])));
      List<Integer> expected = generate(engine, greedy(prompt(5, 1), null, 30));

      try (TokenStream good = engine.submit(greedy(prompt(5, 1), null, 30));
          TokenStream bad = engine.submit(greedy(prompt(5, 1), in(engine, poison), 30))) {
        assertThat(bad.next()).isInstanceOf(TokenEvent.Failed.class);
        assertThat(bad.next()).isInstanceOf(TokenEvent.Failed.class);
        assertThat(read(good)).isEqualTo(expected);
      }
    }
  }

  @Test
  void closingTheEngineEndsItsStreams() throws Exception {
    TokenStream stream;
    try (Checkpoint model = llama();
        Brake brake = new Brake()) {
      JavaEngine engine = JavaEngine.open(model, SETTINGS);
      stream = engine.submit(brake.on(greedy(prompt(5, 1), null, 500)));
      stream.next();
      Thread closing = Thread.startVirtualThread(engine::close);
      awaitRefusal(engine);
      brake.release();
      closing.join();
      engine.close();
    }
    assertThat(stream.next()).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.CANCELLED, 5, 1));
    stream.close();
  }

  /// Submits until the engine takes no more because it is being closed.
  private static void awaitRefusal(JavaEngine engine) throws InterruptedException {
    while (true) {
      try {
        engine.submit(greedy(prompt(5, 1), null, 1)).close();
      } catch (LatheException full) {
        assertThat(full.kind()).isEqualTo(LatheException.Kind.OVERLOADED);
      } catch (IllegalStateException closed) {
        assertThat(closed).hasMessageContaining("the engine is closed");
        return;
      }
      Thread.sleep(1);
    }
  }

  @Test
  void aModelLargerThanTheMemoryIsRefusedWithTheNumbers() {
    try (Checkpoint model = llama()) {
      assertThatThrownBy(() ->
              MemoryCheck.require(
                  model.config(),
                  model.weights(),
                  SETTINGS.withKvTokens(1 << 20),
                  new FreeMemory(100L << 20, "what the control group has left")))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("cache of 1,048,576 tokens")
          .hasMessageContaining("what the control group has left is 100 MiB");
    }
  }

  @Test
  void aDraftModelMustFitBesideTheCacheOfTheLargeOne() {
    EngineSettings large = SETTINGS.withKvTokens(1 << 20);
    FreeMemory free = new FreeMemory(600L << 20, "the machine's free memory");
    try (Checkpoint model = llama()) {
      MemoryCheck.require(model.config(), model.weights(), SETTINGS, free);
      FreeMemory beside = MemoryCheck.beside(model.config(), large, free);

      assertThatThrownBy(
              () -> MemoryCheck.require(model.config(), model.weights(), SETTINGS, beside))
          .hasMessageContaining("less the cache of the model that it guesses for, is ");
    }
  }

  private static EngineSettings settings(Storage storage) {
    return new EngineSettings(storage, 8, 2048, 2, 24);
  }

  @Test
  void theNumbersAreThoseOfTheFormatsThatWereAskedFor() {
    FreeMemory none = new FreeMemory(1, "free memory");
    TinyModels.Shape shape =
        new TinyModels.Shape(Family.LLAMA, 512, 2, 8, 4, 1024, 4096, false, DType.BF16);
    try (Checkpoint model = Checkpoint.open(TinyModels.write(folder.resolve("mid"), shape, 1))) {
      assertThatThrownBy(() ->
              MemoryCheck.require(model.config(), model.weights(), settings(Storage.AUTO), none))
          .hasMessageContaining("weights as BF16 17, ")
          .hasMessageContaining("--weights int8: 9 MiB, --weights int4: 7 MiB");
      assertThatThrownBy(() ->
              MemoryCheck.require(model.config(), model.weights(), settings(Storage.INT4), none))
          .hasMessageContaining("weights as Q4_1/Q8_0 7, cache of 2,048 tokens as BF16 4, ")
          .hasMessageContaining("keep the cache in fewer bits (--kv-cache int8: 2 MiB)")
          .hasMessageNotContaining("keep the weights in fewer bits");
      EngineSettings least = settings(Storage.INT4).withCacheType(CacheType.INT8);
      assertThatThrownBy(() -> MemoryCheck.require(model.config(), model.weights(), least, none))
          .hasMessageContaining("cache of 2,048 tokens as INT8 2, ")
          .hasMessageNotContaining("fewer bits");
    }
  }

  /// Allows even tokens that have not come yet and are less than a bound; may stop after two.
  private static final class EvenOnce implements TokenConstraint {
    private final int bound;
    private final Set<Integer> come = new HashSet<>();

    EvenOnce(int bound) {
      this.bound = bound;
    }

    @Override
    public void mask(long[] allowed) {
      for (int id = 0; id < allowed.length * 64; id++) {
        if (id % 2 == 1 || id >= bound || come.contains(id)) {
          allowed[id / 64] &= ~(1L << id);
        }
      }
    }

    @Override
    public void accept(int token) {
      assertThat(come.add(token)).isTrue();
    }

    @Override
    public boolean mayStop() {
      return come.size() >= 2;
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1.5})
  void aConstrainedStreamKeepsToItsConstraintAndEndsWithIt(double temperature) throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      Sampling sampling = new Sampling(temperature, 0, 1, 0, 1, 7);
      Request free = new Request(prompt(9, 1), null, sampling, 30, Set.of());

      try (TokenStream stream = engine.submit(free.withConstraint(() -> new EvenOnce(10)))) {
        assertThat(read(stream)).containsExactlyInAnyOrder(0, 2, 4, 6, 8);
        assertThat(stream.next()).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.STOP, 9, 5));
      }
      assertThat(generate(engine, free)).hasSize(30);
    }
  }

  @Test
  void aStopTokenComesExactlyWhenTheConstraintMayStop() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      Sampling wantsToStop = new Sampling(0, 0, 1, 0, 1, 0, 0, Map.of(7, 100f), 0);
      Request request = new Request(prompt(9, 1), null, wantsToStop, 30, Set.of(7));

      try (TokenStream stream = engine.submit(request.withConstraint(() -> new EvenOnce(250)))) {
        assertThat(read(stream)).hasSize(2);
        assertThat(stream.next()).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.STOP, 9, 2));
      }
    }
  }

  @Test
  void aConstraintThatLeadsNowhereOrThrowsFailsItsStreamAlone() throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      Request request = greedy(prompt(9, 1), null, 30);
      List<Integer> expected = generate(engine, request);
      TokenStream good = engine.submit(request);

      try (TokenStream stuck = engine.submit(request.withConstraint(() -> new EvenOnce(1)));
          TokenStream broken =
              engine.submit(
                  request.withConstraint(() -> {
                    throw new IllegalStateException("no grammar");
                  }))) {
        assertThat(read(stuck)).containsExactly(0);
        assertThat(((TokenEvent.Failed) stuck.next()).error())
            .hasMessageContaining("after 1 tokens of output the constraint allows no token");
        assertThat(((TokenEvent.Failed) broken.next()).error()).hasMessageContaining("no grammar");
      }
      assertThat(read(good)).isEqualTo(expected);
    }
  }
}
