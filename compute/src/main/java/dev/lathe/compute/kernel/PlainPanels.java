package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Panels of fp32 and bfloat16 on the Vector API; the loops as those of [BytePanels].
final class PlainPanels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final int UPPER = 0xFFFF0000;

  private PlainPanels() {}

  /// Writes the values of `blocks` blocks as `[32 blocks, 32]` floats.
  ///
  /// @param column first of the outputs `c` and `16 + c` of one pair of vectors
  static void decode(Panel panel, int first, int blocks, int column, MemorySegment out) {
    if (panel.format() == Format.F32) {
      long start = panel.values(first);
      MemorySegment.copy(panel.data(), start, out, 0, (long) blocks * Format.BLOCK * Format.ROW);
      return;
    }
    widen(panel.data(), panel.values(first), blocks * Format.BLOCK, column, out);
  }

  /// Writes bfloat16 inputs as `[inputs, 32]` floats, all columns.
  static void widen(MemorySegment data, long from, int inputs, MemorySegment out) {
    for (int column = 0; column < 16; column += F.length()) {
      widen(data, from, inputs, column, out);
    }
  }

  /// Whole groups of four inputs.
  private static void widen(
      MemorySegment dataMemory, long from, int inputs, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(dataMemory);
    MemorySegment out = OffHeap.of(outMemory);
    long lane = column * 4L;
    long start = from + lane;
    IntVector upper = IntVector.broadcast(I, UPPER);
    for (int i = 0; 4 * i < inputs; i++) {
      long at = start + (long) i * (2 * Format.ROW);
      long to = lane + (long) i * (4 * Format.ROW);
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      IntVector u0 = IntVector.fromMemorySegment(I, data, at + Format.ROW, LE);
      IntVector u1 = IntVector.fromMemorySegment(I, data, at + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(out, to, LE);
      v1.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(out, to + HALF, LE);
      v0.and(upper).intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(upper).intoMemorySegment(out, to + Format.ROW + HALF, LE);
      u0.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(out, to + 2 * Format.ROW, LE);
      u1.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      u0.and(upper).intoMemorySegment(out, to + 3 * Format.ROW, LE);
      u1.and(upper).intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }

  /// One row of activations times all `blocks` blocks.
  static void dot(Panel panel, int blocks, int column, float[] x, int xAt, float[] y, int yAt) {
    if (panel.format() == Format.F32) {
      dotF32(panel, blocks, column, x, xAt, y, yAt);
    } else {
      dotBf16(panel, blocks, column, x, xAt, y, yAt);
    }
  }

  private static void dotF32(
      Panel panel, int blocks, int column, float[] x, int xAt, float[] y, int yAt) {
    MemorySegment data = OffHeap.of(panel.data());
    long start = panel.values(0) + column * 4L;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector a1 = FloatVector.zero(F);
    for (int k = 0; k < blocks * Format.BLOCK; k++) {
      long at = start + (long) k * Format.ROW;
      FloatVector e = FloatVector.broadcast(F, x[xAt + k]);
      a0 = FloatVector.fromMemorySegment(F, data, at, LE).fma(e, a0);
      a1 = FloatVector.fromMemorySegment(F, data, at + HALF, LE).fma(e, a1);
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }

  private static void dotBf16(
      Panel panel, int blocks, int column, float[] x, int xAt, float[] y, int yAt) {
    MemorySegment data = OffHeap.of(panel.data());
    long start = panel.values(0) + column * 4L;
    IntVector upper = IntVector.broadcast(I, UPPER);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector a1 = FloatVector.zero(F);
    for (int i = 0; i < blocks * (Format.BLOCK / 2); i++) {
      long at = start + (long) i * Format.ROW;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      FloatVector e = FloatVector.broadcast(F, x[xAt + 2 * i]);
      a0 = v0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a0);
      a1 = v1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a1);
      e = FloatVector.broadcast(F, x[xAt + 2 * i + 1]);
      a0 = v0.and(upper).reinterpretAsFloats().fma(e, a0);
      a1 = v1.and(upper).reinterpretAsFloats().fma(e, a1);
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }
}
