package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Small texts that would take minutes or gigabytes to compile.
@Timeout(200)
class BombTest {
  private static final String REFUSED =
      "(?s)(the grammar (needs more than|compiles to|can read|uses rules)|the schema cannot be"
          + " held to|the pattern).*";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(a{1,200}){1,200}",
        "((a{100}){100}){100}",
        "(((a{0,50}){0,50}){0,50}){0,10}",
        "(((){100000}){100000}){100000}",
        "((|){1000}){1000}",
        "(.{1,2000}x){1,500}",
        "(a|b)*a(a|b){60}",
        ".{100000}",
        "\\p{L}{20000}",
        "[\\p{L}\\p{N}]{1,9000}",
        "(\\P{L}|\\p{Lu}){2000}",
        "(\\w|\\P{Script=Greek}){5000}",
        "\\W{900}|\\D{900}|\\S{900}\\p{Lo}{900}"
      })
  void expressionsAreRefused(String pattern) {
    refused(() -> Grammar.regex(pattern));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"(.*a){20}", "[^a]{5000}", "(.*,){30}x", "((a*)*)*b", "(x+x+)+y", "(.|a){2000}"})
  void expressionsThatOnlyMakeBacktrackersSlowAreUsed(String pattern) {
    assertThat(Outputs.compile(Grammar.regex(pattern))).isNotNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"\\P{L}", "\\W|", "\\p{Script=Greek}?", "a?", ".*.?", "[^\\W]|a"})
  void longExpressionsEnd(String part) {
    endsSoon(() -> Grammar.regex(part.repeat(20_000)));
  }

  @Test
  void aClassOfManyPartsIsReadOnce() {
    Grammar grammar = Grammar.regex("[" + "\\W\\p{Lu}".repeat(5000) + "]");

    assertThat(Outputs.accepts(grammar, "É")).isTrue();
    assertThat(Outputs.accepts(grammar, "é")).isFalse();
    String han =
        IntStream.range(0, 60_000)
            .mapToObj(i -> Character.toString(0x20000 + i * 2 % 40_000))
            .collect(Collectors.joining());
    assertThat(Outputs.accepts(Grammar.ebnf("root ::= [" + han + "]"), "\ud840\udc02")).isTrue();
  }

  static List<String> schemas() {
    return List.of(
        "{\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\":"
            + " \"string\"}}}, \"minItems\": 100000}",
        "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"maxItems\": 100000}",
        "{\"type\": \"string\", \"minLength\": 1000000}",
        "{\"type\": \"string\", \"maxLength\": 3000, \"pattern\": \"(ab|cde|fghi)+x\"}",
        "{\"type\": \"string\", \"format\": \"uri\", \"pattern\": \"(a.*){8}\", \"maxLength\":"
            + " 2000}",
        object(1000, i -> "\"p%d\": {}", ", \"minProperties\": 100, \"maxProperties\": 500"),
        object(20_000, i -> "\"p%d\": {}", ""),
        object(
            500, i -> "\"p%d\": {\"type\": \"integer\", \"multipleOf\": " + (9001 + i) + "}", ""),
        object(3000, i -> "\"p%d\": {\"pattern\": \"^\\\\W\\\\p{L}%d\"}", ""),
        patternProperties(100, i -> "\"a%d.*b\": {\"minimum\": %d}"),
        patternProperties(14, i -> "\"" + (char) ('a' + i) + "\": {\"minimum\": %d}"),
        "{\"allOf\": [{\"enum\": [%s]}, {\"enum\": [%s]}]}"
            .formatted(joined(5000, i -> "\"v%d\""), joined(5000, i -> "\"v" + 2 * i + "\"")),
        "{\"allOf\": ["
            + joined(
                20,
                i ->
                    "{\"anyOf\": [{\"properties\": {\"a%d\": {}}, \"required\": [\"a%d\"]},"
                        + " {\"properties\": {\"b%d\": {}}, \"required\": [\"b%d\"]}]}")
            + "]}",
        "{\"oneOf\": [" + joined(2000, i -> "{\"const\": %d}") + "]}",
        "{\"allOf\": ["
            + Stream.of(9973, 9967, 9949, 9941)
                .map("{\"type\": \"integer\", \"multipleOf\": %d}"::formatted)
                .collect(Collectors.joining(", "))
            + "]}",
        "{\"type\": \"number\", \"multipleOf\": 0.0000000000009973, \"minimum\": 0.1234567890123,"
            + " \"maximum\": 98765432.1234567}",
        "{\"const\": \"" + "x".repeat(900_000) + "\"}",
        "{\"$ref\": \"#/$defs/a\", \"$defs\": {%s, %s, %s}}"
            .formatted(mutual("a", "b"), mutual("b", "c"), mutual("c", "a")),
        "{" + joined(200_000, i -> "\"keyword%d\": 1") + "}",
        "{\"minimum\": 1e999999999}",
        "{\"multipleOf\": 1e999999999}",
        "{\"enum\": [1, [{\"a\": -1e999999999}]]}");
  }

  @ParameterizedTest
  @MethodSource("schemas")
  void schemasAreRefused(String schema) {
    refused(() -> Grammar.jsonSchema(json(schema)));
  }

  static List<String> collisions() {
    return List.of(
        "{\"enum\": [" + joined(65_536, i -> "\"" + colliding(i) + "\"") + "]}",
        "{\"anyOf\": [" + joined(65_536, i -> "{\"required\": [\"" + colliding(i) + "\"]}") + "]}",
        object(
            30_000,
            i -> "\"%s\": {\"required\": [\"%s\"]}".formatted(colliding(i), colliding(i)),
            ""));
  }

  @ParameterizedTest
  @MethodSource("collisions")
  void namesOfEqualHashesMakeNothingSlow(String schema) {
    refused(() -> Grammar.jsonSchema(json(schema)));
  }

  static List<String> grammars() {
    return List.of(
        "root ::= (((\"a\"{1,300}){1,300}){1,300}){1,300}",
        "root ::= (((((\"a\"){99999}){99999}){99999}){99999}){99999}",
        "root ::= ((((){100000}){100000}){100000}){100000} \"a\"",
        "root ::= (x{1,300}){1,300}\nx ::= [a-z]{1,300} \" \"",
        "root ::= ([^a]{1,100} [^b]{1,100}){1,100}",
        "root ::= (" + calls(3000) + ")*\n" + rules(3000, i -> "[a-z]{20} \"x\""),
        "root ::= (" + calls(1900) + ")*\n" + rules(1900, i -> "[a-z]{15,%d} \"x\""),
        "root ::= r0\n" + rules(20_000, i -> "r" + (i + 1) + "?") + "r20000 ::= \"a\"?",
        "root ::= "
            + IntStream.range(0, 100_000).mapToObj(i -> " r" + i).collect(Collectors.joining()),
        "root ::= " + "a".repeat(400_000) + "b\n" + "a".repeat(400_000) + " ::= \"x\"");
  }

  @ParameterizedTest
  @MethodSource("grammars")
  void grammarsAreRefused(String source) {
    refused(() -> Grammar.ebnf(source));
  }

  @Test
  void manyRepetitionsInOneGrammarAreNoNesting() {
    String source =
        "root ::= r0\n" + rules(200, i -> "\"a\"* r" + (i + 1) + "?") + "r200 ::= \"b\"+";

    assertThat(Outputs.accepts(Grammar.ebnf(source), "aab")).isTrue();
  }

  @Test
  void rulesThatOnlyNameEachOtherDoNotOverflowTheStack() {
    String source =
        "root ::= r0\nbig ::= \"a\""
            + " | \"a\"".repeat(50_000)
            + "\n"
            + rules(3000, i -> "r" + (i + 1) + "?")
            + "r3000 ::= big";

    endsSoon(() -> Grammar.ebnf(source));
  }

  @Test
  void aGrammarWhoseMasksTakeTooLongIsRefusedBeforeItIsUsed() {
    Random random = new Random(5);
    String letters = "abcdefghijklmnopqrstuvwxyz";
    List<String> classes = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      String some =
          letters
              .chars()
              .filter(c -> random.nextBoolean())
              .mapToObj(Character::toString)
              .collect(Collectors.joining());
      classes.add("[" + some + "]{1,14} \"" + letters.charAt(i % 26) + "\"");
    }
    String source = "root ::= (" + calls(120) + ")*\n" + rules(120, classes::get);
    String[] tokens =
        Stream.generate(() -> random.ints(6, 'a', 'z' + 1))
            .limit(8000)
            .map(each -> each.mapToObj(Character::toString).collect(Collectors.joining()))
            .toArray(String[]::new);

    assertThatThrownBy(
            () -> new GrammarCompiler(Outputs.vocabulary(tokens)).compile(Grammar.ebnf(source)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("ways");
  }

  @Test
  void aGrammarOfTooManyMeaningsIsRefusedBeforeItIsUsed() {
    String[] tokens = {"a".repeat(16), "b".repeat(16)};
    Grammar grammar = Grammar.ebnf("root ::= e\ne ::= t | t e e | t e e e\nt ::= [a-z]");

    assertThatThrownBy(() -> new GrammarCompiler(Outputs.vocabulary(tokens)).compile(grammar))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("in more than 2000 ways");
  }

  private interface Reading {
    Grammar read();
  }

  private static void refused(Reading reading) {
    assertThatThrownBy(() -> Outputs.compile(reading.read()))
        .isInstanceOf(LatheException.class)
        .hasMessageMatching(REFUSED);
  }

  private static void endsSoon(Reading reading) {
    try {
      assertThat(Outputs.compile(reading.read())).isNotNull();
    } catch (LatheException e) {
      assertThat(e).hasMessageMatching(REFUSED);
    }
  }

  private static com.fasterxml.jackson.databind.JsonNode json(String text) {
    return StrictJson.value("the schema", text.getBytes(StandardCharsets.UTF_8));
  }

  private static String object(int count, IntFunction<String> member, String more) {
    return "{\"type\": \"object\", \"properties\": {" + joined(count, member) + "}" + more + "}";
  }

  private static String patternProperties(int count, IntFunction<String> member) {
    return "{\"type\": \"object\", \"patternProperties\": {" + joined(count, member) + "}}";
  }

  private static String mutual(String name, String other) {
    return "\"%s\": {\"properties\": {\"x\": {\"allOf\": [{\"$ref\": \"#/$defs/%s\"}, {\"$ref\": \"#/$defs/%s\"}]}}}"
        .formatted(name, name, other);
  }

  private static String calls(int count) {
    return IntStream.range(0, count).mapToObj(i -> "r" + i).collect(Collectors.joining(" | "));
  }

  private static String rules(int count, IntFunction<String> body) {
    return IntStream.range(0, count)
        .mapToObj(
            i -> "r" + i + " ::= " + body.apply(i).replace("%d", String.valueOf(i + 16)) + "\n")
        .collect(Collectors.joining());
  }

  /// `%d` becomes the number.
  private static String joined(int count, IntFunction<String> each) {
    return IntStream.range(0, count)
        .mapToObj(i -> each.apply(i).replace("%d", String.format(Locale.ROOT, "%d", i)))
        .collect(Collectors.joining(", "));
  }

  /// Texts of 32 characters that all have the same hash.
  private static String colliding(int number) {
    return IntStream.range(0, 16)
        .mapToObj(bit -> (number >> bit & 1) == 0 ? "Aa" : "BB")
        .collect(Collectors.joining());
  }
}
