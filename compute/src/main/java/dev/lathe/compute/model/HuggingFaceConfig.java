package dev.lathe.compute.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Rope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// `config.json` and `generation_config.json` of a Hugging Face directory.
///
/// Absent keys take the defaults of transformers' `LlamaConfig` and `Qwen2Config`. Everything that
/// those models compute by and Lathe does not is refused, all at once. Keys that transformers' code
/// for the family never reads have no meaning here either.
final class HuggingFaceConfig {
  /// Largest layer count and largest other size that is believed.
  static final int MAX_LAYERS = 4096;

  static final int MAX_SIZE = 1 << 24;
  private static final long MAX_BYTES = 16 << 20;
  private static final Map<String, Family> FAMILIES =
      Map.of("llama", Family.LLAMA, "qwen2", Family.QWEN2);
  private static final Map<String, Family> CLASSES =
      Map.of("LlamaForCausalLM", Family.LLAMA, "Qwen2ForCausalLM", Family.QWEN2);

  private final Path file;
  private final JsonNode json;
  private final Family family;
  private final List<String> problems = new ArrayList<>();

  private HuggingFaceConfig(Path file, JsonNode json, Family family) {
    this.file = file;
    this.json = json;
    this.family = family;
  }

  /// Reads the config of a directory.
  ///
  /// @throws LatheException naming every problem
  static ModelConfig read(Path directory) {
    Path file = directory.resolve("config.json");
    JsonNode json = StrictJson.object(file, MAX_BYTES);
    return new HuggingFaceConfig(file, json, family(file, json)).config(directory);
  }

  private static Family family(Path file, JsonNode json) {
    String type = json.path("model_type").asText();
    Family family = FAMILIES.get(type);
    if (family == null) {
      throw LatheException.user(
          "'" + file + "' describes a model of type '" + type + "'", "supported are llama, qwen2");
    }
    for (JsonNode name : json.path("architectures")) {
      if (CLASSES.get(name.asText()) != family) {
        throw LatheException.user(
            "'" + file + "' describes the architecture '" + name.asText() + "'",
            "supported are LlamaForCausalLM, Qwen2ForCausalLM");
      }
    }
    return family;
  }

  private ModelConfig config(Path directory) {
    int width = size("hidden_size", 0);
    int layers = size("num_hidden_layers", 0, MAX_LAYERS);
    int heads = size("num_attention_heads", 0);
    int kvHeads = size("num_key_value_heads", heads);
    int headWidth = size("head_dim", heads < 1 ? 1 : width / heads);
    int feedForward = size("intermediate_size", 0);
    int vocabulary = size("vocab_size", 0);
    int positions = size("max_position_embeddings", family == Family.LLAMA ? 2048 : 32768);
    double epsilon = positive(json, "rms_norm_eps", 1e-6);
    checkHeads(heads, kvHeads, headWidth);
    Rope rope = rope(headWidth, positions);
    refuseUnsupported(layers, positions);
    int bos = id(json, "bos_token_id", family == Family.LLAMA ? 1 : -1);
    List<Integer> eos = eos(directory);
    boolean tied = flag("tie_word_embeddings");
    finish();
    return new ModelConfig(
        family,
        width,
        layers,
        heads,
        kvHeads,
        headWidth,
        feedForward,
        vocabulary,
        positions,
        (float) epsilon,
        rope,
        family == Family.QWEN2,
        tied,
        bos,
        eos);
  }

  private void finish() {
    if (!problems.isEmpty()) {
      throw LatheException.user(
          "'"
              + file
              + "' describes a model that Lathe does not compute: "
              + String.join("; ", problems),
          "");
    }
  }

  private void checkHeads(int heads, int kvHeads, int headWidth) {
    if (kvHeads < 1 || heads % kvHeads != 0) {
      problems.add("num_attention_heads " + heads + " with num_key_value_heads " + kvHeads);
    }
    if (headWidth % 2 != 0) {
      problems.add("head_dim " + headWidth + " is odd");
    }
  }

  private void refuseUnsupported(int layers, int positions) {
    String activation = json.path("hidden_act").asText("silu");
    if (!activation.equals("silu")) {
      problems.add("hidden_act '" + activation + "' (silu is computed)");
    }
    for (String key : List.of("attention_bias", "mlp_bias")) {
      if (family == Family.LLAMA && flag(key)) {
        problems.add(key + " true");
      }
    }
    if (positive(json, "attention_dropout", 0) != 0) {
      problems.add("attention_dropout " + json.get("attention_dropout"));
    }
    for (String key : List.of("quantization_config", "auto_map")) {
      if (json.hasNonNull(key)) {
        problems.add(key);
      }
    }
    if (positive(json, "partial_rotary_factor", 1) != 1) {
      problems.add("partial_rotary_factor " + json.get("partial_rotary_factor"));
    }
    refuseWindow(layers, positions);
  }

