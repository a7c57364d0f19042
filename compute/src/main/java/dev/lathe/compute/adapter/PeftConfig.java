package dev.lathe.compute.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The `adapter_config.json` of PEFT, as far as it decides which module gets which rank and
/// scaling.
///
/// Matching follows PEFT (`check_target_module_exists` and `get_pattern_key`): a name in
/// `target_modules` is a full module path or a suffix at a dot; a string is a regular expression
/// over the full path, or `all-linear`; keys of `rank_pattern` and `alpha_pattern` are regular
/// expressions over a suffix at a dot, the first that matches counts. Whatever changes the result
/// and is not applied here is a problem.
final class PeftConfig {
  /// Rank and scaling of one module.
  record Setting(int rank, float scaling) {}

  /// Ways to initialise A and B that leave the base as it is; others change it.
  private static final Set<String> PLAIN_INITS =
      Set.of("true", "false", "gaussian", "eva", "orthogonal", "null", "");

  /// Keys that must be absent, null, false or empty.
  private static final List<String> REFUSED =
      List.of(
          "modules_to_save",
          "use_dora",
          "lora_bias",
          "fan_in_fan_out",
          "layer_replication",
          "trainable_token_indices",
          "target_parameters",
          "alora_invocation_tokens",
          "use_qalora");

  /// `…_config` keys that say how the factors were initialised, or nothing about them.
  private static final Set<String> HARMLESS_CONFIGS =
      Set.of("loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config");

  private final JsonNode json;
  private final ModelConfig model;
  private final List<String> problems;

  private PeftConfig(JsonNode json, ModelConfig model, List<String> problems) {
    this.json = json;
    this.model = model;
    this.problems = problems;
  }

  /// The adapted modules in order of layer and projection, by full path.
  ///
  /// @param problems gets one sentence for each thing that cannot be applied
  static Map<String, Setting> read(JsonNode json, ModelConfig model, List<String> problems) {
    var config = new PeftConfig(json, model, problems);
    config.refuseUnsupported();
    return config.settings();
  }

  private void refuseUnsupported() {
    String type = json.path("peft_type").asText("");
    if (!type.equals("LORA")) {
      problems.add("peft_type is '" + type + "', LORA is applied");
    }
    String task = json.path("task_type").asText("CAUSAL_LM");
    if (json.hasNonNull("task_type") && !task.equals("CAUSAL_LM")) {
      problems.add("task_type is '" + task + "', CAUSAL_LM is applied");
    }
    if (!json.path("bias").asText("none").equals("none")) {
      problems.add("bias is " + json.get("bias") + ", trained biases are not applied");
    }
    if (!PLAIN_INITS.contains(json.path("init_lora_weights").asText("true"))) {
      problems.add(
          "init_lora_weights is "
              + json.get("init_lora_weights")
              + ", which changes the base; convert the adapter to plain LoRA");
    }
    for (var entry : json.properties()) {
      if (isRefused(entry.getKey()) && isSet(entry.getValue())) {
        problems.add(entry.getKey() + " is " + shortened(entry.getValue()) + ", not applied");
      }
    }
  }

  /// Listed keys, and switches and sub-configs of variants that came after this was written.
  private static boolean isRefused(String key) {
    return REFUSED.contains(key)
        || (key.startsWith("use_") && !key.equals("use_rslora"))
        || (key.endsWith("_config") && !HARMLESS_CONFIGS.contains(key));
  }

  private static boolean isSet(JsonNode value) {
    return value.isContainerNode()
        ? !value.isEmpty()
        : !value.isNull() && !value.asText().equals("false") && !value.asText().isEmpty();
  }

