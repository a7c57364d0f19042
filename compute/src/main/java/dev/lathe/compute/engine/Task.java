package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import org.jspecify.annotations.Nullable;

/// What the engine makes of the rows of one sequence. The engine's thread calls; after [#finish] or
/// [#fail], no more.
sealed interface Task permits Generation, LogitsTask, EmbeddingTask {
  Sequence sequence();

  /// The adapter that the rows are computed with.
  AdapterPool.@Nullable Lease lease();

  /// Whether rows are asked for logits; otherwise for hidden states.
  boolean wantsLogits();

  /// Takes what was computed at a position, the wanted positions one by one.
  ///
  /// @param values logits `[V]`, to be changed at will, or the hidden state `[E]` after the final
  ///   norm
  /// @return why nothing more is wanted, or null to go on
  TokenEvent.@Nullable Reason take(int position, float[] values, int at);

  /// The regular end.
  void finish(TokenEvent.Reason reason);

  /// The end by a failure.
  void fail(LatheException error);
}
