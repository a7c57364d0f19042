package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Speculation;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.ScalarKernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.platform.gateway.Generator;
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
  private int threads = EngineSettings.cores();

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      description =
          "Keep the weights as auto, f32, bf16, int8 or int4: auto keeps those of a quantised model as"
              + " they are, others as bf16; each of the rest takes half the memory of the one before"
              + " (default: auto).")
  private Storage weights = Storage.AUTO;

  @Option(
      names = "--kv-cache",
      paramLabel = "TYPE",
      description =
          "Keep keys and values as f32, bf16 or int8: each takes about half the memory of the one"
              + " before (default: bf16, f32 beside weights in f32).")
  private @Nullable CacheType cache;

  /// Opens a model by its name in the store, its directory or its GGUF file.
  ///
  /// @param streams replies generated side by side
  Generator open(Context context, String model, int streams) {
    return open(context, model, streams, new Speculation.Off());
  }

  /// As [#open(Context, String, int)], with tokens guessed ahead.
  Generator open(Context context, String model, int streams, Speculation speculation) {
    return open(context, model, streams, EngineSettings.MAX_WAITING, speculation);
  }

  /// As [#open(Context, String, int, Speculation)].
  ///
  /// @param waiting replies that may wait for their turn; more are refused
  Generator open(Context within, String model, int streams, int waiting, Speculation speculation) {
    Path path = Models.store(within.environment()).resolve(model);
    if (context < 2) {
      throw LatheException.user("--context " + context + " is less than 2", "give at least 2");
    }
    EngineSettings settings =
        EngineSettings.of(weights)
            .withThreads(threads)
            .withMaxStreams(streams)
            .withMaxWaiting(waiting)
            .withKvTokens(Math.multiplyExact(context, Math.max(1, streams / 4)));
    return switch (kind) {
      case JAVA -> {
        if (device != null) {
          throw LatheException.user(
              "--device is for LibTorch, the engine in Java computes on the CPU",
              "add --engine libtorch or leave --device out");
        }
        if (Kernel.best() instanceof ScalarKernel) {
          within
              .screen()
              .note(
                  "this JVM has no Vector API, so plain loops compute, many times more slowly: start"
                      + " Lathe by its launcher, or add --add-modules jdk.incubator.vector");
        }
        yield Generator.open(
            path, cache == null ? settings : settings.withCacheType(cache), context, speculation);
      }
      case LIBTORCH -> {
        if (!(speculation instanceof Speculation.Off)) {
          throw LatheException.user(
              "tokens are guessed ahead by the engine in Java, and --engine libtorch is given",
              "leave one of them out");
        }
        if (cache != null) {
          throw LatheException.user(
              "--kv-cache is for the engine in Java; LibTorch keeps keys and values as the weights",
              "leave --kv-cache or --engine libtorch out");
        }
        Device where = device == null ? Device.CPU : device;
        yield Generator.open(
            path, settings, context, (checkpoint, asked) -> libTorch(checkpoint, asked, where));
      }
    };
  }

  private static JavaEngine libTorch(Checkpoint model, EngineSettings settings, Device device) {
    TorchRunner runner = TorchRunner.open(model.config(), model.weights(), settings, device);
    return JavaEngine.over(runner, model.config(), settings);
  }
}
