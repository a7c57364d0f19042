package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Speculation;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.registry.ModelStore;
import dev.lathe.training.runner.TorchRunner;
import dev.lathe.training.tensor.Device;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How a model is held in memory, and what computes.
final class EngineOptions {
  private enum Kind {
    JAVA,
    LIBTORCH
  }

  @Option(
      names = "--engine",
      paramLabel = "ENGINE",
      description =
          "java, or libtorch: quicker to read long prompts, slower to start and to write, and the"
              + " way to a GPU (default: java).")
  private Kind kind = Kind.JAVA;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "Where libtorch computes, cpu or cuda (default: cpu).")
  private @Nullable Device device;

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
          "Keep the weights as auto, f32, bf16, int8 or int4: auto keeps those of a quantised model as"
              + " they are, others as bf16; each of the rest takes half the memory of the one before"
              + " (default: auto).")
  private Storage weights = Storage.AUTO;

  @Option(
      names = "--speculate",
      description =
          "Guess tokens ahead where the text repeats itself: the same reply, sooner where guesses come"
              + " true.")
  private boolean speculate;

  @Option(
      names = "--draft-model",
      paramLabel = "MODEL",
      description =
          "Guess with a smaller model of the same tokens instead, a name, a directory or a GGUF"
              + " file.")
  private @Nullable String draft;

  /// Opens a model by its name in the store, its directory or its GGUF file.
  ///
  /// @param streams replies generated side by side
  Generator open(Context context, String model, int streams) {
    ModelStore store = Models.store(context.environment());
    return open(store.resolve(model), streams, speculation(store));
  }

  /// Whether tokens are guessed ahead.
  boolean speculates() {
    return speculate || draft != null;
  }

  private Speculation speculation(ModelStore store) {
    if (draft != null) {
      return new Speculation.Draft(store.resolve(draft));
    }
    return speculate ? new Speculation.LookUp() : new Speculation.Off();
  }

  private Generator open(Path path, int streams, Speculation speculation) {
    if (context < 2) {
      throw LatheException.user("--context " + context + " is less than 2", "give at least 2");
    }
    EngineSettings settings =
        EngineSettings.of(weights)
            .withThreads(threads)
            .withMaxStreams(streams)
            .withKvTokens(Math.multiplyExact(context, Math.max(1, streams / 4)));
    return switch (kind) {
      case JAVA -> {
        if (device != null) {
          throw LatheException.user(
              "--device is for LibTorch, the engine in Java computes on the CPU",
              "add --engine libtorch or leave --device out");
        }
        yield Generator.open(path, settings, context, speculation);
      }
      case LIBTORCH -> {
        if (speculates()) {
          throw LatheException.user(
              (draft == null ? "--speculate" : "--draft-model")
                  + " is for the engine in Java, and --engine libtorch is given",
              "leave one of them out");
        }
        Device where = device == null ? Device.CPU : device;
        yield Generator.open(
            path, settings, context, (model, asked) -> libTorch(model, asked, where));
      }
    };
  }

  private static JavaEngine libTorch(Checkpoint model, EngineSettings settings, Device device) {
    TorchRunner runner = TorchRunner.open(model.config(), model.weights(), settings, device);
    return JavaEngine.over(runner, model.config(), settings);
  }
}
