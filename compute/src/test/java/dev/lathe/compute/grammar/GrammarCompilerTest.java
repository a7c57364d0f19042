package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class GrammarCompilerTest {
  private final AtomicInteger read = new AtomicInteger();
  private final GrammarCompiler compiler = new GrammarCompiler(Outputs.vocabulary());

  private GrammarSource counted(GrammarSource source) {
    Supplier<Grammar> reading = source.reading();
    return new GrammarSource(
        source.identity(),
        () -> {
          read.incrementAndGet();
          return reading.get();
        });
  }

  @Test
  void whatIsKeptIsNotReadAgain() {
    assertThat(compiler.kept(GrammarSource.regex("ab*"))).isEmpty();
    CompiledGrammar first = compiler.compile(counted(GrammarSource.regex("ab*")));

    assertThat(compiler.compile(counted(GrammarSource.regex("ab*")))).isSameAs(first);
    assertThat(compiler.kept(GrammarSource.regex("ab*"))).containsSame(first);
    assertThat(read).hasValue(1);
    assertThat(compiler.compile(counted(GrammarSource.ebnf("root ::= \"ab\"")))).isNotSameAs(first);
    assertThat(read).hasValue(2);
  }

  @Test
  void aSourceIsKnownByWhatItIsReadTo() {
    for (GrammarSource source :
        List.of(
            GrammarSource.json(),
            GrammarSource.regex("a"),
            GrammarSource.choice(List.of("a", "b,\"c")),
            GrammarSource.ebnf("root ::= \"a\""),
            GrammarSource.jsonSchema(Schemas.parse("{\"type\": \"integer\"}")))) {
      assertThat(source.read().identity()).isEqualTo(source.identity());
      assertThat(compiler.compile(source.read())).isSameAs(compiler.compile(source));
    }
  }

  @Test
  void grammarsUsedLongestAgoMakeRoom() {
    long room = 10 * compiler.compile(numbered(0)).bytes();
    GrammarCompiler small = new GrammarCompiler(Outputs.vocabulary(), GrammarLimits.USUAL, room);
    int many = 30;
    for (int i = 0; i < many; i++) {
      small.compile(numbered(i));
      small.compile(numbered(0));
    }

    assertThat(small.kept(numbered(0))).isPresent();
    assertThat(small.kept(numbered(1))).isEmpty();
    assertThat(small.kept(numbered(many - 1))).isPresent();
  }

  private static GrammarSource numbered(int number) {
    return GrammarSource.ebnf("root ::= \"" + number + "\" " + "[a-c] ".repeat(200));
  }

  @Test
  void readingEndsWithTheThreadsInterruption() {
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> compiler.compile(GrammarSource.regex("(.{1,200}x){1,90}")))
          .isInstanceOf(CancellationException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(compiler.compile(GrammarSource.regex("a{1,20}"))).isNotNull();
  }
}
