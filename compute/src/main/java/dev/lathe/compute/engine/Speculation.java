package dev.lathe.compute.engine;

import java.nio.file.Path;

/// How an engine guesses tokens ahead, so that one step delivers several where the guesses come
/// true. It changes the speed only: every token is chosen from the model's own logits, and a guess
/// counts exactly if it is the token chosen.
public sealed interface Speculation {
  /// One token a step.
  record Off() implements Speculation {}

  /// What followed the same few tokens earlier in prompt or output.
  record LookUp() implements Speculation {}

  /// What a smaller model finds likeliest, without adapters.
  ///
  /// @param model a Hugging Face directory or a GGUF file; its token ids mean what the large
  ///   model's mean
  record Draft(Path model) implements Speculation {}
}
