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

  private LowRankProducts() {}

  /// Four ranks at a time, the last one again where there are fewer.
  ///
  /// Reads the factors ahead, those of [#raise] too: in a batch of many adapters they come from
  /// memory, and are short.
  static void lower(
      LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch) {
    scratch.seen ^= Products.readAhead(factors.down(), 0, factors.down().byteSize());
    for (LowRank.Up up : factors.ups()) {
      scratch.seen ^= Products.readAhead(up.data(), 0, up.data().byteSize());
    }
    float[] sums = scratch.sums;
    int last = factors.ranks() - 1;
    for (int rank = 0; rank <= last; rank += 4) {
      lower(
          factors,
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

  private static void lower(
      LowRank factors,
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
    MemorySegment data = OffHeap.of(factors.down());
    long bytes = (long) factors.pieces() * LowRank.PIECE;
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
    int vectors = factors.pieces() * (16 / LANES);
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
    ranks[ranksAt + r0] = Lanes.fold(sums, 0) * factors.scaling(r0);
    ranks[ranksAt + r1] = Lanes.fold(sums, LANES) * factors.scaling(r1);
    ranks[ranksAt + r2] = Lanes.fold(sums, 2 * LANES) * factors.scaling(r2);
    ranks[ranksAt + r3] = Lanes.fold(sums, 3 * LANES) * factors.scaling(r3);
  }

  static void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt) {
    for (LowRank.Up up : factors.ups()) {
      for (int panel = 0; panel < up.panels(); panel++) {
        for (int column = 0; column < 16; column += LANES) {
          raise(up, panel, column, ranks, ranksAt + up.firstRank(), y, yAt + up.column(panel));
        }
      }
    }
  }

  private static void raise(
      LowRank.Up up, int panel, int column, float[] ranks, int ranksAt, float[] y, int yAt) {
    IntVector upper = IntVector.broadcast(I, UPPER);
    MemorySegment data = OffHeap.of(up.data());
    long start = (long) panel * up.ranks() * LowRank.PIECE + column * 4L;
    FloatVector a0 = FloatVector.fromArray(F, y, yAt + column);
    FloatVector a1 = FloatVector.fromArray(F, y, yAt + 16 + column);
    for (int r = 0; r < up.ranks(); r++) {
      IntVector v = IntVector.fromMemorySegment(I, data, start + (long) r * LowRank.PIECE, LE);
      FloatVector e = FloatVector.broadcast(F, ranks[ranksAt + r]);
      a0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(e, a0);
      a1 = v.and(upper).reinterpretAsFloats().fma(e, a1);
    }
    a0.intoArray(y, yAt + column);
    a1.intoArray(y, yAt + 16 + column);
  }
}
