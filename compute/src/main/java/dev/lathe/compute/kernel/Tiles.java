package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// Rows of activations times `[inputs, 32]` floats, a pair of vectors of outputs at a time. Each
/// result is one accumulator over all inputs in their order, so that its bits do not depend on the
/// rows beside it.
final class Tiles {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  private static final long HALF = 16 * Float.BYTES;

  /// Sixteen accumulators, two weights and an activation fit 32 registers, not the 16 of AVX2.
  private static final int MOST = F.length() == 8 ? 4 : 8;

  private Tiles() {}

  /// @param wAt weights of the pair `c, 16 + c`, row `k` at `128 k` from there
  /// @param y the outputs `c` of the first row
  /// @param add continues the sums that `y` holds instead of beginning at zero
  static void multiply(
      MemorySegment w,
      long wAt,
      int inputs,
      float[] x,
      int xAt,
      int xStride,
      int rows,
      float[] y,
      int yAt,
      int yStride,
      boolean add) {
    for (int row = 0; row < rows; ) {
      int left = rows - row;
      int x0 = xAt + row * xStride;
      int y0 = yAt + row * yStride;
      if (MOST == 8 && left > 4) {
        of8(w, wAt, inputs, x, x0, xStride, left - 1, y, y0, yStride, add);
        row += 8;
      } else {
        of4(w, wAt, inputs, x, x0, xStride, left - 1, y, y0, yStride, add);
        row += 4;
      }
    }
  }

