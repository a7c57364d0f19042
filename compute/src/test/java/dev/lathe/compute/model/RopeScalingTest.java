package dev.lathe.compute.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lathe.compute.model.ModelConfig.Rope;
import dev.lathe.compute.weights.Resources;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RopeScalingTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  @TempDir Path temp;

  static Stream<Map.Entry<String, JsonNode>> cases() throws IOException {
    JsonNode all = JSON.readTree(Resources.file(RopeScalingTest.class, "rope.json").toFile());
    return all.properties().stream();
  }

  /// transformers computes in fp32; its values are within a few roundings of ours.
  @ParameterizedTest
  @MethodSource("cases")
  void frequenciesAreThoseOfTransformers(Map.Entry<String, JsonNode> entry) throws IOException {
    JsonNode expected = entry.getValue();
    JSON.writeValue(temp.resolve("config.json").toFile(), expected.get("config"));

    Rope rope = HuggingFaceConfig.read(temp).rope();

    assertThat(rope.inverseFrequencies()).hasSize(expected.get("frequencies").size());
    for (int i = 0; i < rope.inverseFrequencies().size(); i++) {
      double wanted = expected.get("frequencies").get(i).asDouble();
      assertThat(rope.inverseFrequencies().get(i))
          .as("%s, frequency %d", entry.getKey(), i)
          .isCloseTo(wanted, within(1e-5 * wanted));
    }
    assertThat(rope.attentionScale()).isCloseTo(expected.get("attention").asDouble(), within(1e-6));
  }

  @Test
  void listedFactorsDivideOneByOne() {
    Rope rope = new RopeScaling.Factors(List.of(1.0, 4.0)).rope(100, 4);

    assertThat(rope.inverseFrequencies().get(0)).isEqualTo(1.0);
    assertThat(rope.inverseFrequencies().get(1)).isCloseTo(0.025, within(1e-12));
  }
}
