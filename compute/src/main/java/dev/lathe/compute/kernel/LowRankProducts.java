package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Products of one row with the factors of a [LowRank] on the Vector API.
final class LowRankProducts {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final int LANES = F.length();
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final int UPPER = 0xFFFF0000;
  private static final int BYTE = 0xFF00;

  /// 2^15, of which the second byte is a float's units.
  private static final int POWER = 0x47000000;

  private LowRankProducts() {}

  /// Reads the factors ahead, those of [#raise] too: in a batch of many adapters they come from
  /// memory, and are short.
  static void lower(
      LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch) {
    for (LowRank.Part part : factors.parts()) {
      scratch.seen ^= Products.readAhead(part.memory(), 0, part.memory().byteSize());
    }
    for (LowRank.Part part : factors.parts()) {
      int to = ranksAt + part.firstRank();
      if (factors.bits() == 8) {
        for (int rank = 0; rank < part.ranks(); rank += 2) {
          lowerBytes(part, rank, x, xAt, ranks, to, scratch.sums);
        }
      } else {
        lowerHalves(part, x, xAt, ranks, to, scratch.sums);
      }
    }
  }

  /// Four ranks at a time, the last one again where there are fewer.
  private static void lowerHalves(
      LowRank.Part part, float[] x, int xAt, float[] ranks, int ranksAt, float[] sums) {
    int last = part.ranks() - 1;
    for (int rank = 0; rank <= last; rank += 4) {
      lowerHalves(
          part,
          rank,
          Math.min(rank + 1, last),
          Math.min(rank + 2, last),
          Math.min(rank + 3, last),
          x,
          xAt,
          ranks,
          ranksAt,
          sums);
    }
  }

  private static void lowerHalves(
      LowRank.Part part,
      int r0,
      int r1,
      int r2,
      int r3,
      float[] x,
      int xAt,
      float[] ranks,
      int ranksAt,
      float[] sums) {
    IntVector upper = IntVector.broadcast(I, UPPER);
    MemorySegment data = OffHeap.of(part.memory());
    long bytes = (long) part.inputs() * LowRank.LINE;
    long w0 = r0 * bytes;
    long w1 = r1 * bytes;
    long w2 = r2 * bytes;
    long w3 = r3 * bytes;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector a1 = FloatVector.zero(F);
    FloatVector a2 = FloatVector.zero(F);
    FloatVector a3 = FloatVector.zero(F);
    FloatVector c0 = FloatVector.zero(F);
    FloatVector c1 = FloatVector.zero(F);
    FloatVector c2 = FloatVector.zero(F);
    FloatVector c3 = FloatVector.zero(F);
    int vectors = part.inputs() * (16 / LANES);
    for (int i = 0; i < vectors; i++) {
      long at = (long) i * (LANES * 4L);
      int k = xAt + i / (16 / LANES) * 32 + i % (16 / LANES) * LANES;
      FloatVector low = FloatVector.fromArray(F, x, k);
      FloatVector high = FloatVector.fromArray(F, x, k + 16);
      IntVector v0 = IntVector.fromMemorySegment(I, data, w0 + at, LE);
      IntVector v1 = IntVector.fromMemorySegment(I, data, w1 + at, LE);
      IntVector v2 = IntVector.fromMemorySegment(I, data, w2 + at, LE);
      IntVector v3 = IntVector.fromMemorySegment(I, data, w3 + at, LE);
      a0 = v0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(low, a0);
      a1 = v1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(low, a1);
      a2 = v2.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(low, a2);
      a3 = v3.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(low, a3);
      c0 = v0.and(upper).reinterpretAsFloats().fma(high, c0);
      c1 = v1.and(upper).reinterpretAsFloats().fma(high, c1);
      c2 = v2.and(upper).reinterpretAsFloats().fma(high, c2);
      c3 = v3.and(upper).reinterpretAsFloats().fma(high, c3);
    }
    a0.add(c0).intoArray(sums, 0);
    a1.add(c1).intoArray(sums, LANES);
    a2.add(c2).intoArray(sums, 2 * LANES);
    a3.add(c3).intoArray(sums, 3 * LANES);
    ranks[ranksAt + r0] = Lanes.fold(sums, 0) * part.scaling();
    ranks[ranksAt + r1] = Lanes.fold(sums, LANES) * part.scaling();
    ranks[ranksAt + r2] = Lanes.fold(sums, 2 * LANES) * part.scaling();
    ranks[ranksAt + r3] = Lanes.fold(sums, 3 * LANES) * part.scaling();
  }