  private static String shortened(JsonNode value) {
    String text = value.toString();
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  private Map<String, Setting> settings() {
    Map<String, Setting> settings = new LinkedHashMap<>();
    Set<String> targets = targets();
    for (String module : targets) {
      int rank = (int) Math.clamp(number("rank_pattern", module, "r", 8), 0, 1 << 20);
      double alpha = number("alpha_pattern", module, "lora_alpha", 8);
      if (rank < 1) {
        problems.add("the rank of '" + module + "' is less than 1");
        continue;
      }
      boolean root = json.path("use_rslora").asBoolean(false);
      settings.put(module, new Setting(rank, (float) (alpha / (root ? Math.sqrt(rank) : rank))));
    }
    return settings;
  }

  /// The entry of the first matching pattern, else the general value.
  private double number(String patternsKey, String module, String key, double absent) {
    JsonNode value = json.path(key);
    for (var entry : json.path(patternsKey).properties()) {
      if (matches(patternsKey, "(.*\\.)?(" + entry.getKey() + ")", module)) {
        value = entry.getValue();
        break;
      }
    }
    if (value.isMissingNode()) {
      return absent;
    }
    if (!value.isNumber() || !Double.isFinite(value.asDouble())) {
      String problem = key + " is " + shortened(value) + ", a number was wanted";
      if (!problems.contains(problem)) {
        problems.add(problem);
      }
      return 1;
    }
    return value.asDouble();
  }

  private boolean matches(String key, String regex, String module) {
    try {
      return BoundedRegex.matches(regex, module);
    } catch (IllegalArgumentException e) {
      String problem = key + " has a regular expression that " + e.getMessage();
      if (!problems.contains(problem)) {
        problems.add(problem);
      }
      return false;
    }
  }

  /// Paths of the projections, in order of layer and projection.
  private List<String> projections() {
    List<String> all = new ArrayList<>();
    for (int layer = 0; layer < model.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        all.add(WeightNames.module(layer, projection));
      }
    }
    return all;
  }

  /// Every module a target could name, adaptable or not.
  private Set<String> modules() {
    Set<String> all = new LinkedHashSet<>(projections());
    for (int layer = 0; layer < model.layers(); layer++) {
      for (String part :
          List.of("", ".self_attn", ".mlp", ".input_layernorm", ".post_attention_layernorm")) {
        all.add("model.layers." + layer + part);
      }
    }
    all.addAll(List.of("model", "model.embed_tokens", "model.layers", "model.norm", "lm_head"));
    return all;
  }

  private Set<String> targets() {
    JsonNode wanted = json.path("target_modules");
    Set<String> found = new LinkedHashSet<>();
    if (wanted.isTextual() && wanted.asText().equalsIgnoreCase("all-linear")) {
      found.addAll(projections());
    } else if (wanted.isTextual()) {
      modules().stream()
          .filter(module -> matches("target_modules", wanted.asText(), module))
          .forEach(found::add);
    } else if (wanted.isArray()) {
      wanted.forEach(name -> found.addAll(named(name)));
    }
    exclude(found);
    Set<String> odd = new LinkedHashSet<>(found);
    projections().forEach(odd::remove);
    odd.forEach(module ->
        problems.add("target_modules names '" + module + "', which is no projection of a layer"));
    if (found.isEmpty()) {
      problems.add("target_modules is " + shortened(wanted) + ", which names no module");
    }
    Set<String> ordered = new LinkedHashSet<>(projections());
    ordered.retainAll(found);
    return ordered;
  }

  private List<String> named(JsonNode target) {
    String name = target.asText();
    List<String> found =
        modules().stream()
            .filter(
                module -> module.equals(name) || (module.endsWith("." + name) && inLayers(module)))
            .toList();
    if (!target.isTextual()
        || (found.isEmpty() && modules().stream().noneMatch(m -> m.endsWith("." + name)))) {
      problems.add("target_modules names " + target + ", which this model does not have");
    }
    return found;
  }

  private boolean inLayers(String module) {
    JsonNode layers = json.path("layers_to_transform");
    if (layers.isMissingNode() || layers.isNull() || (layers.isArray() && layers.isEmpty())) {
      return true;
    }
    String[] parts = module.split("\\.", -1);
    if (parts.length < 4 || !patternAllows(parts[1])) {
      return false;
    }
    int layer = Integer.parseInt(parts[2]);
    if (layers.isIntegralNumber()) {
      return layers.asInt() == layer;
    }
    for (JsonNode index : layers) {
      if (index.isIntegralNumber() && index.asInt() == layer) {
        return true;
      }
    }
    return false;
  }

  /// `layers_pattern` names the list of layers; it is `layers` in the supported families.
  private boolean patternAllows(String list) {
    JsonNode pattern = json.path("layers_pattern");
    if (pattern.isArray() && !pattern.isEmpty()) {
      for (JsonNode one : pattern) {
        if (matches("layers_pattern", one.asText(), list)) {
          return true;
        }
      }
      return false;
    }
    return !pattern.isTextual()
        || pattern.asText().isEmpty()
        || matches("layers_pattern", pattern.asText(), list);
  }

  private void exclude(Set<String> found) {
    JsonNode excluded = json.path("exclude_modules");
    if (excluded.isTextual() && !excluded.asText().isEmpty()) {
      found.removeIf(module -> matches("exclude_modules", excluded.asText(), module));
    }
    for (JsonNode name : excluded) {
      found.removeIf(
          module -> module.equals(name.asText()) || module.endsWith("." + name.asText()));
    }
  }
}
