package dev.lathe.compute.weights;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/// Safetensors files: mapped for reading, streamed for writing.
///
/// A file is the length `N` of the header (unsigned 64 bit, little-endian), `N` bytes of JSON
/// `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {…}}`, and the data
/// that the offsets count from. F32, F16 and BF16 are read; every byte of the data belongs to
/// exactly one tensor. Source: the safetensors format description and its Rust reader.
public final class Safetensors {
  /// Name of the only file of an unsharded model.
  public static final String SINGLE = "model.safetensors";

  /// Name of the list of shards.
  public static final String INDEX = "model.safetensors.index.json";

  private static final String METADATA = "__metadata__";
  private static final long MAX_HEADER = 100_000_000;
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Safetensors() {}

  /// The model weights of a Hugging Face directory: [#SINGLE], or the shards that [#INDEX] names.
  public static WeightSource openDirectory(Path directory) {
    Path single = directory.resolve(SINGLE);
    Path index = directory.resolve(INDEX);
    if (Files.exists(index)) {
      return openSharded(directory, index);
    }
    if (Files.exists(single)) {
      return open(List.of(single));
    }
    for (String pickle : List.of("pytorch_model.bin", "pytorch_model.bin.index.json")) {
      if (Files.exists(directory.resolve(pickle))) {
        throw LatheException.user(
            "'" + directory + "' has its weights in '" + pickle + "', a pickle, which can run code",
            "use a version of the model with '" + SINGLE + "', pickles are never read");
      }
    }
    throw LatheException.notFound(
        "'" + directory + "' has neither '" + SINGLE + "' nor '" + INDEX + "'", "");
  }

