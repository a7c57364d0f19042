package dev.lathe.compute.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The passes on the Vector API, in the width the machine prefers.
public final class VectorKernel implements Kernel {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  static final int LANES = F.length();

  /// Whether the machine's vectors divide half a panel.
  static boolean fits() {
    return LANES >= 4 && 16 % LANES == 0;
  }

  @Override
  public String description() {
    return "vector, " + LANES + " lanes";
  }

  @Override
  public void quantize(Rows x, int row, int column, int count, int levels, Scratch scratch) {
    if (levels == 0) {
      return;
    }
    int[] rounded = scratch.rounded;
    IntVector magnitude = IntVector.broadcast(I, 0x7FFFFFFF);
    FloatVector round = FloatVector.broadcast(F, Exponential.ROUND);
    for (int block = column / Format.BLOCK; block < (column + count) / Format.BLOCK; block++) {
      int from = x.at(row) + block * Format.BLOCK;
      IntVector most = IntVector.zero(I);
      for (int i = 0; i < Format.BLOCK; i += LANES) {
        FloatVector v = FloatVector.fromArray(F, x.values(), from + i);
        most = most.max(v.reinterpretAsInts().and(magnitude));
      }
      int largest = most.reduceLanes(VectorOperators.MAX);
      float factor = ScalarKernel.factor(largest, levels);
      for (int i = 0; i < Format.BLOCK; i += LANES) {
        FloatVector v = FloatVector.fromArray(F, x.values(), from + i);
        v.mul(factor).add(round).reinterpretAsInts().intoArray(rounded, i);
      }
      int to = x.integersAt(row) + block * Rows.BLOCK_INTS;
      ScalarKernel.putIntegers(rounded, Float.intBitsToFloat(largest) / levels, x.integers(), to);
    }
  }

  @Override
  public void multiply(
      PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch) {
    Products.multiply(w, x, y, rows, first, last, scratch);
  }

  @Override
  public void lower(
      LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch) {
    LowRankProducts.lower(factors, x, xAt, ranks, ranksAt, scratch);
  }

  @Override
  public void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt) {
    LowRankProducts.raise(factors, ranks, ranksAt, y, yAt);
  }

  @Override
  public void norm(float[] x, int xAt, float[] weight, float epsilon, float[] y, int yAt) {
    int bound = F.loopBound(weight.length);
    FloatVector squares = FloatVector.zero(F);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, xAt + i);
      squares = v.fma(v, squares);
    }
    float sum = 0;
    if (bound > 0) {
      squares.intoArray(y, yAt);
      sum = Lanes.fold(y, yAt);
    }
    for (int i = bound; i < weight.length; i++) {
      sum = Math.fma(x[xAt + i], x[xAt + i], sum);
    }
    float scale = ScalarKernel.scale(sum, weight.length, epsilon);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, xAt + i).mul(scale);
      v.mul(FloatVector.fromArray(F, weight, i)).intoArray(y, yAt + i);
    }
    for (int i = bound; i < weight.length; i++) {
      y[yAt + i] = x[xAt + i] * scale * weight[i];
    }
  }

  @Override
  public void gate(float[] gate, int gateAt, int upAt, float[] y, int yAt, int count) {
    int bound = F.loopBound(count);
    Lanes.exp(gate, gateAt, -1, 0, y, yAt, bound);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector g = FloatVector.fromArray(F, gate, gateAt + i);
      FloatVector up = FloatVector.fromArray(F, gate, upAt + i);
      g.div(FloatVector.fromArray(F, y, yAt + i).add(1f)).mul(up).intoArray(y, yAt + i);
    }
    for (int i = bound; i < count; i++) {
      float g = gate[gateAt + i];
      y[yAt + i] = g / (1 + ScalarKernel.exp(-g)) * gate[upAt + i];
    }
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int count) {
    int bound = F.loopBound(count);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector sum =
          FloatVector.fromArray(F, x, xAt + i).add(FloatVector.fromArray(F, y, yAt + i));
      sum.intoArray(x, xAt + i);
    }
    for (int i = bound; i < count; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  @Override
  public void attend(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int position,
      int row,
      int rows,
      int group,
      Rows q,
      Rows out,
      int at,
      Scratch scratch) {
    Attention.attend(cache, table, layer, kvHead, position, row, rows, group, q, out, at, scratch);
  }

  @Override
  public int argmax(float[] x, int at, int count) {
    int bound = F.loopBound(count);
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < bound; i += LANES) {
      max = max.max(FloatVector.fromArray(F, x, at + i));
    }
    float best = max.reduceLanes(VectorOperators.MAX);
    for (int i = bound; i < count; i++) {
      best = Math.max(best, x[at + i]);
    }
    for (int i = 0; i < count; i++) {
      if (x[at + i] == best) {
        return i;
      }
    }
    return -1;
  }
}
