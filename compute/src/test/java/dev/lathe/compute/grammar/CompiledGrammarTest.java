package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Masks put together from remembered parts, against asking for each token.
class CompiledGrammarTest {
  private static final List<String> PIECES =
      List.of(
          "{\"",
          "\":",
          "\": ",
          "\",",
          "\", \"",
          "\"}",
          "}}",
          "]}",
          "}],",
          "[{",
          "\":{\"",
          "},{\"",
          "\n  ",
          "\n    \"",
          ", ",
          "a",
          "b\"",
          "ab",
          "true",
          "tru",
          "null",
          "10",
          "1.5",
          "-1",
          "\\n",
          "\\u00",
          "\\\"",
          "é",
          "\u00e9\"",
          "\"é",
          "日本",
          "😀",
          "((",
          "))",
          "(a)",
          "a)",
          ")+(",
          "a+b",
          "aaaa",
          "aaaaaaaa",
          "x",
          "ax",
          "()",
          "{}",
          "[]",
          "[[",
          "]]",
          "]]]]",
          "}}}}}}");

  static List<Grammar> grammars() {
    return List.of(
        Grammar.json(),
        Grammar.regex("(a|é){2,40}x|[^\"]{3}\"?"),
        Grammar.choice(List.of("a", "ab", "aaaa", "日本", "true")),
        Grammar.ebnf("root ::= t ([+*] t)*\nt ::= \"a\" | \"b\" | \"(\" root \")\""),
        Grammar.ebnf("root ::= \"a\" root \"a\" | \"b\"? "),
        Grammar.ebnf("root ::= (\"a\"{0,700} | \"é\"{0,700}) \"x\""),
        Grammar.ebnf("root ::= \"[\" (root (\",\" root)*)? \"]\" \" \"?"));
  }

  @ParameterizedTest
  @MethodSource("grammars")
  void aTokenIsInTheMaskExactlyWhenItCanBeRead(Grammar grammar) {
    Vocabulary vocabulary = Outputs.vocabulary(PIECES.toArray(String[]::new));
    CompiledGrammar compiled = new GrammarCompiler(vocabulary).compile(grammar);
    RandomGenerator random = new Random(7);
    for (int output = 0; output < 30; output++) {
      walk(compiled, random, 60);
    }
  }

  @ParameterizedTest
  @MethodSource("grammars")
  void forgettingChangesNothing(Grammar grammar) {
    Vocabulary vocabulary = Outputs.vocabulary(PIECES.toArray(String[]::new));
    GrammarLimits tight = Outputs.limits(GrammarLimits.USUAL.steps(), 4000);
    CompiledGrammar compiled = new GrammarCompiler(vocabulary, tight).compile(grammar);
    RandomGenerator random = new Random(8);
    for (int output = 0; output < 10; output++) {
      walk(compiled, random, 60);
    }
  }

  /// A random output, deep ones preferred, so that the limit of the stack is met as well.
  private static void walk(CompiledGrammar grammar, RandomGenerator random, int most) {
    GrammarState state = grammar.start();
    boolean deep = random.nextInt(3) == 0;
    StringBuilder output = new StringBuilder();
    for (int i = 0; i < most; i++) {
      BitSet allowed = Outputs.allowed(state, grammar.vocabulary().size());
      BitSet readable = readable(grammar, state);
      assertThat(allowed).as("after '%s'", output).isEqualTo(readable);
      if (allowed.isEmpty()) {
        assertThat(state.isComplete()).as("after '%s'", output).isTrue();
        return;
      }
      int token = pick(grammar, allowed, random, deep);
      output.append(new String(grammar.vocabulary().token(token), StandardCharsets.UTF_8));
      state.accept(token);
    }
  }

  private static BitSet readable(CompiledGrammar grammar, GrammarState state) {
    BitSet readable = new BitSet();
    for (int token = 0; token < grammar.vocabulary().size(); token++) {
      try {
        state.copy().accept(token);
        readable.set(token);
      } catch (IllegalArgumentException expected) {
        readable.clear(token);
      }
    }
    return readable;
  }

  private static int pick(
      CompiledGrammar grammar, BitSet allowed, RandomGenerator random, boolean deep) {
    int best = -1;
    for (int tries = 0; tries < (deep ? 12 : 1); tries++) {
      int token = allowed.nextSetBit(random.nextInt(allowed.length()));
      if (best < 0 || opening(grammar, token) > opening(grammar, best)) {
        best = token;
      }
    }
    return best;
  }

  private static long opening(CompiledGrammar grammar, int token) {
    String text = new String(grammar.vocabulary().token(token), StandardCharsets.UTF_8);
    return text.chars().filter(c -> c == '{' || c == '[' || c == '(').count();
  }
}
