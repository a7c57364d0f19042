package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.platform.tuning.Recipe.Precision;
import dev.lathe.platform.tuning.Recipe.Schedule;
import dev.lathe.platform.tuning.Recipe.When;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RecipeParserTest {
  private static final List<String> LEAST =
      List.of("model_name_or_path=m", "dataset=d", "output_dir=o");

  @TempDir Path directory;

  private static Recipe parse(String... more) {
    List<String> arguments = new ArrayList<>(LEAST);
    arguments.addAll(List.of(more));
    return new RecipeParser().parse(arguments);
  }

  private Path yaml(String text) throws IOException {
    return Files.writeString(directory.resolve("run.yaml"), text);
  }

  /// The recipe of the peers' script, and one in the order of LLaMA-Factory's examples.
  static final String PEERS =
      """
      model_name_or_path: /models/smollm2-hf
      stage: sft
      do_train: true
      finetuning_type: lora
      lora_rank: 8
      lora_alpha: 16
      lora_dropout: 0
      lora_target: all
      dataset: alpaca_en_demo
      dataset_dir: data
      template: smollm2
      cutoff_len: 2048
      max_samples: 320
      overwrite_cache: true
      preprocessing_num_workers: 1
      output_dir: out/adapter
      logging_steps: 5
      save_strategy: 'no'
      report_to: none
      include_num_input_tokens_seen: non_padding
      per_device_train_batch_size: 2
      gradient_accumulation_steps: 8
      learning_rate: 2.0e-4
      num_train_epochs: 1.0
      lr_scheduler_type: cosine
      max_grad_norm: 1.0
      bf16: true
      use_cpu: true
      """;

  private static final String EXAMPLE =
      """
      ### model
      model_name_or_path: Qwen/Qwen2.5-0.5B-Instruct
      trust_remote_code: true

      ### method
      stage: sft
      do_train: true
      finetuning_type: lora
      lora_rank: 8
      lora_target: all

      ### dataset
      dataset: identity,alpaca_en_demo
      template: qwen
      cutoff_len: 2048
      max_samples: 1000
      preprocessing_num_workers: 16
      dataloader_num_workers: 4

      ### output
      output_dir: saves/qwen/lora/sft
      logging_steps: 10
      save_steps: 500
      plot_loss: true
      overwrite_output_dir: true
      save_only_model: false
      report_to: none  # choices: [none, wandb, tensorboard, swanlab, mlflow]

      ### train
      per_device_train_batch_size: 1
      gradient_accumulation_steps: 8
      learning_rate: 1.0e-4
      num_train_epochs: 3.0
      lr_scheduler_type: cosine
      warmup_ratio: 0.1
      bf16: true
      ddp_timeout: 180000000
      resume_from_checkpoint: null

      ### eval
      # eval_dataset: alpaca_en_demo
      val_size: 0.1
      per_device_eval_batch_size: 1
      eval_strategy: steps
      eval_steps: 500
      """;

  @Test
  void theRecipeOfThePeersRunsAsItStands() throws IOException {
    Recipe recipe = new RecipeParser().parse(List.of(yaml(PEERS).toString()));

    assertThat(recipe.adapter().rank()).isEqualTo(8);
    assertThat(recipe.adapter().scaling()).isEqualTo(2);
    assertThat(recipe.adapter().targets()).containsExactly(Projection.values());
    assertThat(recipe.data().maxSamples()).isEqualTo(320);
    assertThat(recipe.optimization().rowsPerStep()).isEqualTo(16);
    assertThat(recipe.optimization().learningRate()).isEqualTo(2e-4);
    assertThat(recipe.optimization().schedule()).isEqualTo(Schedule.COSINE);
    assertThat(recipe.optimization().precision()).isEqualTo(Precision.BF16);
    assertThat(recipe.cadence().saving().when()).isEqualTo(When.NEVER);
    assertThat(recipe.notes())
        .contains("'use_cpu' has no effect here: training runs on the CPU")
        .anyMatch(note -> note.startsWith("'overwrite_cache' has no effect here"))
        .anyMatch(note -> note.startsWith("'preprocessing_num_workers' has no effect here"))
        .anyMatch(note -> note.startsWith("'include_num_input_tokens_seen' has no effect here"))
        .anyMatch(note -> note.startsWith("'report_to' has no effect here"));
  }

  @Test
  void theExamplesOfLlamaFactoryAreAccepted() throws IOException {
    Recipe recipe = new RecipeParser().parse(List.of(yaml(EXAMPLE).toString()));

    assertThat(recipe.data().train()).containsExactly("identity", "alpaca_en_demo");
    assertThat(recipe.optimization().warmup()).isEqualTo(0.1);
    assertThat(recipe.output().plots()).isTrue();
    assertThat(recipe.output().resume()).isNull();
    assertThat(recipe.cadence().validation().interval(2000)).isEqualTo(500);
  }

  @Test
  void theCommandLineWinsOverTheFileInAnyOfItsForms() throws IOException {
    Path file = yaml(PEERS);

    Recipe recipe =
        new RecipeParser()
            .parse(
                List.of(
                    file.toString(),
                    "learning_rate=1e-3",
                    "--max-steps",
                    "7",
                    "--seed=3",
                    "--plot_loss",
                    "--bf16",
                    "false",
                    "--overwrite_output_dir",
                    "lora_target=q_proj,v_proj"));

    assertThat(recipe.optimization().learningRate()).isEqualTo(1e-3);
    assertThat(recipe.optimization().maxSteps()).isEqualTo(7);
    assertThat(recipe.optimization().seed()).isEqualTo(3);
    assertThat(recipe.output().plots()).isTrue();
    assertThat(recipe.output().overwrites()).isTrue();
    assertThat(recipe.optimization().precision()).isEqualTo(Precision.FP32);
    assertThat(recipe.adapter().targets()).containsExactly(Projection.Q, Projection.V);
  }

  @Test
  void defaultsAreThoseOfLlamaFactory() {
    Recipe recipe = parse();

    assertThat(recipe.adapter().rank()).isEqualTo(8);
    assertThat(recipe.adapter().alpha()).isEqualTo(16);
    assertThat(recipe.data().cutoff()).isEqualTo(2048);
    assertThat(recipe.optimization().learningRate()).isEqualTo(5e-5);
    assertThat(recipe.optimization().schedule()).isEqualTo(Schedule.LINEAR);
    assertThat(recipe.optimization().epochs()).isEqualTo(3);
    assertThat(recipe.optimization().rows()).isEqualTo(8);
    assertThat(recipe.optimization().maxNorm()).isEqualTo(1);
    assertThat(recipe.optimization().seed()).isEqualTo(42);
    assertThat(recipe.cadence().logging().interval(10_000)).isEqualTo(500);
    assertThat(parse("lora_rank=32").adapter().alpha()).isEqualTo(64);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1e-4", "1.0e-4", "0.0001", "1E-04", ".0001"})
  void numbersAreReadHoweverTheyAreWritten(String number) throws IOException {
    Path file =
        yaml("learning_rate: " + number + "\nmodel_name_or_path: m\ndataset: d\noutput_dir: o\n");

    assertThat(new RecipeParser().parse(List.of(file.toString())).optimization().learningRate())
        .isEqualTo(1e-4);
  }

  @Test
  void allProblemsAreReportedAtOnceWithTheirPlaces() throws IOException {
    Path file =
        yaml(
            """
            model_name_or_path: m
            learning_rat: 1
            lora_rank: zero
            stage: dpo
            seed: 1
            seed: 2
            use_galore: true
            lora_target: q_proj,x_proj
            """);

    assertThatThrownBy(() -> new RecipeParser().parse(List.of(file.toString(), "cutoff_len=1")))
        .isInstanceOf(LatheException.class)
        .hasMessageContainingAll(
            "9 problems",
            "run.yaml line 2: unknown key 'learning_rat', nearest is 'learning_rate'",
            "run.yaml line 3: 'lora_rank' is 'zero'; wanted is a whole number",
            "run.yaml line 4: 'stage' is 'dpo', not supported yet; supported is 'sft'",
            "run.yaml line 6: 'seed' stands twice",
            "run.yaml line 7: 'use_galore' is 'true', not supported yet: other optimizers than AdamW",
            "command line: 'cutoff_len' is 1; wanted is a whole number from 2",
            "'lora_target' names 'x_proj'; there are all, q_proj",
            "'dataset' is missing",
            "'output_dir' is missing");
  }

  static List<Key> unsupported() {
    return Keys.load().all().stream()
        .filter(key -> key.use() instanceof Key.Use.Unsupported)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("unsupported")
  void unsupportedKeysAreRefusedUnlessTheyAskForNothing(Key key) {
    assertThatThrownBy(() -> parse(key.name() + "=17.25"))
        .hasMessageContaining("'" + key.name() + "' is '17.25', not supported yet: ");
    assertThat(parse(key.name() + "=" + key.standard()).notes()).isEqualTo(parse().notes());
    assertThat(parse(key.name() + "=null").notes()).isEqualTo(parse().notes());
  }

  static List<Key> withoutEffect() {
    return Keys.load().all().stream()
        .filter(key -> key.use() instanceof Key.Use.WithoutEffect)
        .toList();
  }

  @ParameterizedTest
  @MethodSource("withoutEffect")
  void keysWithoutEffectSaySo(Key key) {
    String value =
        switch (key.type()) {
          case Key.Type.Choice(List<String> names) -> names.getFirst();
          case Key.Type.Flag(), Key.Type.Whole(_), Key.Type.Real(_, _, _, _) -> "1";
          case Key.Type.Text(), Key.Type.Names() -> "x";
        };

    Recipe recipe = parse(key.name() + "=" + value);

    assertThat(recipe.notes())
        .anyMatch(note -> note.startsWith("'" + key.name() + "' has no effect here: "));
    assertThat(recipe.settings()).isEqualTo(parse().settings());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          report_to=wandb | 'report_to' is 'wandb', not supported; supported are none
          flash_attn=fa2 | 'flash_attn' is 'fa2', not supported
          optim=sgd | 'optim' is 'sgd', not supported
          lr_scheduler_type=polynomial | supported are linear, cosine, constant
          finetuning_type=full | supported is 'lora'
          lora_dropout=1 | wanted is a number of at least 0 and below 1
          warmup_ratio=1.5 | at most 1
          learning_rate=NaN | wanted is a number
          learning_rate=-1 | of at least 0
          bf16=maybe | wanted is true or false
          max_steps=0 | 'max_steps' is 0
          max_steps=1.5 | wanted is a whole number
          do_train=false | 'lathe train' trains
          do_eval | needs rows to validate with
          packing=true | lets rows see one another
          val_size=1 | a share below 1 or a count above 1
          val_size=2.5 | a share below 1 or a count above 1
          logging_steps=1.5 | a whole count or a share below 1
          eval_strategy=steps | no rows to validate with
          early_stopping_steps=2 | counts validations
          load_best_model_at_end | set eval_strategy
          save_strategy=best | supported are no, steps, epoch
          dataset=a,,b | with an empty name in it
          output_dir=${oc.env:HOME} | refers to a variable
          wat | neither a recipe (.yaml) nor key=value nor --key
          """)
  void valuesThatCannotBeObeyedAreRefused(String argument, String reason) {
    String[] arguments =
        argument.contains("=") || argument.equals("wat")
            ? new String[] {argument}
            : new String[] {"--" + argument};
    List<String> all =
        new ArrayList<>(
            LEAST.stream()
                .filter(least -> !least.split("=")[0].equals(argument.split("=")[0]))
                .toList());
    all.addAll(List.of(arguments));

    assertThatThrownBy(() -> new RecipeParser().parse(all))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void keysThatExcludeEachOtherAreRefused() {
    assertThatThrownBy(() -> parse("val_size=0.1", "eval_dataset=e"))
        .hasMessageContaining("exclude each other");
    assertThatThrownBy(() -> parse("--mask_history", "--train_on_prompt"))
        .hasMessageContaining("exclude each other");
    assertThatThrownBy(() -> parse("lr_scheduler_type=constant", "warmup_steps=5"))
        .hasMessageContaining("constant_with_warmup");
    assertThatThrownBy(() ->
            parse(
                "--load_best_model_at_end",
                "val_size=0.1",
                "eval_strategy=steps",
                "eval_steps=4",
                "save_steps=6"))
        .hasMessageContaining("multiple of eval_steps");
    assertThatThrownBy(() ->
            parse(
                "--load_best_model_at_end",
                "val_size=0.1",
                "eval_strategy=epoch",
                "save_strategy=steps"))
        .hasMessageContaining("the same as eval_strategy");
    parse(
        "--load_best_model_at_end",
        "val_size=0.1",
        "eval_strategy=steps",
        "eval_steps=0.1",
        "save_steps=0.3");
    assertThatThrownBy(() -> parse("seed=1", "--seed", "2"))
        .hasMessageContaining("'seed' is given twice");
  }

  @Test
  void filesThatAreNoRecipeAreRefused() throws IOException {
    assertThatThrownBy(() -> new RecipeParser().parse(List.of("none.yaml")))
        .hasMessageContaining("no recipe 'none.yaml'");
    assertThatThrownBy(() -> new RecipeParser().parse(List.of(yaml("- a\n- b\n").toString())))
        .hasMessageContaining("holds no mapping");
    assertThatThrownBy(() -> new RecipeParser().parse(List.of(yaml("a: [1\nb: 2\n").toString())))
        .hasMessageContaining("is no YAML");
    assertThatThrownBy(() -> new RecipeParser().parse(List.of(yaml("seed: {a: 1}\n").toString())))
        .hasMessageContaining("'seed' is a mapping");
  }

  @Test
  void theTableHoldsEveryKeyOnceAndKnowsItsNeighbours() {
    Keys keys = Keys.load();

    assertThat(keys.all()).hasSizeGreaterThan(340).extracting(Key::name).doesNotHaveDuplicates();
    assertThat(keys.nearest("lora_rnak")).contains("lora_rank");
    assertThat(keys.nearest("evaluation_strategy")).contains("eval_strategy");
    assertThat(keys.nearest("xyzzy")).isEmpty();
  }
}