  private void refuseWindow(int layers, int positions) {
    var types = new TreeSet<String>();
    json.path("layer_types").forEach(type -> types.add(type.asText()));
    types.remove("full_attention");
    if (!types.isEmpty()) {
      problems.add("layer_types " + types + " (full_attention is computed)");
    }
    if (family == Family.LLAMA) {
      if (json.path("sliding_window").asInt(positions) < positions) {
        problems.add("sliding_window " + json.get("sliding_window"));
      }
      return;
    }
    boolean slides =
        flag("use_sliding_window")
            && json.path("max_window_layers").asInt(28) < layers
            && !json.path("sliding_window").isNull()
            && json.path("sliding_window").asInt(4096) < positions;
    if (slides && types.isEmpty() && !json.hasNonNull("layer_types")) {
      problems.add("use_sliding_window with sliding_window " + json.get("sliding_window"));
    }
  }

  private Rope rope(int headWidth, int positions) {
    JsonNode parameters =
        json.hasNonNull("rope_parameters")
            ? json.get("rope_parameters")
            : json.path("rope_scaling");
    if (!parameters.isNull() && !parameters.isMissingNode() && !parameters.isObject()) {
      problems.add("rope parameters " + parameters);
    }
    double theta = positive(parameters, "rope_theta", positive(json, "rope_theta", 10_000));
    String old = parameters.path("type").asText("default");
    String type = parameters.path("rope_type").asText(old);
    if (positive(parameters, "partial_rotary_factor", 1) != 1) {
      problems.add("rope partial_rotary_factor " + parameters.get("partial_rotary_factor"));
    }
    RopeScaling scaling =
        switch (type) {
          case "default" -> new RopeScaling.Plain();
          case "linear" -> new RopeScaling.Linear(needed(parameters, "factor"));
          case "llama3" ->
              new RopeScaling.Llama3(
                  needed(parameters, "factor"),
                  needed(parameters, "low_freq_factor"),
                  needed(parameters, "high_freq_factor"),
                  needed(parameters, "original_max_position_embeddings"));
          case "yarn" -> yarn(parameters, positions);
          default -> {
            problems.add(
                "rope type '" + type + "' (default, linear, llama3 and yarn are computed)");
            yield new RopeScaling.Plain();
          }
        };
    return scaling.rope(theta, headWidth);
  }

  private RopeScaling yarn(JsonNode parameters, int positions) {
    double original = positive(parameters, "original_max_position_embeddings", positions);
    double factor = needed(parameters, "factor");
    double scale = RopeScaling.Yarn.scale(factor, 1);
    double m = positive(parameters, "mscale", 0);
    double mAll = positive(parameters, "mscale_all_dim", 0);
    if (m != 0 && mAll != 0) {
      scale = RopeScaling.Yarn.scale(factor, m) / RopeScaling.Yarn.scale(factor, mAll);
    }
    return new RopeScaling.Yarn(
        factor,
        original,
        positive(parameters, "beta_fast", 32),
        positive(parameters, "beta_slow", 1),
        positive(parameters, "attention_factor", scale),
        parameters.path("truncate").asBoolean(true));
  }

  private double needed(JsonNode parameters, String key) {
    if (!parameters.path(key).isNumber()) {
      problems.add("rope parameters without " + key);
      return 1;
    }
    return positive(parameters, key, 1);
  }

  /// End-of-text ids of both files, the config's first.
  private List<Integer> eos(Path directory) {
    List<Integer> ids = new ArrayList<>(ids(json, family == Family.LLAMA ? 2 : -1));
    Path generation = directory.resolve("generation_config.json");
    if (Files.exists(generation)) {
      ids.addAll(ids(StrictJson.object(generation, MAX_BYTES), -1));
    }
    return ids.stream().filter(id -> id >= 0).distinct().toList();
  }

  private List<Integer> ids(JsonNode source, int absent) {
    JsonNode value = source.path("eos_token_id");
    if (!value.isArray()) {
      return List.of(id(source, "eos_token_id", absent));
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : value) {
      if (!id.canConvertToInt() || !id.isIntegralNumber()) {
        problems.add("eos_token_id " + value);
        return List.of();
      }
      ids.add(id.asInt());
    }
    return ids;
  }

  /// An id; null means none, a missing key the family's default.
  private int id(JsonNode source, String key, int absent) {
    JsonNode value = source.path(key);
    if (value.isMissingNode()) {
      return absent;
    }
    if (value.isNull()) {
      return -1;
    }
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      problems.add(key + " " + value);
      return -1;
    }
    return value.asInt();
  }

  /// A size of at least 1; 0 as `absent` means that the key must be there.
  private int size(String key, int absent) {
    return size(key, absent, MAX_SIZE);
  }

  private int size(String key, int absent, int most) {
    JsonNode value = json.path(key);
    if ((value.isMissingNode() || value.isNull()) && absent != 0) {
      return absent;
    }
    if (!value.isIntegralNumber()
        || !value.canConvertToInt()
        || value.asInt() < 1
        || value.asInt() > most) {
      problems.add(value.isMissingNode() ? "no " + key : key + " " + value);
      return 1;
    }
    return value.asInt();
  }

  private double positive(JsonNode source, String key, double absent) {
    JsonNode value = source.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return absent;
    }
    if (!value.isNumber() || !(value.asDouble() >= 0) || Double.isInfinite(value.asDouble())) {
      problems.add(key + " " + value);
      return absent;
    }
    return value.asDouble();
  }

  private boolean flag(String key) {
    JsonNode value = json.path(key);
    if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
      problems.add(key + " " + value);
    }
    return value.asBoolean(false);
  }
}
