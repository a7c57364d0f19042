package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbedVerbTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;
  private TinyStage stage;

  @BeforeEach
  void makeModel() {
    stage = new TinyStage(folder);
  }

  private int run(byte[] in, String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("embed", stage.model().toString(), "--threads=1", "--weights=f32"));
    arguments.addAll(List.of(more));
    return stage.run(in, arguments.toArray(String[]::new));
  }

  private List<JsonNode> rows(String... more) throws IOException {
    assertThat(run(new byte[0], more)).as(stage.err()).isZero();
    return lines();
  }

  private List<JsonNode> lines() throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : stage.out().lines().toList()) {
      rows.add(JSON.readTree(line));
    }
    return rows;
  }

  private static double[] vector(JsonNode row) {
    double[] vector = new double[row.path("embedding").size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = row.path("embedding").get(i).asDouble();
    }
    return vector;
  }

  private static double product(double[] one, double[] other) {
    double sum = 0;
    for (int i = 0; i < one.length; i++) {
      sum += one[i] * other[i];
    }
    return sum;
  }

  @Test
  void theVectorIsTheEnginesAndOfLengthOne() throws Exception {
    int[] tokens = {'a', ' ', 'r', 'e', 'd'};
    EngineSettings settings = EngineSettings.of(Storage.F32).withKvTokens(512).withThreads(1);
    for (Pooling pooling : Pooling.values()) {
      JsonNode row = rows("a red", "--pooling", pooling.name()).getFirst();
      float[] expected;
      try (Checkpoint checkpoint = Checkpoint.open(stage.model());
          JavaEngine engine = JavaEngine.open(checkpoint, settings)) {
        expected = engine.embed(List.of(tokens), null, pooling, Terms.PLAIN).getFirst();
      }

      double[] vector = vector(row);
      assertThat(vector).hasSize(expected.length);
      for (int i = 0; i < vector.length; i++) {
        assertThat(vector[i]).isCloseTo(expected[i], within(1e-6));
      }
      assertThat(product(vector, vector)).isCloseTo(1, within(1e-5));
      assertThat(row.path("tokens").asInt()).isEqualTo(5);
      assertThat(row.path("text").asText()).isEqualTo("a red");
    }
    assertThat(run("a red".getBytes(UTF_8))).isZero();
    assertThat(lines().getFirst()).isEqualTo(rows("a red").getFirst());
  }

  @Test
  void rowsComeOutInTheirOrderWithTheirKeysAndAnAdapterChangesThem() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 70; i++) {
      lines.append("{\"id\": ").append(i).append(", \"body\": \"text ").append(i).append("\"}\n\n");
    }
    Path file = stage.write("in.jsonl", lines.toString());
    Path adapter = stage.adapter("mine", 3);

    List<JsonNode> plain = rows("--input=" + file, "--key=body");
    List<JsonNode> adapted = rows("--input=" + file, "--key=body", "--adapter=" + adapter);

    assertThat(plain).hasSize(70);
    assertThat(plain).extracting(row -> row.path("id").asInt()).isSorted().doesNotHaveDuplicates();
    assertThat(product(vector(plain.get(69)), vector(rows("text 69").getFirst())))
        .isCloseTo(1, within(1e-5));
    assertThat(product(vector(plain.get(5)), vector(adapted.get(5)))).isLessThan(0.9999);
  }

  @Test
  void whatCannotBeEmbeddedIsNamed() throws IOException {
    Path file =
        stage.write(
            "in.jsonl",
            """
            {"text": "fine"}
            {"text": " "}
            []
            {"other": "x"}
            no json
            {"text": "x", "tokens": 3}
            """);
    assertThat(run(new byte[0], "--input=" + file)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err())
        .contains("5 rows of", "line 2: 'text' must be", "line 3: a JSON object was wanted")
        .contains("line 4: 'text' must be", "line 5: not JSON", "line 6: has 'embedding' or");
    Path wide = stage.write("long.jsonl", "{\"text\": \"" + "x".repeat(600) + "\"}\n");
    assertThat(run(new byte[0], "--input=" + wide)).isEqualTo(ExitCode.CAPACITY.code());
    assertThat(stage.err()).contains("row 1 has 600 tokens; the context is 512");
    assertThat(run(new byte[0], "x", "--input=" + wide)).isEqualTo(ExitCode.USAGE.code());
    assertThat(run(new byte[0], "--input=none")).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(run(new byte[0])).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("the text is empty");
  }
}
