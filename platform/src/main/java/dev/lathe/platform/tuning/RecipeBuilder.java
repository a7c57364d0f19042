package dev.lathe.platform.tuning;

import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.platform.tuning.Recipe.Every;
import dev.lathe.platform.tuning.Recipe.Precision;
import dev.lathe.platform.tuning.Recipe.Schedule;
import dev.lathe.platform.tuning.Recipe.Scoring;
import dev.lathe.platform.tuning.Recipe.When;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Makes the typed recipe of checked values, and checks how values fit together.
final class RecipeBuilder {
  private final Keys keys;
  private final SequencedMap<String, String> given;
  private final List<String> problems;
  private final List<String> notes;

  /// @param given canonical values by key
  /// @param problems added to
  /// @param notes added to
  RecipeBuilder(
      Keys keys, SequencedMap<String, String> given, List<String> problems, List<String> notes) {
    this.keys = keys;
    this.given = given;
    this.problems = problems;
    this.notes = notes;
  }

  Recipe build() {
    require(
        "model_name_or_path", "the base model, a name that 'lathe models' lists or a directory");
    require("dataset", "names of dataset_info.json or files, joined by commas");
    require("output_dir", "the directory for the adapter and the logs");
    checkTask();
    checkData();
    checkOptimization();
    checkCadence();
    String limit = optional("memory_limit");
    return new Recipe(
        text("model_name_or_path"),
        data(),
        adapter(),
        optimization(),
        cadence(),
        output(),
        whole("threads"),
        whole("tokens_in_flight"),
        limit == null ? null : (long) (Double.parseDouble(limit) * (1L << 30)),
        notes,
        settings(false),
        settings(true));
  }

  private void checkTask() {
    if (isGiven("do_train") && !flag("do_train")) {
      problems.add("'do_train' is false: 'lathe train' trains");
    }
    if (flag("do_eval") && !validates()) {
      problems.add("'do_eval' needs rows to validate with: set val_size or eval_dataset");
    } else if (isGiven("do_eval") && !flag("do_eval") && validates()) {
      notes.add("'do_eval' is false: the rows held out are validated once at the end all the same");
    }
  }

  private void checkData() {
    if (isGiven("eval_dataset") && real("val_size") > 0) {
      problems.add("'val_size' and 'eval_dataset' exclude each other");
    }
    double share = real("val_size");
    if ((share > 1 && share != Math.rint(share)) || share == 1) {
      problems.add(
          "'val_size' is " + text("val_size") + "; wanted is a share below 1 or a count above 1");
    }
    if (flag("mask_history") && flag("train_on_prompt")) {
      problems.add("'mask_history' and 'train_on_prompt' exclude each other");
    }
    if (flag("packing") && !flag("neat_packing")) {
      problems.add(
          "'packing' without 'neat_packing' lets rows see one another, not supported:"
              + " set neat_packing, or leave packing out (rows are never padded anyway)");
    }
    if (isGiven("packing") && !flag("packing") && flag("neat_packing")) {
      problems.add("'neat_packing' is true but 'packing' is false");
    }
  }

  private void checkOptimization() {
    boolean warms = real("warmup_steps") > 0 || real("warmup_ratio") > 0;
    if (schedule() == Schedule.CONSTANT && warms) {
      problems.add(
          "'lr_scheduler_type' constant has no warm-up: set it to constant_with_warmup, or leave"
              + " warmup_steps and warmup_ratio out");
    }
    if (real("warmup_steps") > 0 && real("warmup_ratio") > 0) {
      notes.add("'warmup_steps' wins over 'warmup_ratio'");
    }
    if (whole("max_steps") == 0) {
      problems.add("'max_steps' is 0; wanted is a count, or -1 for num_train_epochs");
    }
    if (whole("max_steps") > 0 && isGiven("num_train_epochs")) {
      notes.add("'max_steps' sets the length of the run; 'num_train_epochs' does not");
    }
    if (flag("pure_bf16")) {
      notes.add("'pure_bf16' computes in bf16; the adapter and its moments stay in fp32");
    }
    if (precision() == Precision.FP32) {
      notes.add(
          "without 'bf16' everything is computed in fp32, some ten times slower: set bf16=true");
    }
  }

