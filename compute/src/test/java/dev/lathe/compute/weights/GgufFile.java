package dev.lathe.compute.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Builds small GGUF files, right ones and wrong ones.
public final class GgufFile {
  private record Tensor(String name, int type, long[] shape, byte[] data) {}

  private int alignment = 32;
  private final Map<String, byte[]> metadata = new LinkedHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();

  public GgufFile string(String key, String value) {
    return raw(key, 8, text(value));
  }

  public GgufFile uint32(String key, int value) {
    return raw(key, 4, ints(value));
  }

  /// States another alignment than 32 and keeps it.
  public GgufFile alignment(int bytes) {
    alignment = bytes;
    return uint32("general.alignment", bytes);
  }

  public GgufFile float32(String key, float value) {
    return raw(key, 6, ints(Float.floatToRawIntBits(value)));
  }

  public GgufFile strings(String key, List<String> values) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(ints(8));
    out.writeBytes(longs(values.size()));
    values.forEach(value -> out.writeBytes(text(value)));
    return raw(key, 9, out.toByteArray());
  }

  /// A metadata value of any type id and any bytes.
  public GgufFile raw(String key, int type, byte[] value) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(ints(type));
    out.writeBytes(value);
    metadata.put(key, out.toByteArray());
    return this;
  }

  /// An F32 tensor; the outermost dimension first.
  public GgufFile tensor(String name, List<Long> shape, float... values) {
    ByteBuffer data = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    long[] dimensions = shape.reversed().stream().mapToLong(Long::longValue).toArray();
    return tensor(name, 0, dimensions, data.array());
  }

  /// A tensor of any type id, the contiguous dimension first.
  public GgufFile tensor(String name, int type, long[] dimensions, byte[] data) {
    tensors.add(new Tensor(name, type, dimensions, data));
    return this;
  }

  /// The file's bytes, tensors one after another at multiples of the alignment.
  public byte[] bytes() {
    var out = new ByteArrayOutputStream();
    out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(ints(3));
    out.writeBytes(longs(tensors.size(), metadata.size()));
    metadata.forEach((key, value) -> {
      out.writeBytes(text(key));
      out.writeBytes(value);
    });
    var data = new ByteArrayOutputStream();
    for (Tensor tensor : tensors) {
      out.writeBytes(text(tensor.name));
      out.writeBytes(ints(tensor.shape.length));
      out.writeBytes(longs(tensor.shape));
      out.writeBytes(ints(tensor.type));
      out.writeBytes(longs(data.size()));
      data.writeBytes(tensor.data);
      pad(data);
    }
    pad(out);
    out.writeBytes(data.toByteArray());
    return out.toByteArray();
  }

  public Path write(Path file) {
    try {
      return Files.write(file, bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void pad(ByteArrayOutputStream out) {
    out.writeBytes(new byte[-out.size() & (alignment - 1)]);
  }

  static byte[] text(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    var out = new ByteArrayOutputStream();
    out.writeBytes(longs(utf8.length));
    out.writeBytes(utf8);
    return out.toByteArray();
  }

  static byte[] ints(int... values) {
    ByteBuffer out = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    out.asIntBuffer().put(values);
    return out.array();
  }

  static byte[] longs(long... values) {
    ByteBuffer out = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    out.asLongBuffer().put(values);
    return out.array();
  }
}
