package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.kernel.LowRank;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The factors of one adapter, packed: for each layer and group those of its projections. Holds one
/// piece of memory until closed, so that the system has it back at once.
final class PackedAdapter implements Runner.Packed {
  private final Arena arena = Arena.ofShared();
  private final long bytes;
  private final SegmentAllocator memory;
  private final @Nullable LowRank[] parts;
  private final int maxRanks;

  private PackedAdapter(ModelConfig config, Adapter adapter, int bits) {
    bytes = bytes(config, adapter, bits);
    memory = SegmentAllocator.slicingAllocator(arena.allocate(bytes, PackedMatrix.ALIGNMENT));
    parts = new LowRank[config.layers() * Group.values().length];
    int most = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Group group : Group.values()) {
        List<Factor> factors = factors(adapter, layer, group);
        if (!factors.isEmpty()) {
          LowRank part = part(config, group, factors, bits);
          parts[layer * Group.values().length + group.ordinal()] = part;
          most = Math.max(most, part.ranks());
        }
      }
    }
    maxRanks = most;
  }

  /// Packs an adapter that [#check] has passed.
  ///
  /// @param bits of each value, 16 or 8
  static PackedAdapter of(ModelConfig config, Adapter adapter, int bits) {
    return new PackedAdapter(config, adapter, bits);
  }

  /// The largest sum of ranks of a group.
  int maxRanks() {
    return maxRanks;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  private static long bytes(ModelConfig config, Adapter adapter, int bits) {
    long sum = 0;
    for (Factor factor : adapter.factors()) {
      Projection projection = factor.projection();
      sum += LowRank.bytes(config.in(projection), config.out(projection), factor.rank(), bits);
    }
    return sum;
  }

  @Nullable LowRank part(int layer, Group group) {
    return parts[layer * Group.values().length + group.ordinal()];
  }

  private static List<Factor> factors(Adapter adapter, int layer, Group group) {
    List<Factor> found = new ArrayList<>();
    for (Factor factor : adapter.factors()) {
      if (factor.layer() == layer && Group.of(factor.projection()) == group) {
        found.add(factor);
      }
    }
    return found;
  }

  private LowRank part(ModelConfig config, Group group, List<Factor> factors, int bits) {
    List<LowRank.Factor> packed = new ArrayList<>();
    for (Factor factor : factors) {
      packed.add(
          new LowRank.Factor(
              factor.a(),
              factor.b(),
              factor.rank(),
              factor.scaling(),
              group.firstPanel(config, factor.projection()),
              group.panelStep()));
    }
    return new LowRank(group.in(config), packed, bits, memory);
  }

  /// Refuses an adapter that cannot be applied whole to the base, with all reasons.
  static void check(ModelConfig config, Adapter adapter) {
    List<String> problems = new ArrayList<>();
    if (adapter.factors().isEmpty()) {
      problems.add("it has no factors");
    }
    boolean[] seen = new boolean[config.layers() * ModelConfig.Projection.values().length];
    for (Factor factor : adapter.factors()) {
      check(config, factor, seen, problems);
    }
    if (!problems.isEmpty()) {
      throw LatheException.user(
          "adapter '%s' does not fit the base model: %s"
              .formatted(adapter.name(), String.join("; ", problems)),
          "use it with the base it was trained on");
    }
  }

  private static void check(
      ModelConfig config, Factor factor, boolean[] seen, List<String> problems) {
    String name = "layer %d %s".formatted(factor.layer(), factor.projection().target());
    if (factor.layer() < 0 || factor.layer() >= config.layers()) {
      problems.add(name + " is outside the base's " + config.layers() + " layers");
      return;
    }
    int slot =
        factor.layer() * ModelConfig.Projection.values().length + factor.projection().ordinal();
    if (seen[slot]) {
      problems.add(name + " appears twice");
    }
    seen[slot] = true;
    int in = factor.a().length / factor.rank();
    int out = factor.b().length / factor.rank();
    if (in != config.in(factor.projection()) || out != config.out(factor.projection())) {
      problems.add(
          "%s maps %d to %d features, the base's maps %d to %d"
              .formatted(
                  name, in, out, config.in(factor.projection()), config.out(factor.projection())));
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