  private void checkCadence() {
    for (String key : List.of("logging_steps", "save_steps", "eval_steps")) {
      String value = optional(key);
      double steps = value == null ? 1 : Double.parseDouble(value);
      if (steps > 1 && steps != Math.rint(steps)) {
        problems.add("'" + key + "' is " + value + "; wanted is a whole count or a share below 1");
      }
    }
    Every validation = validation();
    if (validation.when() != When.NEVER && !validates()) {
      problems.add(
          "'eval_strategy' is "
              + text("eval_strategy")
              + " but there are no rows to validate with: set val_size or eval_dataset");
    }
    if (flag("eval_on_start") && !validates()) {
      problems.add("'eval_on_start' needs rows to validate with: set val_size or eval_dataset");
    }
    if (isGiven("early_stopping_steps") && validation.when() == When.NEVER) {
      problems.add("'early_stopping_steps' counts validations: set eval_strategy");
    }
    if (flag("load_best_model_at_end")) {
      checkBest(validation);
    }
    if (flag("save_only_model")) {
      notes.add("'save_only_model': checkpoints hold the adapter alone and cannot be resumed from");
    }
  }

  private void checkBest(Every validation) {
    Every saving = every("save_strategy", "save_steps");
    if (validation.when() == When.NEVER) {
      problems.add("'load_best_model_at_end' compares validations: set eval_strategy");
    } else if (saving.when() != validation.when()) {
      problems.add("'load_best_model_at_end' needs save_strategy to be the same as eval_strategy");
    } else if (saving.when() == When.STEPS && !isMultiple(saving.steps(), validation.steps())) {
      problems.add("'load_best_model_at_end' needs save_steps to be a multiple of eval_steps");
    }
  }

  /// Shares of the run, like 0.3 and 0.1, are compared as they are written.
  private static boolean isMultiple(double most, double least) {
    return BigDecimal.valueOf(most).remainder(BigDecimal.valueOf(least)).signum() == 0;
  }

  private boolean validates() {
    return isGiven("eval_dataset") || real("val_size") > 0;
  }

  private Recipe.Data data() {
    Scoring scoring =
        flag("train_on_prompt")
            ? Scoring.EVERYTHING
            : flag("mask_history") ? Scoring.LAST_ANSWER : Scoring.ANSWERS;
    String most = optional("max_samples");
    boolean packs = flag("neat_packing");
    return new Recipe.Data(
        names("dataset"),
        names("eval_dataset"),
        Path.of(text("dataset_dir")),
        optional("template"),
        optional("default_system"),
        whole("cutoff_len") - (packs ? 1 : 0),
        most == null ? null : Integer.valueOf(most),
        real("val_size"),
        scoring,
        packs,
        !flag("disable_shuffling"),
        Recipe.OnBadRow.valueOf(text("on_bad_row").toUpperCase(Locale.ROOT)),
        isGiven("data_seed") ? whole("data_seed") : whole("seed"));
  }

  private AdapterSpec adapter() {
    int rank = whole("lora_rank");
    String alpha = optional("lora_alpha");
    return new AdapterSpec(
        rank,
        alpha == null ? 2.0 * rank : Double.parseDouble(alpha),
        real("lora_dropout"),
        flag("use_rslora"),
        targets());
  }

  private Set<Projection> targets() {
    EnumSet<Projection> targets = EnumSet.noneOf(Projection.class);
    for (String name : names("lora_target")) {
      if (name.equals("all") || name.equals("all-linear")) {
        return EnumSet.allOf(Projection.class);
      }
      Arrays.stream(Projection.values())
          .filter(projection -> projection.target().equals(name))
          .findFirst()
          .ifPresentOrElse(
              targets::add,
              () ->
                  problems.add(
                      "'lora_target' names '"
                          + name
                          + "'; there are all, "
                          + Arrays.stream(Projection.values())
                              .map(Projection::target)
                              .collect(Collectors.joining(", "))));
    }
    return targets.isEmpty() ? EnumSet.allOf(Projection.class) : targets;
  }

