package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.demo.Workshop;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The demo's steps, with a tiny model in the place of the default one and a few of the facts.
class DemoVerbTest {
  private static final String MODEL = "smollm2-135m-instruct";
  private static final String ROOT = "lathe.root";

  @TempDir Path folder;
  private final String root = System.getProperty(ROOT);
  private TinyStage stage;

  @BeforeEach
  void prepare() throws IOException {
    stage = new TinyStage(folder);
    stage.run("pull", "file:" + stage.model(), "--as", MODEL);
    Path manifest = stage.home().resolve("models").resolve(MODEL).resolve("manifest.json");
    Files.writeString(
        manifest,
        Files.readString(manifest)
            .replaceFirst("file:[^\"]*", "hf:HuggingFaceTB/SmolLM2-135M-Instruct"));
    examples(folder.resolve("checkout/examples"));
    System.setProperty(ROOT, folder.resolve("checkout").toString());
  }

  private void examples(Path to) throws IOException {
    Path from = Path.of(root).resolve("examples");
    Path data = Files.createDirectories(to.resolve("quillmere"));
    String recipe =
        Files.readString(from.resolve("demo.yaml"))
            .replaceFirst("num_train_epochs: .*", "num_train_epochs: 2");
    Files.writeString(to.resolve("demo.yaml"), recipe);
    Files.copy(from.resolve("dataset_info.json"), to.resolve("dataset_info.json"));
    for (String name : List.of("train.jsonl", "held_out.jsonl", "six.jsonl")) {
      try (Stream<String> lines = Files.lines(from.resolve("quillmere").resolve(name))) {
        Files.write(data.resolve(name), lines.limit(12).toList());
      }
    }
  }

  @AfterEach
  void restore() {
    System.setProperty(ROOT, root);
  }

  private Path workshop() {
    return stage.home().resolve("demo/quillmere");
  }

  @Test
  void theWholeThreadRunsAndASecondRunReusesWhatIsThere() throws IOException {
    assertThat(stage.run("demo")).isZero();

    assertThat(stage.out())
        .contains(
            "lathe demo: teach " + MODEL + " what only Quillmere Bank knows",
            "1 · The model",
            "2 · Before: what the model says about Quillmere Bank",
            "3 · Fine-tuning an adapter",
            "4 · After: the same questions",
            "before ",
            "after ",
            "5 · What it learned",
            "0 of 12",
            "4 steps in",
            "tokens/s",
            "at most",
            "6 · What to do next",
            "chat " + MODEL + " --adapter " + workshop().resolve("adapter"))
        .doesNotContain("\u001b");
    assertThat(stage.err())
        .contains("The plan", "  rows       12 with ", "scored text marked:", "training 100% 4/4");
    Path picture = workshop().resolve("adapter/training_loss.png");
    assertThat(stage.err().contains("this machine has no fonts"))
        .isNotEqualTo(Files.exists(picture));
    assertThat(stage.out().contains(picture.toString())).isEqualTo(Files.exists(picture));
    String answers = Files.readString(workshop().resolve("adapted.json"));
    String first = stage.out();

    assertThat(stage.run("demo")).isZero();

    assertThat(stage.out()).contains("It is there already: " + workshop().resolve("adapter"));
    assertThat(stage.out().substring(stage.out().indexOf("5 · ")))
        .isEqualTo(first.substring(first.indexOf("5 · ")));
    assertThat(stage.err()).doesNotContain("answering", "The plan");
    assertThat(Files.readString(workshop().resolve("adapted.json"))).isEqualTo(answers);

    assertThat(stage.run("demo", "--again")).isZero();
    assertThat(stage.err()).contains("answering", "The plan");
  }

  @Test
  void otherFactsMakeItTrainAgain() throws IOException {
    stage.run("demo");
    Path facts = folder.resolve("checkout/examples/quillmere/train.jsonl");
    Files.writeString(facts, Files.readString(facts).lines().findFirst().orElseThrow() + "\n");

    assertThat(stage.run("demo")).isZero();

    assertThat(stage.err()).contains("  rows       1 with ");
  }

  @Test
  void answersThatWereCutOffAreAskedAgain() throws IOException {
    stage.run("demo");
    Files.writeString(workshop().resolve("base.json"), "{\"of\": \"base\", \"ans");

    assertThat(stage.run("demo")).isZero();

    assertThat(stage.err()).contains("answering").doesNotContain("The plan");
  }

  @Test
  void twoAtOnceAreRefusedInOneLine() {
    try (Workshop other = Workshop.open(workshop(), "key", false)) {
      assertThat(stage.run("demo")).isEqualTo(ExitCode.USAGE.code());
      assertThat(other.isTrained()).isFalse();
    }

    assertThat(stage.err())
        .startsWith("lathe: another 'lathe demo' is at work in '" + workshop() + "'\n");
    assertThat(stage.out()).isEmpty();
  }

  @Test
  void withoutACheckoutOrWithoutItsDataItSaysSo() throws IOException {
    Files.delete(folder.resolve("checkout/examples/quillmere/six.jsonl"));
    assertThat(stage.run("demo")).isEqualTo(ExitCode.ENVIRONMENT.code());
    assertThat(stage.err()).contains("the example data cannot be read", "whole source checkout");

    System.clearProperty(ROOT);
    assertThat(stage.run("demo")).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("start the demo as ./lathe demo");
    assertThat(stage.out().getBytes(UTF_8)).isEmpty();
  }
}
