package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Pages of 8 bits on the Vector API, four inputs at a time: a word of each column. A byte b above
/// a power of two, `0x47000000 | b << 8`, is the float `2^15 + b`, from which subtracting `2^15 +
/// 128` leaves the integer, exactly.
final class BytePages {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final int BYTE = 0xFF00;
  private static final int POWER = 0x47000000;
  private static final float ZERO = 0x1p15f + KvCache.ZERO;

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
    long rows = scales + (long) Format.blocks(inputs) * Format.ROW;
    IntVector byteMask = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    FloatVector zero = FloatVector.broadcast(F, ZERO);
    for (int i = 0; 4 * i < inputs; i++) {
      long scale = scales + (long) (i >> 3) * Format.ROW;
      FloatVector s0 = FloatVector.fromMemorySegment(F, data, scale, LE);
      FloatVector s1 = FloatVector.fromMemorySegment(F, data, scale + HALF, LE);
      long at = rows + (long) i * Format.ROW;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      long to = lane + (long) i * (4 * Format.ROW);
      v0.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to, LE);
      v1.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }

  private static void widenValues(
      MemorySegment dataMemory, long from, int inputs, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(dataMemory);
    MemorySegment out = OffHeap.of(outMemory);
    long lane = column * 4L;
    long rows = from + Format.ROW + lane;
    IntVector byteMask = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    FloatVector zero = FloatVector.broadcast(F, ZERO);
    for (int i = 0; 4 * i < inputs; i++) {
      FloatVector s0 = FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, from + 16L * i + 0));
      FloatVector s1 = FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, from + 16L * i + 4));
      FloatVector s2 = FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, from + 16L * i + 8));
      FloatVector s3 = FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, from + 16L * i + 12));
      long at = rows + (long) i * Format.ROW;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      long to = lane + (long) i * (4 * Format.ROW);
      v0.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to, LE);
      v1.lanewise(VectorOperators.LSHL, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s0)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s2)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s2)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s3)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 16)
          .and(byteMask)
          .or(power)
          .reinterpretAsFloats()
          .sub(zero)
          .mul(s3)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }
}
