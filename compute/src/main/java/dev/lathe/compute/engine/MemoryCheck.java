package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// Refuses to load what does not fit the memory.
final class MemoryCheck {
  private static final long MIB = 1 << 20;

  private MemoryCheck() {}

  /// @throws LatheException with the numbers when weights, cache and buffers exceed what is free
  static void require(ModelConfig config, EngineSettings settings) {
    OptionalLong available = available();
    if (available.isPresent()) {
      require(config, settings, available.getAsLong());
    }
  }

  static void require(ModelConfig config, EngineSettings settings, long available) {
    long weights = DecoderWeights.bytes(config, settings.weightStorage());
    long cache =
        KvCache.pageBytes(config.layers(), config.kvHeads(), config.headWidth())
            * JavaEngine.pages(settings);
    long buffers = Decoder.bytes(config, JavaEngine.maxRows(settings), settings.maxStreams());
    if (weights + cache + buffers > available) {
      throw LatheException.capacity(
          "the model needs %,d MiB (weights as %s %,d, cache of %,d tokens %,d, buffers %,d), %,d MiB are free"
              .formatted(
                  (weights + cache + buffers) / MIB,
                  settings.weightStorage(),
                  weights / MIB,
                  settings.kvTokens(),
                  cache / MIB,
                  buffers / MIB,
                  available / MIB),
          "lower kv_tokens or max_streams, keep the weights in fewer bits, or free memory");
    }
  }

  /// What the system can still give, `MemAvailable` of Linux; absent elsewhere.
  private static OptionalLong available() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemAvailable:")) {
          return OptionalLong.of(Long.parseLong(line.replaceAll("\\D", "")) * 1024);
        }
      }
    } catch (IOException e) {
      return OptionalLong.empty();
    }
    return OptionalLong.empty();
  }
}
