package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// A weight matrix `[N, K]` in panels of 32 outputs, one behind the other: one vector holds the
/// same input of neighbouring outputs, so that an activation is broadcast and no lane is ever
/// summed across. Missing outputs of the last panel are zero. Each panel has a [Format] of its own,
/// so that weights of several tensors can be computed as one product.
///
/// Its memory belongs to whoever gave it.
public final class PackedMatrix {
  /// Outputs of one panel.
  public static final int PANEL = 32;

  /// Bytes at whose multiples a matrix begins.
  public static final int ALIGNMENT = 64;

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int inputs;
  private final MemorySegment data;
  private final Panel[] panels;
  private final int levels;

  private PackedMatrix(int inputs, MemorySegment data, Panel[] panels) {
    this.inputs = inputs;
    this.data = data;
    this.panels = panels;
    this.levels =
        Arrays.stream(panels)
            .mapToInt(panel -> panel.format().levels())
            .filter(most -> most > 0)
            .min()
            .orElse(0);
  }

  /// An empty matrix, to be filled with [#pack].
  ///
  /// @param formats of each panel
  /// @param inputs `K`; whole blocks of every block format
  public static PackedMatrix allocate(List<Format> formats, int inputs, SegmentAllocator memory) {
    long bytes = formats.stream().mapToLong(format -> format.panelBytes(inputs)).sum();
    MemorySegment data = memory.allocate(bytes, ALIGNMENT);
    Panel[] panels = new Panel[formats.size()];
    long at = 0;
    for (int i = 0; i < panels.length; i++) {
      Format format = formats.get(i);
      long size = format.panelBytes(inputs);
      panels[i] = new Panel(format, data.asSlice(at, size), inputs);
      at += size;
    }
    return new PackedMatrix(inputs, data, panels);
  }

  /// As [#allocate(List, int, SegmentAllocator)], all panels of one format.
  public static PackedMatrix allocate(
      Format format, int outputs, int inputs, SegmentAllocator memory) {
    return allocate(Collections.nCopies(padded(outputs) / PANEL, format), inputs, memory);
  }

  /// Outputs rounded up to whole panels: the least row width of a result, and of activations.
  public static int padded(int outputs) {
    return (outputs + PANEL - 1) & -PANEL;
  }

  /// `K`
  public int inputs() {
    return inputs;
  }

  public int panels() {
    return panels.length;
  }

  public long bytes() {
    return data.byteSize();
  }

  /// The largest integer that activations become for this matrix; 0 when it takes floats only.
  public int levels() {
    return levels;
  }

  Panel panel(int panel) {
    return panels[panel];
  }

  /// Fills one panel of format F32 or BF16. Panels may be filled by several threads.
  ///
  /// @param rows the panel's rows of the weight, `[count, K]` row-major from index 0
  /// @param count rows that exist, up to 32
  public void pack(int panel, float[] rows, int count) {
    panels[panel].pack(rows, count);
  }

  /// Fills one panel of a block format. Panels may be filled by several threads.
  ///
  /// @param rows GGML's blocks of the panel's rows, each filled up to whole blocks
  /// @param count rows that exist, up to 32
  /// @param name of the weight, for messages
  /// @throws dev.lathe.compute.LatheException when a scale is not a finite number
  public void pack(int panel, byte[] rows, int count, String name) {
    panels[panel].pack(rows, rows.length / PANEL, count, name);
  }

  /// Bits of the nearest bfloat16, ties to even; NaN stays NaN.
  static int bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) {
      return (bits >>> 16) | 0x40;
    }
    return (bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16;
  }

  /// Copies the `K` values of one output.
  public void row(int output, float[] destination, int offset) {
    panels[output / PANEL].row(output % PANEL, destination, offset);
  }

  /// The formats that occur, in the order of their first panels.
  public List<Format> formats() {
    return Arrays.stream(panels).map(Panel::format).distinct().toList();
  }
}
