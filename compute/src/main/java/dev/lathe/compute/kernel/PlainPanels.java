package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Panels of fp32 and bfloat16 on the Vector API; the loops as those of [QuantizedPanels].
final class PlainPanels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final int UPPER = 0xFFFF0000;

  private PlainPanels() {}

  /// Writes the values of `blocks` blocks as `[32 blocks, 32]` floats.
  static void decode(Panel panel, int first, int blocks, int column, MemorySegment out) {
    long lane = column * 4L;
    MemorySegment data = panel.data();
    long start = panel.values(first);
    if (panel.format() == Format.F32) {
      for (int k = 0; k < blocks * Format.BLOCK; k++) {
        MemorySegment row = data.asSlice(start + (long) k * Format.ROW, Format.ROW);
        MemorySegment to = out.asSlice((long) k * Format.ROW, Format.ROW);
        FloatVector.fromMemorySegment(F, row, lane, LE).intoMemorySegment(to, lane, LE);
        FloatVector.fromMemorySegment(F, row, HALF + lane, LE)
            .intoMemorySegment(to, HALF + lane, LE);
      }
      return;
    }
    IntVector upper = IntVector.broadcast(I, UPPER);
    for (int i = 0; i < blocks * (Format.BLOCK / 2); i++) {
      MemorySegment row = data.asSlice(start + (long) i * Format.ROW, Format.ROW);
      MemorySegment to = out.asSlice((long) i * (2 * Format.ROW), 2 * Format.ROW);
      IntVector v0 = IntVector.fromMemorySegment(I, row, lane, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, row, HALF + lane, LE);
      v0.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(to, lane, LE);
      v1.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(to, HALF + lane, LE);
      v0.and(upper).intoMemorySegment(to, Format.ROW + lane, LE);
      v1.and(upper).intoMemorySegment(to, Format.ROW + HALF + lane, LE);
    }
  }

  /// One row of activations times `blocks` blocks.
  ///
  /// @param add continues the sums that `y` holds instead of beginning at zero
  static void dot(
      Panel panel,
      int first,
      int blocks,
      int column,
      float[] x,
      int xAt,
      float[] y,
      int yAt,
      boolean add) {
    long lane = column * 4L;
    MemorySegment data = panel.data();
    long start = panel.values(first);
    FloatVector a0 = add ? FloatVector.fromArray(F, y, yAt + column) : FloatVector.zero(F);
    FloatVector a1 = add ? FloatVector.fromArray(F, y, yAt + 16 + column) : FloatVector.zero(F);
    if (panel.format() == Format.F32) {
      for (int k = 0; k < blocks * Format.BLOCK; k++) {
        MemorySegment row = data.asSlice(start + (long) k * Format.ROW, Format.ROW);
        FloatVector e = FloatVector.broadcast(F, x[xAt + k]);
        a0 = FloatVector.fromMemorySegment(F, row, lane, LE).fma(e, a0);
        a1 = FloatVector.fromMemorySegment(F, row, HALF + lane, LE).fma(e, a1);
      }
    } else {
      IntVector upper = IntVector.broadcast(I, UPPER);
      for (int i = 0; i < blocks * (Format.BLOCK / 2); i++) {
        MemorySegment row = data.asSlice(start + (long) i * Format.ROW, Format.ROW);
        IntVector v0 = IntVector.fromMemorySegment(I, row, lane, LE);
        IntVector v1 = IntVector.fromMemorySegment(I, row, HALF + lane, LE);
        FloatVector e = FloatVector.broadcast(F, x[xAt + 2 * i]);
        a0 = v0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a0);
        a1 = v1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a1);
        e = FloatVector.broadcast(F, x[xAt + 2 * i + 1]);
        a0 = v0.and(upper).reinterpretAsFloats().fma(e, a0);
        a1 = v1.and(upper).reinterpretAsFloats().fma(e, a1);
      }
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }
}