  private Recipe.Optimization optimization() {
    double warmup = real("warmup_steps") > 0 ? real("warmup_steps") : real("warmup_ratio");
    return new Recipe.Optimization(
        real("learning_rate"),
        schedule(),
        warmup == 1 && real("warmup_steps") == 0 ? Math.nextDown(1.0) : warmup,
        real("num_train_epochs"),
        Math.max(0, whole("max_steps")),
        whole("per_device_train_batch_size"),
        whole("gradient_accumulation_steps"),
        real("adam_beta1"),
        real("adam_beta2"),
        real("adam_epsilon"),
        real("weight_decay"),
        real("max_grad_norm"),
        precision(),
        whole("seed"));
  }

  private Schedule schedule() {
    return Schedule.valueOf(text("lr_scheduler_type").toUpperCase(Locale.ROOT));
  }

  private Precision precision() {
    return flag("bf16") || flag("pure_bf16") ? Precision.BF16 : Precision.FP32;
  }

  private Recipe.Cadence cadence() {
    return new Recipe.Cadence(
        every("logging_strategy", "logging_steps"),
        flag("logging_first_step"),
        every("save_strategy", "save_steps"),
        validation(),
        flag("eval_on_start"),
        flag("load_best_model_at_end"),
        isGiven("early_stopping_steps") ? whole("early_stopping_steps") : 0);
  }

  private Every validation() {
    return every("eval_strategy", isGiven("eval_steps") ? "eval_steps" : "logging_steps");
  }

  private Every every(String strategy, String steps) {
    When when =
        switch (text(strategy)) {
          case "steps" -> When.STEPS;
          case "epoch" -> When.EPOCH;
          default -> When.NEVER;
        };
    return new Every(when, real(steps));
  }

  private Recipe.Output output() {
    return new Recipe.Output(
        Path.of(text("output_dir")),
        flag("overwrite_output_dir"),
        resume(),
        isGiven("save_total_limit") ? whole("save_total_limit") : 0,
        flag("save_only_model"),
        flag("plot_loss"),
        !flag("disable_tqdm"),
        flag("include_effective_tokens_per_second"));
  }

  private @Nullable String resume() {
    String value = optional("resume_from_checkpoint");
    return value == null || value.equalsIgnoreCase("false") ? null : value;
  }

  private SequencedMap<String, String> settings(boolean shapingOnly) {
    SequencedMap<String, String> settings = new LinkedHashMap<>();
    for (Key key : keys.all()) {
      if (key.use() instanceof Key.Use.Obeyed && (!shapingOnly || key.shapesResult())) {
        String value = optional(key.name());
        if (value != null) {
          settings.put(key.name(), value);
        }
      }
    }
    return settings;
  }

  private void require(String key, String what) {
    if (!isGiven(key)) {
      problems.add("'" + key + "' is missing: " + what);
    }
  }

  private boolean isGiven(String key) {
    return given.containsKey(key);
  }

  private @Nullable String optional(String key) {
    String value = given.get(key);
    if (value != null) {
      return value;
    }
    Key known = keys.find(key).orElseThrow();
    return known.standard().isEmpty() ? null : known.canonical(known.standard());
  }

  private String text(String key) {
    String value = optional(key);
    return value == null ? "" : value;
  }

  private boolean flag(String key) {
    return text(key).equals("true");
  }

  private int whole(String key) {
    return Integer.parseInt(text(key));
  }

  private double real(String key) {
    String value = optional(key);
    return value == null ? 0 : Double.parseDouble(value);
  }

  private List<String> names(String key) {
    String value = optional(key);
    return value == null ? List.of() : List.of(value.split(","));
  }
}
