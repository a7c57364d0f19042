package dev.lathe.platform.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What `lathe.json` beside an adapter says about its training, as far as answering needs it; the
/// file is specified where `tuning` writes it.
///
/// @param model what the base model was called
/// @param base SHA-256 of the base model
/// @param tokenizer SHA-256 of its tokenizer
/// @param template SHA-256 of its chat template
/// @param factors SHA-256 of the factors; empty where the record is older than this key
/// @param probes prompts and the logits after them
record TrainingRecord(
    String model,
    String base,
    String tokenizer,
    String template,
    Optional<String> factors,
    Tolerance tolerance,
    List<Probe> probes) {
  static final String FILE = "lathe.json";
  private static final int FORMAT = 1;
  private static final long MAX_BYTES = 16 << 20;

  TrainingRecord {
    probes = List.copyOf(probes);
  }

  /// How far another engine may be off.
  ///
  /// @param absolute between each logit and the trainer's, beside what all of them have in common
  /// @param likeliestMargin where the trainer's two largest logits lie further apart, the likeliest
  ///   token must be the same
  record Tolerance(double absolute, double likeliestMargin) {
    /// This, or what an engine must be allowed whose logits may be so far off.
    Tolerance atLeast(double rounding) {
      return new Tolerance(Math.max(absolute, rounding), Math.max(likeliestMargin, 2 * rounding));
    }
  }

  /// @param likeliest the trainer's largest logits, the largest first
  record Probe(int[] tokens, List<Logit> likeliest) {}

  record Logit(int id, double value) {}

  /// The record beside an adapter, if there is one.
  ///
  /// @throws LatheException when it is damaged or of a format that is not known
  static Optional<TrainingRecord> read(Path directory) {
    Path file = directory.resolve(FILE);
    return Files.exists(file)
        ? Optional.of(parse(file, StrictJson.object(file, MAX_BYTES)))
        : Optional.empty();
  }

  private static TrainingRecord parse(Path file, JsonNode json) {
    int format = json.path("format").asInt(-1);
    if (format != FORMAT) {
      throw LatheException.user(
          "'" + file + "' has format " + json.path("format") + ", this version reads " + FORMAT,
          "use the version of Lathe that wrote it");
    }
    JsonNode probe = json.path("probe");
    List<Probe> probes = new ArrayList<>();
    for (JsonNode prompt : probe.path("prompts")) {
      probes.add(probe(file, prompt));
    }
    if (probes.isEmpty()) {
      throw damaged(file, "it has no probe prompts");
    }
    return new TrainingRecord(
        json.path("base_model_name_or_path").asText(),
        text(file, json, "base"),
        text(file, json, "tokenizer"),
        text(file, json, "template"),
        json.has("factors") ? Optional.of(text(file, json, "factors")) : Optional.empty(),
        new Tolerance(
            number(file, probe.path("tolerance").path("absolute")),
            number(file, probe.path("tolerance").path("top1_margin"))),
        probes);
  }

  private static Probe probe(Path file, JsonNode prompt) {
    int[] tokens = new int[prompt.path("tokens").size()];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = (int) number(file, prompt.path("tokens").get(i));
    }
    List<Logit> likeliest = new ArrayList<>();
    for (JsonNode pair : prompt.path("logits")) {
      likeliest.add(new Logit((int) number(file, pair.path(0)), number(file, pair.path(1))));
    }
    if (tokens.length == 0 || likeliest.isEmpty()) {
      throw damaged(file, "a probe prompt has no tokens or no logits");
    }
    return new Probe(tokens, likeliest);
  }

  private static String text(Path file, JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isTextual()) {
      throw damaged(file, "'" + key + "' is missing");
    }
    return value.asText();
  }

  private static double number(Path file, JsonNode value) {
    if (!value.isNumber()) {
      throw damaged(file, "a number was wanted in 'probe', found " + value.getNodeType());
    }
    return value.asDouble();
  }

  private static LatheException damaged(Path file, String how) {
    return LatheException.user(
        "'" + file + "' is damaged: " + how,
        "take the adapter's directory whole, or train it anew");
  }
}
