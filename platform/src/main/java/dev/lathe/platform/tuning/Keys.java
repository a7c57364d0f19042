package dev.lathe.platform.tuning;

import dev.lathe.compute.Nearest;
import dev.lathe.platform.tuning.Key.Use;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/// The table of all keys that a recipe may hold: LLaMA-Factory 0.9.5's with its defaults, and four
/// of ours (`on_bad_row`, `threads`, `tokens_in_flight`, `memory_limit`).
final class Keys {
  private static final String UNSUPPORTED = "unsupported-keys.tsv";
  private static final Key.Type FLAG = new Key.Type.Flag();
  private static final Key.Type TEXT = new Key.Type.Text();
  private static final Key.Type NAMES = new Key.Type.Names();
  private static final Key.Type COUNT = new Key.Type.Whole(1);
  private static final Key.Type STEPS = above(0);

  private final SequencedMap<String, Key> keys;

  private Keys(SequencedMap<String, Key> keys) {
    this.keys = keys;
  }

  static Keys load() {
    SequencedMap<String, Key> keys = new LinkedHashMap<>();
    new Table(keys).fill();
    for (String line : resource().lines().filter(line -> !line.startsWith("#")).toList()) {
      String[] parts = line.split("\t", -1);
      put(keys, new Key(parts[0], TEXT, parts[1], new Use.Unsupported(parts[2]), false));
    }
    return new Keys(keys);
  }

  Optional<Key> find(String name) {
    return Optional.ofNullable(keys.get(name));
  }

  List<Key> all() {
    return List.copyOf(keys.values());
  }

  /// The known name that is nearest by edits, where one is near.
  Optional<String> nearest(String name) {
    return Nearest.to(name, keys.keySet());
  }

  private static void put(Map<String, Key> keys, Key key) {
    if (keys.put(key.name(), key) != null) {
      throw new IllegalStateException("key '" + key.name() + "' stands twice in the table");
    }
  }

