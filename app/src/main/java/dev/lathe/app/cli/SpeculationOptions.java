package dev.lathe.app.cli;

import dev.lathe.compute.engine.Speculation;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Whether and how tokens are guessed ahead.
final class SpeculationOptions {
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
          "Guess with a model of the same tokens that is smaller or has fewer bits, a name, a directory or a GGUF"
              + " file.")
  private @Nullable String draft;

  /// Whether tokens are guessed ahead.
  boolean isOn() {
    return speculate || draft != null;
  }

  /// What is asked for.
  ///
  /// @throws dev.lathe.compute.LatheException when the draft model is not there
  Speculation speculation(Context context) {
    if (draft != null) {
      return new Speculation.Draft(Models.store(context.environment()).resolve(draft));
    }
    return speculate ? new Speculation.LookUp() : new Speculation.Off();
  }
}
