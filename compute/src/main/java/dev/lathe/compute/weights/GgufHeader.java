package dev.lathe.compute.weights;

import dev.lathe.compute.LatheException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What stands before the tensor data of a GGUF file: magic `GGUF`, version, counts, metadata,
/// tensor infos, padding. Source: the GGUF specification in ggml (`docs/gguf.md`).
///
/// @param metadata values as String, Boolean, Long, Double, [Strings], `long[]`, `double[]`, in
///   file order
record GgufHeader(Map<String, Object> metadata, Map<String, WeightTensor> tensors) {
  private static final int MAGIC = 0x46554747;
  private static final int MAX_KEYS = 1 << 16;
  private static final int MAX_TENSORS = 1 << 20;
  private static final int MAX_NAME = 1 << 16;
  private static final int MAX_STRING = 1 << 26;
  private static final int MAX_STRINGS = 1 << 30;
  private static final int MAX_DIMENSIONS = 4;
  private static final long MAX_ALIGNMENT = 1 << 20;

  static GgufHeader read(Path file, MemorySegment bytes) {
    return new Reader(file, bytes).header();
  }

  /// An array of strings, decoded when they are asked for: a vocabulary has a hundred thousand, and
  /// who wants the tensors need not wait for them.
  ///
  /// @param bytes the array's elements as in the file: a length in 8 bytes, then the text
  /// @param ends index in `bytes` behind each
  record Strings(Path file, String key, byte[] bytes, int[] ends) {
    int count() {
      return ends.length;
    }

    /// @throws LatheException when one is not UTF-8
    List<String> decoded() {
      String[] values = new String[ends.length];
      int start = 0;
      for (int i = 0; i < values.length; i++) {
        String text = text(bytes, start + Long.BYTES, ends[i]);
        if (text == null) {
          throw MappedFile.damaged(file, "metadata '" + key + "' is not UTF-8");
        }
        values[i] = text;
        start = ends[i];
      }
      return Collections.unmodifiableList(Arrays.asList(values));
    }
  }

