package dev.lathe.platform.evaluation;

/// What an answer was found to be.
public enum Verdict {
  RIGHT,
  WRONG,
  /// The question names no expected answer.
  UNJUDGED
}
