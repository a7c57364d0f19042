package dev.lathe.compute.model;

import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.weights.Gguf;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A base model as it lies on the disk: a Hugging Face directory or a GGUF file, its config read,
/// its weights mapped, names and shapes of all tensors checked against the config.
///
/// Whoever opens it closes it; tensors are valid until then. Safe for use by many threads.
public final class Checkpoint implements AutoCloseable {
  private final Path path;
  private final ModelConfig config;
  private final WeightSource weights;
  private final @Nullable Gguf gguf;
  private @Nullable String sha256;

  private Checkpoint(Path path, ModelConfig config, WeightSource weights, @Nullable Gguf gguf) {
    this.path = path;
    this.config = config;
    this.weights = weights;
    this.gguf = gguf;
  }

  /// Opens a model.
  ///
  /// @param directoryOrGguf a Hugging Face directory, a GGUF file, or a directory with exactly one
  ///   GGUF file and no `config.json`
  /// @throws LatheException when it is absent, damaged, of an architecture that is not supported,
  ///   or when tensors are missing, left over or of another shape than the config says
  public static Checkpoint open(Path directoryOrGguf) {
    if (Files.isRegularFile(directoryOrGguf)) {
      return openGguf(directoryOrGguf);
    }
    if (!Files.isDirectory(directoryOrGguf)) {
      throw LatheException.notFound("there is no model at '" + directoryOrGguf + "'", "");
    }
    if (Files.exists(directoryOrGguf.resolve("config.json"))) {
      return openDirectory(directoryOrGguf);
    }
    return openGguf(onlyGguf(directoryOrGguf));
  }

  private static Path onlyGguf(Path directory) {
    List<Path> found;
    try (Stream<Path> files = Files.list(directory)) {
      found = files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
    } catch (java.io.IOException e) {
      throw LatheException.environment("'" + directory + "' cannot be listed", e.toString(), e);
    }
    if (found.size() != 1) {
      throw LatheException.user(
          "'" + directory + "' has no 'config.json' and " + found.size() + " GGUF files",
          found.isEmpty() ? "a model directory has one or the other" : "name one of them");
    }
    return found.getFirst();
  }

  private static Checkpoint openDirectory(Path directory) {
    ModelConfig config = HuggingFaceConfig.read(directory);
    WeightSource weights = Safetensors.openDirectory(directory);
    return checked(new Checkpoint(directory, config, weights, null));
  }

  private static Checkpoint openGguf(Path file) {
    Gguf gguf = Gguf.open(file);
    try {
      ModelConfig config = GgufConfig.read(gguf);
      return checked(new Checkpoint(file, config, new GgufWeights(gguf, config), gguf));
    } catch (RuntimeException | Error e) {
      gguf.close();
      throw e;
    }
  }

  private static Checkpoint checked(Checkpoint checkpoint) {
    try {
      checkpoint.checkTensors();
      return checkpoint;
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  /// What the decoder computes.
  public ModelConfig config() {
    return config;
  }

  /// The tensors, under Hugging Face names, in Hugging Face row order; owned by this checkpoint.
  public WeightSource weights() {
    return weights;
  }

  /// The weight of the output head `[V, E]`: the embedding where they are tied.
  public WeightTensor head() {
    return weights.tensor(config.tiedEmbeddings() ? WeightNames.EMBEDDING : WeightNames.HEAD);
  }

  /// The Hugging Face directory or the GGUF file.
  public Path path() {
    return path;
  }

  /// The GGUF file, when it is one: tokenizer and chat template are in its metadata.
  public Optional<Gguf> gguf() {
    return Optional.ofNullable(gguf);
  }

  /// Numbers that the decoder has.
  public long parameters() {
    return expectedShapes(config).values().stream()
        .mapToLong(shape -> shape.stream().reduce(1L, (a, b) -> a * b))
        .sum();
  }

  /// How the matrices of its layers are stored, as `Q4_K` or `BF16`; of files with several types,
  /// that of the last layer's.
  public String storedType() {
    return weights.tensor(WeightNames.weight(config.layers() - 1, Projection.GATE)).type().name();
  }

  /// Identity of what is computed, 64 hexadecimal digits: of a GGUF file its own SHA-256; of a
  /// directory the SHA-256 of the lines that `sha256sum` prints for `config.json` and the
  /// `.safetensors` files in order of name. Taken from the model store's manifest where that is
  /// younger than the files, else computed when first asked for.
  public synchronized String sha256() {
    if (sha256 == null) {
      sha256 = CheckpointHash.of(path);
    }
    return sha256;
  }

  @Override
  public void close() {
    weights.close();
  }

  private void checkTensors() {
    Map<String, List<Long>> expected = expectedShapes(config);
    List<String> problems = new ArrayList<>();
    for (var entry : expected.entrySet()) {
      if (!weights.names().contains(entry.getKey())) {
        problems.add("tensor '" + entry.getKey() + "' is missing");
      } else {
        List<Long> shape = shape(entry.getKey());
        if (!shape.equals(entry.getValue())) {
          problems.add(
              "tensor '"
                  + entry.getKey()
                  + "' is "
                  + shape
                  + ", the config says "
                  + entry.getValue());
        }
      }
    }
    for (String name : weights.names()) {
      if (!expected.containsKey(name) && !isHarmless(name)) {
        problems.add("tensor '" + name + "' is not part of the decoder");
      }
    }
    refuse(problems);
  }

  private List<Long> shape(String name) {
    return weights instanceof GgufWeights stored
        ? stored.shape(name)
        : weights.tensor(name).shape();
  }

  private void refuse(List<String> problems) {
    if (problems.isEmpty()) {
      return;
    }
    throw LatheException.user(
        "the tensors of '"
            + path
            + "' do not fit its config: "
            + FirstFew.of(problems, 8, "; ", "; and "),
        "");
  }

  /// Old files carry the rotary frequencies as a buffer, which transformers recomputes; a tied head
  /// may be stored a second time, equal to the embedding.
  private boolean isHarmless(String name) {
    if (name.endsWith(".rotary_emb.inv_freq")) {
      return true;
    }
    if (!name.equals(WeightNames.HEAD) || !weights.names().contains(WeightNames.EMBEDDING)) {
      return false;
    }
    WeightTensor head = weights.tensor(name);
    WeightTensor embedding = weights.tensor(WeightNames.EMBEDDING);
    return head.type() == embedding.type() && head.data().mismatch(embedding.data()) == -1;
  }

  /// Names and shapes of all tensors of a decoder.
  static Map<String, List<Long>> expectedShapes(ModelConfig config) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    long width = config.width();
    shapes.put(WeightNames.EMBEDDING, List.of((long) config.vocabulary(), width));
    for (int layer = 0; layer < config.layers(); layer++) {
      shapes.put(WeightNames.attentionNorm(layer), List.of(width));
      shapes.put(WeightNames.mlpNorm(layer), List.of(width));
      for (Projection projection : Projection.values()) {
        long out = config.out(projection);
        shapes.put(
            WeightNames.weight(layer, projection), List.of(out, (long) config.in(projection)));
        if (config.hasBias(projection)) {
          shapes.put(WeightNames.bias(layer, projection), List.of(out));
        }
      }
    }
    shapes.put(WeightNames.FINAL_NORM, List.of(width));
    if (!config.tiedEmbeddings()) {
      shapes.put(WeightNames.HEAD, List.of((long) config.vocabulary(), width));
    }
    return shapes;
  }
}
