package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.Format;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.Quantize;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// Packs stored tensors into panels: blocks of the wanted format are moved, everything else is
/// decoded, and rounded where the format asks for it.
///
/// @param arena owns the packed matrices
record WeightPacker(Arena arena, Workers workers) {
  private static final int PANEL = PackedMatrix.PANEL;

  PackedMatrix allocate(List<Format> formats, int inputs) {
    return PackedMatrix.allocate(formats, inputs, arena);
  }

  PackedMatrix allocate(Format format, int outputs, int inputs) {
    return PackedMatrix.allocate(format, outputs, inputs, arena);
  }

  /// Packs a tensor's rows, 32 at a time, into every `step`-th panel from `firstPanel` on.
  void pack(PackedMatrix matrix, WeightTensor tensor, Format format, int firstPanel, int step) {
    int rows = tensor.rows();
    workers.run(
        (first, last, worker) -> {
          for (int panel = first; panel < last; panel++) {
            int row = panel * PANEL;
            int count = Math.min(PANEL, rows - row);
            pack(matrix, firstPanel + panel * step, tensor, format, row, count);
          }
        },
        PackedMatrix.padded(rows) / PANEL,
        8);
    tensor.release();
  }

  private static void pack(
      PackedMatrix matrix, int panel, WeightTensor tensor, Format format, int row, int count) {
    if (format.isQuantized()) {
      byte[] blocks =
          format.type() == tensor.type()
              ? stored(tensor, row, count)
              : quantized(tensor, format, row, count);
      matrix.pack(panel, blocks, count, tensor.name());
    } else {
      matrix.pack(panel, values(tensor, row, count), count);
    }
  }

  private static byte[] stored(WeightTensor tensor, int row, int count) {
    int rowBytes = Math.toIntExact(tensor.type().bytes(tensor.columns()));
    byte[] blocks = new byte[PANEL * rowBytes];
    MemorySegment.copy(
        tensor.data(), ValueLayout.JAVA_BYTE, (long) row * rowBytes, blocks, 0, count * rowBytes);
    return blocks;
  }

  private static float[] values(WeightTensor tensor, int row, int count) {
    int columns = tensor.columns();
    float[] values = new float[count * columns];
    Dequantize.toF32(tensor, (long) row * columns, values, 0, values.length);
    return values;
  }

  private static byte[] quantized(WeightTensor tensor, Format format, int row, int count) {
    int columns = tensor.columns();
    float[] values = values(tensor, row, count);
    int blocks = (columns + Quantize.BLOCK - 1) / Quantize.BLOCK;
    int rowBytes = blocks * format.type().blockBytes();
    byte[] bytes = new byte[PANEL * rowBytes];
    for (int i = 0; i < count; i++) {
      switch (format) {
        case Q8_0 -> Quantize.q8_0(values, i * columns, columns, bytes, i * rowBytes);
        case Q4_1 -> Quantize.q4_1(values, i * columns, columns, bytes, i * rowBytes);
        case F32, BF16, Q4_0, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K ->
            throw new IllegalArgumentException("nothing is quantised to " + format);
      }
    }
    return bytes;
  }
}