  /// UTF-8 as text; null where it is none.
  private static @Nullable String text(byte[] bytes, int from, int to) {
    String text = new String(bytes, from, to - from, StandardCharsets.UTF_8);
    if (text.indexOf('\uFFFD') < 0) {
      return text;
    }
    try {
      ByteBuffer part = ByteBuffer.wrap(bytes, from, to - from);
      return StandardCharsets.UTF_8.newDecoder().decode(part).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
  }

  private record Info(String name, DType type, List<Long> shape, long offset) {}

  private static final class Reader {
    private static final ValueLayout.OfShort SHORT =
        ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
        ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
        ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final MemorySegment bytes;
    private long at;

    Reader(Path file, MemorySegment bytes) {
      this.file = file;
      this.bytes = bytes;
    }

    GgufHeader header() {
      checkMagic();
      int tensorCount = count("tensors", MAX_TENSORS);
      int keyCount = count("metadata keys", MAX_KEYS);
      Map<String, Object> metadata = new LinkedHashMap<>();
      for (int i = 0; i < keyCount; i++) {
        String key = string(MAX_NAME, "a metadata key");
        if (metadata.put(key, value(key, int32())) != null) {
          throw damaged("metadata '" + key + "' occurs twice");
        }
      }
      refuseSplit(metadata);
      List<Info> infos = new ArrayList<>();
      for (int i = 0; i < tensorCount; i++) {
        infos.add(info());
      }
      long alignment = alignment(metadata);
      long dataStart = (at + alignment - 1) / alignment * alignment;
      return new GgufHeader(
          Collections.unmodifiableMap(metadata), place(infos, dataStart, alignment));
    }

    private void checkMagic() {
      if (bytes.byteSize() < 24 || int32() != MAGIC) {
        throw LatheException.user("'" + file + "' is not a GGUF file", "");
      }
      int version = int32();
      if (version != 2 && version != 3) {
        boolean swapped = Integer.reverseBytes(version) == 3 || Integer.reverseBytes(version) == 2;
        throw LatheException.user(
            "'" + file + "' is GGUF " + (swapped ? "in big-endian order" : "version " + version),
            "versions 2 and 3 in little-endian order are read");
      }
    }

    private void refuseSplit(Map<String, Object> metadata) {
      if (metadata.get("split.count") instanceof Long parts && parts > 1) {
        throw LatheException.user(
            "'" + file + "' is one of " + parts + " parts of a model",
            "join them with llama-gguf-split --merge");
      }
    }

    private long alignment(Map<String, Object> metadata) {
      Object value = metadata.getOrDefault("general.alignment", 32L);
      if (!(value instanceof Long alignment)
          || alignment < 1
          || alignment > MAX_ALIGNMENT
          || Long.bitCount(alignment) != 1) {
        throw damaged("its alignment is " + value);
      }
      return alignment;
    }

    private Info info() {
      String name = string(MAX_NAME, "a tensor name");
      int dimensions = int32();
      if (dimensions < 0 || dimensions > MAX_DIMENSIONS) {
        throw damaged(
            "tensor '" + name + "' has " + Integer.toUnsignedString(dimensions) + " dimensions");
      }
      List<Long> shape = new ArrayList<>();
      for (int i = 0; i < dimensions; i++) {
        shape.add(int64());
      }
      DType type = type(name, int32());
      checkShape(name, type, shape);
      return new Info(name, type, shape.reversed(), int64());
    }

    private void checkShape(String name, DType type, List<Long> fastestFirst) {
      long elements = 1;
      try {
        for (long dimension : fastestFirst) {
          if (dimension < 1) {
            throw new ArithmeticException();
          }
          elements = Math.multiplyExact(elements, dimension);
        }
      } catch (ArithmeticException e) {
        throw damaged("tensor '" + name + "' has the impossible shape " + fastestFirst);
      }
      long row = fastestFirst.isEmpty() ? 1 : fastestFirst.getFirst();
      if (row % type.blockElements() != 0 || elements > bytes.byteSize() * 2) {
        throw damaged(
            "tensor '" + name + "' of " + type + " has the impossible shape " + fastestFirst);
      }
    }

    private Map<String, WeightTensor> place(List<Info> infos, long dataStart, long alignment) {
      infos.sort(Comparator.comparingLong(Info::offset));
      Map<String, WeightTensor> tensors = new HashMap<>();
      long next = 0;
      for (Info info : infos) {
        long elements = info.shape.stream().reduce(1L, (a, b) -> a * b);
        long length = info.type.bytes(elements);
        if (info.offset % alignment != 0 || info.offset < next) {
          throw damaged(
              "tensor '"
                  + info.name
                  + "' begins at byte "
                  + info.offset
                  + " of the data, "
                  + next
                  + " or later in steps of "
                  + alignment
                  + " was due");
        }
        if (info.offset > bytes.byteSize() - dataStart - length) {
          throw damaged(
              "tensor '"
                  + info.name
                  + "' ends beyond the end of the file, "
                  + bytes.byteSize()
                  + " bytes");
        }
        MemorySegment data = bytes.asSlice(dataStart + info.offset, length);
        if (tensors.put(info.name, new WeightTensor(info.name, info.type, info.shape, data))
            != null) {
          throw damaged("tensor '" + info.name + "' occurs twice");
        }
        next = info.offset + length;
      }
      return tensors;
    }

    private DType type(String name, int id) {
      return switch (id) {
        case 0 -> DType.F32;
        case 1 -> DType.F16;
        case 2 -> DType.Q4_0;
        case 3 -> DType.Q4_1;
        case 6 -> DType.Q5_0;
        case 7 -> DType.Q5_1;
        case 8 -> DType.Q8_0;
        case 12 -> DType.Q4_K;
        case 13 -> DType.Q5_K;
        case 14 -> DType.Q6_K;
        case 30 -> DType.BF16;
        default ->
            throw LatheException.user(
                "tensor '" + name + "' of '" + file + "' is stored in " + unsupported(id),
                "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K are read");
      };
    }

    private static String unsupported(int id) {
      List<String> names =
          List.of(
              "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",
              "I16", "I32", "I64", "F64", "IQ1_M");
      return switch (id) {
        case 9 -> "Q8_1";
        case 10 -> "Q2_K";
        case 11 -> "Q3_K";
        case 15 -> "Q8_K";
        case 34 -> "TQ1_0";
        case 35 -> "TQ2_0";
        case 39 -> "MXFP4";
        default ->
            id >= 16 && id < 16 + names.size()
                ? names.get(id - 16)
                : "the unknown format " + Integer.toUnsignedString(id);
      };
    }

    private Object value(String key, int type) {
      return switch (type) {
        case 0, 1, 2, 3, 4, 5, 10, 11 -> integer(key, type);
        case 6, 12 -> real(type);
        case 7 -> bool(key);
        case 8 -> string(MAX_STRING, "metadata '" + key + "'");
        case 9 -> array(key);
        default -> throw damaged("metadata '" + key + "' has the unknown type " + type);
      };
    }

    private Object array(String key) {
      int type = int32();
      long count = int64();
      @Nullable Integer width = width(type);
      if (width == null) {
        throw damaged("metadata '" + key + "' is an array of " + (type == 9 ? "arrays" : type));
      }
      if (count < 0 || count > (bytes.byteSize() - at) / width || count > Integer.MAX_VALUE - 8) {
        throw damaged(
            "metadata '" + key + "' claims " + Long.toUnsignedString(count) + " elements");
      }
      return switch (type) {
        case 8 -> strings(key, (int) count);
        case 6, 12 -> reals(type, (int) count);
        default -> integers(key, type, (int) count);
      };
    }

    /// Least bytes of one element, null where arrays of the type are not read.
    private static @Nullable Integer width(int type) {
      return switch (type) {
        case 0, 1, 7 -> 1;
        case 2, 3 -> 2;
        case 4, 5, 6 -> 4;
        case 8, 10, 11, 12 -> 8;
        default -> null;
      };
    }

    private Strings strings(String key, int count) {
      String what = "metadata '" + key + "'";
      long start = at;
      int[] ends = new int[count];
      for (int i = 0; i < count; i++) {
        long length = length(MAX_STRING, what);
        at += length;
        if (at - start > MAX_STRINGS) {
          throw damaged(what + " takes more than " + MAX_STRINGS + " bytes");
        }
        ends[i] = (int) (at - start);
      }
      byte[] all = bytes.asSlice(start, at - start).toArray(ValueLayout.JAVA_BYTE);
      return new Strings(file, key, all, ends);
    }

    private double[] reals(int type, int count) {
      double[] values = new double[count];
      for (int i = 0; i < count; i++) {
        values[i] = real(type);
      }
      return values;
    }

    private long[] integers(String key, int type, int count) {
      long[] values = new long[count];
      for (int i = 0; i < count; i++) {
        values[i] = type == 7 ? (bool(key) ? 1 : 0) : integer(key, type);
      }
      return values;
    }

    private long integer(String key, int type) {
      return switch (type) {
        case 0 -> int8() & 0xFF;
        case 1 -> int8();
        case 2 -> int16() & 0xFFFF;
        case 3 -> int16();
        case 4 -> int32() & 0xFFFFFFFFL;
        case 5 -> int32();
        case 10 -> unsigned(key, int64());
        case 11 -> int64();
        default -> throw damaged("metadata '" + key + "' has the type " + type);
      };
    }

    private long unsigned(String key, long value) {
      if (value < 0) {
        throw damaged("metadata '" + key + "' is " + Long.toUnsignedString(value));
      }
      return value;
    }

    private double real(int type) {
      return type == 6 ? Float.intBitsToFloat(int32()) : Double.longBitsToDouble(int64());
    }

    private boolean bool(String key) {
      byte value = int8();
      if (value != 0 && value != 1) {
        throw damaged("metadata '" + key + "' is the boolean " + value);
      }
      return value == 1;
    }

    private int count(String what, int limit) {
      long count = int64();
      if (count < 0 || count > limit) {
        throw damaged(
            "it claims "
                + Long.toUnsignedString(count)
                + " "
                + what
                + ", at most "
                + limit
                + " are read");
      }
      return (int) count;
    }

    private String string(int limit, String what) {
      long length = length(limit, what);
      byte[] stored = bytes.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
      at += length;
      String text = text(stored, 0, stored.length);
      if (text == null) {
        throw damaged(what + " is not UTF-8");
      }
      return text;
    }

    /// The length of a string, which ends inside the file.
    private long length(int limit, String what) {
      long length = int64();
      if (length < 0 || length > limit || length > bytes.byteSize() - at) {
        throw damaged(what + " claims " + Long.toUnsignedString(length) + " bytes");
      }
      return length;
    }

    private byte int8() {
      return bytes.get(ValueLayout.JAVA_BYTE, advance(1));
    }

    private short int16() {
      return bytes.get(SHORT, advance(2));
    }

    private int int32() {
      return bytes.get(INT, advance(4));
    }

    private long int64() {
      return bytes.get(LONG, advance(8));
    }

    private long advance(int width) {
      if (width > bytes.byteSize() - at) {
        throw damaged("it ends inside its header, after " + bytes.byteSize() + " bytes");
      }
      at += width;
      return at - width;
    }

    private LatheException damaged(String what) {
      return MappedFile.damaged(file, what);
    }
  }
}