  /// Eight rows; rows from `last` on are the last one again.
  static void of8(
      MemorySegment weights,
      long wAt,
      int inputs,
      float[] x,
      int x0,
      int xStride,
      int last,
      float[] y,
      int y0,
      int yStride,
      boolean add) {
    MemorySegment w = OffHeap.of(weights);
    int x1 = x0 + Math.min(1, last) * xStride;
    int x2 = x0 + Math.min(2, last) * xStride;
    int x3 = x0 + Math.min(3, last) * xStride;
    int x4 = x0 + Math.min(4, last) * xStride;
    int x5 = x0 + Math.min(5, last) * xStride;
    int x6 = x0 + Math.min(6, last) * xStride;
    int x7 = x0 + Math.min(7, last) * xStride;
    int y1 = y0 + Math.min(1, last) * yStride;
    int y2 = y0 + Math.min(2, last) * yStride;
    int y3 = y0 + Math.min(3, last) * yStride;
    int y4 = y0 + Math.min(4, last) * yStride;
    int y5 = y0 + Math.min(5, last) * yStride;
    int y6 = y0 + Math.min(6, last) * yStride;
    int y7 = y0 + Math.min(7, last) * yStride;
    FloatVector a00 = add ? FloatVector.fromArray(F, y, y0) : FloatVector.zero(F);
    FloatVector a01 = add ? FloatVector.fromArray(F, y, y0 + 16) : FloatVector.zero(F);
    FloatVector a10 = add ? FloatVector.fromArray(F, y, y1) : FloatVector.zero(F);
    FloatVector a11 = add ? FloatVector.fromArray(F, y, y1 + 16) : FloatVector.zero(F);
    FloatVector a20 = add ? FloatVector.fromArray(F, y, y2) : FloatVector.zero(F);
    FloatVector a21 = add ? FloatVector.fromArray(F, y, y2 + 16) : FloatVector.zero(F);
    FloatVector a30 = add ? FloatVector.fromArray(F, y, y3) : FloatVector.zero(F);
    FloatVector a31 = add ? FloatVector.fromArray(F, y, y3 + 16) : FloatVector.zero(F);
    FloatVector a40 = add ? FloatVector.fromArray(F, y, y4) : FloatVector.zero(F);
    FloatVector a41 = add ? FloatVector.fromArray(F, y, y4 + 16) : FloatVector.zero(F);
    FloatVector a50 = add ? FloatVector.fromArray(F, y, y5) : FloatVector.zero(F);
    FloatVector a51 = add ? FloatVector.fromArray(F, y, y5 + 16) : FloatVector.zero(F);
    FloatVector a60 = add ? FloatVector.fromArray(F, y, y6) : FloatVector.zero(F);
    FloatVector a61 = add ? FloatVector.fromArray(F, y, y6 + 16) : FloatVector.zero(F);
    FloatVector a70 = add ? FloatVector.fromArray(F, y, y7) : FloatVector.zero(F);
    FloatVector a71 = add ? FloatVector.fromArray(F, y, y7 + 16) : FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      FloatVector b0 = FloatVector.fromMemorySegment(F, w, wAt + (long) k * Format.ROW, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, w, wAt + (long) k * Format.ROW + HALF, LE);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + k]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + k]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
      FloatVector e4 = FloatVector.broadcast(F, x[x4 + k]);
      a40 = e4.fma(b0, a40);
      a41 = e4.fma(b1, a41);
      FloatVector e5 = FloatVector.broadcast(F, x[x5 + k]);
      a50 = e5.fma(b0, a50);
      a51 = e5.fma(b1, a51);
      FloatVector e6 = FloatVector.broadcast(F, x[x6 + k]);
      a60 = e6.fma(b0, a60);
      a61 = e6.fma(b1, a61);
      FloatVector e7 = FloatVector.broadcast(F, x[x7 + k]);
      a70 = e7.fma(b0, a70);
      a71 = e7.fma(b1, a71);
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + 16);
    a10.intoArray(y, y1);
    a11.intoArray(y, y1 + 16);
    a20.intoArray(y, y2);
    a21.intoArray(y, y2 + 16);
    a30.intoArray(y, y3);
    a31.intoArray(y, y3 + 16);
    a40.intoArray(y, y4);
    a41.intoArray(y, y4 + 16);
    a50.intoArray(y, y5);
    a51.intoArray(y, y5 + 16);
    a60.intoArray(y, y6);
    a61.intoArray(y, y6 + 16);
    a70.intoArray(y, y7);
    a71.intoArray(y, y7 + 16);
  }

  /// Four rows; rows from `last` on are the last one again.
  static void of4(
      MemorySegment weights,
      long wAt,
      int inputs,
      float[] x,
      int x0,
      int xStride,
      int last,
      float[] y,
      int y0,
      int yStride,
      boolean add) {
    MemorySegment w = OffHeap.of(weights);
    int x1 = x0 + Math.min(1, last) * xStride;
    int x2 = x0 + Math.min(2, last) * xStride;
    int x3 = x0 + Math.min(3, last) * xStride;
    int y1 = y0 + Math.min(1, last) * yStride;
    int y2 = y0 + Math.min(2, last) * yStride;
    int y3 = y0 + Math.min(3, last) * yStride;
    FloatVector a00 = add ? FloatVector.fromArray(F, y, y0) : FloatVector.zero(F);
    FloatVector a01 = add ? FloatVector.fromArray(F, y, y0 + 16) : FloatVector.zero(F);
    FloatVector a10 = add ? FloatVector.fromArray(F, y, y1) : FloatVector.zero(F);
    FloatVector a11 = add ? FloatVector.fromArray(F, y, y1 + 16) : FloatVector.zero(F);
    FloatVector a20 = add ? FloatVector.fromArray(F, y, y2) : FloatVector.zero(F);
    FloatVector a21 = add ? FloatVector.fromArray(F, y, y2 + 16) : FloatVector.zero(F);
    FloatVector a30 = add ? FloatVector.fromArray(F, y, y3) : FloatVector.zero(F);
    FloatVector a31 = add ? FloatVector.fromArray(F, y, y3 + 16) : FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      FloatVector b0 = FloatVector.fromMemorySegment(F, w, wAt + (long) k * Format.ROW, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(F, w, wAt + (long) k * Format.ROW + HALF, LE);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + k]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + k]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
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
}
