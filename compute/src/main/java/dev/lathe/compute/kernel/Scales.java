package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The scales of a panel's blocks as floats: for each block, or each half of one, 32 scales and 32
/// least values. A least value is that of an integer in the middle of the range, see
/// [Format#center].
final class Scales {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final int LANES = F.length();
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final long LEAST = 2 * HALF;

  private Scales() {}

  static void decode(Panel panel, int first, int blocks, MemorySegment out) {
    switch (panel.format().scale) {
      case NONE -> {}
      case HALF -> halves(panel, first, blocks, out);
      case HALF_PAIR -> halfPairs(panel, first, blocks, out);
      case BYTE_PAIR -> bytePairs(panel, first, blocks, out);
      case BYTES -> bytes(panel, first, blocks, out);
    }
  }

  private static void halves(Panel panel, int first, int blocks, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    IntVector bits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector zero = FloatVector.zero(F);
    for (int b = 0; b < blocks; b++) {
      long block = panel.scales(first + b);
      long entry = (long) b * Scratch.SCALE_BYTES;
      for (long at = 0; at < HALF; at += LANES * 4L) {
        long to = entry + at;
        IntVector pair = IntVector.fromMemorySegment(I, data, block + at, LE);
        IntVector low = pair.lanewise(VectorOperators.LSHL, 16);
        floats(low, bits, unit).intoMemorySegment(out, to, LE);
        floats(pair, bits, unit).intoMemorySegment(out, to + HALF, LE);
        zero.intoMemorySegment(out, to + LEAST, LE);
        zero.intoMemorySegment(out, to + LEAST + HALF, LE);
      }
    }
  }

  private static FloatVector floats(IntVector halves, IntVector bits, FloatVector unit) {
    return halves.lanewise(VectorOperators.ASHR, 3).and(bits).reinterpretAsFloats().mul(unit);
  }

  private static void halfPairs(Panel panel, int first, int blocks, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    IntVector bits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector center = FloatVector.broadcast(F, panel.format().center());
    for (int b = 0; b < blocks; b++) {
      long block = panel.scales(first + b);
      long entry = (long) b * Scratch.SCALE_BYTES;
      for (long at = 0; at < LEAST; at += LANES * 4L) {
        long to = entry + at;
        IntVector pair = IntVector.fromMemorySegment(I, data, block + at, LE);
        IntVector low = pair.lanewise(VectorOperators.LSHL, 16);
        FloatVector scale = floats(low, bits, unit);
        scale.intoMemorySegment(out, to, LE);
        scale.fma(center, floats(pair, bits, unit)).intoMemorySegment(out, to + LEAST, LE);
      }
    }
  }

  private static void bytePairs(Panel panel, int first, int blocks, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    IntVector bits = IntVector.broadcast(I, Panel.HALF_BITS);
    IntVector low = IntVector.broadcast(I, 0xFF);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector center = FloatVector.broadcast(F, panel.format().center());
    for (int b = 0; b < blocks; b++) {
      long head = panel.units(first + b);
      long block = panel.scales(first + b);
      long entry = (long) b * Scratch.SCALE_BYTES;
      for (long at = 0; at < HALF; at += LANES * 4L) {
        IntVector word = IntVector.fromMemorySegment(I, data, block + at, LE);
        for (long half = 0; half < LEAST; half += HALF) {
          IntVector units = IntVector.fromMemorySegment(I, data, head + half + at, LE);
          FloatVector scale = floats(units.lanewise(VectorOperators.LSHL, 16), bits, unit);
          FloatVector least = floats(units, bits, unit).neg();
          FloatVector own = toFloats(word.and(low)).mul(scale);
          own.intoMemorySegment(out, entry + half + at, LE);
          word = word.lanewise(VectorOperators.LSHR, 8);
          own.fma(center, toFloats(word.and(low)).mul(least))
              .intoMemorySegment(out, entry + LEAST + half + at, LE);
          word = word.lanewise(VectorOperators.LSHR, 8);
        }
      }
    }
  }

  private static void bytes(Panel panel, int first, int blocks, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    IntVector bits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector zero = FloatVector.zero(F);
    for (int b = 0; b < blocks; b++) {
      long head = panel.units(first + b);
      long block = panel.scales(first + b);
      for (long at = 0; at < HALF; at += LANES * 4L) {
        IntVector units = IntVector.fromMemorySegment(I, data, head + at, LE);
        FloatVector low = floats(units.lanewise(VectorOperators.LSHL, 16), bits, unit);
        FloatVector high = floats(units, bits, unit);
        IntVector word = IntVector.fromMemorySegment(I, data, block + at, LE);
        for (int part = 0; part < 2; part++) {
          long to = (long) (2 * b + part) * Scratch.SCALE_BYTES + at;
          IntVector first16 = word.lanewise(VectorOperators.LSHL, 24 - 8 * part);
          IntVector other16 = word.lanewise(VectorOperators.LSHL, 8 - 8 * part);
          signed(first16).mul(low).intoMemorySegment(out, to, LE);
          signed(other16).mul(high).intoMemorySegment(out, to + HALF, LE);
          zero.intoMemorySegment(out, to + LEAST, LE);
          zero.intoMemorySegment(out, to + LEAST + HALF, LE);
        }
      }
    }
  }

  private static FloatVector signed(IntVector upperByte) {
    return toFloats(upperByte.lanewise(VectorOperators.ASHR, 24));
  }

  private static FloatVector toFloats(IntVector integers) {
    return (FloatVector) integers.convert(VectorOperators.I2F, 0);
  }
}
