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
  private static final long ROW_BYTES = 2 * HALF;

  private static final long GROUP_BYTES = Rows.TILE * ROW_BYTES;

  private IntegerPanels() {}

  /// Bytes of the sums of a tile over `inputs` inputs.
  static long sumBytes(int inputs) {
    return inputs / 16 * GROUP_BYTES;
  }

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
    int groups = blocks * 4 / format.wordsPerScale();
    boolean decoded = false;
    for (int row = 0; row < rows; ) {
      int left = rows - row;
      int from = x.integersAt(row) + first * Rows.BLOCK_INTS;
      int to = yAt + row * yStride + column;
      if (left == 1) {
        if (!decoded && !format.scale.isDirect()) {
          Scales.decode(panel, first, blocks, scratch.scales);
        }
        dot(panel, first, blocks, column, x.integers(), from, scratch.scales, y, to);
        return;
      }
      int count;
      if (left > 4 && MOST == Rows.TILE) {
        count = Math.min(left, 8);
        of8(panel, first, groups, column, x.integers(), from, scratch.partial);
      } else {
        count = Math.min(left, 4);
        of4(panel, first, groups, column, x.integers(), from, scratch.partial);
      }
      if (!decoded) {
        Scales.decode(panel, first, blocks, scratch.scales);
        decoded = true;
      }
      for (int i = 0; i < count; i += 4) {
        fold4(
            format,
            groups,
            column * 4L,
            i,
            count - 1 - i,
            scratch.partial,
            scratch.scales,
            x.integers(),
            from,
            y,
            to + i * yStride,
            yStride);
      }
      row += count;
    }
  }

  /// Eight rows of a tile.
  private static void of8(
      Panel panel, int first, int groups, int column, int[] x, int from, MemorySegment sumMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment sums = OffHeap.of(sumMemory);
    Format format = panel.format();
    int more = format.highRows();
    int rows = format.wordsPerScale();
    int sumWord = rows == 4 ? Rows.LANE_SUMS : Rows.HALF_LANE_SUMS;
    long blockBytes = format.blockBytes();
    long low = panel.values(first) + column * 4L;
    long high = panel.high(first) + column * 4L;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector upper = ShortVector.broadcast(S, (short) (more == 1 ? 0x10 : 0x30));
    ShortVector center = ShortVector.broadcast(S, (short) -format.center());
    for (int g = 0; g < groups; g++) {
      int block = g * rows >> 2;
      int row = g * rows & 3;
      int at = from + block * Rows.BLOCK_INTS;
      int sum = at + (sumWord + (row >> 1)) * Rows.TILE;
      ShortVector a00 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(center);
      ShortVector a01 = a00;
      ShortVector a10 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(center);
      ShortVector a11 = a10;
      ShortVector a20 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(center);
      ShortVector a21 = a20;
      ShortVector a30 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(center);
      ShortVector a31 = a30;
      ShortVector a40 = IntVector.broadcast(I, x[sum + 4]).reinterpretAsShorts().mul(center);
      ShortVector a41 = a40;
      ShortVector a50 = IntVector.broadcast(I, x[sum + 5]).reinterpretAsShorts().mul(center);
      ShortVector a51 = a50;
      ShortVector a60 = IntVector.broadcast(I, x[sum + 6]).reinterpretAsShorts().mul(center);
      ShortVector a61 = a60;
      ShortVector a70 = IntVector.broadcast(I, x[sum + 7]).reinterpretAsShorts().mul(center);
      ShortVector a71 = a70;
      for (int i = row; i < row + rows; i++) {
        long words = low + block * blockBytes + i * (long) Format.ROW;
        ShortVector v0 = IntVector.fromMemorySegment(I, data, words, LE).reinterpretAsShorts();
        ShortVector v1 =
            IntVector.fromMemorySegment(I, data, words + HALF, LE).reinterpretAsShorts();
        ShortVector h0 = upper;
        ShortVector h1 = upper;
        if (more > 0) {
          long bits = high + block * blockBytes + (i * more >> 2) * (long) Format.ROW;
          int up = (i * more & 3) * 4;
          h0 = IntVector.fromMemorySegment(I, data, bits, LE).reinterpretAsShorts();
          h0 =
              h0.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
                  .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
          h1 = IntVector.fromMemorySegment(I, data, bits + HALF, LE).reinterpretAsShorts();
          h1 =
              h1.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
                  .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
        }
        int k = at + 4 * Rows.TILE * i;
        for (int step = 0; step < 4; step++) {
          ShortVector w0 = v0.and(nibble);
          v0 = v0.lanewise(VectorOperators.LSHR, 4);
          ShortVector w1 = v1.and(nibble);
          v1 = v1.lanewise(VectorOperators.LSHR, 4);
          if (more > 0) {
            w0 = w0.or(h0.and(upper));
            h0 = h0.lanewise(VectorOperators.LSHR, more);
            w1 = w1.or(h1.and(upper));
            h1 = h1.lanewise(VectorOperators.LSHR, more);
          }
          ShortVector e0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
          a00 = a00.add(w0.mul(e0));
          a01 = a01.add(w1.mul(e0));
          ShortVector e1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
          a10 = a10.add(w0.mul(e1));
          a11 = a11.add(w1.mul(e1));
          ShortVector e2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
          a20 = a20.add(w0.mul(e2));
          a21 = a21.add(w1.mul(e2));
          ShortVector e3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
          a30 = a30.add(w0.mul(e3));
          a31 = a31.add(w1.mul(e3));
          ShortVector e4 = IntVector.broadcast(I, x[k + 4]).reinterpretAsShorts();
          a40 = a40.add(w0.mul(e4));
          a41 = a41.add(w1.mul(e4));
          ShortVector e5 = IntVector.broadcast(I, x[k + 5]).reinterpretAsShorts();
          a50 = a50.add(w0.mul(e5));
          a51 = a51.add(w1.mul(e5));
          ShortVector e6 = IntVector.broadcast(I, x[k + 6]).reinterpretAsShorts();
          a60 = a60.add(w0.mul(e6));
          a61 = a61.add(w1.mul(e6));
          ShortVector e7 = IntVector.broadcast(I, x[k + 7]).reinterpretAsShorts();
          a70 = a70.add(w0.mul(e7));
          a71 = a71.add(w1.mul(e7));
          k += Rows.TILE;
        }
      }
      long to = g * GROUP_BYTES;
      a00.reinterpretAsInts().intoMemorySegment(sums, to, LE);
      a01.reinterpretAsInts().intoMemorySegment(sums, to + HALF, LE);
      a10.reinterpretAsInts().intoMemorySegment(sums, to + 1 * ROW_BYTES, LE);
      a11.reinterpretAsInts().intoMemorySegment(sums, to + 1 * ROW_BYTES + HALF, LE);
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
      Panel panel, int first, int groups, int column, int[] x, int from, MemorySegment sumMemory) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment sums = OffHeap.of(sumMemory);
    Format format = panel.format();
    int more = format.highRows();
    int rows = format.wordsPerScale();
    int sumWord = rows == 4 ? Rows.LANE_SUMS : Rows.HALF_LANE_SUMS;
    long blockBytes = format.blockBytes();
    long low = panel.values(first) + column * 4L;
    long high = panel.high(first) + column * 4L;
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector upper = ShortVector.broadcast(S, (short) (more == 1 ? 0x10 : 0x30));
    ShortVector center = ShortVector.broadcast(S, (short) -format.center());
    for (int g = 0; g < groups; g++) {
      int block = g * rows >> 2;
      int row = g * rows & 3;
      int at = from + block * Rows.BLOCK_INTS;
      int sum = at + (sumWord + (row >> 1)) * Rows.TILE;
      ShortVector a00 = IntVector.broadcast(I, x[sum]).reinterpretAsShorts().mul(center);
      ShortVector a01 = a00;
      ShortVector a10 = IntVector.broadcast(I, x[sum + 1]).reinterpretAsShorts().mul(center);
      ShortVector a11 = a10;
      ShortVector a20 = IntVector.broadcast(I, x[sum + 2]).reinterpretAsShorts().mul(center);
      ShortVector a21 = a20;
      ShortVector a30 = IntVector.broadcast(I, x[sum + 3]).reinterpretAsShorts().mul(center);
      ShortVector a31 = a30;
      for (int i = row; i < row + rows; i++) {
        long words = low + block * blockBytes + i * (long) Format.ROW;
        ShortVector v0 = IntVector.fromMemorySegment(I, data, words, LE).reinterpretAsShorts();
        ShortVector v1 =
            IntVector.fromMemorySegment(I, data, words + HALF, LE).reinterpretAsShorts();
        ShortVector h0 = upper;
        ShortVector h1 = upper;
        if (more > 0) {
          long bits = high + block * blockBytes + (i * more >> 2) * (long) Format.ROW;
          int up = (i * more & 3) * 4;
          h0 = IntVector.fromMemorySegment(I, data, bits, LE).reinterpretAsShorts();
          h0 =
              h0.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
                  .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
          h1 = IntVector.fromMemorySegment(I, data, bits + HALF, LE).reinterpretAsShorts();
          h1 =
              h1.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
                  .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
        }
        int k = at + 4 * Rows.TILE * i;
        for (int step = 0; step < 4; step++) {
          ShortVector w0 = v0.and(nibble);
          v0 = v0.lanewise(VectorOperators.LSHR, 4);
          ShortVector w1 = v1.and(nibble);
          v1 = v1.lanewise(VectorOperators.LSHR, 4);
          if (more > 0) {
            w0 = w0.or(h0.and(upper));
            h0 = h0.lanewise(VectorOperators.LSHR, more);
            w1 = w1.or(h1.and(upper));
            h1 = h1.lanewise(VectorOperators.LSHR, more);
          }
          ShortVector e0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
          a00 = a00.add(w0.mul(e0));
          a01 = a01.add(w1.mul(e0));
          ShortVector e1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
          a10 = a10.add(w0.mul(e1));
          a11 = a11.add(w1.mul(e1));
          ShortVector e2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
          a20 = a20.add(w0.mul(e2));
          a21 = a21.add(w1.mul(e2));
          ShortVector e3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
          a30 = a30.add(w0.mul(e3));
          a31 = a31.add(w1.mul(e3));
          k += Rows.TILE;
        }
      }
      long to = g * GROUP_BYTES;
      a00.reinterpretAsInts().intoMemorySegment(sums, to, LE);
      a01.reinterpretAsInts().intoMemorySegment(sums, to + HALF, LE);
      a10.reinterpretAsInts().intoMemorySegment(sums, to + 1 * ROW_BYTES, LE);
      a11.reinterpretAsInts().intoMemorySegment(sums, to + 1 * ROW_BYTES + HALF, LE);
      a20.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES, LE);
      a21.reinterpretAsInts().intoMemorySegment(sums, to + 2 * ROW_BYTES + HALF, LE);
      a30.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES, LE);
      a31.reinterpretAsInts().intoMemorySegment(sums, to + 3 * ROW_BYTES + HALF, LE);
    }
  }

  /// Four rows; those from `last` on are the last one again.
  private static void fold4(
      Format format,
      int groups,
      long lane,
      int firstRow,
      int last,
      MemorySegment sumMemory,
      MemorySegment scaleMemory,
      int[] x,
      int from,
      float[] y,
      int y0,
      int yStride) {
    MemorySegment sums = OffHeap.of(sumMemory);
    MemorySegment scales = OffHeap.of(scaleMemory);
    int halves = format.wordsPerScale() == 4 ? 0 : 1;
    boolean hasLeast = format.hasLeast();
    int r1 = Math.min(1, last);
    int y1 = y0 + r1 * yStride;
    int r2 = Math.min(2, last);
    int y2 = y0 + r2 * yStride;
    int r3 = Math.min(3, last);
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
      int block = from + firstRow + (g >> halves) * Rows.BLOCK_INTS;
      long at = g * GROUP_BYTES + firstRow * ROW_BYTES;
      FloatVector unit =
          IntVector.broadcast(I, x[block + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      IntVector p0 = IntVector.fromMemorySegment(I, sums, at, LE);
      FloatVector f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      IntVector p1 = IntVector.fromMemorySegment(I, sums, at + HALF, LE);
      FloatVector f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      if (hasLeast) {
        FloatVector all =
            IntVector.broadcast(I, x[block + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
        a00 = a00.add(f0.fma(s0.mul(unit), o0.mul(all)));
        a01 = a01.add(f1.fma(s1.mul(unit), o1.mul(all)));
      } else {
        a00 = f0.fma(s0.mul(unit), a00);
        a01 = f1.fma(s1.mul(unit), a01);
      }
      unit = IntVector.broadcast(I, x[block + r1 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r1 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      p1 = IntVector.fromMemorySegment(I, sums, at + r1 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      if (hasLeast) {
        FloatVector all =
            IntVector.broadcast(I, x[block + r1 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
        a10 = a10.add(f0.fma(s0.mul(unit), o0.mul(all)));
        a11 = a11.add(f1.fma(s1.mul(unit), o1.mul(all)));
      } else {
        a10 = f0.fma(s0.mul(unit), a10);
        a11 = f1.fma(s1.mul(unit), a11);
      }
      unit = IntVector.broadcast(I, x[block + r2 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r2 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      p1 = IntVector.fromMemorySegment(I, sums, at + r2 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      if (hasLeast) {
        FloatVector all =
            IntVector.broadcast(I, x[block + r2 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
        a20 = a20.add(f0.fma(s0.mul(unit), o0.mul(all)));
        a21 = a21.add(f1.fma(s1.mul(unit), o1.mul(all)));
      } else {
        a20 = f0.fma(s0.mul(unit), a20);
        a21 = f1.fma(s1.mul(unit), a21);
      }
      unit = IntVector.broadcast(I, x[block + r3 + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
      p0 = IntVector.fromMemorySegment(I, sums, at + r3 * ROW_BYTES, LE);
      f0 =
          (FloatVector)
              p0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p0.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      p1 = IntVector.fromMemorySegment(I, sums, at + r3 * ROW_BYTES + HALF, LE);
      f1 =
          (FloatVector)
              p1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 16)
                  .add(p1.lanewise(VectorOperators.ASHR, 16))
                  .convert(VectorOperators.I2F, 0);
      if (hasLeast) {
        FloatVector all =
            IntVector.broadcast(I, x[block + r3 + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
        a30 = a30.add(f0.fma(s0.mul(unit), o0.mul(all)));
        a31 = a31.add(f1.fma(s1.mul(unit), o1.mul(all)));
      } else {
        a30 = f0.fma(s0.mul(unit), a30);
        a31 = f1.fma(s1.mul(unit), a31);
      }
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

  /// One row, sums and scales at once: memory is read in its order.
  private static void dot(
      Panel panel,
      int first,
      int blocks,
      int column,
      int[] x,
      int from,
      MemorySegment scaleMemory,
      float[] y,
      int y0) {
    MemorySegment data = OffHeap.of(panel.data());
    MemorySegment scales = OffHeap.of(scaleMemory);
    Format format = panel.format();
    boolean direct = format.scale.isDirect();
    boolean pairs = format.scale == Format.Scale.HALF_PAIR;
    int more = format.highRows();
    int last = format.wordsPerScale() - 1;
    int halves = last == 3 ? 2 : 1;
    int sumWord = last == 3 ? Rows.LANE_SUMS : Rows.HALF_LANE_SUMS;
    long blockBytes = format.blockBytes();
    long lane = column * 4L;
    long head = panel.scales(first) + lane;
    long low = panel.values(first) + lane;
    long high = more > 0 ? panel.high(first) + lane : low;
    IntVector halfBits = IntVector.broadcast(I, Panel.HALF_BITS);
    FloatVector unit = FloatVector.broadcast(F, panel.unit());
    FloatVector middle = FloatVector.broadcast(F, format.center());
    ShortVector nibble = ShortVector.broadcast(S, (short) 15);
    ShortVector upper = ShortVector.broadcast(S, (short) (more == 1 ? 0x10 : 0x30));
    ShortVector center = ShortVector.broadcast(S, (short) -format.center());
    FloatVector t0 = FloatVector.fromArray(F, y, y0);
    FloatVector t1 = FloatVector.fromArray(F, y, y0 + 16);
    ShortVector a0 = ShortVector.zero(S);
    ShortVector a1 = ShortVector.zero(S);
    for (int j = 0; j < blocks * 4; j++) {
      long at = (j >> 2) * blockBytes;
      int i = j & 3;
      int block = from + (j >> 2) * Rows.BLOCK_INTS;
      int k = block + i * 4 * Rows.TILE;
      ShortVector v0 =
          IntVector.fromMemorySegment(I, data, low + at + i * (long) Format.ROW, LE)
              .reinterpretAsShorts();
      ShortVector v1 =
          IntVector.fromMemorySegment(I, data, low + at + i * (long) Format.ROW + HALF, LE)
              .reinterpretAsShorts();
      long bits = high + at + (i * more >> 2) * (long) Format.ROW;
      int up = (i * more & 3) * 4;
      ShortVector h0 = IntVector.fromMemorySegment(I, data, bits, LE).reinterpretAsShorts();
      ShortVector h1 = IntVector.fromMemorySegment(I, data, bits + HALF, LE).reinterpretAsShorts();
      h0 =
          h0.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      h1 =
          h1.lanewise(VectorOperators.LSHL, up == 0 ? 4 : 0)
              .lanewise(VectorOperators.LSHR, Math.max(up - 4, 0));
      ShortVector w0 = v0.and(nibble);
      v0 = v0.lanewise(VectorOperators.LSHR, 4);
      ShortVector w1 = v1.and(nibble);
      v1 = v1.lanewise(VectorOperators.LSHR, 4);
      if (more > 0) {
        w0 = w0.or(h0.and(upper));
        h0 = h0.lanewise(VectorOperators.LSHR, more);
        w1 = w1.or(h1.and(upper));
        h1 = h1.lanewise(VectorOperators.LSHR, more);
      }
      ShortVector e = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
      a0 = a0.add(w0.mul(e));
      a1 = a1.add(w1.mul(e));
      w0 = v0.and(nibble);
      v0 = v0.lanewise(VectorOperators.LSHR, 4);
      w1 = v1.and(nibble);
      v1 = v1.lanewise(VectorOperators.LSHR, 4);
      if (more > 0) {
        w0 = w0.or(h0.and(upper));
        h0 = h0.lanewise(VectorOperators.LSHR, more);
        w1 = w1.or(h1.and(upper));
        h1 = h1.lanewise(VectorOperators.LSHR, more);
      }
      e = IntVector.broadcast(I, x[k + Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(w0.mul(e));
      a1 = a1.add(w1.mul(e));
      w0 = v0.and(nibble);
      v0 = v0.lanewise(VectorOperators.LSHR, 4);
      w1 = v1.and(nibble);
      v1 = v1.lanewise(VectorOperators.LSHR, 4);
      if (more > 0) {
        w0 = w0.or(h0.and(upper));
        h0 = h0.lanewise(VectorOperators.LSHR, more);
        w1 = w1.or(h1.and(upper));
        h1 = h1.lanewise(VectorOperators.LSHR, more);
      }
      e = IntVector.broadcast(I, x[k + 2 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(w0.mul(e));
      a1 = a1.add(w1.mul(e));
      w0 = v0.and(nibble);
      w1 = v1.and(nibble);
      if (more > 0) {
        w0 = w0.or(h0.and(upper));
        w1 = w1.or(h1.and(upper));
      }
      e = IntVector.broadcast(I, x[k + 3 * Rows.TILE]).reinterpretAsShorts();
      a0 = a0.add(w0.mul(e));
      a1 = a1.add(w1.mul(e));
      if ((i & last) == last) {
        e =
            IntVector.broadcast(I, x[block + (sumWord + (i >> halves)) * Rows.TILE])
                .reinterpretAsShorts();
        IntVector p0 = a0.add(e.mul(center)).reinterpretAsInts();
        IntVector p1 = a1.add(e.mul(center)).reinterpretAsInts();
        a0 = ShortVector.zero(S);
        a1 = ShortVector.zero(S);
        FloatVector f0 =
            (FloatVector)
                p0.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(p0.lanewise(VectorOperators.ASHR, 16))
                    .convert(VectorOperators.I2F, 0);
        FloatVector f1 =
            (FloatVector)
                p1.lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 16)
                    .add(p1.lanewise(VectorOperators.ASHR, 16))
                    .convert(VectorOperators.I2F, 0);
        FloatVector scale =
            IntVector.broadcast(I, x[block + Rows.SCALE * Rows.TILE]).reinterpretAsFloats();
        FloatVector all =
            IntVector.broadcast(I, x[block + Rows.SUM * Rows.TILE]).reinterpretAsFloats();
        FloatVector s0;
        FloatVector s1;
        if (pairs) {
          IntVector q0 = IntVector.fromMemorySegment(I, data, head + at, LE);
          IntVector q1 = IntVector.fromMemorySegment(I, data, head + at + HALF, LE);
          s0 =
              q0.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(halfBits)
                  .reinterpretAsFloats()
                  .mul(unit);
          s1 =
              q1.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(halfBits)
                  .reinterpretAsFloats()
                  .mul(unit);
          FloatVector o0 =
              s0.fma(
                  middle,
                  q0.lanewise(VectorOperators.ASHR, 3)
                      .and(halfBits)
                      .reinterpretAsFloats()
                      .mul(unit));
          FloatVector o1 =
              s1.fma(
                  middle,
                  q1.lanewise(VectorOperators.ASHR, 3)
                      .and(halfBits)
                      .reinterpretAsFloats()
                      .mul(unit));
          t0 = t0.add(f0.fma(s0.mul(scale), o0.mul(all)));
          t1 = t1.add(f1.fma(s1.mul(scale), o1.mul(all)));
        } else if (direct) {
          IntVector q = IntVector.fromMemorySegment(I, data, head + at, LE);
          s0 =
              q.lanewise(VectorOperators.LSHL, 16)
                  .lanewise(VectorOperators.ASHR, 3)
                  .and(halfBits)
                  .reinterpretAsFloats()
                  .mul(unit);
          s1 = q.lanewise(VectorOperators.ASHR, 3).and(halfBits).reinterpretAsFloats().mul(unit);
          t0 = f0.fma(s0.mul(scale), t0);
          t1 = f1.fma(s1.mul(scale), t1);
        } else {
          long scaleAt = lane + (long) (j >> halves) * Scratch.SCALE_BYTES;
          s0 = FloatVector.fromMemorySegment(F, scales, scaleAt, LE);
          s1 = FloatVector.fromMemorySegment(F, scales, scaleAt + HALF, LE);
          if (last == 3) {
            FloatVector o0 = FloatVector.fromMemorySegment(F, scales, scaleAt + LEAST, LE);
            FloatVector o1 = FloatVector.fromMemorySegment(F, scales, scaleAt + LEAST + HALF, LE);
            t0 = t0.add(f0.fma(s0.mul(scale), o0.mul(all)));
            t1 = t1.add(f1.fma(s1.mul(scale), o1.mul(all)));
          } else {
            t0 = f0.fma(s0.mul(scale), t0);
            t1 = f1.fma(s1.mul(scale), t1);
          }
        }
      }
    }
    t0.intoArray(y, y0);
    t1.intoArray(y, y0 + 16);
  }
}
