package dev.lathe.compute.adapter;

import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightTensor;

/// Adapters folded into the weights they adapt.
public final class Merge {
  private Merge() {}

  /// `W + scaling * (B A)` in fp32, summed over the rank first, as PEFT merges.
  ///
  /// @param weight W `[out, in]` of the module that the factor adapts
  /// @return `[out, in]` row-major, owned by the caller
  public static float[] merged(WeightTensor weight, Adapter.Factor factor) {
    float[] values = Dequantize.toF32(weight);
    addTo(values, weight.columns(), factor);
    return values;
  }

  /// Adds `scaling * (B A)` to a weight in place.
  ///
  /// @param weight `[out, in]` row-major
  /// @param in columns of the weight
  public static void addTo(float[] weight, int in, Adapter.Factor factor) {
    int rank = factor.rank();
    Projection projection = factor.projection();
    if (factor.a().length != rank * in
        || (long) factor.b().length * in != (long) weight.length * rank) {
      throw new IllegalArgumentException(
          "the factors of "
              + projection
              + " in layer "
              + factor.layer()
              + " do not fit a weight of "
              + weight.length
              + " values in rows of "
              + in);
    }
    float[] delta = new float[in];
    for (int row = 0; row < weight.length / in; row++) {
      java.util.Arrays.fill(delta, 0);
      for (int r = 0; r < rank; r++) {
        float b = factor.b()[row * rank + r];
        for (int i = 0; i < in; i++) {
          delta[i] += b * factor.a()[r * in + i];
        }
      }
      for (int i = 0; i < in; i++) {
        weight[row * in + i] += factor.scaling() * delta[i];
      }
    }
  }
}
