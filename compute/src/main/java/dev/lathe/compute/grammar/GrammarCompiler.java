package dev.lathe.compute.grammar;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Compiles grammars for one vocabulary and keeps those used last. Safe for many threads.
public final class GrammarCompiler {
  private static final Duration AHEAD = Duration.ofMillis(50);
  private static final long KEPT_BYTES = 128L << 20;

  private final Vocabulary vocabulary;
  private final GrammarLimits limits;
  private final Map<String, CompiledGrammar> kept = new LinkedHashMap<>(16, 0.75f, true);

  public GrammarCompiler(Vocabulary vocabulary) {
    this(vocabulary, GrammarLimits.USUAL);
  }

  GrammarCompiler(Vocabulary vocabulary, GrammarLimits limits) {
    this.vocabulary = vocabulary;
    this.limits = limits;
  }

  /// The compiled grammar, made now unless it was kept. Masks that do not depend on the output are
  /// made at once, as far as a twentieth of a second goes; the others when they are first wanted.
  ///
  /// @throws dev.lathe.compute.LatheException when the grammar allows nothing, begins with itself,
  ///   or goes beyond the limits
  public CompiledGrammar compile(Grammar grammar) {
    CompiledGrammar known = kept(grammar.identity());
    if (known != null) {
      return known;
    }
    Work work = new Work(limits);
    Automaton automaton = new AutomatonBuilder(grammar, vocabulary, work).build();
    CompiledGrammar made = new CompiledGrammar(automaton, vocabulary, work);
    made.prepare(AHEAD);
    keep(grammar.identity(), made);
    return made;
  }

  private synchronized @Nullable CompiledGrammar kept(String identity) {
    CompiledGrammar known = kept.get(identity);
    if (known != null) {
      forgetOldest();
    }
    return known;
  }

  private synchronized void keep(String identity, CompiledGrammar made) {
    kept.put(identity, made);
    forgetOldest();
  }

  /// What grammars take grows as they are used, so that this is looked at with each use.
  private void forgetOldest() {
    long bytes = 0;
    for (CompiledGrammar each : kept.values()) {
      bytes += each.bytes();
    }
    for (var oldest = kept.values().iterator(); bytes > KEPT_BYTES && kept.size() > 1; ) {
      bytes -= oldest.next().bytes();
      oldest.remove();
    }
  }
}
