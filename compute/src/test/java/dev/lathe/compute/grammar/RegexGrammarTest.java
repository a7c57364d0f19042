package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Regular expressions against `java.util.regex`.
class RegexGrammarTest {
  private static final String[] PIECES = {
    "a",
    "b",
    "ab",
    ".",
    "[ab]",
    "[^a]",
    "[a-c]",
    "\\d",
    "\\w",
    "\\s",
    "é",
    "[à-ü]",
    "😀",
    "\\.",
    "(a|b)",
    "(?:ab|c)",
    "(a|)",
    "\\u00e9",
    "\\x61",
    "[\\d-]",
    "[^\\w]",
    "x"
  };
  private static final String[] QUANTIFIERS = {
    "", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0,2}?"
  };
  private static final String[] TEXTS = {
    "a", "b", "c", "x", "é", "ü", "😀", "1", "-", ".", " ", "\n"
  };

  @Test
  void textsAreAcceptedAsTheOracleMatchesThem() {
    RandomGenerator random = new Random(1);
    for (int i = 0; i < 300; i++) {
      String pattern = pattern(random, 2);
      Pattern oracle = Pattern.compile(pattern);
      CompiledGrammar grammar = Outputs.compile(Grammar.regex(pattern));
      for (int j = 0; j < 40; j++) {
        String text = text(random);
        boolean matches = oracle.matcher(text).matches();
        assertThat(Outputs.accepts(grammar, text))
            .as("'%s' in %s", text, pattern)
            .isEqualTo(matches);
      }
    }
  }

  @Test
  void whatIsGeneratedMatches() {
    RandomGenerator random = new Random(2);
    int finished = 0;
    for (int i = 0; i < 150; i++) {
      String pattern = pattern(random, 2);
      CompiledGrammar grammar =
          new GrammarCompiler(Outputs.vocabulary("ab", "a ", "éa", "😀x", "11", "b\n", "\u00e9"))
              .compile(Grammar.regex(pattern));
      for (int j = 0; j < 5; j++) {
        var output = Outputs.random(grammar, random, 60);
        finished += output.isPresent() ? 1 : 0;
        output.ifPresent(text -> assertThat(text).matches(Pattern.compile(pattern)));
      }
    }
    assertThat(finished).isGreaterThan(400);
  }

  @ParameterizedTest
  @CsvSource({
    "^a, ba, false",
    "^a, ab, true",
    "a$, ba, true",
    "a$, ab, false",
    "b, abc, true",
    "^a|b$, xb, true",
    "^a|b$, bx, false",
    "^a|b$, ax, true",
    "(^a)+b, ab, true",
    "(^a)+b, aab, false",
    "^(a|b)$, a, true",
    "^(a|b)$, ab, false",
    "a^b, ab, false",
    "^$, '', true",
    "^$, x, false",
    "x*, yy, true"
  })
  void aPatternIsLookedForAnywhereButAtItsAnchors(String pattern, String text, boolean found) {
    Dfa texts = RegexParser.somewhere(pattern, new Work(GrammarLimits.USUAL));

    assertThat(texts.matches(text)).isEqualTo(found);
    assertThat(Pattern.compile(pattern).matcher(text).find()).isEqualTo(found);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "(?=a)b ~ look-around '(?='",
        "(?<!a)b ~ look-around '(?<!'",
        "(a)\\1 ~ back reference '\\1'",
        "\\bfoo ~ word boundary '\\b'",
        "(?>a) ~ atomic group",
        "a++ ~ possessive",
        "(?i)a ~ flags",
        "a** ~ a repetition is repeated",
        "(a ~ not closed",
        "a) ~ closes nothing",
        "[a ~ not closed",
        "*a ~ repeats nothing",
        "a{3,2} ~ ends below",
        "[b-a] ~ ends below",
        "\\q ~ '\\q' is not supported",
        "a{999999} ~ a repetition of 999999",
        "a\\ ~ ends with",
        "\\p{Nonsense} ~ property 'Nonsense'",
        "[[:alpha:]] ~ '[:'",
        "\\ud83d ~ surrogate"
      })
  void whatIsNotSupportedIsNamed(String pattern, String named) {
    assertThatThrownBy(() -> Grammar.regex(pattern))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(named)
        .hasMessageContaining("character");
  }

  @ParameterizedTest
  @ValueSource(strings = {"((a{100}){100}){100}", "(.{1,2000}x){1,500}", "(a|b)*a(a|b){60}"})
  @Timeout(30)
  void bombsAreRefused(String pattern) {
    GrammarLimits limits = Outputs.limits(20_000_000, 1 << 20);

    assertThatThrownBy(() -> RegexParser.whole(pattern, new Work(limits)))
        .isInstanceOf(LatheException.class)
        .hasMessageMatching("the grammar needs more than .* to compile: use smaller .*");
  }

  @Test
  void properties() {
    Grammar greek = Grammar.regex("\\p{Script=Greek}+\\p{Lu}\\P{L}");
    assertThat(Outputs.accepts(greek, "αβγX1")).isTrue();
    assertThat(Outputs.accepts(greek, "αβγxX")).isFalse();
    assertThat(Outputs.accepts(Grammar.regex("\\p{Nd}{2}"), "٣4")).isTrue();
  }

  private static String pattern(RandomGenerator random, int depth) {
    List<String> options = new ArrayList<>();
    for (int i = 0; i <= random.nextInt(2); i++) {
      StringBuilder sequence = new StringBuilder();
      for (int j = 0; j <= random.nextInt(3); j++) {
        boolean group = depth > 0 && random.nextInt(4) == 0;
        sequence.append(group ? "(" + pattern(random, depth - 1) + ")" : one(PIECES, random));
        sequence.append(one(QUANTIFIERS, random));
      }
      options.add(sequence.toString());
    }
    return String.join("|", options);
  }

  private static String text(RandomGenerator random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(6); i > 0; i--) {
      text.append(one(TEXTS, random));
    }
    return text.toString();
  }

  private static String one(String[] of, RandomGenerator random) {
    return of[random.nextInt(of.length)];
  }
}
