package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.text.EncodedRow;
import dev.lathe.training.trainer.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every key that is obeyed has an effect that can be seen, or refuses the values that it cannot
/// obey.
final class KeyEffectTest {
  @TempDir static Path directory;

  /// What one sees of a run.
  interface View {
    Object of(Scene scene) throws IOException;
  }

  /// One side of a comparison: recipe arguments, and a directory of its own.
  record Scene(Path output, List<String> arguments) {
    Workshop run() {
      Workshop workshop = workshop();
      workshop.run();
      return workshop;
    }

    Workshop workshop() {
      boolean validates = arguments.stream().anyMatch(argument -> argument.startsWith("val_size"));
      return new Workshop(output, arguments.toArray(String[]::new)).rows(10, validates ? 4 : 0);
    }

    /// The job over a tiny model and real files.
    Job prepared() {
      try (Preparation preparation = preparation()) {
        return preparation.job();
      }
    }

    Preparation preparation() {
      Path model = directory.resolve("model");
      if (!Files.exists(model)) {
        TinyModels.llama(model, 1);
      }
      List<String> all = new ArrayList<>(List.of("output_dir=o", "model_name_or_path=" + model));
      List<String> standard = List.of("dataset=one.jsonl", "dataset_dir=" + data());
      standard.stream()
          .filter(a -> arguments.stream().noneMatch(b -> b.split("=")[0].equals(a.split("=")[0])))
          .forEach(all::add);
      all.addAll(arguments);
      return Preparation.open(new RecipeParser().parse(all), model);
    }

