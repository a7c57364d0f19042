package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Pages of 8 bits on the Vector API, four inputs at a time: a word of each column. A byte b above
/// a power of two, `0x47000000 | b << 8`, is the float `2^15 + b`, from which a multiplication and
/// an addition at once make the value: `s (2^15 + b) - s (2^15 + 128)`. That is exact, as a scale
/// has 8 bits.
final class BytePages {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final int BYTE = 0xFF00;
  private static final int POWER = 0x47000000;
  private static final int UPPER = 0xFFFF0000;
  private static final float MINUS_ZERO = -(0x1p15f + KvCache.ZERO);

  private BytePages() {}

  /// Writes keys as `[D, 32]` floats, whole groups of four inputs.
  ///
  /// @param from first byte of their scales
  static void widenKeys(MemorySegment data, long from, int inputs, MemorySegment out) {
    for (int column = 0; column < 16; column += F.length()) {
      widenKeys(data, from, inputs, column, out);
    }
  }

  /// Writes a panel of values as `[inputs, 32]` floats, whole groups of four inputs.
  ///
  /// @param from first byte of its scales
  static void widenValues(MemorySegment data, long from, int inputs, MemorySegment out) {
    for (int column = 0; column < 16; column += F.length()) {
      widenValues(data, from, inputs, column, out);
    }
  }

  private static void widenKeys(
      MemorySegment dataMemory, long from, int inputs, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(dataMemory);
    MemorySegment out = OffHeap.of(outMemory);
    long lane = column * 4L;
    long scales = from + lane;
    long rows = scales + (long) Format.blocks(inputs) * KvCache.SCALES;
    IntVector byteMask = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    IntVector upper = IntVector.broadcast(I, UPPER);
    FloatVector zero = FloatVector.broadcast(F, MINUS_ZERO);
    for (int i = 0; 4 * i < inputs; i++) {
      long scale = scales + (long) (i >> 3) * KvCache.SCALES;
      IntVector pair = IntVector.fromMemorySegment(I, data, scale, LE);
      FloatVector s0 = pair.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector s1 = pair.and(upper).reinterpretAsFloats();
      FloatVector z0 = s0.mul(zero);
      FloatVector z1 = s1.mul(zero);
      long at = rows + (long) i * Format.ROW;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      long to = lane + (long) i * (4 * Format.ROW);
      v0.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to, LE);
      v1.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }

  private static void widenValues(
      MemorySegment dataMemory, long from, int inputs, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(dataMemory);
    MemorySegment out = OffHeap.of(outMemory);
    long lane = column * 4L;
    long rows = from + KvCache.SCALES + lane;
    IntVector byteMask = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    for (int i = 0; 4 * i < inputs; i++) {
      int low = data.get(PackedMatrix.INT, from + 8L * i);
      int high = data.get(PackedMatrix.INT, from + 8L * i + 4);
      float f0 = Float.intBitsToFloat(low << 16);
      float f1 = Float.intBitsToFloat(low & UPPER);
      float f2 = Float.intBitsToFloat(high << 16);
      float f3 = Float.intBitsToFloat(high & UPPER);
      FloatVector s0 = FloatVector.broadcast(F, f0);
      FloatVector s1 = FloatVector.broadcast(F, f1);
      FloatVector s2 = FloatVector.broadcast(F, f2);
      FloatVector s3 = FloatVector.broadcast(F, f3);
      FloatVector z0 = FloatVector.broadcast(F, f0 * MINUS_ZERO);
      FloatVector z1 = FloatVector.broadcast(F, f1 * MINUS_ZERO);
      FloatVector z2 = FloatVector.broadcast(F, f2 * MINUS_ZERO);
      FloatVector z3 = FloatVector.broadcast(F, f3 * MINUS_ZERO);
      long at = rows + (long) i * Format.ROW;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      long to = lane + (long) i * (4 * Format.ROW);
      v0.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to, LE);
      v1.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s0, z0)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s1, z1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s2, z2)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s2, z2)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s3, z3)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .fma(s3, z3)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }
}
