package dev.lathe.app.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchQualityVerbTest {
  @TempDir Path folder;
  private TinyStage stage;

  @BeforeEach
  void makeModel() {
    stage = new TinyStage(folder);
  }

  private int run(String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("bench", "quality", stage.model().toString(), "--threads=1"));
    arguments.addAll(List.of(more));
    return stage.run(arguments.toArray(String[]::new));
  }

  @Test
  void everyFormatIsMeasuredOnEveryTextAgainstBf16() throws IOException {
    Path figures = folder.resolve("figures.json");

    assertThat(run("--tokens=256", "--window=64", "--json", figures.toString())).isZero();

    assertThat(stage.out())
        .contains("moby-dick, 128 tokens scored", "analects, 128 tokens scored")
        .containsPattern("bf16 +bf16 +[\\d.]+ +1\\.0000 ± 0\\.0000 +BF16")
        .containsPattern("auto +bf16 +[\\d.]+ +1\\.0000 ± 0\\.0000 +BF16")
        .containsPattern("int8 +bf16 +[\\d.]+ +[01]\\.\\d+ ± 0\\.\\d+ +Q8_0")
        .containsPattern("int4 +bf16 +[\\d.]+ +[01]\\.\\d+ ± 0\\.\\d+ +Q4_1, Q8_0");
    JsonNode root = new JsonMapper().readTree(figures.toFile());
    assertThat(root.path("figures")).hasSize(8);
    JsonNode int8 = root.path("figures").get(4);
    assertThat(int8.path("weights").asText()).isEqualTo("int8");
    assertThat(int8.path("ratio_to_bf16").asDouble()).isCloseTo(1, within(0.01));
    assertThat(int8.path("ratio_margin_95").asDouble()).isPositive();
  }

  @Test
  void everyCacheIsMeasuredWithAllWeightsAgainstBf16() throws IOException {
    Path figures = folder.resolve("figures.json");
    Path text = stage.write("own.txt", "So much depends upon a red wheel barrow. ".repeat(8));

    assertThat(
            run(
                "--text=" + text,
                "--window=64",
                "--weights=f32",
                "--kv-cache=f32,bf16,int8",
                "--json=" + figures))
        .isZero();

    List<String> kept = new ArrayList<>();
    Set<Double> perplexities = new HashSet<>();
    for (JsonNode figure : new JsonMapper().readTree(figures.toFile()).path("figures")) {
      kept.add(figure.path("weights").asText() + " " + figure.path("kv_cache").asText());
      perplexities.add(figure.path("perplexity").asDouble());
      assertThat(figure.path("ratio_to_bf16").asDouble()).isCloseTo(1, within(0.01));
    }
    assertThat(kept)
        .containsExactly("bf16 bf16", "bf16 f32", "f32 f32", "f32 bf16", "bf16 int8", "f32 int8");
    assertThat(perplexities).hasSize(6);
    assertThat(stage.out()).containsPattern("bf16 +int8 +[\\d.]+ +[01]\\.\\d+ ± 0\\.\\d+ +BF16");
  }

  @Test
  void anInt8CacheBeyondTheToleranceEndsWithThatExitCodeToo() throws IOException {
    Path text = stage.write("own.txt", "x".repeat(80));
    String[] asked = {
      "--text=" + text, "--weights=bf16", "--kv-cache=int8", "--window=64", "--tolerance=0.1"
    };

    assertThat(run(asked)).isEqualTo(ExitCode.MISSED.code());

    assertThat(stage.err()).contains("bf16 with keys and values as int8 is 0.");
  }

  @Test
  void int8BeyondItsToleranceEndsWithAnExitCodeOfItsOwn() throws IOException {
    Path text = stage.write("own.txt", "So much depends upon a red wheel barrow. ".repeat(8));
    String[] asked = {"--text=" + text, "--weights=int8", "--window=32", "--tolerance=0"};

    assertThat(run(asked)).isEqualTo(ExitCode.MISSED.code());

    assertThat(stage.err())
        .contains("int8 with keys and values as bf16 is ")
        .contains("worse than bf16 on " + text + ", and at most 0.0 % is allowed");
    assertThat(stage.out()).contains(text + ", 160 tokens scored").doesNotContain("int4", "auto");
  }

  @Test
  void whatCannotBeMeasuredIsRefused() throws IOException {
    Path text = stage.write("short.txt", "short");
    assertThat(run("--text=" + text)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("--window 512 is not less than the model's context");
    assertThat(run("--text=" + text, "--window=64")).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("the text has 5 tokens, less than a window of 64");
    assertThat(run("--text=none")).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(run("--window=2")).isEqualTo(ExitCode.USAGE.code());
    assertThat(run("--tokens=9")).isEqualTo(ExitCode.USAGE.code());
    assertThat(run("--tolerance=-1")).isEqualTo(ExitCode.USAGE.code());
    Files.write(text, new byte[] {(byte) 0xff});
    assertThat(run("--text=" + text)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("is not UTF-8");
  }
}
