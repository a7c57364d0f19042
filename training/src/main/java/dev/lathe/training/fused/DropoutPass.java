package dev.lathe.training.fused;

import dev.lathe.training.model.DropoutMask;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Drops the inputs of one LoRA factor as [DropoutMask] says, a vector of them at a time; the rest
/// is scaled by `1 / (1 - share)`.
final class DropoutPass {
  private static final IntVector OFFSETS =
      IntVector.zero(Lanes.I).addIndex(1).mul(DropoutMask.SPREAD);

  private final int in;
  private final int first;
  private final int second;
  private final int threshold;
  private final float kept;

  /// @param key of [DropoutMask#key]
  /// @param in inputs of the factor, a multiple of [Lanes#COUNT]
  DropoutPass(long key, int in, double share) {
    this.in = in;
    this.first = DropoutMask.first(key);
    this.second = DropoutMask.second(key);
    this.threshold = DropoutMask.threshold(share);
    this.kept = (float) (1 / (1 - share));
  }

  /// Rows `[from, to)` of `x` into `dropped`, whose columns beyond the inputs become zero.
  void copy(Matrix x, Matrix dropped, int from, int to) {
    long rest = (long) (dropped.columns() - in) * Short.BYTES;
    for (int t = from; t < to; t++) {
      for (int i = 0; i < in; i += Lanes.COUNT) {
        Lanes.bf16(dropped.at(t, i), dropped(x, t, i));
      }
      Lanes.zero(dropped.at(t, in), rest);
    }
  }

  /// Adds rows `[from, to)` of `x` to those of `sum`.
  void add(Matrix x, Matrix sum, int from, int to) {
    for (int t = from; t < to; t++) {
      for (int i = 0; i < in; i += Lanes.COUNT) {
        Lanes.bf16(sum.at(t, i), Lanes.bf16(sum.at(t, i)).add(dropped(x, t, i)));
      }
    }
  }

  private FloatVector dropped(Matrix x, int t, int i) {
    FloatVector scaled = Lanes.bf16(x.at(t, i)).mul(kept);
    return FloatVector.zero(Lanes.F).blend(scaled, keeps(t * in + i));
  }

  /// Whether the elements from this index on stay.
  private VectorMask<Float> keeps(int index) {
    IntVector hash = OFFSETS.add(index * DropoutMask.SPREAD + first);
    hash = shifted(hash, 16).mul(DropoutMask.FIRST).add(second);
    hash = shifted(hash, 13).mul(DropoutMask.SECOND);
    hash = shifted(hash, 16).lanewise(VectorOperators.LSHR, Integer.SIZE - DropoutMask.BITS);
    return hash.compare(VectorOperators.GE, threshold).cast(Lanes.F);
  }

  private static IntVector shifted(IntVector hash, int bits) {
    return hash.lanewise(VectorOperators.XOR, hash.lanewise(VectorOperators.LSHR, bits));
  }
}
