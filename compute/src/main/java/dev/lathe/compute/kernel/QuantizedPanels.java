package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Panels of block formats on the Vector API, eight inputs at a time: two words of four bytes for
/// each output, bits from the rows behind put in where there are some. A byte b below a power of
/// two, `0x4B000000 | b` or `0x47000000 | b << 8`, is a float from which subtracting that power
/// leaves b: no conversion is needed, and every step is exact.
///
/// The loops call nothing but the Vector API: the compiler stops to inline other methods in bodies
/// of this size, and a vector that is passed to one is an object.
final class QuantizedPanels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final long LEAST = 2 * HALF;
  private static final int EVEN = 0x4B000000;
  private static final int ODD = 0x47000000;
  private static final int NIBBLES = 0x0F0F0F0F;
  private static final int FIFTH_BITS = 0x10101010;
  private static final int UPPER_PAIRS = 0x30303030;

  private QuantizedPanels() {}

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
    boolean bytes = format.bits == 8;
    long rowStep = bytes ? 2 * Format.ROW : Format.ROW;
    long other = bytes ? Format.ROW : 0;
    int shift = bytes ? 0 : 4;
    int more = format.highRows();
    long blockBytes = format.blockBytes();
    int scaleShift = Scales.shift(format);
    long lane = column * 4L;
    long low = panel.values(first) + lane;
    long high = panel.high(first) + lane;
    MemorySegment data = OffHeap.of(panel.data());
    IntVector even = IntVector.broadcast(I, (1 << format.bits) - 1);
    IntVector odd = even.lanewise(VectorOperators.LSHL, 8);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES);
    IntVector upper = IntVector.broadcast(I, more == 1 ? FIFTH_BITS : UPPER_PAIRS);
    IntVector evenPower = IntVector.broadcast(I, EVEN);
    IntVector oddPower = IntVector.broadcast(I, ODD);
    FloatVector evenZero = FloatVector.broadcast(F, 0x1p23f + format.zero);
    FloatVector oddZero = FloatVector.broadcast(F, 0x1p15f + format.zero);
    for (int j = 0; j < blocks * 4; j++) {
      long at = low + (j >> 2) * blockBytes + (j & 3) * rowStep;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      IntVector u0 =
          IntVector.fromMemorySegment(I, data, at + other, LE)
              .lanewise(VectorOperators.LSHR, shift);
      IntVector u1 =
          IntVector.fromMemorySegment(I, data, at + other + HALF, LE)
              .lanewise(VectorOperators.LSHR, shift);
      if (more > 0) {
        long bits =
            high + (j >> 2) * blockBytes + (more == 2 ? (j & 2) >> 1 : 0) * (long) Format.ROW;
        int up = more == 1 ? (j & 3) * 2 : (j & 1) * 4;
        IntVector h0 =
            IntVector.fromMemorySegment(I, data, bits, LE).lanewise(VectorOperators.LSHR, up);
        IntVector h1 =
            IntVector.fromMemorySegment(I, data, bits + HALF, LE)
                .lanewise(VectorOperators.LSHR, up);
        v0 = v0.and(nibbles).or(h0.lanewise(VectorOperators.LSHL, 4).and(upper));
        v1 = v1.and(nibbles).or(h1.lanewise(VectorOperators.LSHL, 4).and(upper));
        u0 = u0.and(nibbles).or(h0.lanewise(VectorOperators.LSHL, 4 - more).and(upper));
        u1 = u1.and(nibbles).or(h1.lanewise(VectorOperators.LSHL, 4 - more).and(upper));
      }
      long scale = lane + (j >> scaleShift) * (long) Scratch.SCALE_BYTES;
      FloatVector s0 = FloatVector.fromMemorySegment(F, scales, scale, LE);
      FloatVector s1 = FloatVector.fromMemorySegment(F, scales, scale + HALF, LE);
      FloatVector o0 = FloatVector.fromMemorySegment(F, scales, scale + LEAST, LE);
      FloatVector o1 = FloatVector.fromMemorySegment(F, scales, scale + LEAST + HALF, LE);
      long to = lane + (long) j * (8 * Format.ROW);
      v0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to, LE);
      v1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + HALF, LE);
      v0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0 = v0.lanewise(VectorOperators.LSHR, 16);
      v1 = v1.lanewise(VectorOperators.LSHR, 16);
      v0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
      u0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 4 * Format.ROW, LE);
      u1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 4 * Format.ROW + HALF, LE);
      u0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 5 * Format.ROW, LE);
      u1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 5 * Format.ROW + HALF, LE);
      u0 = u0.lanewise(VectorOperators.LSHR, 16);
      u1 = u1.lanewise(VectorOperators.LSHR, 16);
      u0.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 6 * Format.ROW, LE);
      u1.and(even)
          .or(evenPower)
          .reinterpretAsFloats()
          .sub(evenZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 6 * Format.ROW + HALF, LE);
      u0.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s0, o0)
          .intoMemorySegment(out, to + 7 * Format.ROW, LE);
      u1.and(odd)
          .or(oddPower)
          .reinterpretAsFloats()
          .sub(oddZero)
          .fma(s1, o1)
          .intoMemorySegment(out, to + 7 * Format.ROW + HALF, LE);
    }
  }

  /// One row of activations times `blocks` blocks: the same sums in the same order as [#decode] and
  /// a tile, without storing the weights.
  ///
  /// @param add continues the sums that `y` holds instead of beginning at zero
  static void dot(
      Panel panel,
      int first,
      int blocks,
      int column,
      MemorySegment scaleMemory,
      float[] x,
      int xAt,
      float[] y,
      int yAt,
      boolean add) {
    MemorySegment scales = OffHeap.of(scaleMemory);
    Format format = panel.format();
    boolean bytes = format.bits == 8;
    long rowStep = bytes ? 2 * Format.ROW : Format.ROW;
    long other = bytes ? Format.ROW : 0;
    int shift = bytes ? 0 : 4;
    int more = format.highRows();
    long blockBytes = format.blockBytes();
    int scaleShift = Scales.shift(format);
    long lane = column * 4L;
    long low = panel.values(first) + lane;
    long high = panel.high(first) + lane;
    MemorySegment data = OffHeap.of(panel.data());
    IntVector even = IntVector.broadcast(I, (1 << format.bits) - 1);
    IntVector odd = even.lanewise(VectorOperators.LSHL, 8);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES);
    IntVector upper = IntVector.broadcast(I, more == 1 ? FIFTH_BITS : UPPER_PAIRS);
    IntVector evenPower = IntVector.broadcast(I, EVEN);
    IntVector oddPower = IntVector.broadcast(I, ODD);
    FloatVector evenZero = FloatVector.broadcast(F, 0x1p23f + format.zero);
    FloatVector oddZero = FloatVector.broadcast(F, 0x1p15f + format.zero);
    long halves = panel.scales(first) + lane;
    IntVector halfBits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector zero = FloatVector.zero(F);
    FloatVector a0 = add ? FloatVector.fromArray(F, y, yAt + column) : FloatVector.zero(F);
    FloatVector a1 = add ? FloatVector.fromArray(F, y, yAt + 16 + column) : FloatVector.zero(F);
    for (int j = 0; j < blocks * 4; j++) {
      long at = low + (j >> 2) * blockBytes + (j & 3) * rowStep;
      IntVector v0 = IntVector.fromMemorySegment(I, data, at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE);
      IntVector u0 =
          IntVector.fromMemorySegment(I, data, at + other, LE)
              .lanewise(VectorOperators.LSHR, shift);
      IntVector u1 =
          IntVector.fromMemorySegment(I, data, at + other + HALF, LE)
              .lanewise(VectorOperators.LSHR, shift);
      if (more > 0) {
        long bits =
            high + (j >> 2) * blockBytes + (more == 2 ? (j & 2) >> 1 : 0) * (long) Format.ROW;
        int up = more == 1 ? (j & 3) * 2 : (j & 1) * 4;
        IntVector h0 =
            IntVector.fromMemorySegment(I, data, bits, LE).lanewise(VectorOperators.LSHR, up);
        IntVector h1 =
            IntVector.fromMemorySegment(I, data, bits + HALF, LE)
                .lanewise(VectorOperators.LSHR, up);
        v0 = v0.and(nibbles).or(h0.lanewise(VectorOperators.LSHL, 4).and(upper));
        v1 = v1.and(nibbles).or(h1.lanewise(VectorOperators.LSHL, 4).and(upper));
        u0 = u0.and(nibbles).or(h0.lanewise(VectorOperators.LSHL, 4 - more).and(upper));
        u1 = u1.and(nibbles).or(h1.lanewise(VectorOperators.LSHL, 4 - more).and(upper));
      }
      FloatVector s0;
      FloatVector s1;
      FloatVector o0 = zero;
      FloatVector o1 = zero;
      if (format.scale == Format.Scale.HALF) {
        IntVector pair = IntVector.fromMemorySegment(I, data, halves + (j >> 2) * blockBytes, LE);
        s0 =
            pair.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 3)
                .and(halfBits)
                .reinterpretAsFloats()
                .mul(unit);
        s1 = pair.lanewise(VectorOperators.ASHR, 3).and(halfBits).reinterpretAsFloats().mul(unit);
      } else if (format.scale == Format.Scale.HALF_PAIR) {
        IntVector p0 = IntVector.fromMemorySegment(I, data, halves + (j >> 2) * blockBytes, LE);
        IntVector p1 =
            IntVector.fromMemorySegment(I, data, halves + (j >> 2) * blockBytes + HALF, LE);
        s0 =
            p0.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 3)
                .and(halfBits)
                .reinterpretAsFloats()
                .mul(unit);
        s1 =
            p1.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 3)
                .and(halfBits)
                .reinterpretAsFloats()
                .mul(unit);
        o0 = p0.lanewise(VectorOperators.ASHR, 3).and(halfBits).reinterpretAsFloats().mul(unit);
        o1 = p1.lanewise(VectorOperators.ASHR, 3).and(halfBits).reinterpretAsFloats().mul(unit);
      } else {
        long scale = lane + (j >> scaleShift) * (long) Scratch.SCALE_BYTES;
        s0 = FloatVector.fromMemorySegment(F, scales, scale, LE);
        s1 = FloatVector.fromMemorySegment(F, scales, scale + HALF, LE);
        o0 = FloatVector.fromMemorySegment(F, scales, scale + LEAST, LE);
        o1 = FloatVector.fromMemorySegment(F, scales, scale + LEAST + HALF, LE);
      }
      int k = xAt + 8 * j;
      FloatVector e = FloatVector.broadcast(F, x[k]);
      a0 = v0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s0, o0).fma(e, a0);
      a1 = v1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s1, o1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 1]);
      a0 = v0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s0, o0).fma(e, a0);
      a1 = v1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s1, o1).fma(e, a1);
      v0 = v0.lanewise(VectorOperators.LSHR, 16);
      v1 = v1.lanewise(VectorOperators.LSHR, 16);
      e = FloatVector.broadcast(F, x[k + 2]);
      a0 = v0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s0, o0).fma(e, a0);
      a1 = v1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s1, o1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 3]);
      a0 = v0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s0, o0).fma(e, a0);
      a1 = v1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s1, o1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 4]);
      a0 = u0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s0, o0).fma(e, a0);
      a1 = u1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s1, o1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 5]);
      a0 = u0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s0, o0).fma(e, a0);
      a1 = u1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s1, o1).fma(e, a1);
      u0 = u0.lanewise(VectorOperators.LSHR, 16);
      u1 = u1.lanewise(VectorOperators.LSHR, 16);
      e = FloatVector.broadcast(F, x[k + 6]);
      a0 = u0.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s0, o0).fma(e, a0);
      a1 = u1.and(even).or(evenPower).reinterpretAsFloats().sub(evenZero).fma(s1, o1).fma(e, a1);
      e = FloatVector.broadcast(F, x[k + 7]);
      a0 = u0.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s0, o0).fma(e, a0);
      a1 = u1.and(odd).or(oddPower).reinterpretAsFloats().sub(oddZero).fma(s1, o1).fma(e, a1);
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }
}
