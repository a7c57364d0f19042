package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Panels of 4, 5 and 6 bits times activations in integers, see [Rows]. Lanes of 16 bits hold two
/// inputs of each output: twice the products of an fp32 vector for one instruction more. They wrap
/// around, and what is left at the end of a scale's inputs is exact: weights count from the middle
/// of their range, and activations have so few levels ([Format#levels]) that the sum fits.
///
/// The loops call nothing but the Vector API, as those of [BytePanels].
final class IntegerPanels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> S = ShortVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;
  private static final long LEAST = 2 * HALF;

  /// Sixteen accumulators, two weights and an activation fit 32 registers, not the 16 of AVX2.
  private static final int MOST = F.length() == 8 ? 4 : Rows.TILE;

  /// Bytes of the sums of one row, and of all rows, over one scale's inputs.
  private static final long ROW_BYTES = Scratch.ROW_BYTES;

  private static final long GROUP_BYTES = Rows.TILE * ROW_BYTES;

  private IntegerPanels() {}

  /// Adds the products of `blocks` blocks for the outputs `c` and `16 + c` of a panel.
  ///
  /// @param x rows whose integers begin at the panel's input 0, the first one a tile's first unless
  ///   it is the only one
  /// @param y rows that begin at the panel's output 0
  static void multiply(
      Panel panel,
      int first,
      int blocks,
      int column,
      Rows x,
      int rows,
      float[] y,
      int yAt,
      int yStride,
      Scratch scratch) {
    Format format = panel.format();
    int steps = format.stepsPerScale();
    int groups = blocks * 16 / steps;
    int[] integers = x.integers();
    long lane = column * 4L;
    Scales.decode(panel, first, blocks, scratch.scales);
    if (rows == 1) {
      int from = x.integersAt(0) + first * Rows.BLOCK_INTS;
      if (format.highRows() == 0) {
        sumsLow(panel, first, blocks, column, integers, from, scratch.partial);
      } else {
        sumsHigh(panel, first, blocks, column, integers, from, scratch.partial);
      }
      fold1(scratch.partial, scratch.scales, lane, groups, steps, integers, from, y, yAt + column);
      return;
    }
    if (format.highRows() == 0) {
      decodeLow(panel, first, blocks, column, scratch.weights);
    } else {
      decodeHigh(panel, first, blocks, column, scratch.weights);
    }
    for (int row = 0; row < rows; ) {
      int from = x.integersAt(row) + first * Rows.BLOCK_INTS;
      int count = Math.min(rows - row, rows - row > 4 ? MOST : 4);
      if (count > 4) {
        of8(scratch.weights, lane, groups, steps, format.center(), integers, from, scratch.partial);
      } else {
        of4(scratch.weights, lane, groups, steps, format.center(), integers, from, scratch.partial);
      }
      for (int i = 0; i < count; i += 4) {
        fold4(
            scratch.partial,
            i * ROW_BYTES,
            scratch.scales,
            lane,
            groups,
            steps,
            integers,
            from + i,
            count - 1 - i,
            y,
            yAt + (row + i) * yStride + column,
            yStride);
      }
      row += count;
    }
  }

  /// The word that holds the sums of the even and of the odd values of a scale's inputs.
  ///
  /// @param first step of two inputs
  /// @param steps 16 or 8
  private static int laneSums(int first, int steps) {
    return steps == 16 ? Rows.LANE_SUMS : Rows.HALF_LANE_SUMS + (first >> 3 & 1);
  }

  /// Writes the lower four bits of `blocks` blocks as `[16 blocks, 32, 2]` integers of 16 bits.
  private static void decodeLow(
      Panel panel, int first, int blocks, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    long blockBytes = panel.format().blockBytes();
    long lane = column * 4L;
    long low = panel.values(first) + lane;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    for (int j = 0; j < blocks * 4; j++) {
      long at = low + (j >> 2) * blockBytes + (j & 3) * (long) Format.ROW;
      long to = lane + (long) j * (4 * Format.ROW);
      ShortVector v0 = IntVector.fromMemorySegment(I, data, at, LE).reinterpretAsShorts();
      ShortVector v1 = IntVector.fromMemorySegment(I, data, at + HALF, LE).reinterpretAsShorts();
      v0.and(nibble).reinterpretAsInts().intoMemorySegment(out, to, LE);
      v1.and(nibble).reinterpretAsInts().intoMemorySegment(out, to + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 4)
          .and(nibble)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 4)
          .and(nibble)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(nibble)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(nibble)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      v0.lanewise(VectorOperators.LSHR, 12)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 12)
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }

  /// Writes the values of `blocks` blocks of 5 or 6 bits, as [#decodeLow] does.
  private static void decodeHigh(
      Panel panel, int first, int blocks, int column, MemorySegment outMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment out = OffHeap.of(outMemory);
    int more = panel.format().highRows();
    long blockBytes = panel.format().blockBytes();
    long lane = column * 4L;
    long low = panel.values(first) + lane;
    long high = panel.high(first) + lane;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector upper = ShortVector.broadcast(S, (short) (more == 1 ? 0x10 : 0x30));
    for (int j = 0; j < blocks * 4; j++) {
      int i = j & 3;
      long at = (j >> 2) * blockBytes;
      long bits = high + at + (i * more >> 2) * (long) Format.ROW;
      int up = (i * more & 3) * 4;
      long to = lane + (long) j * (4 * Format.ROW);
      ShortVector v0 =
          IntVector.fromMemorySegment(I, data, low + at + i * (long) Format.ROW, LE)
              .reinterpretAsShorts();
      ShortVector v1 =
          IntVector.fromMemorySegment(I, data, low + at + i * (long) Format.ROW + HALF, LE)
              .reinterpretAsShorts();
      ShortVector h0 =
          IntVector.fromMemorySegment(I, data, bits, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      ShortVector h1 =
          IntVector.fromMemorySegment(I, data, bits + HALF, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      v0.and(nibble).or(h0.and(upper)).reinterpretAsInts().intoMemorySegment(out, to, LE);
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      v1.and(nibble).or(h1.and(upper)).reinterpretAsInts().intoMemorySegment(out, to + HALF, LE);
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      v0.lanewise(VectorOperators.LSHR, 4)
          .and(nibble)
          .or(h0.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + Format.ROW, LE);
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      v1.lanewise(VectorOperators.LSHR, 4)
          .and(nibble)
          .or(h1.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + Format.ROW + HALF, LE);
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      v0.lanewise(VectorOperators.LSHR, 8)
          .and(nibble)
          .or(h0.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 2 * Format.ROW, LE);
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      v1.lanewise(VectorOperators.LSHR, 8)
          .and(nibble)
          .or(h1.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 2 * Format.ROW + HALF, LE);
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      v0.lanewise(VectorOperators.LSHR, 12)
          .or(h0.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 3 * Format.ROW, LE);
      v1.lanewise(VectorOperators.LSHR, 12)
          .or(h1.and(upper))
          .reinterpretAsInts()
          .intoMemorySegment(out, to + 3 * Format.ROW + HALF, LE);
    }
  }

  /// Eight rows of a tile.
  private static void of8(
      MemorySegment weightMemory,
      long lane,
      int groups,
      int steps,
      int center,
      int[] x,
      int from,
      MemorySegment sumMemory) {
    MemorySegment weights = OffHeap.of(weightMemory);
    MemorySegment sums = OffHeap.of(sumMemory);
    ShortVector zero = ShortVector.broadcast(S, (short) -center);
    for (int g = 0; g < groups; g++) {
      int first = g * steps;
      int block = from + (first >> 4) * Rows.BLOCK_INTS;
      int sum = block + laneSums(first, steps) * Rows.TILE;
      ShortVector a00 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(zero);
      ShortVector a01 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(zero);
      ShortVector a10 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(zero);
      ShortVector a11 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(zero);
      ShortVector a20 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(zero);
      ShortVector a21 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(zero);
      ShortVector a30 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(zero);
      ShortVector a31 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(zero);
      ShortVector a40 = IntVector.broadcast(I, x[sum + 4]).reinterpretAsShorts().mul(zero);
      ShortVector a41 = IntVector.broadcast(I, x[sum + 4]).reinterpretAsShorts().mul(zero);
      ShortVector a50 = IntVector.broadcast(I, x[sum + 5]).reinterpretAsShorts().mul(zero);
      ShortVector a51 = IntVector.broadcast(I, x[sum + 5]).reinterpretAsShorts().mul(zero);
      ShortVector a60 = IntVector.broadcast(I, x[sum + 6]).reinterpretAsShorts().mul(zero);
      ShortVector a61 = IntVector.broadcast(I, x[sum + 6]).reinterpretAsShorts().mul(zero);
      ShortVector a70 = IntVector.broadcast(I, x[sum + 7]).reinterpretAsShorts().mul(zero);
      ShortVector a71 = IntVector.broadcast(I, x[sum + 7]).reinterpretAsShorts().mul(zero);
      int k = block + (first & 15) * Rows.TILE;
      long at = lane + (long) first * Format.ROW;
      for (int step = 0; step < steps; step++) {
        ShortVector w0 =
            IntVector.fromMemorySegment(I, weights, at + (long) step * Format.ROW, LE)
                .reinterpretAsShorts();
        ShortVector w1 =
            IntVector.fromMemorySegment(I, weights, at + (long) step * Format.ROW + HALF, LE)
                .reinterpretAsShorts();
        ShortVector e0 = IntVector.broadcast(I, x[k + step * Rows.TILE]).reinterpretAsShorts();
        a00 = a00.add(w0.mul(e0));
        a01 = a01.add(w1.mul(e0));
        ShortVector e1 = IntVector.broadcast(I, x[k + step * Rows.TILE + 1]).reinterpretAsShorts();
        a10 = a10.add(w0.mul(e1));
        a11 = a11.add(w1.mul(e1));
        ShortVector e2 = IntVector.broadcast(I, x[k + step * Rows.TILE + 2]).reinterpretAsShorts();
        a20 = a20.add(w0.mul(e2));
        a21 = a21.add(w1.mul(e2));
        ShortVector e3 = IntVector.broadcast(I, x[k + step * Rows.TILE + 3]).reinterpretAsShorts();
        a30 = a30.add(w0.mul(e3));
        a31 = a31.add(w1.mul(e3));
        ShortVector e4 = IntVector.broadcast(I, x[k + step * Rows.TILE + 4]).reinterpretAsShorts();
        a40 = a40.add(w0.mul(e4));
        a41 = a41.add(w1.mul(e4));
        ShortVector e5 = IntVector.broadcast(I, x[k + step * Rows.TILE + 5]).reinterpretAsShorts();
        a50 = a50.add(w0.mul(e5));
        a51 = a51.add(w1.mul(e5));
        ShortVector e6 = IntVector.broadcast(I, x[k + step * Rows.TILE + 6]).reinterpretAsShorts();
        a60 = a60.add(w0.mul(e6));
        a61 = a61.add(w1.mul(e6));
        ShortVector e7 = IntVector.broadcast(I, x[k + step * Rows.TILE + 7]).reinterpretAsShorts();
        a70 = a70.add(w0.mul(e7));
        a71 = a71.add(w1.mul(e7));
      }
      long to = g * GROUP_BYTES;
      a00.reinterpretAsInts().intoMemorySegment(sums, to, LE);
      a01.reinterpretAsInts().intoMemorySegment(sums, to + HALF, LE);
      a10.reinterpretAsInts().intoMemorySegment(sums, to + ROW_BYTES, LE);
      a11.reinterpretAsInts().intoMemorySegment(sums, to + ROW_BYTES + HALF, LE);
      a20.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES, LE);
      a21.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES + HALF, LE);
      a30.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES, LE);
      a31.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES + HALF, LE);
      a40.reinterpretAsInts().intoMemorySegment(sums, to + 4 * ROW_BYTES, LE);
      a41.reinterpretAsInts().intoMemorySegment(sums, to + 4 * ROW_BYTES + HALF, LE);
      a50.reinterpretAsInts().intoMemorySegment(sums, to + 5 * ROW_BYTES, LE);
      a51.reinterpretAsInts().intoMemorySegment(sums, to + 5 * ROW_BYTES + HALF, LE);
      a60.reinterpretAsInts().intoMemorySegment(sums, to + 6 * ROW_BYTES, LE);
      a61.reinterpretAsInts().intoMemorySegment(sums, to + 6 * ROW_BYTES + HALF, LE);
      a70.reinterpretAsInts().intoMemorySegment(sums, to + 7 * ROW_BYTES, LE);
      a71.reinterpretAsInts().intoMemorySegment(sums, to + 7 * ROW_BYTES + HALF, LE);
    }
  }

  /// Four rows of a tile.
  private static void of4(
      MemorySegment weightMemory,
      long lane,
      int groups,
      int steps,
      int center,
      int[] x,
      int from,
      MemorySegment sumMemory) {
    MemorySegment weights = OffHeap.of(weightMemory);
    MemorySegment sums = OffHeap.of(sumMemory);
    ShortVector zero = ShortVector.broadcast(S, (short) -center);
    for (int g = 0; g < groups; g++) {
      int first = g * steps;
      int block = from + (first >> 4) * Rows.BLOCK_INTS;
      int sum = block + laneSums(first, steps) * Rows.TILE;
      ShortVector a00 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(zero);
      ShortVector a01 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(zero);
      ShortVector a10 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(zero);
      ShortVector a11 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(zero);
      ShortVector a20 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(zero);
      ShortVector a21 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(zero);
      ShortVector a30 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(zero);
      ShortVector a31 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(zero);
      int k = block + (first & 15) * Rows.TILE;
      long at = lane + (long) first * Format.ROW;
      for (int step = 0; step < steps; step++) {
        ShortVector w0 =
            IntVector.fromMemorySegment(I, weights, at + (long) step * Format.ROW, LE)
                .reinterpretAsShorts();
        ShortVector w1 =
            IntVector.fromMemorySegment(I, weights, at + (long) step * Format.ROW + HALF, LE)
                .reinterpretAsShorts();
        ShortVector e0 = IntVector.broadcast(I, x[k + step * Rows.TILE]).reinterpretAsShorts();
        a00 = a00.add(w0.mul(e0));
        a01 = a01.add(w1.mul(e0));
        ShortVector e1 = IntVector.broadcast(I, x[k + step * Rows.TILE + 1]).reinterpretAsShorts();
        a10 = a10.add(w0.mul(e1));
        a11 = a11.add(w1.mul(e1));
        ShortVector e2 = IntVector.broadcast(I, x[k + step * Rows.TILE + 2]).reinterpretAsShorts();
        a20 = a20.add(w0.mul(e2));
        a21 = a21.add(w1.mul(e2));
        ShortVector e3 = IntVector.broadcast(I, x[k + step * Rows.TILE + 3]).reinterpretAsShorts();
        a30 = a30.add(w0.mul(e3));
        a31 = a31.add(w1.mul(e3));
      }
      long to = g * GROUP_BYTES;
      a00.reinterpretAsInts().intoMemorySegment(sums, to, LE);
      a01.reinterpretAsInts().intoMemorySegment(sums, to + HALF, LE);
      a10.reinterpretAsInts().intoMemorySegment(sums, to + ROW_BYTES, LE);
      a11.reinterpretAsInts().intoMemorySegment(sums, to + ROW_BYTES + HALF, LE);
      a20.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES, LE);
      a21.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES + HALF, LE);
      a30.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES, LE);
      a31.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES + HALF, LE);
    }
  }

  /// `y += scale_w scale_x sum(w x) + least_w sum(x)` for four rows; those from `last` on are the
  /// last one again.
  private static void fold4(
      MemorySegment sumMemory,
      long sumsAt,
      MemorySegment scaleMemory,
      long lane,
      int groups,
      int steps,
      int[] x,
      int from,
      int last,
      float[] y,
      int y0,
      int yStride) {
    MemorySegment sums = OffHeap.of(sumMemory);
    MemorySegment scales = OffHeap.of(scaleMemory);
    int r1 = Math.min(1, last);
    int r2 = Math.min(2, last);
    int r3 = Math.min(3, last);
    int y1 = y0 + r1 * yStride;
    int y2 = y0 + r2 * yStride;
    int y3 = y0 + r3 * yStride;
    FloatVector a00 = FloatVector.fromArray(F, y, y0);
    FloatVector a01 = FloatVector.fromArray(F, y, y0 + 16);
    FloatVector a10 = FloatVector.fromArray(F, y, y1);
    FloatVector a11 = FloatVector.fromArray(F, y, y1 + 16);
    FloatVector a20 = FloatVector.fromArray(F, y, y2);
    FloatVector a21 = FloatVector.fromArray(F, y, y2 + 16);
    FloatVector a30 = FloatVector.fromArray(F, y, y3);
    FloatVector a31 = FloatVector.fromArray(F, y, y3 + 16);
    for (int g = 0; g < groups; g++) {
      long scale = lane + (long) g * Scratch.SCALE_BYTES;
      FloatVector s0 = FloatVector.fromMemorySegment(F, scales, scale, LE);
      FloatVector s1 = FloatVector.fromMemorySegment(F, scales, scale + HALF, LE);
      FloatVector o0 = FloatVector.fromMemorySegment(F, scales, scale + LEAST, LE);
      FloatVector o1 = FloatVector.fromMemorySegment(F, scales, scale + LEAST + HALF, LE);
      int block = from + (g * steps >> 4) * Rows.BLOCK_INTS;
      long at = sumsAt + g * GROUP_BYTES;
      FloatVector unit =
          IntVector.broadcast(I, x[block + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      FloatVector all =
          IntVector.broadcast(I, x[block + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
      IntVector p0 = IntVector.fromMemorySegment(I, sums, at, LE);
      FloatVector f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a00 = a00.add(f0.fma(s0.mul(unit), o0.mul(all)));
      IntVector p1 = IntVector.fromMemorySegment(I, sums, at + HALF, LE);
      FloatVector f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a01 = a01.add(f1.fma(s1.mul(unit), o1.mul(all)));
      unit = IntVector.broadcast(I, x[block + r1 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      all = IntVector.broadcast(I, x[block + r1 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r1 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a10 = a10.add(f0.fma(s0.mul(unit), o0.mul(all)));
      p1 = IntVector.fromMemorySegment(I, sums, at + r1 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a11 = a11.add(f1.fma(s1.mul(unit), o1.mul(all)));
      unit = IntVector.broadcast(I, x[block + r2 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      all = IntVector.broadcast(I, x[block + r2 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r2 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a20 = a20.add(f0.fma(s0.mul(unit), o0.mul(all)));
      p1 = IntVector.fromMemorySegment(I, sums, at + r2 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a21 = a21.add(f1.fma(s1.mul(unit), o1.mul(all)));
      unit = IntVector.broadcast(I, x[block + r3 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      all = IntVector.broadcast(I, x[block + r3 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r3 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a30 = a30.add(f0.fma(s0.mul(unit), o0.mul(all)));
      p1 = IntVector.fromMemorySegment(I, sums, at + r3 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      a31 = a31.add(f1.fma(s1.mul(unit), o1.mul(all)));
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + 16);
    a10.intoArray(y, y1);
    a11.intoArray(y, y1 + 16);
    a20.intoArray(y, y2);
    a21.intoArray(y, y2 + 16);
    a30.intoArray(y, y3);
    a31.intoArray(y, y3 + 16);
  }

  /// Sums of one row's products with weights of 4 bits over each 16 inputs.
  private static void sumsLow(
      Panel panel, int first, int blocks, int column, int[] x, int from, MemorySegment sumMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment sums = OffHeap.of(sumMemory);
    Format format = panel.format();
    long blockBytes = format.blockBytes();
    long low = panel.values(first) + column * 4L;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector zero = ShortVector.broadcast(S, (short) -format.center());
    for (int half = 0; half < 2 * blocks; half++) {
      int part = half & 1;
      int block = from + (half >> 1) * Rows.BLOCK_INTS;
      int k = block + part * 8 * Rows.TILE;
      long words = low + (half >> 1) * blockBytes + part * (2L * Format.ROW);
      ShortVector e =
          IntVector.broadcast(I, x[block + (Rows.HALF_LANE_SUMS + part) * Rows.TILE])
              .reinterpretAsShorts();
      ShortVector a0 = e.mul(zero);
      ShortVector a1 = e.mul(zero);
      ShortVector v0 = IntVector.fromMemorySegment(I, data, words, LE).reinterpretAsShorts();
      ShortVector v1 = IntVector.fromMemorySegment(I, data, words + HALF, LE).reinterpretAsShorts();
      e = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
      a0 = a0.add(v0.and(nibble).mul(e));
      a1 = a1.add(v1.and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 4).and(nibble).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 4).and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + 2 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 8).and(nibble).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 8).and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + 3 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 12).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 12).mul(e));
      v0 = IntVector.fromMemorySegment(I, data, words + Format.ROW, LE).reinterpretAsShorts();
      v1 =
          IntVector.fromMemorySegment(I, data, words + Format.ROW + HALF, LE).reinterpretAsShorts();
      e = IntVector.broadcast(I, x[k + 4 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.and(nibble).mul(e));
      a1 = a1.add(v1.and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + 5 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 4).and(nibble).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 4).and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + 6 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 8).and(nibble).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 8).and(nibble).mul(e));
      e = IntVector.broadcast(I, x[k + 7 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 12).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 12).mul(e));
      a0.reinterpretAsInts().intoMemorySegment(sums, half * ROW_BYTES, LE);
      a1.reinterpretAsInts().intoMemorySegment(sums, half * ROW_BYTES + HALF, LE);
    }
  }

  /// Sums of one row's products with weights of 5 or 6 bits over each 16 inputs.
  private static void sumsHigh(
      Panel panel, int first, int blocks, int column, int[] x, int from, MemorySegment sumMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment sums = OffHeap.of(sumMemory);
    Format format = panel.format();
    long blockBytes = format.blockBytes();
    long low = panel.values(first) + column * 4L;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector zero = ShortVector.broadcast(S, (short) -format.center());
    int more = format.highRows();
    long high = panel.high(first) + column * 4L;
    ShortVector upper = ShortVector.broadcast(S, (short) (more == 1 ? 0x10 : 0x30));
    for (int half = 0; half < 2 * blocks; half++) {
      int part = half & 1;
      int block = from + (half >> 1) * Rows.BLOCK_INTS;
      int k = block + part * 8 * Rows.TILE;
      long words = low + (half >> 1) * blockBytes + part * (2L * Format.ROW);
      ShortVector e =
          IntVector.broadcast(I, x[block + (Rows.HALF_LANE_SUMS + part) * Rows.TILE])
              .reinterpretAsShorts();
      ShortVector a0 = e.mul(zero);
      ShortVector a1 = e.mul(zero);
      ShortVector v0 = IntVector.fromMemorySegment(I, data, words, LE).reinterpretAsShorts();
      ShortVector v1 = IntVector.fromMemorySegment(I, data, words + HALF, LE).reinterpretAsShorts();
      int i = 2 * part;
      long bits = high + (half >> 1) * blockBytes + (i * more >> 2) * (long) Format.ROW;
      int up = (i * more & 3) * 4;
      ShortVector h0 =
          IntVector.fromMemorySegment(I, data, bits, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      ShortVector h1 =
          IntVector.fromMemorySegment(I, data, bits + HALF, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      e = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
      a0 = a0.add(v0.and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 4).and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 4).and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + 2 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 8).and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 8).and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + 3 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 12).or(h0.and(upper)).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 12).or(h1.and(upper)).mul(e));
      v0 = IntVector.fromMemorySegment(I, data, words + Format.ROW, LE).reinterpretAsShorts();
      v1 =
          IntVector.fromMemorySegment(I, data, words + Format.ROW + HALF, LE).reinterpretAsShorts();
      i = 2 * part + 1;
      bits = high + (half >> 1) * blockBytes + (i * more >> 2) * (long) Format.ROW;
      up = (i * more & 3) * 4;
      h0 =
          IntVector.fromMemorySegment(I, data, bits, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      h1 =
          IntVector.fromMemorySegment(I, data, bits + HALF, LE)
              .reinterpretAsShorts()
              .lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      e = IntVector.broadcast(I, x[k + 4 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + 5 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 4).and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 4).and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + 6 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 8).and(nibble).or(h0.and(upper)).mul(e));
      h0 = h0.lanewise(VectorOperators.LSHR, more);
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 8).and(nibble).or(h1.and(upper)).mul(e));
      h1 = h1.lanewise(VectorOperators.LSHR, more);
      e = IntVector.broadcast(I, x[k + 7 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(v0.lanewise(VectorOperators.LSHR, 12).or(h0.and(upper)).mul(e));
      a1 = a1.add(v1.lanewise(VectorOperators.LSHR, 12).or(h1.and(upper)).mul(e));
      a0.reinterpretAsInts().intoMemorySegment(sums, half * ROW_BYTES, LE);
      a1.reinterpretAsInts().intoMemorySegment(sums, half * ROW_BYTES + HALF, LE);
    }
  }

  /// [#fold4] for one row, whose sums are those of 16 inputs each.
  private static void fold1(
      MemorySegment sumMemory,
      MemorySegment scaleMemory,
      long lane,
      int groups,
      int steps,
      int[] x,
      int from,
      float[] y,
      int y0) {
    MemorySegment sums = OffHeap.of(sumMemory);
    MemorySegment scales = OffHeap.of(scaleMemory);
    int halves = steps / 8;
    ShortVector other = ShortVector.broadcast(S, (short) (halves - 1));
    FloatVector a0 = FloatVector.fromArray(F, y, y0);
    FloatVector a1 = FloatVector.fromArray(F, y, y0 + 16);
    for (int g = 0; g < groups; g++) {
      int block = from + (g * steps >> 4) * Rows.BLOCK_INTS;
      FloatVector unit =
          IntVector.broadcast(I, x[block + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      FloatVector all =
          IntVector.broadcast(I, x[block + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
      long scale = lane + (long) g * Scratch.SCALE_BYTES;
      long at = (long) g * halves * ROW_BYTES;
      long last = at + (halves - 1) * ROW_BYTES;
      IntVector p0 =
          IntVector.fromMemorySegment(I, sums, at, LE)
              .reinterpretAsShorts()
              .add(IntVector.fromMemorySegment(I, sums, last, LE).reinterpretAsShorts().mul(other))
              .reinterpretAsInts();
      FloatVector f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      FloatVector s0 = FloatVector.fromMemorySegment(F, scales, scale, LE);
      FloatVector o0 = FloatVector.fromMemorySegment(F, scales, scale + LEAST, LE);
      a0 = a0.add(f0.fma(s0.mul(unit), o0.mul(all)));
      IntVector p1 =
          IntVector.fromMemorySegment(I, sums, at + HALF, LE)
              .reinterpretAsShorts()
              .add(
                  IntVector.fromMemorySegment(I, sums, last + HALF, LE)
                      .reinterpretAsShorts()
                      .mul(other))
              .reinterpretAsInts();
      FloatVector f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      FloatVector s1 = FloatVector.fromMemorySegment(F, scales, scale + HALF, LE);
      FloatVector o1 = FloatVector.fromMemorySegment(F, scales, scale + LEAST + HALF, LE);
      a1 = a1.add(f1.fma(s1.mul(unit), o1.mul(all)));
    }
    a0.intoArray(y, y0);
    a1.intoArray(y, y0 + 16);
  }
}
