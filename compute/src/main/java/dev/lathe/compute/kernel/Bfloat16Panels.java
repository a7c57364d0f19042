package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Products with bfloat16 panels on the Vector API.
///
/// Tiles of rows by vectors of outputs, each result one accumulator over all inputs in their order:
/// a row's result has the same bits however many rows are computed with it, and the same bits as
/// [ScalarKernel]'s.
final class Bfloat16Panels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  private static final int LANES = F.length();
  private static final long STEP = PackedMatrix.PANEL * 4L;

  private Bfloat16Panels() {}

  /// Results of vectors `[first, last)` of the outputs, [VectorKernel#LANES] outputs each.
  static void multiply(PackedMatrix w, Rows x, Rows y, int rows, int first, int last, boolean add) {
    int vector = first;
    for (; vector + 4 <= last; vector += 4) {
      four(w, x, y, rows, vector, add);
    }
    for (; vector < last; vector++) {
      one(w, x, y, rows, vector, add);
    }
  }

  private static void four(PackedMatrix w, Rows x, Rows y, int rows, int vector, boolean add) {
    MemorySegment data = w.data();
    int k = w.inputs();
    long w0 = base(w, vector);
    long w1 = base(w, vector + 1);
    long w2 = base(w, vector + 2);
    long w3 = base(w, vector + 3);
    int column = vector * LANES;
    int row = 0;
    for (; row + 8 <= rows; row += 8) {
      tile8x2(data, w0, w1, k, x, y, row, column, add);
      tile8x2(data, w2, w3, k, x, y, row, column + 2 * LANES, add);
    }
    if (row + 4 <= rows) {
      tile4x2(data, w0, w1, k, x, y, row, column, add);
      tile4x2(data, w2, w3, k, x, y, row, column + 2 * LANES, add);
      row += 4;
    }
    if (row + 2 <= rows) {
      tile2x4(data, w0, w1, w2, w3, k, x, y, row, column, add);
      row += 2;
    }
    if (row < rows) {
      tile1x4(data, w0, w1, w2, w3, k, x, y, row, column, add);
    }
  }

  private static void one(PackedMatrix w, Rows x, Rows y, int rows, int vector, boolean add) {
    for (int row = 0; row < rows; row++) {
      tile1x1(w.data(), base(w, vector), w.inputs(), x, y, row, vector * LANES, add);
    }
  }

  private static long base(PackedMatrix w, int vector) {
    int column = vector * LANES;
    return column / PackedMatrix.PANEL * w.panelBytes() + column % PackedMatrix.PANEL * 4L;
  }

  private static FloatVector start(float[] y, int at, boolean add) {
    return add ? FloatVector.fromArray(F, y, at) : FloatVector.zero(F);
  }

  private static IntVector load(MemorySegment w, long at) {
    return IntVector.fromMemorySegment(I, w, at, ByteOrder.LITTLE_ENDIAN);
  }

  private static FloatVector even(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector odd(IntVector pairs) {
    return pairs.lanewise(VectorOperators.AND, 0xFFFF0000).reinterpretAsFloats();
  }

  private static void tile8x2(
      MemorySegment w,
      long w0,
      long w1,
      int inputs,
      Rows in,
      Rows out,
      int row,
      int column,
      boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    int x1 = x0 + in.stride();
    int x2 = x1 + in.stride();
    int x3 = x2 + in.stride();
    int x4 = x3 + in.stride();
    int x5 = x4 + in.stride();
    int x6 = x5 + in.stride();
    int x7 = x6 + in.stride();
    int y1 = y0 + out.stride();
    int y2 = y1 + out.stride();
    int y3 = y2 + out.stride();
    int y4 = y3 + out.stride();
    int y5 = y4 + out.stride();
    int y6 = y5 + out.stride();
    int y7 = y6 + out.stride();
    FloatVector a00 = start(y, y0, add);
    FloatVector a01 = start(y, y0 + LANES, add);
    FloatVector a10 = start(y, y1, add);
    FloatVector a11 = start(y, y1 + LANES, add);
    FloatVector a20 = start(y, y2, add);
    FloatVector a21 = start(y, y2 + LANES, add);
    FloatVector a30 = start(y, y3, add);
    FloatVector a31 = start(y, y3 + LANES, add);
    FloatVector a40 = start(y, y4, add);
    FloatVector a41 = start(y, y4 + LANES, add);
    FloatVector a50 = start(y, y5, add);
    FloatVector a51 = start(y, y5 + LANES, add);
    FloatVector a60 = start(y, y6, add);
    FloatVector a61 = start(y, y6 + LANES, add);
    FloatVector a70 = start(y, y7, add);
    FloatVector a71 = start(y, y7 + LANES, add);
    for (int k = 0; k < inputs >> 1; k++) {
      long at = (long) k * STEP;
      IntVector p0 = load(w, w0 + at);
      FloatVector b0 = even(p0);
      IntVector p1 = load(w, w1 + at);
      FloatVector b1 = even(p1);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + 2 * k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + 2 * k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + 2 * k]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + 2 * k]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
      FloatVector e4 = FloatVector.broadcast(F, x[x4 + 2 * k]);
      a40 = e4.fma(b0, a40);
      a41 = e4.fma(b1, a41);
      FloatVector e5 = FloatVector.broadcast(F, x[x5 + 2 * k]);
      a50 = e5.fma(b0, a50);
      a51 = e5.fma(b1, a51);
      FloatVector e6 = FloatVector.broadcast(F, x[x6 + 2 * k]);
      a60 = e6.fma(b0, a60);
      a61 = e6.fma(b1, a61);
      FloatVector e7 = FloatVector.broadcast(F, x[x7 + 2 * k]);
      a70 = e7.fma(b0, a70);
      a71 = e7.fma(b1, a71);
      FloatVector d0 = odd(p0);
      FloatVector d1 = odd(p1);
      FloatVector f0 = FloatVector.broadcast(F, x[x0 + 2 * k + 1]);
      a00 = f0.fma(d0, a00);
      a01 = f0.fma(d1, a01);
      FloatVector f1 = FloatVector.broadcast(F, x[x1 + 2 * k + 1]);
      a10 = f1.fma(d0, a10);
      a11 = f1.fma(d1, a11);
      FloatVector f2 = FloatVector.broadcast(F, x[x2 + 2 * k + 1]);
      a20 = f2.fma(d0, a20);
      a21 = f2.fma(d1, a21);
      FloatVector f3 = FloatVector.broadcast(F, x[x3 + 2 * k + 1]);
      a30 = f3.fma(d0, a30);
      a31 = f3.fma(d1, a31);
      FloatVector f4 = FloatVector.broadcast(F, x[x4 + 2 * k + 1]);
      a40 = f4.fma(d0, a40);
      a41 = f4.fma(d1, a41);
      FloatVector f5 = FloatVector.broadcast(F, x[x5 + 2 * k + 1]);
      a50 = f5.fma(d0, a50);
      a51 = f5.fma(d1, a51);
      FloatVector f6 = FloatVector.broadcast(F, x[x6 + 2 * k + 1]);
      a60 = f6.fma(d0, a60);
      a61 = f6.fma(d1, a61);
      FloatVector f7 = FloatVector.broadcast(F, x[x7 + 2 * k + 1]);
      a70 = f7.fma(d0, a70);
      a71 = f7.fma(d1, a71);
    }
    if ((inputs & 1) != 0) {
      long at = (long) (inputs >> 1) * STEP;
      FloatVector b0 = even(load(w, w0 + at));
      FloatVector b1 = even(load(w, w1 + at));
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + inputs - 1]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + inputs - 1]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + inputs - 1]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + inputs - 1]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
      FloatVector e4 = FloatVector.broadcast(F, x[x4 + inputs - 1]);
      a40 = e4.fma(b0, a40);
      a41 = e4.fma(b1, a41);
      FloatVector e5 = FloatVector.broadcast(F, x[x5 + inputs - 1]);
      a50 = e5.fma(b0, a50);
      a51 = e5.fma(b1, a51);
      FloatVector e6 = FloatVector.broadcast(F, x[x6 + inputs - 1]);
      a60 = e6.fma(b0, a60);
      a61 = e6.fma(b1, a61);
      FloatVector e7 = FloatVector.broadcast(F, x[x7 + inputs - 1]);
      a70 = e7.fma(b0, a70);
      a71 = e7.fma(b1, a71);
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + LANES);
    a10.intoArray(y, y1);
    a11.intoArray(y, y1 + LANES);
    a20.intoArray(y, y2);
    a21.intoArray(y, y2 + LANES);
    a30.intoArray(y, y3);
    a31.intoArray(y, y3 + LANES);
    a40.intoArray(y, y4);
    a41.intoArray(y, y4 + LANES);
    a50.intoArray(y, y5);
    a51.intoArray(y, y5 + LANES);
    a60.intoArray(y, y6);
    a61.intoArray(y, y6 + LANES);
    a70.intoArray(y, y7);
    a71.intoArray(y, y7 + LANES);
  }

  private static void tile4x2(
      MemorySegment w,
      long w0,
      long w1,
      int inputs,
      Rows in,
      Rows out,
      int row,
      int column,
      boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    int x1 = x0 + in.stride();
    int x2 = x1 + in.stride();
    int x3 = x2 + in.stride();
    int y1 = y0 + out.stride();
    int y2 = y1 + out.stride();
    int y3 = y2 + out.stride();
    FloatVector a00 = start(y, y0, add);
    FloatVector a01 = start(y, y0 + LANES, add);
    FloatVector a10 = start(y, y1, add);
    FloatVector a11 = start(y, y1 + LANES, add);
    FloatVector a20 = start(y, y2, add);
    FloatVector a21 = start(y, y2 + LANES, add);
    FloatVector a30 = start(y, y3, add);
    FloatVector a31 = start(y, y3 + LANES, add);
    for (int k = 0; k < inputs >> 1; k++) {
      long at = (long) k * STEP;
      IntVector p0 = load(w, w0 + at);
      FloatVector b0 = even(p0);
      IntVector p1 = load(w, w1 + at);
      FloatVector b1 = even(p1);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + 2 * k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + 2 * k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + 2 * k]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + 2 * k]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
      FloatVector d0 = odd(p0);
      FloatVector d1 = odd(p1);
      FloatVector f0 = FloatVector.broadcast(F, x[x0 + 2 * k + 1]);
      a00 = f0.fma(d0, a00);
      a01 = f0.fma(d1, a01);
      FloatVector f1 = FloatVector.broadcast(F, x[x1 + 2 * k + 1]);
      a10 = f1.fma(d0, a10);
      a11 = f1.fma(d1, a11);
      FloatVector f2 = FloatVector.broadcast(F, x[x2 + 2 * k + 1]);
      a20 = f2.fma(d0, a20);
      a21 = f2.fma(d1, a21);
      FloatVector f3 = FloatVector.broadcast(F, x[x3 + 2 * k + 1]);
      a30 = f3.fma(d0, a30);
      a31 = f3.fma(d1, a31);
    }
    if ((inputs & 1) != 0) {
      long at = (long) (inputs >> 1) * STEP;
      FloatVector b0 = even(load(w, w0 + at));
      FloatVector b1 = even(load(w, w1 + at));
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + inputs - 1]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + inputs - 1]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      FloatVector e2 = FloatVector.broadcast(F, x[x2 + inputs - 1]);
      a20 = e2.fma(b0, a20);
      a21 = e2.fma(b1, a21);
      FloatVector e3 = FloatVector.broadcast(F, x[x3 + inputs - 1]);
      a30 = e3.fma(b0, a30);
      a31 = e3.fma(b1, a31);
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + LANES);
    a10.intoArray(y, y1);
    a11.intoArray(y, y1 + LANES);
    a20.intoArray(y, y2);
    a21.intoArray(y, y2 + LANES);
    a30.intoArray(y, y3);
    a31.intoArray(y, y3 + LANES);
  }

  private static void tile2x4(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      int inputs,
      Rows in,
      Rows out,
      int row,
      int column,
      boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    int x1 = x0 + in.stride();
    int y1 = y0 + out.stride();
    FloatVector a00 = start(y, y0, add);
    FloatVector a01 = start(y, y0 + LANES, add);
    FloatVector a02 = start(y, y0 + 2 * LANES, add);
    FloatVector a03 = start(y, y0 + 3 * LANES, add);
    FloatVector a10 = start(y, y1, add);
    FloatVector a11 = start(y, y1 + LANES, add);
    FloatVector a12 = start(y, y1 + 2 * LANES, add);
    FloatVector a13 = start(y, y1 + 3 * LANES, add);
    for (int k = 0; k < inputs >> 1; k++) {
      long at = (long) k * STEP;
      IntVector p0 = load(w, w0 + at);
      FloatVector b0 = even(p0);
      IntVector p1 = load(w, w1 + at);
      FloatVector b1 = even(p1);
      IntVector p2 = load(w, w2 + at);
      FloatVector b2 = even(p2);
      IntVector p3 = load(w, w3 + at);
      FloatVector b3 = even(p3);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + 2 * k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + 2 * k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      a12 = e1.fma(b2, a12);
      a13 = e1.fma(b3, a13);
      FloatVector d0 = odd(p0);
      FloatVector d1 = odd(p1);
      FloatVector d2 = odd(p2);
      FloatVector d3 = odd(p3);
      FloatVector f0 = FloatVector.broadcast(F, x[x0 + 2 * k + 1]);
      a00 = f0.fma(d0, a00);
      a01 = f0.fma(d1, a01);
      a02 = f0.fma(d2, a02);
      a03 = f0.fma(d3, a03);
      FloatVector f1 = FloatVector.broadcast(F, x[x1 + 2 * k + 1]);
      a10 = f1.fma(d0, a10);
      a11 = f1.fma(d1, a11);
      a12 = f1.fma(d2, a12);
      a13 = f1.fma(d3, a13);
    }
    if ((inputs & 1) != 0) {
      long at = (long) (inputs >> 1) * STEP;
      FloatVector b0 = even(load(w, w0 + at));
      FloatVector b1 = even(load(w, w1 + at));
      FloatVector b2 = even(load(w, w2 + at));
      FloatVector b3 = even(load(w, w3 + at));
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + inputs - 1]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + inputs - 1]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      a12 = e1.fma(b2, a12);
      a13 = e1.fma(b3, a13);
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + LANES);
    a02.intoArray(y, y0 + 2 * LANES);
    a03.intoArray(y, y0 + 3 * LANES);
    a10.intoArray(y, y1);
    a11.intoArray(y, y1 + LANES);
    a12.intoArray(y, y1 + 2 * LANES);
    a13.intoArray(y, y1 + 3 * LANES);
  }

  private static void tile1x4(
      MemorySegment w,
      long w0,
      long w1,
      long w2,
      long w3,
      int inputs,
      Rows in,
      Rows out,
      int row,
      int column,
      boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    FloatVector a00 = start(y, y0, add);
    FloatVector a01 = start(y, y0 + LANES, add);
    FloatVector a02 = start(y, y0 + 2 * LANES, add);
    FloatVector a03 = start(y, y0 + 3 * LANES, add);
    for (int k = 0; k < inputs >> 1; k++) {
      long at = (long) k * STEP;
      IntVector p0 = load(w, w0 + at);
      FloatVector b0 = even(p0);
      IntVector p1 = load(w, w1 + at);
      FloatVector b1 = even(p1);
      IntVector p2 = load(w, w2 + at);
      FloatVector b2 = even(p2);
      IntVector p3 = load(w, w3 + at);
      FloatVector b3 = even(p3);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + 2 * k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
      FloatVector d0 = odd(p0);
      FloatVector d1 = odd(p1);
      FloatVector d2 = odd(p2);
      FloatVector d3 = odd(p3);
      FloatVector f0 = FloatVector.broadcast(F, x[x0 + 2 * k + 1]);
      a00 = f0.fma(d0, a00);
      a01 = f0.fma(d1, a01);
      a02 = f0.fma(d2, a02);
      a03 = f0.fma(d3, a03);
    }
    if ((inputs & 1) != 0) {
      long at = (long) (inputs >> 1) * STEP;
      FloatVector b0 = even(load(w, w0 + at));
      FloatVector b1 = even(load(w, w1 + at));
      FloatVector b2 = even(load(w, w2 + at));
      FloatVector b3 = even(load(w, w3 + at));
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + inputs - 1]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
    }
    a00.intoArray(y, y0);
    a01.intoArray(y, y0 + LANES);
    a02.intoArray(y, y0 + 2 * LANES);
    a03.intoArray(y, y0 + 3 * LANES);
  }

  private static void tile1x1(
      MemorySegment w, long w0, int inputs, Rows in, Rows out, int row, int column, boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    FloatVector a00 = start(y, y0, add);
    for (int k = 0; k < inputs >> 1; k++) {
      long at = (long) k * STEP;
      IntVector p0 = load(w, w0 + at);
      FloatVector b0 = even(p0);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + 2 * k]);
      a00 = e0.fma(b0, a00);
      FloatVector d0 = odd(p0);
      FloatVector f0 = FloatVector.broadcast(F, x[x0 + 2 * k + 1]);
      a00 = f0.fma(d0, a00);
    }
    if ((inputs & 1) != 0) {
      long at = (long) (inputs >> 1) * STEP;
      FloatVector b0 = even(load(w, w0 + at));
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + inputs - 1]);
      a00 = e0.fma(b0, a00);
    }
    a00.intoArray(y, y0);
  }
}
