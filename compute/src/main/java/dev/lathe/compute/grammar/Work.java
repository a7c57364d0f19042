package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.IntPredicate;

/// What one compilation has used of its limits. Steps are counted, not seconds, so that the same
/// grammar is refused everywhere or nowhere. For one thread, whose interruption ends it.
final class Work {
  /// Steps of some milliseconds, after which it is looked whether somebody still waits.
  private static final long LOOK = 100_000;

  private final GrammarLimits limits;
  private final Map<String, CharacterSet> sets = new HashMap<>();
  private long states;
  private long steps;
  private long nextLook;

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

  /// The characters for which something holds, looked through at the first call for the name.
  ///
  /// @throws LatheException when that is too much
  CharacterSet characters(String name, IntPredicate holds) {
    CharacterSet known = sets.get(name);
    if (known == null) {
      steps(CharacterSet.LAST);
      known = CharacterSet.where(holds);
      sets.put(name, known);
    }
    return known;
  }

  /// Counts looks at states and edges.
  ///
  /// @throws LatheException when these are too many
  /// @throws CancellationException when the thread is interrupted
  void steps(long count) {
    steps += count;
    if (steps >= nextLook) {
      nextLook = steps + LOOK;
      if (Thread.currentThread().isInterrupted()) {
        throw new CancellationException("nobody waits for the grammar any more");
      }
    }
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
