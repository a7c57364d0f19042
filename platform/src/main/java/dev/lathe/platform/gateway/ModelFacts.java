package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.Checkpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/// What can be told about a base model beside its config.
///
/// @param format `gguf` or `safetensors`
/// @param precision how its matrices are stored, as `Q4_K` or `BF16`
/// @param bytes size of its files
/// @param parameters numbers that it has
/// @param sha256 as [Checkpoint#sha256]
/// @param template source of its chat template; empty when it has none
public record ModelFacts(
    String format, String precision, long bytes, long parameters, String sha256, String template) {
  /// The number of parameters as people write it, `134.5M` or `7.6B`.
  public String parameterSize() {
    double millions = parameters / 1e6;
    return millions >= 1000
        ? String.format(Locale.ROOT, "%.1fB", millions / 1000)
        : String.format(Locale.ROOT, "%.1fM", millions);
  }

  static ModelFacts of(Path model, String template) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return new ModelFacts(
          checkpoint.gguf().isPresent() ? "gguf" : "safetensors",
          checkpoint.storedType(),
          bytes(model),
          checkpoint.parameters(),
          checkpoint.sha256(),
          template);
    }
  }

  private static long bytes(Path model) {
    try (Stream<Path> files = Files.walk(model, 1)) {
      return files.filter(Files::isRegularFile).mapToLong(ModelFacts::size).sum();
    } catch (IOException | UncheckedIOException e) {
      throw LatheException.environment(
          "'" + model + "' cannot be read (" + e.getMessage() + ")", "check the model's files", e);
    }
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
