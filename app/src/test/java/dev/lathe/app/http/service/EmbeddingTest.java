package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.model.TinyModels;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Base64;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EmbeddingTest {
  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TinyModels.llama(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private static Answer embed(String rest) {
    return service.post("/v1/embeddings", "{'model': 'tiny', " + rest + "}");
  }

  @Test
  void eachTextHasItsVectorOfLengthOne() {
    JsonNode answer = embed("'input': ['abc', 'hello', [97, 98, 99]]").json();

    assertThat(answer.path("data")).hasSize(3);
    for (JsonNode each : answer.path("data")) {
      double square = 0;
      for (JsonNode number : each.path("embedding")) {
        square += number.doubleValue() * number.doubleValue();
      }
      assertThat(square).isCloseTo(1, within(1e-5));
      assertThat(each.path("embedding")).hasSize(32);
    }
    assertThat(answer.at("/data/0/embedding")).isEqualTo(answer.at("/data/2/embedding"));
    assertThat(answer.at("/data/0/embedding")).isNotEqualTo(answer.at("/data/1/embedding"));
    assertThat(answer.at("/usage/total_tokens").intValue()).isEqualTo(11);
  }

  @Test
  void base64HoldsTheSameNumbers() {
    JsonNode numbers = embed("'input': 'abc'").json().at("/data/0/embedding");
    String base64 =
        embed("'input': 'abc', 'encoding_format': 'base64'")
            .json()
            .at("/data/0/embedding")
            .textValue();

    var floats =
        ByteBuffer.wrap(Base64.getDecoder().decode(base64))
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer();
    assertThat(floats.remaining()).isEqualTo(numbers.size());
    for (JsonNode number : numbers) {
      assertThat(floats.get()).isEqualTo(number.floatValue());
    }
  }

  @Test
  void poolingChangesTheVector() {
    assertThat(embed("'input': 'abc', 'pooling': 'last'").json().path("data"))
        .isNotEqualTo(embed("'input': 'abc'").json().path("data"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'input': 'abc', 'dimensions': 16 | dimensions",
        "'input': 'abc', 'encoding_format': 'int8' | encoding_format",
        "'input': '' | input",
        "'input': ['a', ''] | input"
      })
  void whatCannotBeDoneIsRefusedByName(String rest, String parameter) {
    Answer answer = embed(rest);

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo(parameter);
  }
}
