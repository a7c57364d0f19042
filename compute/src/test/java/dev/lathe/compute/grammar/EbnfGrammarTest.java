package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EbnfGrammarTest {
  /// A list of JSON values after the manner of the grammars that users of llama.cpp have.
  private static final String JSON =
      """
      # values
      root   ::= object
      value  ::= object | array | string | number | ("true" | "false" | "null") ws
      object ::= "{" ws (
                  string ":" ws value
          ("," ws string ":" ws value)*
        )? "}" ws
      array  ::=
        "[" ws (
                  value
          ("," ws value)*
        )? "]" ws
      string ::= "\\"" (
          [^"\\\\\\x7F\\x00-\\x1F] |
          [\\\\] (["\\\\bfnrt] | "u" [0-9a-fA-F]{4})
        )* "\\"" ws
      number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
      ws ::= | " " | "\\n" [ \\t]{0,20}
      """;

  private static final String ARITHMETIC =
      """
      root ::= expression "=" sp term "\\n"
      expression ::= term ([-+*/] sp term)*
      term ::= identifier | number | "(" sp expression ")" sp
      identifier ::= [a-z] [a-z0-9_]* sp
      number ::= [0-9]+ sp
      sp ::= [ \\t\\n]*
      """;

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{} ~ true",
        "{\"a\":[1, 2.5e3,{\"b\": null}]} ~ true",
        "{\"a\": \"\\u00e9é\\n\"} ~ true",
        "[] ~ false",
        "{\"a\"} ~ false",
        "{\"a\":1,} ~ false",
        "{\"a\":01} ~ false",
        "{\"a\":[[[[[[]]]]]]} ~ true",
        "{\"a\":[[[[[[]]]]]} ~ false",
        "{\"a\": tru} ~ false"
      })
  void jsonIsRead(String text, boolean accepted) {
    assertThat(Outputs.accepts(Grammar.ebnf(JSON), text)).isEqualTo(accepted);
  }

  @Test
  void recursionCountsItsBrackets() {
    CompiledGrammar grammar = Outputs.compile(Grammar.ebnf(ARITHMETIC));

    assertThat(Outputs.accepts(grammar, "(a+(b*2))=7\n")).isTrue();
    assertThat(Outputs.accepts(grammar, "((x1)) - y = 12 \n")).isTrue();
    assertThat(Outputs.accepts(grammar, "(a+(b*2)=7\n")).isFalse();
    assertThat(Outputs.accepts(grammar, "a+=7\n")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "root ::= \"a\"{2,3} ~ aa ~ a", "root ::= \"a\"{2} ~ aa ~ aaa",
        "root ::= \"a\"{2,} ~ aaaa ~ a", "root ::= \"a\"{0,2} \"b\" ~ aab ~ aaab",
        "root ::= [^a-c]+ ~ xyz ~ xbz", "root ::= [あ-ん]{2} ~ あん ~ あz",
        "root ::= \"\\x41\\u00e9\\U0001F600\" ~ Aé😀 ~ Aé", "root ::= . . ~ é😀 ~ é",
        "root ::= a | b{2} c? ~ cc ~ d", "root ::= (\"x\" | \"y\")+ # end ~ xyx ~ xz",
        "root ::= [a\\-z\\]]+ ~ a-z] ~ b", "root ::= a-b_C ~ q ~ a"
      })
  void notation(String grammar, String inside, String outside) {
    String rules = grammar + "\na ::= \"q\"\nb ::= \"c\"\nc ::= \"d\"\na-b_C ::= a";

    assertThat(Outputs.accepts(Grammar.ebnf(rules), inside)).isTrue();
    assertThat(Outputs.accepts(Grammar.ebnf(rules), outside)).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "root ::= missing ~ 'missing' (line 1",
            "rot ::= \"a\" ~ no rule 'root', did you mean 'rot'",
        "root ::= \"a ~ line 1, column 10 a text is not closed", "root = \"a\" ~ '::=' is wanted",
        "root ::= (\"a\" ~ a group is not closed", "root ::= [a ~ a class is not closed",
        "root ::= \"\\q\" ~ escape '\\q'", "root ::= !<think> ~ excluded token",
        "root ::= \"a\"{4,3} ~ ends below", "root ::= \"a\"{9999999} ~ a repetition of 9999999",
        "root ::= $ ~ '$' begins nothing", "root ::= [\\ud800] ~ no character U+d800"
      })
  void mistakesAreNamedWithTheirPlace(String grammar, String named) {
    assertThatThrownBy(() -> Grammar.ebnf(grammar))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(named);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "root ::= root \"a\" | \"b\" ~ 'root' begins with itself (root → root)",
        "root ::= a ; a ::= b \"x\" | \"y\" ; b ::= e a ; e ::= \"\"? ~ begins with itself (",
        "root ::= \"a\" root ~ allows no text at all",
        "root ::= <nope> ~ token '<nope>'",
        "root ::= <[999]> ~ token 999"
      })
  void whatCannotBeGeneratedIsRefusedWhenCompiled(String grammar, String named) {
    Grammar read = Grammar.ebnf(grammar.replace(" ; ", "\n"));

    assertThatThrownBy(() -> Outputs.compile(read))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(named);
  }

  @Test
  void emptyRulesAndRightRecursionWork() {
    Grammar grammar = Grammar.ebnf("root ::= opt list\nopt ::= \"-\"?\nlist ::= \"a\" list | \"\"");
    CompiledGrammar compiled = Outputs.compile(grammar);

    assertThat(Outputs.accepts(compiled, "")).isTrue();
    assertThat(Outputs.accepts(compiled, "-")).isTrue();
    assertThat(Outputs.accepts(compiled, "-" + "a".repeat(5000))).isTrue();
    assertThat(Outputs.accepts(compiled, "b")).isFalse();
  }

  @Test
  void nestingEndsWhereTheStackDoesAndCanStillBeClosed() {
    CompiledGrammar grammar = Outputs.compile(Grammar.ebnf("root ::= \"(\" root? \")\""));
    GrammarState state = grammar.start();
    int open = 0;
    while (state.allows('(')) {
      state.accept('(');
      open++;
    }
    for (int i = 0; i < open; i++) {
      assertThat(state.isComplete()).isFalse();
      state.accept(')');
    }

    assertThat(open).isBetween(CompiledGrammar.MAX_DEPTH, CompiledGrammar.MAX_DEPTH + 2);
    assertThat(state.isComplete()).isTrue();
  }

  @Test
  void largeRepetitionsCountExactly() {
    CompiledGrammar grammar = Outputs.compile(Grammar.ebnf("root ::= [^x]{1000,3000} \"x\"\n"));

    for (int count : new int[] {1000, 1001, 1023, 1024, 1255, 1256, 1257, 2999, 3000}) {
      assertThat(Outputs.accepts(grammar, "é".repeat(count) + "x")).as("%d", count).isTrue();
    }
    assertThat(Outputs.accepts(grammar, "é".repeat(999) + "x")).isFalse();
    assertThat(Outputs.accepts(grammar, "é".repeat(3001) + "x")).isFalse();
  }

  @Test
  void controlTokensAreAllowedWhereTheyAreNamedAndNowhereElse() {
    byte[][] tokens = Outputs.tokens(List.of("<think>", "think", "</think>"));
    BitSet control = new BitSet();
    control.set(256);
    control.set(258);
    GrammarCompiler compiler = new GrammarCompiler(new Vocabulary(tokens, control, false));
    GrammarState state = compiler.compile(Grammar.ebnf("root ::= <think> .* <[258]>")).start();

    assertThat(state.allows(256)).isTrue();
    assertThat(state.allows('<')).isFalse();
    state.accept(256);
    assertThat(state.allows(256)).isFalse();
    assertThat(state.allows(257)).isTrue();
    assertThat(state.allows('<')).isTrue();
    state.accept(258);
    assertThat(state.isComplete()).isTrue();
    assertThat(state.isOver()).isTrue();
  }
}
