package dev.lathe.compute.adapter;

import dev.lathe.compute.model.ModelConfig.Projection;
import java.util.List;

/// The factors of one adapter in memory, immutable; what the trainer hands out, the engine applies
/// and [AdapterFiles] reads and writes.
///
/// @param name for messages and lists
/// @param factors one entry per adapted module, in order of layer and projection; ranks may differ
public record Adapter(String name, List<Factor> factors) {
  public Adapter {
    factors = List.copyOf(factors);
  }

  /// The two factors of one module.
  ///
  /// @param layer `[0, L)`
  /// @param rank `R`
  /// @param scaling factor on `B A x`
  /// @param a `[R, in]` row-major fp32; owned by this record, not to be changed
  /// @param b `[out, R]` row-major fp32; owned by this record, not to be changed
  public record Factor(
      int layer, Projection projection, int rank, float scaling, float[] a, float[] b) {
    public Factor {
      if (rank < 1 || a.length % rank != 0 || b.length % rank != 0) {
        throw new IllegalArgumentException(
            "factors of " + projection + " in layer " + layer + " do not have rank " + rank);
      }
    }
  }
}
