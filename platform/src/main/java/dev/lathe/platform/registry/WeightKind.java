package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.weights.Gguf;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;

/// How a model's weights are stored, as the model itself says: `BF16`, `Q4_K_M`.
final class WeightKind {
  static final String UNKNOWN = "unknown";

  /// `general.file_type` of GGUF files, as llama.cpp's `llama_ftype` numbers them.
  private static final Map<Long, String> GGUF_TYPES =
      Map.ofEntries(
          Map.entry(0L, "F32"),
          Map.entry(1L, "F16"),
          Map.entry(2L, "Q4_0"),
          Map.entry(3L, "Q4_1"),
          Map.entry(7L, "Q8_0"),
          Map.entry(8L, "Q5_0"),
          Map.entry(9L, "Q5_1"),
          Map.entry(10L, "Q2_K"),
          Map.entry(11L, "Q3_K_S"),
          Map.entry(12L, "Q3_K_M"),
          Map.entry(13L, "Q3_K_L"),
          Map.entry(14L, "Q4_K_S"),
          Map.entry(15L, "Q4_K_M"),
          Map.entry(16L, "Q5_K_S"),
          Map.entry(17L, "Q5_K_M"),
          Map.entry(18L, "Q6_K"),
          Map.entry(32L, "BF16"));

  private WeightKind() {}

  /// Of a folder: the type of its largest tensor. Nothing is known of weights that cannot be read;
  /// opening them will say why.
  static Facts ofFolder(Path folder) {
    try (WeightSource weights = Safetensors.openDirectory(folder)) {
      String kind =
          weights.names().stream()
              .map(weights::tensor)
              .max(Comparator.comparingLong(WeightTensor::elements))
              .map(tensor -> tensor.type().name())
              .orElse(UNKNOWN);
      return new Facts(kind, Optional.empty());
    } catch (LatheException e) {
      return new Facts(UNKNOWN, Optional.empty());
    }
  }

  /// What a model says of itself.
  record Facts(String weights, Optional<String> licence) {}

  /// Nothing is known of a file that cannot be read as GGUF; opening it will say why.
  static Facts ofGguf(Path file) {
    try (Gguf gguf = Gguf.open(file)) {
      long type = gguf.integer("general.file_type").orElse(-1);
      return new Facts(GGUF_TYPES.getOrDefault(type, UNKNOWN), gguf.string("general.license"));
    } catch (LatheException e) {
      return new Facts(UNKNOWN, Optional.empty());
    }
  }
}
