package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A weight matrix `[N, K]` in panels of 16 outputs, `[ceil(N/16), K, 16]`: one vector holds the
/// same input of neighbouring outputs, so that an activation is broadcast and no lane is ever
/// summed across. Missing outputs of the last panel are zero.
///
/// Its memory belongs to whoever gave it.
public final class PackedMatrix {
  /// Outputs of one panel.
  public static final int PANEL = 16;

  /// Bytes at whose multiples a matrix begins.
  public static final int ALIGNMENT = 64;

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Storage storage;
  private final int outputs;
  private final int inputs;
  private final MemorySegment data;

  private PackedMatrix(Storage storage, int outputs, int inputs, MemorySegment data) {
    this.storage = storage;
    this.outputs = outputs;
    this.inputs = inputs;
    this.data = data;
  }

  /// An empty matrix, to be filled with [#pack].
  public static PackedMatrix allocate(
      Storage storage, int outputs, int inputs, SegmentAllocator memory) {
    long bytes = storage.bytes(outputs, inputs);
    return new PackedMatrix(storage, outputs, inputs, memory.allocate(bytes, ALIGNMENT));
  }

  /// Outputs rounded up to whole panels: the least row width of a result.
  public static int padded(int outputs) {
    return (outputs + PANEL - 1) & -PANEL;
  }

  public Storage storage() {
    return storage;
  }

  /// `N`
  public int outputs() {
    return outputs;
  }

  /// `K`
  public int inputs() {
    return inputs;
  }

  public int panels() {
    return padded(outputs) / PANEL;
  }

  public long bytes() {
    return data.byteSize();
  }

  MemorySegment data() {
    return data;
  }

  /// Bytes from one panel to the next.
  long panelBytes() {
    return storage.bytes(PANEL, inputs);
  }

  /// Fills one panel. Panels may be filled by several threads.
  ///
  /// @param rows the panel's rows of the weight, `[count, K]` row-major from index 0
  /// @param count rows that exist, up to 16
  public void pack(int panel, float[] rows, int count) {
    long base = panel * panelBytes();
    switch (storage) {
      case F32 -> packF32(base, rows, count);
      case BF16 -> packBf16(base, rows, count);
      case INT8 -> packInt8(base, rows, count);
    }
  }

  private void packF32(long base, float[] rows, int count) {
    float[] panel = new float[inputs * PANEL];
    for (int c = 0; c < count; c++) {
      int from = c * inputs;
      for (int k = 0; k < inputs; k++) {
        panel[k * PANEL + c] = rows[from + k];
      }
    }
    MemorySegment.copy(panel, 0, data, FLOAT, base, panel.length);
  }

  private void packBf16(long base, float[] rows, int count) {
    int[] panel = new int[storage.paddedInputs(inputs) / 2 * PANEL];
    for (int c = 0; c < count; c++) {
      int from = c * inputs;
      for (int k = 0; k + 1 < inputs; k += 2) {
        panel[k / 2 * PANEL + c] = (bf16(rows[from + k + 1]) << 16) | bf16(rows[from + k]);
      }
      if ((inputs & 1) != 0) {
        panel[inputs / 2 * PANEL + c] = bf16(rows[from + inputs - 1]);
      }
    }
    MemorySegment.copy(panel, 0, data, INT, base, panel.length);
  }

  private void packInt8(long base, float[] rows, int count) {
    byte[] panel = new byte[inputs * PANEL];
    float[] scales = new float[PANEL];
    for (int c = 0; c < count; c++) {
      int from = c * inputs;
      float most = 0;
      for (int k = 0; k < inputs; k++) {
        most = Math.max(most, Math.abs(rows[from + k]));
      }
      scales[c] = most / Byte.MAX_VALUE;
      float inverse = most == 0 ? 0 : Byte.MAX_VALUE / most;
      for (int k = 0; k < inputs; k++) {
        panel[k * PANEL + c] = (byte) Math.round(rows[from + k] * inverse);
      }
    }
    MemorySegment.copy(panel, 0, data, ValueLayout.JAVA_BYTE, base, panel.length);
    MemorySegment.copy(scales, 0, data, FLOAT, base + panel.length, PANEL);
  }

  /// Bits of the nearest bfloat16, ties to even; NaN stays NaN.
  static int bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
      return (bits >>> 16) | 0x40;
    }
    return (bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16;
  }

  /// One value.
  public float value(int output, int input) {
    return code(output, input) * scale(output);
  }

  /// One value in units of its output's [#scale], as the products add it up.
  float code(int output, int input) {
    long base = output / PANEL * panelBytes();
    int column = output % PANEL;
    return switch (storage) {
      case F32 -> data.get(FLOAT, base + ((long) input * PANEL + column) * 4);
      case BF16 -> {
        int pair = data.get(INT, base + ((long) (input >> 1) * PANEL + column) * 4);
        yield Float.intBitsToFloat((input & 1) == 0 ? pair << 16 : pair & 0xFFFF0000);
      }
      case INT8 -> data.get(ValueLayout.JAVA_BYTE, base + (long) input * PANEL + column);
    };
  }

  /// What the sum of an output is multiplied with; 1 where values are stored as they are.
  float scale(int output) {
    return switch (storage) {
      case F32, BF16 -> 1;
      case INT8 -> {
        long scales = output / PANEL * panelBytes() + (long) inputs * PANEL;
        yield data.get(FLOAT, scales + output % PANEL * 4L);
      }
    };
  }

  /// Copies the `K` values of one output.
  public void row(int output, float[] destination, int offset) {
    for (int k = 0; k < inputs; k++) {
      destination[offset + k] = value(output, k);
    }
  }
}
