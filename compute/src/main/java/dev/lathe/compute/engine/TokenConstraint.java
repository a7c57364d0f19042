package dev.lathe.compute.engine;

/// What the next token of one stream may be: a grammar, a list of choices. Asked before each choice
/// and told each choice, by the engine's thread only; never taken back, speculation included.
/// Neither call should allocate or take longer than a fraction of a step.
///
/// Stop tokens are not the constraint's affair: the engine allows them exactly when [#mayStop] says
/// so.
public interface TokenConstraint {
  /// Clears the bits of tokens that may not come next.
  ///
  /// @param allowed token `id` is bit `id % 64` of word `id / 64`; all tokens of the vocabulary are
  ///   set, and no other bit
  void mask(long[] allowed);

  /// Takes a token of the output, one that the last mask allowed.
  void accept(int token);

  /// Whether the output so far is complete, so that it may end here. When it is and [#mask] allows
  /// nothing more, the stream ends without another step.
  boolean mayStop();
}
