package dev.lathe.training.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.adapter.Merge;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Request;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenEvent;
import dev.lathe.compute.engine.TokenStream;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.training.model.RandomModel;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TorchRunnerTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 6, 2048, 2, 24);

  private static RandomModel model(Family family) {
    ModelConfig tiny = RandomModel.tiny(family);
    return RandomModel.of(
        new ModelConfig(
            family,
            tiny.width(),
            tiny.layers(),
            tiny.heads(),
            tiny.kvHeads(),
            tiny.headWidth(),
            tiny.feedForward(),
            tiny.vocabulary(),
            512,
            tiny.normEpsilon(),
            tiny.rope(),
            tiny.attentionBias(),
            tiny.tiedEmbeddings(),
            tiny.bosTokenId(),
            tiny.eosTokenIds()),
        7);
  }

  private static JavaEngine java(RandomModel model, EngineSettings settings) {
    return JavaEngine.open(model.config(), model, settings);
  }

  private static JavaEngine torch(RandomModel model, EngineSettings settings, Device device) {
    TorchRunner runner = TorchRunner.open(model.config(), model, settings, device);
    return JavaEngine.over(runner, model.config(), settings);
  }

  private static JavaEngine torch(RandomModel model) {
    return torch(model, SETTINGS, Device.CPU);
  }

  private static int[] prompt(int length, long seed) {
    return new Random(seed).ints(length, 0, 61).toArray();
  }

  /// Random factors for some projections of all layers, ranks from `rank` on.
  private static Adapter adapter(ModelConfig config, int rank, Projection... projections) {
    Random random = new Random(rank);
    List<Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : projections) {
        int own = rank + layer;
        float[] a = new float[own * config.in(projection)];
        float[] b = new float[own * config.out(projection)];
        fill(random, a, config.in(projection));
        fill(random, b, own);
        factors.add(new Factor(layer, projection, own, 0.5f, a, b));
      }
    }
    return new Adapter("r" + rank, factors);
  }

  private static void fill(Random random, float[] values, int inputs) {
    for (int i = 0; i < values.length; i++) {
      float value = (float) (random.nextGaussian() / Math.sqrt(inputs));
      values[i] = Float.intBitsToFloat(Dequantize.bf16(value) << 16);
    }
  }

  private static List<Adapter> adapters(ModelConfig config) {
    return List.of(
        adapter(config, 2, Projection.values()),
        adapter(config, 5, Projection.Q, Projection.V),
        adapter(config, 3, Projection.UP, Projection.DOWN));
  }

  private static void assertClose(float[][] actual, float[][] expected, float allowed) {
    assertThat(actual).hasDimensions(expected.length, expected[0].length);
    for (int row = 0; row < expected.length; row++) {
      assertThat(actual[row]).containsExactly(expected[row], within(allowed));
    }
  }

  private static Request greedy(int[] prompt, @Nullable String adapter) {
    return new Request(prompt, adapter, Sampling.GREEDY, 20, Set.of());
  }

  private static List<Integer> read(TokenStream stream) throws InterruptedException {
    List<Integer> tokens = new ArrayList<>();
    while (stream.next() instanceof TokenEvent.Token token) {
      tokens.add(token.id());
    }
    return tokens;
  }

  private static List<Integer> generate(JavaEngine engine, Request request)
      throws InterruptedException {
    try (TokenStream stream = engine.submit(request)) {
      return read(stream);
    }
  }

  /// Prompts of several lengths, each for the base and for all adapters; the first ones share 64
  /// tokens.
  private static List<Request> requests(List<@Nullable String> adapters) {
    int[] shared = prompt(64, 1);
    List<Request> requests = new ArrayList<>();
    for (int length : new int[] {1, 31, 33, 66, 90, 150}) {
      int[] prompt = prompt(length, length);
      System.arraycopy(shared, 0, prompt, 0, length > 64 ? 64 : 0);
      adapters.forEach(adapter -> requests.add(greedy(prompt, adapter)));
    }
    return requests;
  }

  private static List<@Nullable String> enter(JavaEngine engine) {
    List<@Nullable String> ids = new ArrayList<>();
    ids.add(null);
    adapters(engine.config()).forEach(adapter -> ids.add(engine.adapters().add(adapter).id()));
    return ids;
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void logitsAreThoseOfTheEngineInJava(Family family) {
    try (RandomModel model = model(family);
        JavaEngine java = java(model, SETTINGS);
        JavaEngine torch = torch(model)) {
      int[] tokens = prompt(100, 3);
      List<@Nullable String> ids = enter(java);

      assertThat(enter(torch)).isEqualTo(ids);
      for (@Nullable String id : ids) {
        float[][] expected = java.allLogits(tokens, id);
        assertClose(torch.allLogits(tokens, id), expected, 1e-4f);
        assertThat(expected[99]).isNotEqualTo(java.logits(prompt(99, 4), id));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void streamsSayTheSameAloneAndInAFullBatchAndInJava(Family family) throws Exception {
    try (RandomModel model = model(family);
        JavaEngine java = java(model, SETTINGS);
        JavaEngine torch = torch(model)) {
      enter(java);
      List<Request> requests = requests(enter(torch));
      List<List<Integer>> alone = new ArrayList<>();
      for (Request request : requests) {
        alone.add(generate(torch, request));
        assertThat(generate(java, request)).isEqualTo(alone.getLast()).hasSize(20);
      }
      long reused = torch.status().reusedTokens();
      assertThat(reused).as("tokens of shared prompts").isPositive();

      List<TokenStream> streams = requests.stream().map(torch::submit).toList();
      List<List<Integer>> together = new ArrayList<>();
      for (TokenStream stream : streams) {
        together.add(read(stream));
      }

      assertThat(together).isEqualTo(alone);
      assertThat(torch.status().reusedTokens()).isGreaterThan(reused);
    }
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void anAdapterInAMixedBatchEqualsItselfMergedIntoTheBase(Family family) throws Exception {
    try (RandomModel model = model(family);
        JavaEngine torch = torch(model)) {
      List<@Nullable String> ids = enter(torch);
      List<TokenStream> others = requests(ids).stream().map(torch::submit).toList();
      int[] tokens = prompt(70, 5);
      for (int i = 0; i < adapters(model.config()).size(); i++) {
        float[][] mixed = torch.allLogits(tokens, ids.get(i + 1));
        try (RandomModel merged = merged(family, adapters(model.config()).get(i));
            JavaEngine alone = torch(merged)) {
          assertClose(mixed, alone.allLogits(tokens, null), 1e-4f);
        }
      }
      for (TokenStream stream : others) {
        assertThat(read(stream)).hasSize(20);
      }
    }
  }

  private static RandomModel merged(Family family, Adapter adapter) {
    RandomModel model = model(family);
    for (Factor factor : adapter.factors()) {
      String name = WeightNames.weight(factor.layer(), factor.projection());
      float[] sum = Merge.merged(model.tensor(name), factor);
      for (int i = 0; i < sum.length; i++) {
        model.set(name, i, sum[i]);
      }
    }
    return model;
  }

  @Test
  void bf16IsNearFp32() {
    try (RandomModel model = model(Family.LLAMA);
        JavaEngine exact = torch(model);
        JavaEngine coarse =
            torch(model, new EngineSettings(Storage.BF16, 6, 2048, 2, 24), Device.CPU)) {
      int[] tokens = prompt(80, 6);
      String id = enter(exact).get(1);
      enter(coarse);

      float[] expected = exact.logits(tokens, id);
      float[] actual = coarse.logits(tokens, id);
      double difference = 0;
      double size = 0;
      for (int i = 0; i < expected.length; i++) {
        difference += Math.pow(actual[i] - expected[i], 2);
        size += Math.pow(expected[i], 2);
      }
      assertThat(Math.sqrt(difference / size)).isBetween(1e-4, 0.1);
    }
  }

  @Test
  void embeddingsAreThoseOfTheEngineInJava() throws Exception {
    List<int[]> texts = List.of(prompt(5, 1), prompt(40, 2));
    try (RandomModel model = model(Family.QWEN2);
        JavaEngine java = java(model, SETTINGS);
        JavaEngine torch = torch(model)) {
      for (Pooling pooling : Pooling.values()) {
        List<float[]> expected = java.embed(texts, null, pooling, Terms.PLAIN);
        List<float[]> actual = torch.embed(texts, null, pooling, Terms.PLAIN);
        assertClose(actual.toArray(float[][]::new), expected.toArray(float[][]::new), 1e-5f);
      }
    }
  }

  @Test
  void anAdapterThatOverflowsLeavesNothingBehindInPagesThatOthersGet() throws Exception {
    EngineSettings small = new EngineSettings(Storage.F32, 4, 128, 2, 24);
    try (RandomModel model = model(Family.LLAMA);
        JavaEngine torch = torch(model, small, Device.CPU)) {
      Adapter wild = adapter(model.config(), 2, Projection.V, Projection.K);
      for (Factor factor : wild.factors()) {
        Arrays.fill(factor.b(), 1e38f);
      }
      float[] before = torch.logits(prompt(40, 1), null);
      String id = torch.adapters().add(wild).id();

      assertThat(torch.logits(prompt(120, 2), id)).contains(Float.NaN);
      List<TokenStream> streams = new ArrayList<>(); // of different lengths, so that one is padded
      for (int length : new int[] {3, 40}) {
        streams.add(torch.submit(greedy(prompt(length, 3), null)));
      }
      for (TokenStream stream : streams) {
        assertThat(read(stream)).hasSize(20);
      }
      assertThat(torch.logits(prompt(40, 1), null)).containsExactly(before, within(1e-5f));
    }
  }

  @Test
  void nativeMemoryIsGivenBack() throws Exception {
    LibTorch.load(2);
    try (RandomModel model = model(Family.LLAMA)) {
      long before = Pointer.totalCount();
      try (JavaEngine torch = torch(model)) {
        List<@Nullable String> ids = enter(torch);
        generate(torch, greedy(prompt(30, 1), ids.get(1)));
        long between = Pointer.totalCount();
        for (int i = 0; i < 3; i++) {
          generate(torch, greedy(prompt(50, i), ids.get(i)));
        }
        torch.embed(List.of(prompt(9, 1)), null, Pooling.MEAN, Terms.PLAIN);
        assertThat(Pointer.totalCount()).isEqualTo(between);
      }
      assertThat(Pointer.totalCount()).isEqualTo(before);
    }
  }

  @Test
  void whatItCannotDoIsRefused() {
    try (RandomModel model = model(Family.LLAMA)) {
      assertThatThrownBy(
              () -> torch(model, new EngineSettings(Storage.INT8, 1, 64, 1, 8), Device.CPU))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("bf16 or f32, not INT8");
      EngineSettings large = SETTINGS.withKvTokens(1 << 20);
      assertThatThrownBy(() ->
              TorchRunner.requireMemory(
                  model.config(), large, 4, new FreeMemory(64 << 20, "the test's memory")))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("256 MiB for a cache of 1,048,576 tokens")
          .hasMessageContaining("the test's memory is 64 MiB");
      TorchRunner.requireMemory(model.config(), large, 4, new FreeMemory(300 << 20, "it"));
    }
  }

  @Test
  void aGpuThatIsNotThereIsRefused() {
    LibTorch.load(1);
    assumeTrue(!torch.cuda_is_available(), "there is a GPU");
    try (RandomModel model = model(Family.LLAMA)) {
      assertThatThrownBy(() -> torch(model, SETTINGS, Device.CUDA))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("no NVIDIA GPU");
    }
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void aGpuSaysTheSame(Family family) throws Exception {
    LibTorch.load(2);
    assumeTrue(torch.cuda_is_available(), "LibTorch finds no NVIDIA GPU (build with -Pgpu)");
    try (RandomModel model = model(family);
        JavaEngine java = java(model, SETTINGS);
        JavaEngine gpu = torch(model, SETTINGS, Device.CUDA)) {
      enter(java);
      List<Request> requests = requests(enter(gpu));
      List<TokenStream> streams = requests.stream().map(gpu::submit).toList();
      for (int i = 0; i < requests.size(); i++) {
        assertThat(read(streams.get(i))).isEqualTo(generate(java, requests.get(i)));
      }
      int[] tokens = prompt(100, 3);
      for (@Nullable String id : List.of(requests.get(1).adapter(), requests.get(2).adapter())) {
        assertClose(gpu.allLogits(tokens, id), java.allLogits(tokens, id), 1e-3f);
      }
    }
  }
}
