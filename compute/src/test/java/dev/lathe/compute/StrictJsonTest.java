package dev.lathe.compute;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StrictJsonTest {
  @TempDir Path directory;

  @Test
  void plainJsonIsReadWithAndWithoutAByteOrderMark() throws JsonProcessingException {
    assertThat(StrictJson.object("it", "{\"a\": [1, \"ü\"]}".getBytes(UTF_8)))
        .isEqualTo(StrictJson.parse("{\"a\":[1,\"ü\"]}"))
        .isEqualTo(StrictJson.object("it", "\uFEFF{\"a\":[1,\"ü\"]}".getBytes(UTF_8)));
    assertThat(StrictJson.value("it", "[]".getBytes(UTF_8))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"a":1,"a":2} | Duplicate field 'a'
          {"a":{"b":1,"b":1}} | Duplicate field 'b'
          {"a":1} {} | something follows the end of the JSON value
          {"a":1}] | Unexpected close marker
          `` | it is empty
          `  ` | it is empty
          {"a":NaN} | Non-standard token 'NaN'
          {"a":1,} | Unexpected character
          {'a':1} | Unexpected character
          {"a": | Unexpected end-of-input
          {"a":1 | Unexpected end-of-input: expected close marker for Object
          {/**/"a":1} | Unexpected character
          """)
  void whatOtherReadersLetPassIsRefusedWithItsPlace(String json, String reason) {
    assertThatThrownBy(() -> StrictJson.object("'x.json'", json.getBytes(UTF_8)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'x.json' is not the JSON that was expected in line 1, column ")
        .hasMessageContaining(reason);
    assertThatThrownBy(() -> StrictJson.parse(json))
        .isInstanceOfSatisfying(
            JsonProcessingException.class,
            e ->
                assertThat(StrictJson.explain(e))
                    .contains(reason)
                    .contains(", column ")
                    .doesNotContain("Source"));
  }

  @Test
  void depthsLengthsAndSizesHaveLimits() throws IOException {
    assertThatThrownBy(() -> StrictJson.parse("[".repeat(65) + "]".repeat(65)))
        .hasMessageContaining("nesting depth");
    assertThatThrownBy(() -> StrictJson.parse("1" + "0".repeat(400)))
        .hasMessageContaining("Number value length");
    assertThatThrownBy(() -> StrictJson.parse('"' + "x".repeat((16 << 20) + 1) + '"'))
        .hasMessageContaining("String value length");
    Path file = Files.writeString(directory.resolve("big.json"), "{\"a\": 12345}");
    assertThat(StrictJson.object(file, 12)).hasSize(1);
    assertThatThrownBy(() -> StrictJson.object(file, 11))
        .hasMessageContaining("has 12 bytes, at most 11 are read");
  }

  @Test
  void bytesThatAreNoUtf8AreRefused() {
    byte[] latin = {'{', '"', (byte) 0xE9, '"', ':', '1', '}'};

    assertThatThrownBy(() -> StrictJson.object("it", latin)).hasMessageContaining("UTF-8");
  }

  @Test
  void anotherValueThanAnObjectAndAMissingFileAreNamed() {
    assertThatThrownBy(() -> StrictJson.object("it", "[]".getBytes(UTF_8)))
        .hasMessageContaining("it is not a JSON object");
    assertThatThrownBy(() -> StrictJson.object(directory.resolve("none.json"), 10))
        .isInstanceOfSatisfying(
            LatheException.class,
            e -> assertThat(e.kind()).isEqualTo(LatheException.Kind.NOT_FOUND));
  }
}
