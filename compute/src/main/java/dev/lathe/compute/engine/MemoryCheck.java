package dev.lathe.compute.engine;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.WeightSource;

/// Refuses to load what does not fit the memory.
final class MemoryCheck {
  private static final long MIB = 1 << 20;

  private MemoryCheck() {}

  /// @throws LatheException with the numbers when weights, cache and buffers exceed what is free
  static void require(
      ModelConfig config, WeightSource source, EngineSettings settings, FreeMemory free) {
    long weights = DecoderWeights.bytes(config, source, settings.weightStorage());
    long cache =
        KvCache.pageBytes(config.layers(), config.kvHeads(), config.headWidth()) * settings.pages();
    long buffers = Decoder.bytes(config, settings.maxRows(), settings.maxStreams());
    if (weights + cache + buffers > free.bytes()) {
      throw LatheException.capacity(
          "the model needs %,d MiB (weights as %s %,d, cache of %,d tokens %,d, buffers %,d), and %s is %,d MiB"
              .formatted(
                  (weights + cache + buffers) / MIB,
                  settings.weightStorage(),
                  weights / MIB,
                  settings.kvTokens(),
                  cache / MIB,
                  buffers / MIB,
                  free.origin(),
                  free.bytes() / MIB),
          "ask for a shorter context (--context), keep the weights in fewer bits (--weights), or free"
              + " memory");
    }
  }
}