  /// The ranks `r` and `r + 1`.
  private static void lowerBytes(
      LowRank.Part part, int r, float[] x, int xAt, float[] ranks, int ranksAt, float[] sums) {
    IntVector bytes = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    FloatVector zero = FloatVector.broadcast(F, 0x1p15f + LowRank.ZERO);
    MemorySegment data = OffHeap.of(part.memory());
    long values = (long) r / 2 * part.inputs() * LowRank.LINE;
    long scales = part.downScales() + (long) r * part.inputs() * Float.BYTES;
    FloatVector a0 = FloatVector.zero(F);
    FloatVector a1 = FloatVector.zero(F);
    int vectors = part.inputs() * (16 / LANES);
    for (int i = 0; i < vectors; i++) {
      int piece = i / (16 / LANES);
      int k = xAt + piece * 32 + i % (16 / LANES) * LANES;
      FloatVector low = FloatVector.fromArray(F, x, k);
      FloatVector high = FloatVector.fromArray(F, x, k + 16);
      IntVector v = IntVector.fromMemorySegment(I, data, values + (long) i * (LANES * 4L), LE);
      FloatVector first =
          v.lanewise(VectorOperators.LSHL, 8)
              .and(bytes)
              .or(power)
              .reinterpretAsFloats()
              .sub(zero)
              .mul(low);
      first = v.and(bytes).or(power).reinterpretAsFloats().sub(zero).fma(high, first);
      v = v.lanewise(VectorOperators.LSHR, 8);
      FloatVector second = v.and(bytes).or(power).reinterpretAsFloats().sub(zero).mul(low);
      second =
          v.lanewise(VectorOperators.LSHR, 8)
              .and(bytes)
              .or(power)
              .reinterpretAsFloats()
              .sub(zero)
              .fma(high, second);
      long scale = scales + piece * 8L;
      a0 = first.fma(FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, scale)), a0);
      a1 = second.fma(FloatVector.broadcast(F, data.get(PackedMatrix.FLOAT, scale + 4)), a1);
    }
    a0.intoArray(sums, 0);
    a1.intoArray(sums, LANES);
    ranks[ranksAt + r] = Lanes.fold(sums, 0) * part.scaling();
    ranks[ranksAt + r + 1] = Lanes.fold(sums, LANES) * part.scaling();
  }

  static void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt) {
    for (LowRank.Part part : factors.parts()) {
      int from = ranksAt + part.firstRank();
      for (int column = 0; column < 16; column += LANES) {
        if (factors.bits() == 8) {
          raiseBytes(part, column, ranks, from, y, yAt + column);
        } else {
          raiseHalves(part, column, ranks, from, y, yAt + column);
        }
      }
    }
  }

  private static void raiseHalves(
      LowRank.Part part, int column, float[] ranks, int ranksAt, float[] y, int yAt) {
    IntVector upper = IntVector.broadcast(I, UPPER);
    MemorySegment data = OffHeap.of(part.up());
    int count = part.ranks();
    for (int piece = 0; piece < part.outputs(); piece++) {
      long start = (long) piece * count * LowRank.LINE + column * 4L;
      int to = yAt + part.column(piece);
      FloatVector a0 = FloatVector.fromArray(F, y, to);
      FloatVector a1 = FloatVector.fromArray(F, y, to + 16);
      for (int r = 0; r < count; r++) {
        IntVector v = IntVector.fromMemorySegment(I, data, start + (long) r * LowRank.LINE, LE);
        FloatVector e = FloatVector.broadcast(F, ranks[ranksAt + r]);
        a0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a0);
        a1 = v.and(upper).reinterpretAsFloats().fma(e, a1);
      }
      a0.intoArray(y, to);
      a1.intoArray(y, to + 16);
    }
  }

  private static void raiseBytes(
      LowRank.Part part, int column, float[] ranks, int ranksAt, float[] y, int yAt) {
    IntVector bytes = IntVector.broadcast(I, BYTE);
    IntVector power = IntVector.broadcast(I, POWER);
    FloatVector zero = FloatVector.broadcast(F, 0x1p15f + LowRank.ZERO);
    MemorySegment data = OffHeap.of(part.up());
    int count = part.ranks();
    for (int piece = 0; piece < part.outputs(); piece++) {
      long start = (long) piece * count / 2 * LowRank.LINE + column * 4L;
      long scale = part.upScales() + (long) piece * count * Float.BYTES;
      int to = yAt + part.column(piece);
      FloatVector a0 = FloatVector.fromArray(F, y, to);
      FloatVector a1 = FloatVector.fromArray(F, y, to + 16);
      for (int r = 0; r < count; r += 2) {
        IntVector v = IntVector.fromMemorySegment(I, data, start + r / 2 * (long) LowRank.LINE, LE);
        FloatVector e =
            FloatVector.broadcast(
                F, ranks[ranksAt + r] * data.get(PackedMatrix.FLOAT, scale + r * 4L));
        a0 =
            v.lanewise(VectorOperators.LSHL, 8)
                .and(bytes)
                .or(power)
                .reinterpretAsFloats()
                .sub(zero)
                .fma(e, a0);
        a1 = v.and(bytes).or(power).reinterpretAsFloats().sub(zero).fma(e, a1);
        v = v.lanewise(VectorOperators.LSHR, 8);
        e =
            FloatVector.broadcast(
                F, ranks[ranksAt + r + 1] * data.get(PackedMatrix.FLOAT, scale + r * 4L + 4));
        a0 = v.and(bytes).or(power).reinterpretAsFloats().sub(zero).fma(e, a0);
        a1 =
            v.lanewise(VectorOperators.LSHR, 8)
                .and(bytes)
                .or(power)
                .reinterpretAsFloats()
                .sub(zero)
                .fma(e, a1);
      }
      a0.intoArray(y, to);
      a1.intoArray(y, to + 16);
    }
  }
}
