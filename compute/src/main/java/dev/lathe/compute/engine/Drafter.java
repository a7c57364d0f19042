package dev.lathe.compute.engine;

import java.util.List;

/// Guesses what comes next. The engine's thread calls.
sealed interface Drafter extends AutoCloseable permits LookUpDrafter, ModelDrafter {
  /// Adds guesses behind the last token of each sequence.
  ///
  /// @param most guesses wanted for each of them, at least 1
  void draft(List<Sequence> sequences, int[] most);

  /// What a guess costs next to a token of the model, `[0, ...)`.
  double cost();

  /// How likely a guess is to come true as long as none of the stream's was checked, `(0, 1)`.
  double firstBelief();

  /// The sequence will not be seen again.
  void forget(Sequence sequence);

  @Override
  void close();
}
