package dev.lathe.compute.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// What the Vector API leaves open or lacks. All over arrays: a vector that is handed to a method
/// which is not inlined becomes an object.
final class Lanes {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /// Lanes of one vector.
  static final int COUNT = F.length();

  private static final VectorShuffle<Float> BY_8 = turned(8);
  private static final VectorShuffle<Float> BY_4 = turned(4);
  private static final VectorShuffle<Float> BY_2 = turned(2);
  private static final VectorShuffle<Float> BY_1 = turned(1);

  private Lanes() {}

  private static VectorShuffle<Float> turned(int lanes) {
    return VectorShuffle.iota(F, lanes, 1, true);
  }

  /// The sum of as many values as a vector has, halves upon halves. `reduceLanes(ADD)` leaves the
  /// order of the additions open, and it is another one interpreted than compiled.
  static float fold(float[] x, int at) {
    FloatVector sums = FloatVector.fromArray(F, x, at);
    if (COUNT > 8) {
      sums = sums.add(sums.rearrange(BY_8));
    }
    if (COUNT > 4) {
      sums = sums.add(sums.rearrange(BY_4));
    }
    sums = sums.add(sums.rearrange(BY_2));
    return sums.add(sums.rearrange(BY_1)).lane(0);
  }

  /// `y = e^(factor x + shift)`, as [ScalarKernel#exp].
  ///
  /// @param count whole vectors
  static void exp(float[] x, int xAt, float factor, float shift, float[] y, int yAt, int count) {
    FloatVector least = FloatVector.broadcast(F, Exponential.LEAST);
    FloatVector most = FloatVector.broadcast(F, Exponential.MOST);
    FloatVector log2e = FloatVector.broadcast(F, Exponential.LOG2E);
    FloatVector round = FloatVector.broadcast(F, Exponential.ROUND);
    FloatVector high = FloatVector.broadcast(F, -Exponential.LN2_HIGH);
    FloatVector low = FloatVector.broadcast(F, -Exponential.LN2_LOW);
    FloatVector factors = FloatVector.broadcast(F, factor);
    FloatVector shifts = FloatVector.broadcast(F, shift);
    for (int i = 0; i < count; i += COUNT) {
      FloatVector value = FloatVector.fromArray(F, x, xAt + i).fma(factors, shifts);
      VectorMask<Float> tiny = value.lt(least);
      FloatVector bounded = value.max(least).min(most);
      FloatVector shifted = bounded.fma(log2e, round);
      FloatVector n = shifted.sub(round);
      FloatVector r = n.fma(low, n.fma(high, bounded));
      FloatVector p = FloatVector.broadcast(F, Exponential.P0);
      p = p.fma(r, FloatVector.broadcast(F, Exponential.P1));
      p = p.fma(r, FloatVector.broadcast(F, Exponential.P2));
      p = p.fma(r, FloatVector.broadcast(F, Exponential.P3));
      p = p.fma(r, FloatVector.broadcast(F, Exponential.P4));
      p = p.fma(r, FloatVector.broadcast(F, Exponential.P5));
      p = p.fma(r.mul(r), r.add(1f));
      FloatVector result =
          p.reinterpretAsInts()
              .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      result.blend(0f, tiny).intoArray(y, yAt + i);
    }
  }
}