  /// The tensors of some files together.
  ///
  /// @return owns the mappings; close it
  /// @throws LatheException when a file is absent or damaged, holds another type of tensor, or a
  ///   name occurs twice
  public static WeightSource open(List<Path> files) {
    Arena arena = Arena.ofShared();
    try {
      Map<String, WeightTensor> all = new HashMap<>();
      Map<String, Path> homes = new HashMap<>();
      for (Path file : files) {
        read(file, arena, all, homes);
      }
      return new TensorMap(describe(files), arena, all);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static String describe(List<Path> files) {
    return "'" + files.getFirst() + "'" + (files.size() > 1 ? " and its shards" : "");
  }

  private static WeightSource openSharded(Path directory, Path index) {
    Map<String, Path> homes = shards(directory, index);
    Arena arena = Arena.ofShared();
    try {
      Map<String, WeightTensor> all = new HashMap<>();
      Map<String, Path> found = new HashMap<>();
      for (Path file : homes.values().stream().distinct().sorted().toList()) {
        read(file, arena, all, found);
      }
      if (!found.equals(homes)) {
        Set<String> differing = new HashSet<>(found.keySet());
        differing.addAll(homes.keySet());
        differing.removeIf(name -> java.util.Objects.equals(found.get(name), homes.get(name)));
        throw MappedFile.damaged(
            index, "it and the shards disagree on where " + quoted(differing) + " are");
      }
      return new TensorMap("'" + directory + "'", arena, all);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static String quoted(Set<String> names) {
    List<String> sorted = names.stream().sorted().toList();
    String shown = "'" + String.join("', '", sorted.subList(0, Math.min(5, sorted.size()))) + "'";
    return sorted.size() > 5 ? shown + " and " + (sorted.size() - 5) + " more" : shown;
  }

  /// Tensor name to shard, from the index.
  private static Map<String, Path> shards(Path directory, Path index) {
    JsonNode names = StrictJson.object(index, MAX_HEADER).path("weight_map");
    Map<String, Path> homes = new HashMap<>();
    for (var entry : names.properties()) {
      String file = entry.getValue().asText();
      if (!entry.getValue().isTextual()
          || !file.endsWith(".safetensors")
          || file.contains("/")
          || file.contains("\\")) {
        throw MappedFile.damaged(
            index, "tensor '" + entry.getKey() + "' is said to be in '" + file + "'");
      }
      homes.put(entry.getKey(), directory.resolve(file));
    }
    if (homes.isEmpty()) {
      throw MappedFile.damaged(index, "it has no 'weight_map'");
    }
    return homes;
  }

  private static void read(
      Path file, Arena arena, Map<String, WeightTensor> all, Map<String, Path> homes) {
    MemorySegment bytes = MappedFile.map(file, arena);
    for (WeightTensor tensor : tensors(file, bytes)) {
      Path other = homes.put(tensor.name(), file);
      if (other != null) {
        throw MappedFile.damaged(
            file, "tensor '" + tensor.name() + "' is also in '" + other.getFileName() + "'");
      }
      all.put(tensor.name(), tensor);
    }
  }

  private record Placed(WeightTensor tensor, long begin, long end) {}

  private static List<WeightTensor> tensors(Path file, MemorySegment bytes) {
    if (bytes.byteSize() < 8) {
      throw MappedFile.damaged(
          file, "it has " + bytes.byteSize() + " bytes, too few for a safetensors header");
    }
    long header = bytes.get(LENGTH, 0);
    if (header < 2 || header > MAX_HEADER || header > bytes.byteSize() - 8) {
      throw MappedFile.damaged(
          file,
          "its header claims "
              + Long.toUnsignedString(header)
              + " bytes, the file has "
              + bytes.byteSize());
    }
    JsonNode json =
        StrictJson.object(
            "the header of '" + file + "'",
            bytes.asSlice(8, header).toArray(ValueLayout.JAVA_BYTE));
    MemorySegment data = bytes.asSlice(8 + header);
    List<Placed> placed = new ArrayList<>();
    for (var entry : json.properties()) {
      if (!entry.getKey().equals(METADATA)) {
        placed.add(tensor(file, entry.getKey(), entry.getValue(), data));
      }
    }
    checkCover(file, placed, data.byteSize());
    return placed.stream().map(Placed::tensor).toList();
  }

  private static void checkCover(Path file, List<Placed> placed, long size) {
    placed.sort(Comparator.comparingLong(Placed::begin).thenComparingLong(Placed::end));
    long next = 0;
    for (Placed tensor : placed) {
      if (tensor.begin != next) {
        throw MappedFile.damaged(
            file,
            "tensor '"
                + tensor.tensor.name()
                + "' begins at byte "
                + tensor.begin
                + (tensor.begin < next ? ", inside another tensor" : " after a gap")
                + "; byte "
                + next
                + " was due");
      }
      next = tensor.end;
    }
    if (next != size) {
      throw MappedFile.damaged(
          file, "its tensors end at byte " + next + " of the data, the data at byte " + size);
    }
  }

  private static Placed tensor(Path file, String name, JsonNode json, MemorySegment data) {
    DType type = type(file, name, json.path("dtype").asText());
    List<Long> shape = longs(file, name, json, "shape");
    List<Long> offsets = longs(file, name, json, "data_offsets");
    if (offsets.size() != 2
        || offsets.get(0) > offsets.get(1)
        || offsets.get(1) > data.byteSize()) {
      throw MappedFile.damaged(
          file,
          "tensor '"
              + name
              + "' lies at bytes "
              + offsets
              + " of "
              + data.byteSize()
              + ", outside the data");
    }
    long begin = offsets.get(0);
    long end = offsets.get(1);
    long elements = elements(file, name, shape);
    if (elements > Long.MAX_VALUE / 8 || type.bytes(elements) != end - begin) {
      throw MappedFile.damaged(
          file,
          "tensor '"
              + name
              + "' "
              + shape
              + " of "
              + type
              + " does not fill its "
              + (end - begin)
              + " bytes");
    }
    var tensor = new WeightTensor(name, type, shape, data.asSlice(begin, end - begin));
    return new Placed(tensor, begin, end);
  }

  private static long elements(Path file, String name, List<Long> shape) {
    try {
      return shape.stream().reduce(1L, Math::multiplyExact);
    } catch (ArithmeticException e) {
      throw MappedFile.damaged(file, "tensor '" + name + "' has the impossible shape " + shape);
    }
  }

  private static DType type(Path file, String name, String stored) {
    return switch (stored) {
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      default ->
          throw LatheException.user(
              "tensor '" + name + "' of '" + file + "' is stored as '" + stored + "'",
              "F32, F16 and BF16 are read");
    };
  }

  private static List<Long> longs(Path file, String name, JsonNode json, String key) {
    List<Long> values = new ArrayList<>();
    JsonNode array = json.path(key);
    for (JsonNode value : array) {
      if (!value.isIntegralNumber() || !value.canConvertToLong() || value.asLong() < 0) {
        throw MappedFile.damaged(file, "tensor '" + name + "' has the " + key + " " + array);
      }
      values.add(value.asLong());
    }
    if (!array.isArray() || values.size() > 8) {
      throw MappedFile.damaged(file, "tensor '" + name + "' has the " + key + " " + array);
    }
    return values;
  }

  /// A tensor to be written.
  ///
  /// @param type F32 or BF16 (rounded to nearest even)
  /// @param values asked for once, when its turn has come; exactly the elements of `shape`, from
  ///   position to limit
  public record Output(DType type, List<Long> shape, Supplier<FloatBuffer> values) {
    public Output {
      shape = List.copyOf(shape);
      if (type != DType.F32 && type != DType.BF16) {
        throw new IllegalArgumentException(type + " tensors are not written");
      }
    }

    public static Output of(DType type, List<Long> shape, float... values) {
      return new Output(type, shape, () -> FloatBuffer.wrap(values));
    }

    private long elements() {
      return shape.stream().reduce(1L, Math::multiplyExact);
    }
  }

  /// Writes a file and brings it to the disk. The same tensors in the same order give the same
  /// bytes; metadata is sorted. The target is replaced in place: who needs the old file to survive
  /// a crash writes beside it and renames.
  ///
  /// @param metadata text by name; adapters and models carry `format` = `pt`
  public static void write(
      Path file, SequencedMap<String, Output> tensors, Map<String, String> metadata) {
    byte[] header = header(tensors, metadata);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer start = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
      drain(channel, start.putLong(header.length).put(header).flip());
      ByteBuffer chunk = ByteBuffer.allocate(1 << 18).order(ByteOrder.LITTLE_ENDIAN);
      for (var entry : tensors.entrySet()) {
        writeValues(channel, chunk, entry.getKey(), entry.getValue());
      }
      channel.force(true);
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be written", e.toString(), e);
    }
  }

  private static byte[] header(SequencedMap<String, Output> tensors, Map<String, String> metadata) {
    var root = com.fasterxml.jackson.databind.node.JsonNodeFactory.instance.objectNode();
    if (!metadata.isEmpty()) {
      var texts = root.putObject(METADATA);
      new TreeMap<>(metadata).forEach(texts::put);
    }
    long next = 0;
    for (var entry : tensors.entrySet()) {
      Output tensor = entry.getValue();
      var json = root.putObject(entry.getKey());
      json.put("dtype", tensor.type.name());
      var shape = json.putArray("shape");
      tensor.shape.forEach(shape::add);
      long end = next + tensor.type.bytes(tensor.elements());
      json.putArray("data_offsets").add(next).add(end);
      next = end;
    }
    String text = root.toString();
    int length = text.getBytes(StandardCharsets.UTF_8).length;
    return (text + " ".repeat(-length & 7)).getBytes(StandardCharsets.UTF_8);
  }

  private static void writeValues(FileChannel channel, ByteBuffer chunk, String name, Output tensor)
      throws IOException {
    FloatBuffer values = tensor.values.get().duplicate();
    if (values.remaining() != tensor.elements()) {
      throw new IllegalArgumentException(
          "tensor '" + name + "' " + tensor.shape + " got " + values.remaining() + " values");
    }
    while (values.hasRemaining()) {
      chunk.clear();
      while (values.hasRemaining() && chunk.hasRemaining()) {
        float value = values.get();
        if (tensor.type == DType.F32) {
          chunk.putFloat(value);
        } else {
          chunk.putShort(Dequantize.bf16(value));
        }
      }
      drain(channel, chunk.flip());
    }
  }

  private static void drain(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
