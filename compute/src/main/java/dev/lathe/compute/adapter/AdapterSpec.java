package dev.lathe.compute.adapter;

import dev.lathe.compute.model.ModelConfig.Projection;
import java.util.EnumSet;
import java.util.Set;

/// The shape of a LoRA adapter: `y = W x + scaling * B (A x)` at each target projection of every
/// layer.
///
/// LoRA: Hu et al. 2021, arXiv 2106.09685; scaling by the root of the rank: Kalajdzievski 2023,
/// arXiv 2312.03732.
///
/// @param rank `R`, rows of A; 1 or more
/// @param alpha numerator of the scaling
/// @param dropout share of the inputs of A dropped while training, `[0, 1)`
/// @param rootScaling whether the scaling is `alpha / sqrt(rank)` (rsLoRA)
/// @param targets projections that carry factors; never empty
public record AdapterSpec(
    int rank, double alpha, double dropout, boolean rootScaling, Set<Projection> targets) {
  public AdapterSpec {
    if (rank < 1) {
      throw new IllegalArgumentException("rank " + rank + " is less than 1");
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException("dropout " + dropout + " is outside [0, 1)");
    }
    if (targets.isEmpty()) {
      throw new IllegalArgumentException("an adapter without target projections");
    }
    targets = java.util.Collections.unmodifiableSet(EnumSet.copyOf(targets));
  }

  /// Factor on `B A x`.
  public double scaling() {
    return alpha / (rootScaling ? Math.sqrt(rank) : rank);
  }
}