  private static String resource() {
    try (InputStream in = Keys.class.getResourceAsStream(UNSUPPORTED)) {
      if (in == null) {
        throw new IllegalStateException(UNSUPPORTED + " is missing from the build");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Key.Type above(double least) {
    return new Key.Type.Real(least, true, Double.POSITIVE_INFINITY, false);
  }

  private static Key.Type from(double least) {
    return new Key.Type.Real(least, false, Double.POSITIVE_INFINITY, false);
  }

  private static Key.Type fraction(boolean openAbove) {
    return new Key.Type.Real(0, false, 1, openAbove);
  }

  private static Key.Type oneOf(String... names) {
    return new Key.Type.Choice(List.of(names));
  }

  private record Table(Map<String, Key> keys) {
    void fill() {
      task();
      data();
      lora();
      optimization();
      cadence();
      output();
      machine();
      withoutEffect();
    }

    private void shapes(String name, Key.Type type, String standard) {
      put(keys, new Key(name, type, standard, new Use.Obeyed(), true));
    }

    private void obeys(String name, Key.Type type, String standard) {
      put(keys, new Key(name, type, standard, new Use.Obeyed(), false));
    }

    private void idle(Key.Type type, String why, String... names) {
      for (String name : names) {
        put(keys, new Key(name, type, "", new Use.WithoutEffect(why), false));
      }
    }

    private void task() {
      obeys("model_name_or_path", TEXT, "");
      shapes("stage", oneOf("sft"), "sft");
      shapes("finetuning_type", oneOf("lora"), "lora");
      obeys("do_train", FLAG, "true");
      obeys("do_eval", FLAG, "false");
    }

    private void data() {
      obeys("dataset", NAMES, "");
      obeys("eval_dataset", NAMES, "");
      obeys("dataset_dir", TEXT, "data");
      shapes("template", TEXT, "");
      shapes("default_system", TEXT, "");
      shapes("cutoff_len", new Key.Type.Whole(2), "2048");
      shapes("train_on_prompt", FLAG, "false");
      shapes("mask_history", FLAG, "false");
      shapes("max_samples", COUNT, "");
      shapes("val_size", from(0), "0");
      shapes("packing", FLAG, "");
      shapes("neat_packing", FLAG, "false");
      shapes("disable_shuffling", FLAG, "false");
      shapes("on_bad_row", oneOf("fail", "skip"), "fail");
    }

    private void lora() {
      shapes("lora_rank", COUNT, "8");
      shapes("lora_alpha", above(0), "");
      shapes("lora_dropout", fraction(true), "0");
      shapes("lora_target", NAMES, "all");
      shapes("use_rslora", FLAG, "false");
    }

    private void optimization() {
      shapes("learning_rate", from(0), "5e-5");
      shapes(
          "lr_scheduler_type",
          oneOf("linear", "cosine", "constant", "constant_with_warmup"),
          "linear");
      shapes("warmup_steps", from(0), "0");
      shapes("warmup_ratio", fraction(false), "0");
      shapes("num_train_epochs", above(0), "3");
      shapes("max_steps", new Key.Type.Whole(-1), "-1");
      shapes("per_device_train_batch_size", COUNT, "8");
      shapes("gradient_accumulation_steps", COUNT, "1");
      shapes("weight_decay", from(0), "0");
      shapes("adam_beta1", fraction(true), "0.9");
      shapes("adam_beta2", fraction(true), "0.999");
      shapes("adam_epsilon", above(0), "1e-8");
      shapes("max_grad_norm", from(0), "1");
      shapes("bf16", FLAG, "false");
      shapes("pure_bf16", FLAG, "false");
      shapes("seed", new Key.Type.Whole(0), "42");
      shapes("data_seed", new Key.Type.Whole(0), "");
    }

    private void cadence() {
      Key.Type strategy = oneOf("no", "steps", "epoch");
      obeys("logging_strategy", strategy, "steps");
      obeys("logging_steps", STEPS, "500");
      obeys("logging_first_step", FLAG, "false");
      obeys("save_strategy", strategy, "steps");
      obeys("save_steps", STEPS, "500");
      obeys("save_total_limit", COUNT, "");
      obeys("save_only_model", FLAG, "false");
      shapes("eval_strategy", strategy, "no");
      shapes("eval_steps", STEPS, "");
      shapes("eval_on_start", FLAG, "false");
      shapes("load_best_model_at_end", FLAG, "false");
      obeys("metric_for_best_model", oneOf("loss", "eval_loss"), "loss");
      shapes("early_stopping_steps", COUNT, "");
    }

    private void output() {
      obeys("output_dir", TEXT, "");
      obeys("overwrite_output_dir", FLAG, "false");
      obeys("resume_from_checkpoint", TEXT, "");
      obeys("plot_loss", FLAG, "false");
      obeys("disable_tqdm", FLAG, "false");
      obeys("include_effective_tokens_per_second", FLAG, "false");
    }

    private void machine() {
      shapes("threads", new Key.Type.Whole(0), "0");
      shapes("tokens_in_flight", COUNT, "768");
      obeys("memory_limit", above(0), "");
    }

    private void withoutEffect() {
      idle(FLAG, "no remote code is ever run", "trust_remote_code");
      idle(FLAG, "training runs on the CPU", "use_cpu");
      idle(
          TEXT,
          "rows are read once and kept in memory",
          "preprocessing_num_workers",
          "preprocessing_batch_size",
          "overwrite_cache",
          "dataloader_num_workers",
          "dataloader_pin_memory",
          "dataloader_persistent_workers",
          "dataloader_prefetch_factor",
          "buffer_size",
          "data_shared_file_system",
          "remove_unused_columns");
      idle(
          TEXT,
          "there is one process on one machine",
          "ddp_find_unused_parameters",
          "ddp_bucket_cap_mb",
          "ddp_broadcast_buffers",
          "ddp_static_graph",
          "ddp_backend",
          "ddp_timeout",
          "local_rank",
          "average_tokens_across_devices",
          "save_on_each_node",
          "log_on_each_node");
      idle(oneOf("none", "[]"), "nothing is reported to other services", "report_to");
      idle(
          TEXT,
          "it names a run for other services, and nothing is reported to them",
          "run_name",
          "project",
          "logging_dir");
      idle(TEXT, "what is printed does not depend on a level", "log_level", "log_level_replica");
      idle(
          oneOf("no", "all", "non_padding", "true"),
          "tokens are always counted, and there is no padding",
          "include_num_input_tokens_seen");
      idle(FLAG, "there is no padding", "ignore_pad_token_for_loss");
      idle(FLAG, "there is one tokenizer", "use_fast_tokenizer");
      idle(FLAG, "weights are mapped from their files", "low_cpu_mem_usage");
      idle(
          TEXT,
          "activations are kept or recomputed as the trainer sees fit, with the same result",
          "gradient_checkpointing",
          "gradient_checkpointing_kwargs",
          "disable_gradient_checkpointing",
          "use_reentrant_gc",
          "use_cache",
          "use_kv_cache",
          "torch_empty_cache_steps");
      idle(oneOf("auto", "disabled", "sdpa"), "there is one attention on the CPU", "flash_attn");
      idle(oneOf("adamw_torch", "adamw_torch_fused"), "both are the same AdamW", "optim");
      idle(FLAG, "runs are always deterministic", "full_determinism");
      idle(FLAG, "peak memory is always measured", "skip_memory_metrics");
      idle(FLAG, "a loss that is not finite stops the run", "logging_nan_inf_filter");
      idle(FLAG, "adapters are always saved as safetensors", "save_safetensors");
      idle(
          TEXT,
          "validation is the loss per scored token, however rows are grouped",
          "per_device_eval_batch_size",
          "prediction_loss_only",
          "eval_accumulation_steps",
          "eval_do_concat_batches");
      idle(FLAG, "it is for GPUs", "tf32");
      idle(TEXT, "rows with media are refused", "media_dir");
      idle(
          FLAG,
          "the supported families have no thinking mode",
          "enable_thinking",
          "preserve_thinking");
    }
  }
}
