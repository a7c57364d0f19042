package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.model.TinyModels;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TrainVerbTest {
  @TempDir Path directory;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private Path recipe;

  @BeforeEach
  void writeRecipe() throws IOException {
    TinyModels.llama(directory.resolve("model"), 1);
    Files.writeString(
        directory.resolve("rows.jsonl"),
        "{\"instruction\":\"q\",\"output\":\"answer\"}\n".repeat(8));
    recipe =
        Files.writeString(
            directory.resolve("run.yaml"),
            """
            model_name_or_path: %1$s/model
            dataset: %1$s/rows.jsonl
            output_dir: %1$s/out
            per_device_train_batch_size: 2
            num_train_epochs: 1
            logging_steps: 1
            learning_rate: 1e-2
            use_cpu: true
            """
                .formatted(directory));
  }

  private int lathe(String... arguments) {
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 0);
    List<String> all = new ArrayList<>(List.of("train"));
    all.addAll(List.of(arguments));
    return Main.run(
        new Context(
            Environment.of(Map.of("LATHE_HOME", directory.resolve("home").toString())), screen),
        all.toArray(String[]::new));
  }

  @Test
  void aRecipeAndFlagsOfLlamaFactoryTrainAnAdapter() {
    int code =
        lathe(recipe.toString(), "max_steps=3", "--lora_rank", "4", "--plot_loss", "--threads=1");

    assertThat(err.toString(UTF_8))
        .contains(
            "The plan",
            "8 with ",
            "end of turn scored in 100 %",
            "'use_cpu' has no effect here",
            "[[answer<|im_end|>]]",
            "training 100% 3/3",
            "3 steps in",
            "lathe chat ");
    assertThat(code).isZero();
    assertThat(directory.resolve("out/adapter_model.safetensors")).exists();
    assertThat(Files.exists(directory.resolve("out/training_loss.png")))
        .isNotEqualTo(err.toString(UTF_8).contains("this machine has no fonts"));
  }

  @Test
  void aDryRunPrintsThePlanAndWritesNothing() {
    int code = lathe(recipe.toString(), "--dry-run", "threads=1");

    assertThat(code).isZero();
    assertThat(out.toString(UTF_8))
        .contains("  rows       8 with", "  steps      4: 1 pass of 4 each", "  time ");
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @Test
  void allProblemsOfARecipeComeAtOnceWithExitCode2() {
    int code = lathe(recipe.toString(), "--lora-rnak", "4", "stage=dpo");

    assertThat(code).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8))
        .contains("2 problems", "nearest is 'lora_rank'", "'stage' is 'dpo'");
  }

  @Test
  void linesInsteadOfABarWhereTqdmIsDisabled() {
    lathe(recipe.toString(), "--disable_tqdm", "max_steps=2", "threads=1");

    assertThat(err.toString(UTF_8))
        .contains("step 1: loss ", "step 2: loss ")
        .doesNotContain("training 100%");
  }
}
