package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A weight matrix `[N, K]` in panels of 16 outputs, `[ceil(N/16), K, 16]`: one vector holds the
/// same input of neighbouring outputs, so that an activation is broadcast and no lane is ever
/// summed across. Missing outputs of the last panel are zero.
///
/// Its memory belongs to the arena it was packed into.
public final class PackedMatrix {
  /// Outputs of one panel.
  public static final int PANEL = 16;

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
  public static PackedMatrix allocate(Storage storage, int outputs, int inputs, Arena arena) {
    long bytes = storage.bytes(outputs, inputs);
    return new PackedMatrix(storage, outputs, inputs, arena.allocate(bytes, 64));
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
    }
  }

  private void packF32(long base, float[] rows, int count) {
    for (int k = 0; k < inputs; k++) {
      for (int c = 0; c < count; c++) {
        data.set(FLOAT, base + ((long) k * PANEL + c) * 4, rows[c * inputs + k]);
      }
    }
  }

  private void packBf16(long base, float[] rows, int count) {
    for (int k = 0; k < inputs; k += 2) {
      for (int c = 0; c < count; c++) {
        int low = bf16(rows[c * inputs + k]);
        int high = k + 1 < inputs ? bf16(rows[c * inputs + k + 1]) : 0;
        data.set(INT, base + ((long) (k >> 1) * PANEL + c) * 4, (high << 16) | low);
      }
    }
  }

  /// Bits of the nearest bfloat16, ties to even; NaN stays NaN.
  static int bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
      return (bits >>> 16) | 0x40;
    }
    return (bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16;
  }

  /// One value, as the products see it.
  public float value(int output, int input) {
    long base = output / PANEL * panelBytes();
    int column = output % PANEL;
    return switch (storage) {
      case F32 -> data.get(FLOAT, base + ((long) input * PANEL + column) * 4);
      case BF16 -> {
        int pair = data.get(INT, base + ((long) (input >> 1) * PANEL + column) * 4);
        yield Float.intBitsToFloat((input & 1) == 0 ? pair << 16 : pair & 0xFFFF0000);
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
