package dev.lathe.compute.engine;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Format;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.WeightSource;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Refuses to load what does not fit the memory.
final class MemoryCheck {
  private static final long MIB = 1 << 20;

  /// What the process takes beside weights, cache and buffers once it answers: vocabulary, chat
  /// template, code and what the heap grows by.
  private static final long PROCESS = 128 * MIB;

  private MemoryCheck() {}

  /// @throws LatheException with the numbers when weights, cache, buffers and the process itself
  ///   exceed what is free, and with what fewer bits would take
  static void require(
      ModelConfig config, WeightSource source, EngineSettings settings, FreeMemory free) {
    Map<Format, Long> weights = DecoderWeights.bytes(config, source, settings.weightStorage());
    long packed = sum(weights);
    long cache = cache(config, settings);
    long buffers = Decoder.bytes(config, settings.maxRows(), settings.maxStreams());
    long all = packed + cache + buffers + PROCESS;
    if (all > free.bytes()) {
      String formats = weights.keySet().stream().map(Format::name).collect(Collectors.joining("/"));
      String fewer =
          fewer(config, source, packed)
              .map(option -> "keep the weights in fewer bits (" + option + "), ")
              .orElse("");
      throw LatheException.capacity(
          "the model needs %,d MiB (weights as %s %,d, cache of %,d tokens as %s %,d, buffers %,d, all else %,d), and %s is %,d MiB"
              .formatted(
                  all / MIB,
                  formats,
                  packed / MIB,
                  settings.kvTokens(),
                  settings.cacheType(),
                  cache / MIB,
                  buffers / MIB,
                  PROCESS / MIB,
                  free.origin(),
                  free.bytes() / MIB),
          "ask for a shorter context (--context), "
              + fewer
              + smallerCache(config, settings)
              + "or free memory");
    }
  }

  /// What is free for a draft model beside a large one just opened, whose cache takes its memory
  /// only as it fills.
  static FreeMemory beside(ModelConfig large, EngineSettings settings, FreeMemory free) {
    return new FreeMemory(
        Math.max(0, free.bytes() - cache(large, settings)),
        free.origin() + ", less the cache of the model that it guesses for,");
  }

  /// Bytes of the key/value cache once all its pages are in use.
  static long cache(ModelConfig config, EngineSettings settings) {
    return settings.pages()
        * KvCache.pageBytes(
            settings.cacheType(), config.layers(), config.kvHeads(), config.headWidth());
  }

  private static String smallerCache(ModelConfig config, EngineSettings settings) {
    return settings.cacheType() == CacheType.INT8
        ? ""
        : "keep the cache in fewer bits (--kv-cache int8: %,d MiB), "
            .formatted(cache(config, settings.withCacheType(CacheType.INT8)) / MIB);
  }

  /// The options that would make the weights smaller, with their size.
  private static Optional<String> fewer(ModelConfig config, WeightSource source, long packed) {
    List<String> smaller =
        Stream.of(Storage.INT8, Storage.INT4)
            .filter(storage -> sum(DecoderWeights.bytes(config, source, storage)) < packed)
            .map(storage ->
                "--weights %s: %,d MiB"
                    .formatted(
                        storage.name().toLowerCase(Locale.ROOT),
                        sum(DecoderWeights.bytes(config, source, storage)) / MIB))
            .toList();
    return smaller.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", smaller));
  }

  private static long sum(Map<Format, Long> bytes) {
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }
}
