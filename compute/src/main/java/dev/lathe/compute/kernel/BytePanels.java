package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Panels of 8 bits on the Vector API, eight inputs at a time: two words of four bytes for each
/// output. A byte b below a power of two, `0x4B000000 | b` or `0x47000000 | b << 8`, is a float
/// from which subtracting that power leaves b: no conversion is needed, and every step is exact.
///
/// The loops call nothing but the Vector API: the compiler stops to inline other methods in bodies
/// of this size, and a vector that is passed to one is an object.
final class BytePanels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final int EVEN = 0x4B000000;
  private static final int ODD = 0x47000000;

  private BytePanels() {}

  /// Writes the values of `blocks` blocks as `[32 blocks, 32]` floats.
  ///
  /// @param column first of the outputs `c` and `16 + c` of one pair of vectors
  static void decode(
      Panel panel,
      int first,
      int blocks,
      int column,
      MemorySegment scaleMemory,
      MemorySegment outMemory) {
    MemorySegment scales = OffHeap.of(scaleMemory);
    MemorySegment out = OffHeap.of(outMemory);
    Format format = panel.format();
    long blockBytes = format.blockBytes();
    long lane = column * 4L;
    long low = panel.values(first) + lane;
    MemorySegment data = OffHeap.of(panel.data());
    IntVector even = IntVector.broadcast(I, 0xFF);
    IntVector odd = even.lanewise(VectorOperators.LSHL, 8);
    IntVector evenPower = IntVector.broadcast(I, EVEN);
    IntVector oddPower = IntVector.broadcast(I, ODD);
    FloatVector evenZero = FloatVector.broadcast(F, 0x1p23f + format.zero);
    FloatVector oddZero = FloatVector.broadcast(F, 0x1p15f + format.zero);
    for (int j = 0; j < blocks * 4; j++) {
      long at = low + (j >> 2) * blockBytes + (j & 3) * (2L * Format.ROW);
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      IntVector u0 = IntVector.fromMemorySegment(I, data, at + Format.ROW, LE);
      IntVector u1 = IntVector.fromMemorySegment(I, data, at + Format.ROW + HALF, LE);
      long scale = lane + (j >> 2) * (long) Scratch.SCALE_BYTES;
      FloatVector s0 = FloatVector.fromMemorySegment(F, scales, scale, LE);
      FloatVector s1 = FloatVector.fromMemorySegment(F, scales, scale + HALF, LE);
      long to = lane + (long) j * (8 * Format.ROW);
      v0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s0)
          .intoMemorySegment(out, to, LE);
      v1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s1)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s0)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0 = v0.lanewise(VectorOperators.LSHR, 16);
      v1 = v1.lanewise(VectorOperators.LSHR, 16);
      v0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s0)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s1)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s0)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s1)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
      u0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s0)
          .intoMemorySegment(out, to + 4 * Format.ROW, LE);
      u1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s1)
          .intoMemorySegment(out, to + 4 * Format.ROW + HALF, LE);
      u0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s0)
          .intoMemorySegment(out, to + 5 * Format.ROW, LE);
      u1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s1)
          .intoMemorySegment(out, to + 5 * Format.ROW + HALF, LE);
      u0 = u0.lanewise(VectorOperators.LSHR, 16);
      u1 = u1.lanewise(VectorOperators.LSHR, 16);
      u0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s0)
          .intoMemorySegment(out, to + 6 * Format.ROW, LE);
      u1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .mul(s1)
          .intoMemorySegment(out, to + 6 * Format.ROW + HALF, LE);
      u0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s0)
          .intoMemorySegment(out, to + 7 * Format.ROW, LE);
      u1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .mul(s1)
          .intoMemorySegment(out, to + 7 * Format.ROW + HALF, LE);
    }
  }

  /// One row of activations times all `blocks` blocks: the same sums in the same order as [#decode]
  /// and a tile, without storing the weights.
  static void dot(Panel panel, int blocks, int column, float[] x, int xAt, float[] y, int yAt) {
    Format format = panel.format();
    long blockBytes = format.blockBytes();
    long lane = column * 4L;
    long low = panel.values(0) + lane;
    MemorySegment data = OffHeap.of(panel.data());
    IntVector even = IntVector.broadcast(I, 0xFF);
    IntVector odd = even.lanewise(VectorOperators.LSHL, 8);
    IntVector evenPower = IntVector.broadcast(I, EVEN);
    IntVector oddPower = IntVector.broadcast(I, ODD);
    FloatVector evenZero = FloatVector.broadcast(F, 0x1p23f + format.zero);
    FloatVector oddZero = FloatVector.broadcast(F, 0x1p15f + format.zero);
    long halves = panel.scales(0) + lane;
    IntVector halfBits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector a0 = FloatVector.zero(F);
    FloatVector a1 = FloatVector.zero(F);
    for (int j = 0; j < blocks * 4; j++) {
      long at = low + (j >> 2) * blockBytes + (j & 3) * (2L * Format.ROW);
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      IntVector u0 = IntVector.fromMemorySegment(I, data, at + Format.ROW, LE);
      IntVector u1 = IntVector.fromMemorySegment(I, data, at + Format.ROW + HALF, LE);
      IntVector pair = IntVector.fromMemorySegment(I, data, halves + (j >> 2) * blockBytes, LE);
      FloatVector s0 =
          pair.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(halfBits)
              .reinterpretAsFloats()
              .mul(unit);
      FloatVector s1 =
          pair.lanewise(VectorOperators.ASHR, 3).and(halfBits).reinterpretAsFloats().mul(unit);
      int k = xAt + 8 * j;
      FloatVector e = FloatVector.broadcast(F, x[k]);
      a0 = v0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s0).fma(e, a0);
      a1 = v1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 1]);
      a0 = v0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s0).fma(e, a0);
      a1 = v1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s1).fma(e, a1);
      v0 = v0.lanewise(VectorOperators.LSHR, 16);
      v1 = v1.lanewise(VectorOperators.LSHR, 16);
      e = FloatVector.broadcast(F, x[k + 2]);
      a0 = v0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s0).fma(e, a0);
      a1 = v1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 3]);
      a0 = v0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s0).fma(e, a0);
      a1 = v1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 4]);
      a0 = u0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s0).fma(e, a0);
      a1 = u1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 5]);
      a0 = u0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s0).fma(e, a0);
      a1 = u1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s1).fma(e, a1);
      u0 = u0.lanewise(VectorOperators.LSHR, 16);
      u1 = u1.lanewise(VectorOperators.LSHR, 16);
      e = FloatVector.broadcast(F, x[k + 6]);
      a0 = u0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s0).fma(e, a0);
      a1 = u1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).mul(s1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 7]);
      a0 = u0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s0).fma(e, a0);
      a1 = u1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).mul(s1).fma(e, a1);
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }
}
