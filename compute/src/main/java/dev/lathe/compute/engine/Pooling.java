package dev.lathe.compute.engine;

/// How the hidden states of a text become one vector; which of them a model was trained for stands
/// in its description.
public enum Pooling {
  /// The mean over all tokens.
  MEAN,
  /// The state of the last token, which has seen all others.
  LAST
}
