package dev.lathe.training.fused;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Softmax cross-entropy over one row of bf16 logits `[V]` and its gradient, in place.
final class LossPass {
  private LossPass() {}

  /// The negative log-likelihood of `target` in nats.
  ///
  /// @param logits address of the row; afterwards it holds `scale * (softmax - onehot)`
  static double lossAndGradient(long logits, int vocabulary, int target, float scale) {
    float largest = largest(logits, vocabulary);
    double sum = sumOfExponentials(logits, vocabulary, largest);
    float chosen = Lanes.getBf16(logits + 2L * target);
    gradient(logits, vocabulary, largest, (float) (scale / sum));
    float probability = (float) (Math.exp(chosen - largest) / sum);
    Lanes.setBf16(logits + 2L * target, scale * (probability - 1));
    return Math.log(sum) + largest - chosen;
  }

  /// The negative log-likelihood of `target` in nats.
  static double loss(long logits, int vocabulary, int target) {
    float largest = largest(logits, vocabulary);
    double sum = sumOfExponentials(logits, vocabulary, largest);
    return Math.log(sum) + largest - Lanes.getBf16(logits + 2L * target);
  }

  private static float largest(long logits, int vocabulary) {
    FloatVector largest = Lanes.splat(Float.NEGATIVE_INFINITY);
    int bound = Lanes.F.loopBound(vocabulary);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      largest = largest.max(Lanes.bf16(logits + 2L * i));
    }
    float most = largest.reduceLanes(VectorOperators.MAX);
    for (int i = bound; i < vocabulary; i++) {
      most = Math.max(most, Lanes.getBf16(logits + 2L * i));
    }
    return most;
  }

  private static double sumOfExponentials(long logits, int vocabulary, float largest) {
    FloatVector sums = FloatVector.zero(Lanes.F);
    int bound = Lanes.F.loopBound(vocabulary);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      sums = sums.add(Lanes.exp(Lanes.bf16(logits + 2L * i).sub(largest)));
    }
    double sum = Lanes.sum(sums);
    for (int i = bound; i < vocabulary; i++) {
      sum += Math.exp(Lanes.getBf16(logits + 2L * i) - largest);
    }
    return sum;
  }

  private static void gradient(long logits, int vocabulary, float largest, float factor) {
    int bound = Lanes.F.loopBound(vocabulary);
    for (int i = 0; i < bound; i += Lanes.COUNT) {
      FloatVector e = Lanes.exp(Lanes.bf16(logits + 2L * i).sub(largest));
      Lanes.bf16(logits + 2L * i, e.mul(factor));
    }
    for (int i = bound; i < vocabulary; i++) {
      long place = logits + 2L * i;
      Lanes.setBf16(place, (float) Math.exp(Lanes.getBf16(place) - largest) * factor);
    }
  }
}
