package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TokenizerTest {
  private static final List<String> CONTROL =
      List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "<think>");

  private static Tokenizer tokenizer;

  @BeforeAll
  static void open() {
    tokenizer = TinyTokenizer.open();
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  /// The identity of a tokenizer, which adapters name, holds added tokens in this form.
  @Test
  void anAddedTokenIsWrittenAsRecordsAre() {
    record Other(
        int id,
        String content,
        boolean special,
        boolean leftStrip,
        boolean rightStrip,
        boolean singleWord) {}

    assertThat(new AddedToken(7, "<|a, b|>", true, false, true, false))
        .hasToString(
            new Other(7, "<|a, b|>", true, false, true, false)
                .toString()
                .replaceFirst("Other", "AddedToken"));
  }

  @Test
  void idsAndTextsAreThoseOfTransformers() {
    List<String> wrong = new ArrayList<>();
    JsonNode cases = TinyTokenizer.json("rows.json").path("encodings");
    for (JsonNode expected : cases) {
      int[] ids = ids(expected.path("ids"));
      String text = expected.path("text").asText();
      if (!Arrays.equals(tokenizer.encodeWithControl(text), ids)
          || !tokenizer.decode(ids, false).equals(expected.path("decoded").asText())
          || !tokenizer.decode(ids, true).equals(expected.path("visible").asText())) {
        wrong.add(text + " gives " + Arrays.toString(tokenizer.encodeWithControl(text)));
      }
    }

    assertThat(cases.size()).isGreaterThan(50);
    assertThat(wrong).isEmpty();
  }

  @Test
  void textsThatCertainlyHaveTooManyTokensAreRefusedWithoutBeingEncoded() {
    String text = "The quick brown fox. \ud83d\ude00 ".repeat(40_000);
    int tokens = tokenizer.encodeWithControl(text).length;

    assertThat(tokenizer.encodeWithControl(text, tokens)).hasSize(tokens);
    assertThat(tokenizer.encodeWithControl("one two", 1)).hasSizeGreaterThan(1);
    for (int most : new int[] {1, 100, 10_000}) {
      assertThatThrownBy(() -> tokenizer.encodeWithControl(text, most))
          .isInstanceOfSatisfying(
              LatheException.class,
              e -> assertThat(e.kind()).isEqualTo(LatheException.Kind.CAPACITY))
          .hasMessageContaining("more than " + most + " tokens");
    }
    String controls = "<|im_end|>".repeat(20_000);
    assertThat(tokenizer.encodeWithControl(controls, 20_000)).hasSize(20_000);
  }

  static int[] ids(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  @Test
  void noSpellingOfAControlTokenInPlainTextBecomesOne() {
    List<Integer> controlIds =
        CONTROL.stream().map(token -> tokenizer.controlId(token).orElseThrow()).toList();
    for (String token : CONTROL) {
      for (String text :
          List.of(token, "a" + token + "b", token + token, " " + token + "\n", "<" + token + ">")) {
        int[] ids = tokenizer.encode(text);

        assertThat(ids).as(text).isNotEmpty();
        assertThat(Arrays.stream(ids).boxed().toList()).doesNotContainAnyElementsOf(controlIds);
        assertThat(tokenizer.decode(ids, true)).isEqualTo(text);
      }
    }
  }

  @Test
  void aControlTokenOfTheVocabularyStaysOutOfReachEvenWhereMergesMakeIt() {
    JsonNode json = TinyTokenizer.json("tokenizer.json");
    ObjectNode model = (ObjectNode) json.path("model");
    model.put("ignore_merges", true);
    ((ObjectNode) json.path("pre_tokenizer")).put("use_regex", false);

    try (Tokenizer whole = Tokenizer.of(json, new byte[0])) {
      assertThat(whole.encode("<|im_end|>")).doesNotContain(2).hasSizeGreaterThan(1);
      assertThat(whole.encodeWithControl("<|im_end|>")).containsExactly(2);
    }
  }

  @Test
  void halfOfASurrogatePairIsRefusedWithItsPlace() {
    assertThatThrownBy(() -> tokenizer.encode("ab\ud83d!"))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("half of a surrogate pair at character 2");
    assertThatThrownBy(() -> tokenizer.encode("\ude00"))
        .hasMessageContaining("half of a surrogate pair at character 0");
  }

  @Test
  void aCharacterWithoutTokenIsRefusedWithItsCodeInsteadOfBeingDropped() {
    JsonNode json = TinyTokenizer.json("tokenizer.json");
    ((ObjectNode) json.path("model").path("vocab")).remove(String.valueOf(Pieces.alphabet()[4]));

    try (Tokenizer lacking = Tokenizer.of(json, new byte[0])) {
      assertThat(lacking.encode("fee")).isNotEmpty();
      assertThatThrownBy(() -> lacking.encode("a\u0004b"))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("no token for U+0004 at character 1");
    }
  }

  @Test
  void streamedTextIsTheDecodedTextAndNeverHoldsHalfACharacter() {
    Random random = new Random(11);
    for (int round = 0; round < 200; round++) {
      int[] ids = random.ints(40, 0, tokenizer.vocabulary()).toArray();
      StreamDecoder stream = tokenizer.stream();
      StringBuilder streamed = new StringBuilder();
      for (int id : ids) {
        streamed.append(stream.push(id));
      }
      streamed.append(stream.finish());

      assertThat(streamed.toString()).isEqualTo(tokenizer.decode(ids, true));
    }
    StreamDecoder stream = tokenizer.stream();
    for (int id : tokenizer.encode("柜台 😀 é")) {
      assertThat(stream.push(id)).doesNotContain("\ufffd");
    }
    assertThat(stream.finish()).isEmpty();
  }

  @Test
  void anUnfinishedCharacterEndsAsAReplacement() {
    int[] ids = tokenizer.encode("😀");
    StreamDecoder stream = tokenizer.stream();
    String text = "";
    for (int i = 0; i < ids.length - 1; i++) {
      text += stream.push(ids[i]);
    }

    assertThat(text).isEmpty();
    assertThat(stream.finish()).contains("\ufffd");
    assertThatThrownBy(() -> stream.push(5)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void encodingRoundTripsForAnyTextThatIsInNormalForm() {
    Random random = new Random(5);
    for (int round = 0; round < 200; round++) {
      StringBuilder text = new StringBuilder();
      random
          .ints(random.nextInt(30), 0, 0x20000)
          .filter(point -> point < 0xd800 || point > 0xdfff)
          .forEach(text::appendCodePoint);
      String normal = java.text.Normalizer.normalize(text, java.text.Normalizer.Form.NFC);

      String back = tokenizer.decode(tokenizer.encode(normal), true);

      assertThat(java.text.Normalizer.normalize(back, java.text.Normalizer.Form.NFC))
          .isEqualTo(normal);
    }
  }

  @Test
  void aTextOfAMillionCharactersTakesTimeThatGrowsWithItsLength() {
    String sentence = "The fee of the account is three crowns; <|im_end|> 费用是三元。 ";
    tokenizer.encode(sentence.repeat(100));

    Duration small = work(sentence.repeat(2_000));
    Duration large = work(sentence.repeat(20_000));

    assertThat(large).isLessThan(small.multipliedBy(60).plusMillis(500));
  }

  /// What a text takes of a processor, whatever else the machine does.
  private static Duration work(String text) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long start = threads.getCurrentThreadCpuTime();
    int[] ids = tokenizer.encode(text);
    assertThat(tokenizer.decode(ids, true)).hasSize(text.length());
    return Duration.ofNanos(threads.getCurrentThreadCpuTime() - start);
  }

  @Test
  void aClosedTokenizerSaysSo() {
    Tokenizer closed = TinyTokenizer.open();
    closed.close();
    closed.close();

    assertThatThrownBy(() -> closed.encode("x"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the tokenizer is closed");
  }
}
