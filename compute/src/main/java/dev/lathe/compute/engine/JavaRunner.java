package dev.lathe.compute.engine;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.WeightSource;
import java.lang.foreign.Arena;

/// The decoder in plain Java, with the memory and the threads that it works with.
final class JavaRunner implements Runner {
  private final ModelConfig config;
  private final Arena arena;
  private final Workers workers;
  private final KvCache cache;
  private final Decoder decoder;
  private final String description;

  /// Bits of adapters' values: beside weights of 8 bits and fewer, 8 of theirs cost nothing more.
  private final int factorBits;

  private JavaRunner(
      ModelConfig config,
      WeightSource source,
      EngineSettings settings,
      Kernel kernel,
      Arena arena,
      Workers workers) {
    this.config = config;
    this.arena = arena;
    this.workers = workers;
    DecoderWeights weights;
    try (WarmUp _ = WarmUp.begin(config, source, settings, kernel)) {
      weights = DecoderWeights.load(config, source, settings.weightStorage(), arena, workers);
    }
    cache =
        new KvCache(
            settings.cacheType(),
            config.layers(),
            config.kvHeads(),
            config.headWidth(),
            settings.pages(),
            arena);
    decoder =
        new Decoder(
            config,
            weights,
            cache,
            kernel,
            workers,
            settings.maxRows(),
            settings.maxStreams(),
            arena);
    factorBits = weights.areQuantized() ? 8 : 16;
    description =
        "%s, %d threads, KV cache of %,d tokens as %s in %,d MiB, weights %s"
            .formatted(
                kernel.description(),
                workers.count(),
                settings.pages() * PAGE_TOKENS,
                settings.cacheType(),
                MemoryCheck.cache(config, settings) >> 20,
                weights.formats());
  }

  /// Loads the weights; the source may be closed afterwards.
  ///
  /// @throws LatheException when the memory does not suffice, with the numbers
  static JavaRunner open(
      ModelConfig config, WeightSource source, EngineSettings settings, Kernel kernel) {
    MemoryCheck.require(config, source, settings, FreeMemory.now());
    Arena arena = Arena.ofShared();
    Workers workers = new Workers(settings.threads(), "lathe-worker");
    try {
      return new JavaRunner(config, source, settings, kernel, arena, workers);
    } catch (RuntimeException | Error e) {
      workers.close();
      arena.close();
      throw e;
    }
  }

  @Override
  public Packed pack(Adapter adapter) {
    return PackedAdapter.of(config, adapter, factorBits);
  }

  @Override
  public void touch(int page) {
    cache.touch(page);
  }

  @Override
  public void forward(Batch batch) {
    decoder.forward(batch);
  }

  @Override
  public Rows head(Batch batch, int first, int count) {
    return decoder.head(batch, first, count);
  }

  @Override
  public Rows hidden(int row) {
    return decoder.hidden(row);
  }

  @Override
  public int maxOutputs() {
    return decoder.maxOutputs();
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void close() {
    workers.close();
    arena.close();
  }
}
