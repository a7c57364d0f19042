package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.platform.gateway.Generator;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// How a model is held in memory.
final class EngineOptions {
  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "Most tokens of prompt and reply together (default: ${DEFAULT-VALUE}, or less where"
              + " the model was trained for less).")
  private int context = 4096;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute (default: one for each core).")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      description =
          "Keep the weights as bf16 or f32 (default: ${DEFAULT-VALUE}; f32 takes twice the"
              + " memory).")
  private Storage weights = Storage.BF16;

  /// Opens a model by its name in the store, its directory or its GGUF file.
  ///
  /// @param streams replies generated side by side
  Generator open(Context context, String model, int streams) {
    Path path = Models.store(context.environment()).resolve(model);
    return open(path, streams);
  }

  Generator open(Path path, int streams) {
    if (context < 2) {
      throw LatheException.user("--context " + context + " is less than 2", "give at least 2");
    }
    EngineSettings settings =
        EngineSettings.of(weights)
            .withThreads(threads)
            .withMaxStreams(streams)
            .withKvTokens(Math.multiplyExact(context, Math.max(1, streams / 4)));
    return Generator.open(path, settings);
  }
}
