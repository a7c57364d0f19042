package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// A decoder of a model's formats, as small as they allow, computes on a thread of its own while
/// the model's weights are packed. Vector code is hundreds of times slower until it is compiled,
/// and it is compiled once it has run: so the first prompt finds it ready, or sooner.
final class WarmUp implements AutoCloseable {
  /// Rows of a prompt: a tile of eight and one of four.
  private static final int ROWS = 9;

  /// Between two passes, because a pass before the code is compiled takes time from the compiler.
  private static final int PAUSE_MILLIS = 15;

  private final CountDownLatch told = new CountDownLatch(1);
  private final Thread thread;
  private final AtomicInteger passes = new AtomicInteger();

  private WarmUp(ModelConfig config, WeightSource weights, EngineSettings settings, Kernel kernel) {
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("lathe-warm-up")
            .start(() -> run(config, weights, settings, kernel));
  }

  /// Begins to compute; until closed.
  ///
  /// @param config of the model
  /// @param source its weights, of which only the types are asked for, here
  static WarmUp begin(
      ModelConfig config, WeightSource source, EngineSettings settings, Kernel kernel) {
    Map<List<DType>, Integer> layers = new LinkedHashMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.putIfAbsent(types(source, layer), layer);
    }
    List<List<DType>> kinds = List.copyOf(layers.keySet());
    DType table = source.tensor(WeightNames.EMBEDDING).type();
    DType head = config.tiedEmbeddings() ? table : source.tensor(WeightNames.HEAD).type();
    ModelConfig small = small(config, kinds, table, head);
    return new WarmUp(small, zeros(small, kinds, table, head), settings, kernel);
  }

  private static List<DType> types(WeightSource source, int layer) {
    return Stream.of(Projection.values())
        .map(each -> source.tensor(WeightNames.weight(layer, each)).type())
        .toList();
  }

  /// A layer for each kind, one head where its width suits, and widths of one block.
  private static ModelConfig small(
      ModelConfig config, List<List<DType>> kinds, DType table, DType head) {
    int width = Math.max(elements(table), elements(head));
    int attended = PackedMatrix.PANEL;
    int feedForward = PackedMatrix.PANEL;
    for (List<DType> types : kinds) {
      for (Projection each : Projection.values()) {
        int block = elements(types.get(each.ordinal()));
        switch (each) {
          case Q, K, V, GATE, UP -> width = Math.max(width, block);
          case O -> attended = Math.max(attended, block);
          case DOWN -> feedForward = Math.max(feedForward, block);
        }
      }
    }
    int heads = attended / Math.min(attended, Integer.lowestOneBit(config.headWidth()));
    return new ModelConfig(
        config.family(),
        width,
        kinds.size(),
        heads,
        heads,
        config.headWidth(),
        feedForward,
        PackedMatrix.PANEL,
        ROWS + 1,
        config.normEpsilon(),
        config.rope(),
        config.attentionBias(),
        config.tiedEmbeddings(),
        0,
        List.of());
  }

  private static int elements(DType type) {
    return Math.max(PackedMatrix.PANEL, type.blockElements());
  }

  private static WeightSource zeros(
      ModelConfig small, List<List<DType>> kinds, DType table, DType head) {
    Map<String, WeightTensor> tensors = new HashMap<>();
    put(tensors, WeightNames.EMBEDDING, table, small.vocabulary(), small.width());
    put(tensors, WeightNames.HEAD, head, small.vocabulary(), small.width());
    put(tensors, WeightNames.FINAL_NORM, DType.F32, small.width());
    for (int layer = 0; layer < kinds.size(); layer++) {
      put(tensors, WeightNames.attentionNorm(layer), DType.F32, small.width());
      put(tensors, WeightNames.mlpNorm(layer), DType.F32, small.width());
      for (Projection each : Projection.values()) {
        DType type = kinds.get(layer).get(each.ordinal());
        put(tensors, WeightNames.weight(layer, each), type, small.out(each), small.in(each));
        put(tensors, WeightNames.bias(layer, each), DType.F32, small.out(each));
      }
    }
    return new Zeros(tensors);
  }

  private static void put(
      Map<String, WeightTensor> tensors, String name, DType type, long... shape) {
    List<Long> dimensions = LongStream.of(shape).boxed().toList();
    long elements = LongStream.of(shape).reduce(1, (a, b) -> a * b);
    // In a buffer outside the heap, as the tensors of files are.
    MemorySegment data =
        MemorySegment.ofBuffer(ByteBuffer.allocateDirect((int) type.bytes(elements)));
    tensors.put(name, new WeightTensor(name, type, dimensions, data));
  }

  private record Zeros(Map<String, WeightTensor> tensors) implements WeightSource {
    @Override
    public Set<String> names() {
      return tensors.keySet();
    }

    @Override
    public WeightTensor tensor(String name) {
      return Objects.requireNonNull(tensors.get(name), name);
    }

    @Override
    public void close() {}
  }

  private void run(
      ModelConfig config, WeightSource weights, EngineSettings settings, Kernel kernel) {
    // A shared arena, though one thread computes: the compiler is to see what it will see.
    try (Arena arena = Arena.ofShared();
        Workers workers = new Workers(1, "lathe-warm-up")) {
      Storage storage = settings.weightStorage();
      CacheType type = settings.cacheType();
      KvCache cache =
          new KvCache(type, config.layers(), config.kvHeads(), config.headWidth(), 1, arena);
      cache.touch(0);
      Decoder decoder =
          new Decoder(
              config,
              DecoderWeights.load(config, weights, storage, arena, workers),
              cache,
              kernel,
              workers,
              ROWS,
              1,
              arena);
      Batch prompt = batch(0, ROWS);
      Batch token = batch(ROWS, 1);
      do {
        decoder.forward(prompt);
        decoder.head(prompt, 0, 1);
        decoder.forward(token);
        passes.incrementAndGet();
      } while (!told.await(PAUSE_MILLIS, TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Rows of one stream, the last of which wants logits.
  private static Batch batch(int position, int rows) {
    Batch batch = new Batch(rows);
    int[] table = {0};
    for (int row = 0; row < rows; row++) {
      batch.add(0, position + row, table, null, row == rows - 1);
    }
    return batch;
  }

  /// Passes so far.
  int passes() {
    return passes.get();
  }

  /// Waits for the end of a pass.
  @Override
  public void close() {
    told.countDown();
    Workers.awaitEnd(thread);
  }
}
