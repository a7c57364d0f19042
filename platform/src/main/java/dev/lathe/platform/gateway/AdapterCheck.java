package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.engine.AdapterPool;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// Whether an adapter belongs to a model. One that Lathe trained says so itself, see
/// [TrainingRecord]: model, tokenizer and chat template must be those it was trained with, the
/// factors those that training gave, and the engine must give the logits that the trainer gave. One
/// from elsewhere is checked by its shapes.
final class AdapterCheck {
  private final Path model;
  private final ModelConfig config;
  private final TextSide text;
  private final JavaEngine engine;
  private final Set<String> published = new HashSet<>();

  /// @param engine takes the adapters in and answers their probes
  AdapterCheck(Path model, ModelConfig config, TextSide text, JavaEngine engine) {
    this.model = model;
    this.config = config;
    this.text = text;
    this.engine = engine;
  }

  /// @throws LatheException when the adapter is not this model's, or answers otherwise than it was
  ///   trained to
  Generator.Loaded load(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw LatheException.notFound(
          "there is no adapter directory '" + directory + "'", "check the path");
    }
    Optional<TrainingRecord> record = TrainingRecord.read(directory);
    record.ifPresent(found -> requireIdentity(directory, found));
    Adapter adapter = AdapterFiles.read(directory, config);
    record
        .flatMap(TrainingRecord::factors)
        .ifPresent(sha256 -> requireFactors(directory, adapter, sha256));
    boolean known = engine.adapters().find(adapter.sha256()).isPresent();
    AdapterVersion version =
        engine.adapters().add(adapter, () -> AdapterFiles.read(directory, config));
    if (record.isEmpty()) {
      return new Generator.Loaded(
          version,
          Optional.of(
              "'"
                  + directory
                  + "' has no "
                  + TrainingRecord.FILE
                  + ": only its shapes were checked against the model"));
    }
    try {
      requireProbes(directory, version, record.get());
    } catch (RuntimeException e) {
      if (!known) {
        engine.adapters().remove(version.id());
      }
      throw e;
    }
    return new Generator.Loaded(version, Optional.empty());
  }

  /// Takes in an adapter from memory, requires that it answers as its trainer does, and turns the
  /// alias to it. The version that the alias pointed to is removed when it came the same way and
  /// has no other alias.
  synchronized AdapterVersion publish(String alias, Adapter adapter, List<Proof> proofs) {
    AdapterPool pool = engine.adapters();
    boolean known = pool.find(adapter.sha256()).isPresent();
    AdapterVersion version = pool.add(adapter);
    try {
      for (Proof proof : proofs) {
        require(adapter.name(), proof, engine.logits(proof.tokens(), version.id()));
      }
      pool.alias(alias, version.id());
    } catch (RuntimeException e) {
      if (!known) {
        pool.remove(version.id());
      }
      throw e;
    }
    if (!known) {
      published.add(version.id());
    }
    removeUnnamed(pool);
    return version;
  }

  private void removeUnnamed(AdapterPool pool) {
    Collection<String> named = pool.aliases().values();
    published.removeIf(id -> {
      if (named.contains(id)) {
        return false;
      }
      pool.find(id).ifPresent(unnamed -> pool.remove(unnamed.id()));
      return true;
    });
  }

  private static void require(String name, Proof proof, float[] found) {
    double[] apart = new double[found.length];
    Arrays.setAll(apart, id -> found[id] - proof.logits()[id]);
    centre(apart);
    double most = 0;
    for (double difference : apart) {
      most = Math.abs(difference) <= most ? most : Math.abs(difference);
    }
    if (!(most <= proof.tolerance())) {
      throw LatheException.user(
          String.format(
              Locale.ROOT,
              "adapter '%s' does not answer as its trainer does: a logit is %.4f apart, and at most %s is allowed",
              name,
              most,
              proof.tolerance()),
          "train and answer with the same base model");
    }
  }

  /// Takes away what several differences have in common: what is added to all logits alike changes
  /// no probability.
  private static void centre(double[] differences) {
    if (differences.length < 2) {
      return;
    }
    double mean = Arrays.stream(differences).average().orElse(0);
    for (int i = 0; i < differences.length; i++) {
      differences[i] -= mean;
    }
  }

  private void requireIdentity(Path directory, TrainingRecord record) {
    List<String> differences = new ArrayList<>();
    difference("base model", record.base(), modelSha256()).ifPresent(differences::add);
    difference("tokenizer", record.tokenizer(), text.tokenizer().sha256())
        .ifPresent(differences::add);
    difference("chat template", record.template(), text.templateSha256())
        .ifPresent(differences::add);
    if (!differences.isEmpty()) {
      throw LatheException.user(
          "adapter '"
              + directory
              + "' was trained on '"
              + record.model()
              + "', and '"
              + model
              + "' differs in: "
              + String.join(", ", differences),
          "use it with the model it was trained on");
    }
  }

  /// Probes tell only what moves their logits further than rounding does.
  private static void requireFactors(Path directory, Adapter adapter, String trained) {
    difference("factors", trained, adapter.sha256())
        .ifPresent(found -> {
          throw LatheException.user(
              "adapter '" + directory + "' was changed after its training: " + found,
              "take the adapter's directory as it was trained; to use changed factors, leave "
                  + TrainingRecord.FILE
                  + " out");
        });
  }

  private String modelSha256() {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.sha256();
    }
  }

  private static Optional<String> difference(String what, String trained, String found) {
    return trained.equals(found)
        ? Optional.empty()
        : Optional.of(
            what + " (sha-256 " + shortened(trained) + ", found " + shortened(found) + ")");
  }

  private static String shortened(String sha256) {
    return sha256.isEmpty() ? "none" : sha256.substring(0, Math.min(12, sha256.length())) + "…";
  }

  private void requireProbes(Path directory, AdapterVersion version, TrainingRecord record) {
    TrainingRecord.Tolerance tolerance = record.tolerance().atLeast(engine.rounding());
    for (int i = 0; i < record.probes().size(); i++) {
      TrainingRecord.Probe probe = record.probes().get(i);
      float[] found = engine.logits(probe.tokens(), version.id());
      Optional<String> fault = fault(probe, found, tolerance);
      if (fault.isPresent()) {
        throw LatheException.user(
            "adapter '"
                + directory
                + "' does not answer as it was trained to: at probe prompt "
                + (i + 1)
                + " "
                + fault.get(),
            "try --weights f32; if that does not help, train it anew with this version");
      }
    }
  }

  /// What is wrong with the logits found, if anything is.
  static Optional<String> fault(
      TrainingRecord.Probe probe, float[] found, TrainingRecord.Tolerance tolerance) {
    List<TrainingRecord.Logit> wanted = probe.likeliest();
    double[] apart = new double[wanted.size()];
    for (int i = 0; i < apart.length; i++) {
      TrainingRecord.Logit logit = wanted.get(i);
      if (logit.id() < 0 || logit.id() >= found.length) {
        return Optional.of("token " + logit.id() + " is not in the model's vocabulary");
      }
      apart[i] = found[logit.id()] - logit.value();
    }
    centre(apart);
    for (int i = 0; i < apart.length; i++) {
      if (!(Math.abs(apart[i]) <= tolerance.absolute())) {
        return Optional.of(
            String.format(
                Locale.ROOT,
                "the logit of token %d is %.4f from the trainer's, beside the others, and at most %s is allowed",
                wanted.get(i).id(),
                apart[i],
                tolerance.absolute()));
      }
    }
    int likeliest = likeliest(found);
    boolean clear =
        wanted.size() > 1
            && wanted.get(0).value() - wanted.get(1).value() > tolerance.likeliestMargin();
    if (clear && likeliest != wanted.getFirst().id()) {
      return Optional.of(
          "the likeliest token is " + likeliest + ", the trainer's was " + wanted.getFirst().id());
    }
    return Optional.empty();
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int id = 1; id < logits.length; id++) {
      best = logits[id] > logits[best] ? id : best;
    }
    return best;
  }
}
