package dev.lathe.compute.model;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Rope;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.Gguf;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// The metadata of a GGUF file as a model config. Key names: the GGUF specification and
/// `gguf-py/gguf/constants.py` of llama.cpp.
final class GgufConfig {
  private final Gguf gguf;
  private final String architecture;
  private final Family family;
  private final List<String> problems = new ArrayList<>();

  private GgufConfig(Gguf gguf, String architecture, Family family) {
    this.gguf = gguf;
    this.architecture = architecture;
    this.family = family;
  }

  static ModelConfig read(Gguf gguf) {
    String architecture = gguf.string("general.architecture").orElse("");
    Family family =
        switch (architecture) {
          case "llama" -> Family.LLAMA;
          case "qwen2" -> Family.QWEN2;
          default ->
              throw LatheException.user(
                  "'" + gguf.path() + "' holds the architecture '" + architecture + "'",
                  "supported are llama, qwen2");
        };
    return new GgufConfig(gguf, architecture, family).config();
  }

  private ModelConfig config() {
    int width = size("embedding_length", 0);
    int layers = size("block_count", 0, HuggingFaceConfig.MAX_LAYERS);
    int heads = size("attention.head_count", 0);
    int kvHeads = size("attention.head_count_kv", heads);
    int headWidth = size("attention.key_length", width / heads);
    int valueWidth = size("attention.value_length", headWidth);
    int feedForward = size("feed_forward_length", 0);
    int positions = size("context_length", 0);
    double epsilon = gguf.real(key("attention.layer_norm_rms_epsilon")).orElse(-1);
    if (!(epsilon >= 0)) {
      problems.add("no " + key("attention.layer_norm_rms_epsilon"));
    }
    if (heads % kvHeads != 0) {
      problems.add(heads + " heads with " + kvHeads + " key/value heads");
    }
    if (headWidth % 2 != 0 || valueWidth != headWidth) {
      problems.add("keys of width " + headWidth + " with values of width " + valueWidth);
    }
    refuseUnsupported(headWidth, positions);
    Rope rope = rope(headWidth, positions);
    finish();
    return new ModelConfig(
        family,
        width,
        layers,
        heads,
        kvHeads,
        headWidth,
        feedForward,
        vocabulary(),
        positions,
        (float) epsilon,
        rope,
        family == Family.QWEN2,
        !gguf.names().contains("output.weight"),
        (int) gguf.integer("tokenizer.ggml.bos_token_id").orElse(-1),
        ends());
  }

  private void finish() {
    if (!problems.isEmpty()) {
      throw LatheException.user(
          "'"
              + gguf.path()
              + "' describes a model that Lathe does not compute: "
              + String.join("; ", problems),
          "");
    }
  }

  private String key(String name) {
    return architecture + "." + name;
  }

  private int size(String name, int absent) {
    return size(name, absent, HuggingFaceConfig.MAX_SIZE);
  }

  private int size(String name, int absent, int most) {
    long value = gguf.integer(key(name)).orElse(absent);
    if (value < 1 || value > most) {
      problems.add(gguf.has(key(name)) ? key(name) + " " + value : "no " + key(name));
      return 1;
    }
    return (int) value;
  }

  private int vocabulary() {
    if (!gguf.names().contains("token_embd.weight")) {
      throw LatheException.user(
          "'" + gguf.path() + "' has no tensor 'token_embd.weight'",
          "a file with a vocabulary alone is no model");
    }
    return gguf.tensor("token_embd.weight").rows();
  }

  /// Tokens that end a turn or a text: `eos`, `eot` and `eom`.
  private List<Integer> ends() {
    return Stream.of("eos", "eot", "eom")
        .map(name -> (int) gguf.integer("tokenizer.ggml." + name + "_token_id").orElse(-1))
        .filter(id -> id >= 0)
        .distinct()
        .toList();
  }

  private void refuseUnsupported(int headWidth, int positions) {
    long rotated = gguf.integer(key("rope.dimension_count")).orElse(headWidth);
    if (rotated != headWidth) {
      problems.add(key("rope.dimension_count") + " " + rotated + " of " + headWidth);
    }
    if (gguf.integer(key("expert_count")).orElse(0) > 0) {
      problems.add(key("expert_count") + " " + gguf.integer(key("expert_count")).getAsLong());
    }
    long window = gguf.integer(key("attention.sliding_window")).orElse(positions);
    if (window != 0 && window < positions) {
      problems.add(key("attention.sliding_window") + " " + window);
    }
    for (String name :
        List.of(
            "attention.clamp_kqv",
            "attention.max_alibi_bias",
            "attention.scale",
            "logit_scale",
            "residual_scale",
            "embedding_scale",
            "attn_logit_softcapping",
            "final_logit_softcapping")) {
      if (gguf.has(key(name))) {
        problems.add(key(name));
      }
    }
  }

  private Rope rope(int headWidth, int positions) {
    double theta = gguf.real(key("rope.freq_base")).orElse(10_000);
    if (!(theta > 0)) {
      problems.add(key("rope.freq_base") + " " + theta);
      theta = 1;
    }
    double factor = gguf.real(key("rope.scaling.factor")).orElse(0);
    if (factor == 0) {
      factor = gguf.real(key("rope.scale_linear")).orElse(0);
    }
    String type = gguf.string(key("rope.scaling.type")).orElse(factor > 0 ? "linear" : "none");
    return scaling(type, factor > 0 ? factor : 1, headWidth, positions).rope(theta, headWidth);
  }

  private RopeScaling scaling(String type, double factor, int headWidth, int positions) {
    boolean listed = gguf.names().contains("rope_freqs.weight");
    return switch (type) {
      case "none" -> listed ? factors(headWidth) : new RopeScaling.Plain();
      case "linear" -> {
        if (listed) {
          problems.add("rope_freqs.weight together with linear scaling");
        }
        yield new RopeScaling.Linear(factor);
      }
      case "yarn" -> yarn(factor, positions, listed);
      default -> {
        problems.add(
            key("rope.scaling.type") + " '" + type + "' (none, linear and yarn are computed)");
        yield new RopeScaling.Plain();
      }
    };
  }

  private RopeScaling yarn(double factor, int positions, boolean listed) {
    if (listed) {
      problems.add("rope_freqs.weight together with yarn scaling");
    }
    double original = gguf.integer(key("rope.scaling.original_context_length")).orElse(positions);
    double attention = gguf.real(key("rope.scaling.attn_factor")).orElse(1);
    return new RopeScaling.Yarn(
        factor,
        original,
        gguf.real(key("rope.scaling.yarn_beta_fast")).orElse(32),
        gguf.real(key("rope.scaling.yarn_beta_slow")).orElse(1),
        attention * RopeScaling.Yarn.scale(factor, 1),
        true);
  }

  private RopeScaling factors(int headWidth) {
    float[] factors = Dequantize.toF32(gguf.tensor("rope_freqs.weight"));
    List<Double> values = new ArrayList<>();
    for (float factor : factors) {
      values.add((double) factor);
    }
    if (values.size() != headWidth / 2 || !values.stream().allMatch(value -> value > 0)) {
      problems.add("rope_freqs.weight with " + values.size() + " factors");
      return new RopeScaling.Plain();
    }
    return new RopeScaling.Factors(values);
  }
}
