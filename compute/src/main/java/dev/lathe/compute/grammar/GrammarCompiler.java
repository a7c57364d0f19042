package dev.lathe.compute.grammar;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Compiles grammars for one vocabulary and keeps those used last. Safe for many threads.
public final class GrammarCompiler {
  private static final Duration AHEAD = Duration.ofMillis(50);
  private static final long KEPT_BYTES = 128L << 20;

  private final Vocabulary vocabulary;
  private final GrammarLimits limits;
  private final long keptBytes;
  private final Map<String, CompiledGrammar> kept = new LinkedHashMap<>(16, 0.75f, true);

  public GrammarCompiler(Vocabulary vocabulary) {
    this(vocabulary, GrammarLimits.USUAL, KEPT_BYTES);
  }

  GrammarCompiler(Vocabulary vocabulary, GrammarLimits limits) {
    this(vocabulary, limits, KEPT_BYTES);
  }

  /// @param keptBytes memory of the grammars kept, but for the one used last
  GrammarCompiler(Vocabulary vocabulary, GrammarLimits limits, long keptBytes) {
    this.vocabulary = vocabulary;
    this.limits = limits;
    this.keptBytes = keptBytes;
  }

  /// As [#compile(GrammarSource)], of one that is read.
  public CompiledGrammar compile(Grammar grammar) {
    return compile(new GrammarSource(grammar.identity(), () -> grammar));
  }

  /// The compiled grammar if it is kept; that takes no time.
  public synchronized Optional<CompiledGrammar> kept(GrammarSource source) {
    CompiledGrammar known = kept.get(source.identity());
    if (known != null) {
      forgetOldest();
    }
    return Optional.ofNullable(known);
  }

  /// The compiled grammar, read and made now unless it was kept. Masks that do not depend on the
  /// output are made at once, as far as a twentieth of a second goes; the others when they are
  /// first wanted.
  ///
  /// @throws dev.lathe.compute.LatheException when the grammar cannot be held to, allows nothing,
  ///   begins with itself, or goes beyond the limits
  /// @throws java.util.concurrent.CancellationException when the thread is interrupted
  public CompiledGrammar compile(GrammarSource source) {
    return kept(source).orElseGet(() -> make(source));
  }

  private CompiledGrammar make(GrammarSource source) {
    Grammar grammar = source.read();
    Work work = new Work(limits);
    Automaton automaton = new AutomatonBuilder(grammar, vocabulary, work).build();
    CompiledGrammar made = new CompiledGrammar(automaton, vocabulary, work);
    made.prepare(AHEAD);
    synchronized (this) {
      kept.put(source.identity(), made);
      forgetOldest();
    }
    return made;
  }

  /// What grammars take grows as they are used, so that this is looked at with each use.
  private void forgetOldest() {
    long bytes = 0;
    for (CompiledGrammar each : kept.values()) {
      bytes += each.bytes();
    }
    for (var oldest = kept.values().iterator(); bytes > keptBytes && kept.size() > 1; ) {
      bytes -= oldest.next().bytes();
      oldest.remove();
    }
  }
}