    private static Path data() {
      try {
        Path data = Files.createDirectories(directory.resolve("data"));
        Path other = Files.createDirectories(directory.resolve("other"));
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 6; i++) {
          rows.append(
              """
              {"messages":[{"role":"user","content":"q%1$d"},{"role":"assistant","content":"first %1$d"},\
              {"role":"user","content":"and?"},{"role":"assistant","content":"second answer %1$d"}]}
              """
                  .formatted(i));
        }
        Files.writeString(data.resolve("one.jsonl"), rows);
        Files.writeString(
            other.resolve("one.jsonl"),
            rows.substring(0, rows.length() / 2).replaceFirst("(?s)\n[^\n]*$", "\n"));
        Files.writeString(data.resolve("two.jsonl"), "{\"instruction\":\"q\",\"output\":\"a\"}\n");
        Files.writeString(
            data.resolve("bad.jsonl"), "{\"instruction\":\"q\",\"output\":\"a\"}\n{}\n");
        return data;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /// @param changed the argument that changes the view
  /// @param beside arguments of both sides
  record Effect(String key, String changed, View view, String... beside) {
    @Override
    public String toString() {
      return key + " by " + changed;
    }
  }

  private static final View ADAPTER = scene -> Arrays.hashCode(scene.run().adapter());
  private static final View LOG = scene -> scene.run().log();
  private static final View CHECKPOINTS =
      scene -> {
        scene.run();
        return OutputDirectory.checkpoints(scene.output).stream()
            .map(OutputDirectory::step)
            .toList();
      };
  private static final View FILES =
      scene -> {
        scene.run();
        try (var files = Files.list(scene.output)) {
          return files
              .map(file -> String.valueOf(file.getFileName()))
              .collect(Collectors.toCollection(TreeSet::new));
        }
      };
  private static final View ROWS =
      scene -> scene.prepared().train().stream().map(KeyEffectTest::seen).toList();
  private static final View ORDER =
      scene -> scene.workshop().job().course().rows(1).stream().map(EncodedRow::source).toList();
  private static final String[] VALIDATING = {
    "val_size=4",
    "eval_strategy=steps",
    "eval_steps=2",
    "per_device_train_batch_size=2",
    "learning_rate=3"
  };

  private static String seen(EncodedRow row) {
    return Arrays.toString(row.ids()) + Arrays.toString(row.scored());
  }

  private static View results(String file) {
    return scene -> {
      var names = new ArrayList<String>();
      scene.run().json(file).fieldNames().forEachRemaining(names::add);
      return names;
    };
  }

  static List<Effect> effects() {
    return List.of(
        new Effect(
            "model_name_or_path",
            "model_name_or_path=n",
            s -> s.run().json("lathe.json").get("base_model_name_or_path")),
        new Effect("dataset", "dataset=two.jsonl", ROWS),
        new Effect("eval_dataset", "eval_dataset=two.jsonl", s -> s.prepared().validation().size()),
        new Effect("dataset_dir", "dataset_dir=" + directory.resolve("other"), ROWS),
        new Effect(
            "template",
            "template=smollm2",
            s -> {
              try (Preparation preparation = s.preparation()) {
                return preparation.notes();
              }
            }),
        new Effect("default_system", "default_system=Be brief.", ROWS),
        new Effect("cutoff_len", "cutoff_len=40", ROWS),
        new Effect("train_on_prompt", "train_on_prompt=true", ROWS),
        new Effect("mask_history", "mask_history=true", ROWS),
        new Effect("max_samples", "max_samples=2", ROWS),
        new Effect("val_size", "val_size=2", ROWS),
        new Effect(
            "neat_packing",
            "neat_packing=true",
            s -> s.workshop().job().course().totalSteps(),
            "cutoff_len=60",
            "per_device_train_batch_size=1"),
        new Effect("disable_shuffling", "disable_shuffling=true", ORDER),
        new Effect("data_seed", "data_seed=9", ORDER),
        new Effect("seed", "seed=9", ADAPTER),
        new Effect(
            "on_bad_row", "on_bad_row=skip", KeyEffectTest::rowsOrRefusal, "dataset=bad.jsonl"),
        new Effect("lora_rank", "lora_rank=4", ADAPTER),
        new Effect(
            "lora_alpha",
            "lora_alpha=99",
            s -> Files.readString(s.run().path("adapter_config.json"))),
        new Effect("lora_dropout", "lora_dropout=0.5", ADAPTER),
        new Effect("lora_target", "lora_target=q_proj", ADAPTER),
        new Effect(
            "use_rslora",
            "use_rslora=true",
            s -> Files.readString(s.run().path("adapter_config.json"))),
        new Effect("learning_rate", "learning_rate=0.1", ADAPTER),
        new Effect(
            "lr_scheduler_type",
            "lr_scheduler_type=cosine",
            ADAPTER,
            "per_device_train_batch_size=2"),
        new Effect("warmup_steps", "warmup_steps=3", ADAPTER, "per_device_train_batch_size=2"),
        new Effect("warmup_ratio", "warmup_ratio=0.5", ADAPTER, "per_device_train_batch_size=2"),
        new Effect("num_train_epochs", "num_train_epochs=1", ADAPTER),
        new Effect("max_steps", "max_steps=2", ADAPTER),
        new Effect("per_device_train_batch_size", "per_device_train_batch_size=2", ADAPTER),
        new Effect(
            "gradient_accumulation_steps",
            "gradient_accumulation_steps=2",
            ADAPTER,
            "per_device_train_batch_size=2"),
        new Effect("weight_decay", "weight_decay=0.5", ADAPTER),
        new Effect("adam_beta1", "adam_beta1=0.5", ADAPTER),
        new Effect("adam_beta2", "adam_beta2=0.5", ADAPTER),
        new Effect("adam_epsilon", "adam_epsilon=0.1", ADAPTER),
        new Effect("max_grad_norm", "max_grad_norm=0.001", ADAPTER, "adam_epsilon=0.01"),
        new Effect("bf16", "bf16=true", KeyEffectTest::logits),
        new Effect("pure_bf16", "pure_bf16=true", KeyEffectTest::logits),
        new Effect("logging_strategy", "logging_strategy=epoch", LOG),
        new Effect("logging_steps", "logging_steps=2", LOG),
        new Effect("logging_first_step", "logging_first_step=true", LOG),
        new Effect("save_strategy", "save_strategy=no", CHECKPOINTS),
        new Effect("save_steps", "save_steps=2", CHECKPOINTS),
        new Effect("save_total_limit", "save_total_limit=1", CHECKPOINTS, "save_steps=2"),
        new Effect(
            "save_only_model",
            "save_only_model=true",
            s -> Files.exists(s.run().path("checkpoint-6/lathe_trainer.json"))),
        new Effect("eval_strategy", "eval_strategy=epoch", LOG, "val_size=4"),
        new Effect("eval_steps", "eval_steps=1", LOG, VALIDATING),
        new Effect("eval_on_start", "eval_on_start=true", LOG, "val_size=4"),
        new Effect(
            "load_best_model_at_end", "load_best_model_at_end=true", ADAPTER, with("save_steps=2")),
        new Effect("early_stopping_steps", "early_stopping_steps=1", LOG, VALIDATING),
        new Effect(
            "output_dir",
            "output_dir=" + directory.resolve("elsewhere"),
            s -> s.workshop().recipe().output().directory()),
        new Effect("overwrite_output_dir", "overwrite_output_dir=true", KeyEffectTest::secondRun),
        new Effect(
            "resume_from_checkpoint", "resume_from_checkpoint=true", KeyEffectTest::firstRun),
        new Effect("plot_loss", "plot_loss=true", FILES, "logging_steps=1"),
        new Effect("disable_tqdm", "disable_tqdm=true", s -> s.workshop().recipe().output().bar()),
        new Effect(
            "include_effective_tokens_per_second",
            "include_effective_tokens_per_second=true",
            results("train_results.json")),
        new Effect("threads", "threads=7", s -> s.prepared().threads()),
        new Effect(
            "tokens_in_flight",
            "tokens_in_flight=30",
            s -> s.workshop().job().course().batches(1).size()),
        new Effect("memory_limit", "memory_limit=0.001", KeyEffectTest::planOrRefusal));
  }

  private static String[] with(String more) {
    List<String> all = new ArrayList<>(List.of(VALIDATING));
    all.add(more);
    return all.toArray(String[]::new);
  }

  private static Object rowsOrRefusal(Scene scene) throws IOException {
    try {
      return ROWS.of(scene);
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static Object logits(Scene scene) {
    try (Preparation preparation = scene.preparation();
        Trainer trainer = preparation.trainer()) {
      return Arrays.toString(trainer.logits(new int[] {1, 2, 3}));
    }
  }

  private static Object planOrRefusal(Scene scene) {
    try (Preparation preparation = scene.preparation();
        Trainer trainer = preparation.trainer()) {
      Recipe recipe = preparation.job().recipe();
      return Planner.plan(
              preparation.job(), trainer, Memory.of(recipe), preparation.tokenizer(), List.of())
          .rows();
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static Object secondRun(Scene scene) {
    Workshop first = new Workshop(scene.output);
    first.run();
    try {
      return scene.run().recipe().output().directory();
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static Object firstRun(Scene scene) {
    try {
      return scene.run().recipe().output().directory();
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @ParameterizedTest
  @MethodSource("effects")
  void everyKeyHasAnEffect(Effect effect) throws IOException {
    Path base = Files.createTempDirectory(directory, "base");
    Path other = Files.createTempDirectory(directory, "other");
    List<String> beside =
        Arrays.stream(effect.beside).filter(a -> !a.startsWith(effect.key + "=")).toList();
    List<String> changed = new ArrayList<>(beside);
    changed.add(effect.changed);

    Object without = effect.view.of(new Scene(base.resolve("o"), beside));
    Object again =
        effect.view.of(
            new Scene(Files.createTempDirectory(directory, "again").resolve("o"), beside));
    Object with = effect.view.of(new Scene(other.resolve("o"), changed));

    assertThat(with).isNotEqualTo(without);
    if (!effect.key.endsWith("output_dir") && !effect.key.startsWith("resume")) {
      assertThat(again).as("the same recipe is seen the same").isEqualTo(without);
    }
  }

  /// Keys with one value that can be obeyed; every other is refused.
  static Map<String, String> refusals() {
    Map<String, String> refusals = new LinkedHashMap<>();
    refusals.put("stage", "stage=pt");
    refusals.put("finetuning_type", "finetuning_type=full");
    refusals.put("packing", "packing=true");
    refusals.put("do_train", "do_train=false");
    refusals.put("do_eval", "do_eval=true");
    refusals.put("metric_for_best_model", "metric_for_best_model=accuracy");
    return refusals;
  }

  @Test
  void keysWithOneMeaningRefuseOtherValues() {
    refusals()
        .forEach((key, argument) ->
            assertThatThrownBy(() -> new Workshop(Path.of("o"), argument).recipe())
                .as(key)
                .hasMessageContaining("'" + key + "'"));
  }

  @Test
  void noObeyedKeyIsWithoutATest() {
    Set<String> tested = new TreeSet<>(refusals().keySet());
    effects().forEach(effect -> tested.add(effect.key));

    Set<String> obeyed =
        Keys.load().all().stream()
            .filter(key -> key.use() instanceof Key.Use.Obeyed)
            .map(Key::name)
            .collect(Collectors.toCollection(TreeSet::new));

    assertThat(tested).isEqualTo(obeyed);
  }
}
