package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Products with int8 panels on the Vector API.
///
/// Tiles of rows by vectors of outputs, each result one accumulator over all inputs in their order:
/// a row's result has the same bits however many rows are computed with it, and the same bits as
/// [ScalarKernel]'s.
final class Int8Panels {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Byte> B =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(F.length() * Byte.SIZE));
  private static final int LANES = F.length();
  private static final long STEP = PackedMatrix.PANEL;

  private Int8Panels() {}

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
    return column / PackedMatrix.PANEL * w.panelBytes() + column % PackedMatrix.PANEL;
  }

  private static FloatVector load(MemorySegment w, long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(B, w, at, ByteOrder.LITTLE_ENDIAN);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, F, 0);
  }

  /// The scales behind the panel's bytes, of the columns whose first byte is at `base`.
  private static FloatVector scales(MemorySegment w, long base, int inputs) {
    long panelBytes = PackedMatrix.PANEL * (inputs + 4L);
    long panel = base / panelBytes * panelBytes;
    long at = panel + STEP * inputs + (base - panel) * 4;
    return FloatVector.fromMemorySegment(F, w, at, ByteOrder.LITTLE_ENDIAN);
  }

  private static void store(FloatVector result, float[] y, int at, boolean add) {
    FloatVector sum = add ? result.add(FloatVector.fromArray(F, y, at)) : result;
    sum.intoArray(y, at);
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
    FloatVector a00 = FloatVector.zero(F);
    FloatVector a01 = FloatVector.zero(F);
    FloatVector a10 = FloatVector.zero(F);
    FloatVector a11 = FloatVector.zero(F);
    FloatVector a20 = FloatVector.zero(F);
    FloatVector a21 = FloatVector.zero(F);
    FloatVector a30 = FloatVector.zero(F);
    FloatVector a31 = FloatVector.zero(F);
    FloatVector a40 = FloatVector.zero(F);
    FloatVector a41 = FloatVector.zero(F);
    FloatVector a50 = FloatVector.zero(F);
    FloatVector a51 = FloatVector.zero(F);
    FloatVector a60 = FloatVector.zero(F);
    FloatVector a61 = FloatVector.zero(F);
    FloatVector a70 = FloatVector.zero(F);
    FloatVector a71 = FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      long at = (long) k * STEP;
      FloatVector b0 = load(w, w0 + at);
      FloatVector b1 = load(w, w1 + at);
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
    FloatVector s0 = scales(w, w0, inputs);
    FloatVector s1 = scales(w, w1, inputs);
    store(a00.mul(s0), y, y0, add);
    store(a01.mul(s1), y, y0 + LANES, add);
    store(a10.mul(s0), y, y1, add);
    store(a11.mul(s1), y, y1 + LANES, add);
    store(a20.mul(s0), y, y2, add);
    store(a21.mul(s1), y, y2 + LANES, add);
    store(a30.mul(s0), y, y3, add);
    store(a31.mul(s1), y, y3 + LANES, add);
    store(a40.mul(s0), y, y4, add);
    store(a41.mul(s1), y, y4 + LANES, add);
    store(a50.mul(s0), y, y5, add);
    store(a51.mul(s1), y, y5 + LANES, add);
    store(a60.mul(s0), y, y6, add);
    store(a61.mul(s1), y, y6 + LANES, add);
    store(a70.mul(s0), y, y7, add);
    store(a71.mul(s1), y, y7 + LANES, add);
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
    FloatVector a00 = FloatVector.zero(F);
    FloatVector a01 = FloatVector.zero(F);
    FloatVector a10 = FloatVector.zero(F);
    FloatVector a11 = FloatVector.zero(F);
    FloatVector a20 = FloatVector.zero(F);
    FloatVector a21 = FloatVector.zero(F);
    FloatVector a30 = FloatVector.zero(F);
    FloatVector a31 = FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      long at = (long) k * STEP;
      FloatVector b0 = load(w, w0 + at);
      FloatVector b1 = load(w, w1 + at);
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
    FloatVector s0 = scales(w, w0, inputs);
    FloatVector s1 = scales(w, w1, inputs);
    store(a00.mul(s0), y, y0, add);
    store(a01.mul(s1), y, y0 + LANES, add);
    store(a10.mul(s0), y, y1, add);
    store(a11.mul(s1), y, y1 + LANES, add);
    store(a20.mul(s0), y, y2, add);
    store(a21.mul(s1), y, y2 + LANES, add);
    store(a30.mul(s0), y, y3, add);
    store(a31.mul(s1), y, y3 + LANES, add);
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
    FloatVector a00 = FloatVector.zero(F);
    FloatVector a01 = FloatVector.zero(F);
    FloatVector a02 = FloatVector.zero(F);
    FloatVector a03 = FloatVector.zero(F);
    FloatVector a10 = FloatVector.zero(F);
    FloatVector a11 = FloatVector.zero(F);
    FloatVector a12 = FloatVector.zero(F);
    FloatVector a13 = FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      long at = (long) k * STEP;
      FloatVector b0 = load(w, w0 + at);
      FloatVector b1 = load(w, w1 + at);
      FloatVector b2 = load(w, w2 + at);
      FloatVector b3 = load(w, w3 + at);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
      FloatVector e1 = FloatVector.broadcast(F, x[x1 + k]);
      a10 = e1.fma(b0, a10);
      a11 = e1.fma(b1, a11);
      a12 = e1.fma(b2, a12);
      a13 = e1.fma(b3, a13);
    }
    FloatVector s0 = scales(w, w0, inputs);
    FloatVector s1 = scales(w, w1, inputs);
    FloatVector s2 = scales(w, w2, inputs);
    FloatVector s3 = scales(w, w3, inputs);
    store(a00.mul(s0), y, y0, add);
    store(a01.mul(s1), y, y0 + LANES, add);
    store(a02.mul(s2), y, y0 + 2 * LANES, add);
    store(a03.mul(s3), y, y0 + 3 * LANES, add);
    store(a10.mul(s0), y, y1, add);
    store(a11.mul(s1), y, y1 + LANES, add);
    store(a12.mul(s2), y, y1 + 2 * LANES, add);
    store(a13.mul(s3), y, y1 + 3 * LANES, add);
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
    FloatVector a00 = FloatVector.zero(F);
    FloatVector a01 = FloatVector.zero(F);
    FloatVector a02 = FloatVector.zero(F);
    FloatVector a03 = FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      long at = (long) k * STEP;
      FloatVector b0 = load(w, w0 + at);
      FloatVector b1 = load(w, w1 + at);
      FloatVector b2 = load(w, w2 + at);
      FloatVector b3 = load(w, w3 + at);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + k]);
      a00 = e0.fma(b0, a00);
      a01 = e0.fma(b1, a01);
      a02 = e0.fma(b2, a02);
      a03 = e0.fma(b3, a03);
    }
    FloatVector s0 = scales(w, w0, inputs);
    FloatVector s1 = scales(w, w1, inputs);
    FloatVector s2 = scales(w, w2, inputs);
    FloatVector s3 = scales(w, w3, inputs);
    store(a00.mul(s0), y, y0, add);
    store(a01.mul(s1), y, y0 + LANES, add);
    store(a02.mul(s2), y, y0 + 2 * LANES, add);
    store(a03.mul(s3), y, y0 + 3 * LANES, add);
  }

  private static void tile1x1(
      MemorySegment w, long w0, int inputs, Rows in, Rows out, int row, int column, boolean add) {
    float[] x = in.values();
    float[] y = out.values();
    int x0 = in.at(row);
    int y0 = out.at(row) + column;
    FloatVector a00 = FloatVector.zero(F);
    for (int k = 0; k < inputs; k++) {
      long at = (long) k * STEP;
      FloatVector b0 = load(w, w0 + at);
      FloatVector e0 = FloatVector.broadcast(F, x[x0 + k]);
      a00 = e0.fma(b0, a00);
    }
    FloatVector s0 = scales(w, w0, inputs);
    store(a00.mul(s0), y, y0, add);
  }
}
