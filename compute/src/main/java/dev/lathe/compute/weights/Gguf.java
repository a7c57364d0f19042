package dev.lathe.compute.weights;

import dev.lathe.compute.LatheException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// A GGUF file, version 2 or 3, mapped: typed metadata, and its tensors under their GGUF names
/// (`blk.0.attn_q.weight`) with the outermost dimension first.
///
/// Metadata is read at opening and stays valid after closing; tensors do not. A key that is absent
/// gives an empty answer, a key of another type than asked for an error.
public final class Gguf implements WeightSource {
  private final Path file;
  private final Map<String, Object> metadata;
  private final WeightSource tensors;
  private final Map<String, List<String>> decoded = new ConcurrentHashMap<>();

  private Gguf(Path file, Map<String, Object> metadata, WeightSource tensors) {
    this.file = file;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /// Maps and checks a file.
  ///
  /// @return owns the mapping; close it
  /// @throws LatheException when the file is absent, damaged or holds formats that are not read
  public static Gguf open(Path file) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment bytes = MappedFile.map(file, arena);
      GgufHeader header = GgufHeader.read(file, bytes);
      return new Gguf(
          file, header.metadata(), new TensorMap("'" + file + "'", arena, header.tensors()));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// The file itself.
  public Path path() {
    return file;
  }

  /// All metadata keys, in file order.
  public Set<String> keys() {
    return metadata.keySet();
  }

  public boolean has(String key) {
    return metadata.containsKey(key);
  }

  public Optional<String> string(String key) {
    return Optional.ofNullable(value(key, String.class, "a string"));
  }

  public Optional<Boolean> bool(String key) {
    return Optional.ofNullable(value(key, Boolean.class, "a boolean"));
  }

  /// An integer of any width. An unsigned 64-bit number above 2⁶³ − 1 is refused at opening.
  public OptionalLong integer(String key) {
    Long value = value(key, Long.class, "an integer");
    return value == null ? OptionalLong.empty() : OptionalLong.of(value);
  }

  /// A floating-point number of any width.
  public OptionalDouble real(String key) {
    Double value = value(key, Double.class, "a floating-point number");
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /// An array of strings, decoded when first asked for; empty when absent.
  ///
  /// @throws LatheException also when one is not UTF-8
  public List<String> strings(String key) {
    GgufHeader.Strings value = value(key, GgufHeader.Strings.class, "an array of strings");
    return value == null ? List.of() : decoded.computeIfAbsent(key, _ -> value.decoded());
  }

  /// An array of integers or booleans of any width, copied; empty when absent.
  public long[] integers(String key) {
    long[] value = value(key, long[].class, "an array of integers");
    return value == null ? new long[0] : value.clone();
  }

  /// An array of floating-point numbers of any width, copied; empty when absent.
  public double[] reals(String key) {
    double[] value = value(key, double[].class, "an array of floating-point numbers");
    return value == null ? new double[0] : value.clone();
  }

  private <T> @Nullable T value(String key, Class<T> type, String wanted) {
    Object value = metadata.get(key);
    if (value == null || type.isInstance(value)) {
      return type.cast(value);
    }
    throw LatheException.user(
        "metadata '" + key + "' of '" + file + "' is " + describe(value) + ", not " + wanted, "");
  }

  private static String describe(Object value) {
    return switch (value) {
      case String text ->
          "the string '" + (text.length() > 40 ? text.substring(0, 40) : text) + "'";
      case GgufHeader.Strings strings -> "an array of " + strings.count() + " strings";
      case long[] array -> "an array of " + array.length + " integers";
      case double[] array -> "an array of " + array.length + " floating-point numbers";
      default -> value.toString();
    };
  }

  @Override
  public Set<String> names() {
    return tensors.names();
  }

  @Override
  public WeightTensor tensor(String name) {
    return tensors.tensor(name);
  }

  @Override
  public void close() {
    tensors.close();
  }
}
