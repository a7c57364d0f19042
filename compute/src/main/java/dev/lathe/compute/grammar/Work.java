package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;

/// What one compilation has used of its limits. Steps are counted, not seconds, so that the same
/// grammar is refused everywhere or nowhere. For one thread.
final class Work {
  private final GrammarLimits limits;
  private long states;
  private long steps;

  Work(GrammarLimits limits) {
    this.limits = limits;
  }

  GrammarLimits limits() {
    return limits;
  }

  /// Counts states that are about to be made.
  ///
  /// @throws LatheException when these are too many
  void states(int count) {
    states += count;
    if (states > limits.states()) {
      throw LatheException.user(
          "the grammar needs more than " + limits.states() + " states to compile",
          "use smaller repetitions, lengths, patterns and lists of choices");
    }
    steps(count);
  }

  /// Counts looks at states and edges.
  ///
  /// @throws LatheException when these are too many
  void steps(int count) {
    steps += count;
    if (steps > limits.steps()) {
      throw LatheException.user(
          "the grammar needs more than " + limits.steps() + " steps to compile",
          "use smaller repetitions, lengths, patterns and lists of choices");
    }
  }

  long steps() {
    return steps;
  }
}
