package dev.lathe.app.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareVerbTest {
  @TempDir Path folder;
  private TinyStage stage;
  private Path prompts;

  @BeforeEach
  void prepare() throws IOException {
    stage = new TinyStage(folder);
    prompts =
        stage.write(
            "prompts.jsonl",
            """
            {"id": "first", "prompt": "What is <b> & co?", "expected": ["never said", "nor this"]}
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "Who?"}]}
            """);
  }

  private int compare(Path... adapters) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "compare",
                stage.model().toString(),
                prompts.toString(),
                "--output",
                folder.resolve("report").toString(),
                "--max-tokens=60",
                "--threads=1"));
    for (Path adapter : adapters) {
      arguments.addAll(List.of("--adapter", adapter.toString()));
    }
    return stage.run(arguments.toArray(String[]::new));
  }

  @Test
  void baseAndAdaptersStandSideBySideInTerminalMarkdownAndHtml() throws IOException {
    assertThat(compare(stage.adapter("one", 1), stage.adapter("two", 2))).isZero();

    assertThat(stage.out())
        .contains("1. What is <b> & co?", "expected: never said or nor this", "2. Who?")
        .containsPattern("✗ base.*✗ one.*✗ two")
        .contains("Right answers")
        .containsPattern("base +0 of 1")
        .doesNotContain("\u001b");
    assertThat(stage.err()).contains("written: ", "report.md and ", "report.html");
    String markdown = Files.readString(folder.resolve("report.md"));
    assertThat(markdown).contains("What is", "Who?", "base", "one", "two");
    String html = Files.readString(folder.resolve("report.html"));
    assertThat(html)
        .startsWith("<!doctype html>")
        .contains("What is &lt;b&gt; &amp; co?")
        .contains("one", "two")
        .doesNotContain("<b> & co")
        .doesNotContainPattern("(src|href)=\"?http");
  }

  @Test
  void theAnswersAreThoseThatGenerateGives() throws IOException {
    Path adapter = stage.adapter("one", 1);
    stage.run(
        "generate",
        stage.model().toString(),
        "What is <b> & co?",
        "--max-tokens=60",
        "--threads=1",
        "--format=jsonl",
        "--adapter=" + adapter);
    String answer = new JsonMapper().readTree(stage.out()).path("output").asText();
    String letters =
        Stream.of(answer.split("[^A-Za-z0-9]+"))
            .max(Comparator.comparingInt(String::length))
            .orElseThrow();

    compare(adapter);

    assertThat(letters).hasSizeGreaterThan(3);
    assertThat(Files.readString(folder.resolve("report.md"))).contains(letters);
  }

  @Test
  void adaptersOfTheSameNameAreToldApartByTheirPaths() throws IOException {
    Path left = stage.adapter("left/same", 1);
    Path right = stage.adapter("right/same", 2);

    assertThat(compare(left, right)).isZero();

    assertThat(Files.readString(folder.resolve("report.html")))
        .contains(left.toString())
        .contains(right.toString());
  }

  @Test
  void badPromptsAndPlacesAreRefusedWithTheirExitCodes() throws IOException {
    Path adapter = stage.adapter("one", 1);
    assertThat(stage.run("compare", stage.model().toString(), prompts.toString()))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("--adapter");

    assertThat(compare(folder.resolve("none"))).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(stage.err()).contains("there is no adapter directory");

    Files.writeString(prompts, "{\"prompt\": \"\"}\n[]\n");
    assertThat(compare(adapter)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("2 rows of", "line 1", "line 2");
    assertThat(folder.resolve("report.md")).doesNotExist();

    Files.delete(prompts);
    assertThat(compare(adapter)).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(stage.err()).contains("there is no file '" + prompts + "'");
  }

  @Test
  void aReportThatCannotBeWrittenIsRefusedBeforeAnythingIsAnswered() throws IOException {
    Path adapter = stage.adapter("one", 1);

    int code =
        stage.run(
            "compare",
            stage.model().toString(),
            prompts.toString(),
            "--adapter=" + adapter,
            "--output=" + folder.resolve("nowhere/report"));

    assertThat(code).isEqualTo(ExitCode.ENVIRONMENT.code());
    assertThat(stage.err()).contains("cannot be written", "choose another --output");
    assertThat(stage.out()).isEmpty();
  }

  @Test
  void keysThatMeanNothingHereAreNamed() throws IOException {
    Files.writeString(prompts, "{\"prompt\": \"q\", \"topic\": \"x\"}\n");

    assertThat(compare(stage.adapter("one", 1))).isZero();

    assertThat(stage.err()).contains("not used in '" + prompts + "': topic");
  }
}
