package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.ModelConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The factors of one adapter, packed: for each layer and group the A factors of its projections as
/// one matrix, and each B with the scaling multiplied in. Holds one piece of memory until closed,
/// so that the system has it back at once.
final class PackedAdapter implements Runner.Packed {
  /// The factors of one group in one layer.
  ///
  /// @param down `[sum of ranks, in]`
  /// @param ups one per adapted projection
  record Part(PackedMatrix down, List<Up> ups) {}

  /// One B.
  ///
  /// @param matrix `[out, R]`, scaling included
  /// @param rankOffset first column of its R inputs in the result of `down`
  /// @param firstPanel panel of the group's result where its panel 0 adds
  /// @param panelStep panels of the group's result from one of its panels to the next
  record Up(PackedMatrix matrix, int rankOffset, int firstPanel, int panelStep) {}

  private static final Storage STORAGE = Storage.F32;

  private final Arena arena = Arena.ofShared();
  private final long bytes;
  private final SegmentAllocator memory;
  private final @Nullable Part[] parts;
  private final int maxRanks;

  private PackedAdapter(ModelConfig config, Adapter adapter) {
    bytes = bytes(config, adapter);
    memory = SegmentAllocator.slicingAllocator(arena.allocate(bytes, PackedMatrix.ALIGNMENT));
    parts = new Part[config.layers() * Group.values().length];
    int most = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Group group : Group.values()) {
        List<Factor> factors = factors(adapter, layer, group);
        if (!factors.isEmpty()) {
          Part part = part(config, group, factors);
          parts[layer * Group.values().length + group.ordinal()] = part;
          most = Math.max(most, part.down().outputs());
        }
      }
    }
    maxRanks = most;
  }

  /// Packs an adapter that [#check] has passed.
  static PackedAdapter of(ModelConfig config, Adapter adapter) {
    return new PackedAdapter(config, adapter);
  }

  /// The largest sum of ranks of a group.
  int maxRanks() {
    return maxRanks;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  private static long bytes(ModelConfig config, Adapter adapter) {
    long sum = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Group group : Group.values()) {
        int ranks = 0;
        for (Factor factor : factors(adapter, layer, group)) {
          ranks += factor.rank();
          sum += aligned(STORAGE.bytes(config.out(factor.projection()), factor.rank()));
        }
        sum += ranks == 0 ? 0 : aligned(STORAGE.bytes(ranks, group.in(config)));
      }
    }
    return sum;
  }

  private static long aligned(long bytes) {
    return (bytes + PackedMatrix.ALIGNMENT - 1) / PackedMatrix.ALIGNMENT * PackedMatrix.ALIGNMENT;
  }

  @Nullable Part part(int layer, Group group) {
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

  private Part part(ModelConfig config, Group group, List<Factor> factors) {
    int ranks = factors.stream().mapToInt(Factor::rank).sum();
    int in = group.in(config);
    float[] a = new float[ranks * in];
    List<Up> ups = new ArrayList<>();
    int rank = 0;
    for (Factor factor : factors) {
      System.arraycopy(factor.a(), 0, a, rank * in, factor.a().length);
      int firstPanel = group.firstPanel(config, factor.projection());
      ups.add(new Up(up(config, factor), rank, firstPanel, group.panelStep()));
      rank += factor.rank();
    }
    return new Part(matrix(a, ranks, in), ups);
  }

  private PackedMatrix up(ModelConfig config, Factor factor) {
    float[] b = factor.b().clone();
    for (int i = 0; i < b.length; i++) {
      b[i] *= factor.scaling();
    }
    return matrix(b, config.out(factor.projection()), factor.rank());
  }

  private PackedMatrix matrix(float[] values, int outputs, int inputs) {
    PackedMatrix matrix = PackedMatrix.allocate(STORAGE, outputs, inputs, memory);
    float[] block = new float[PackedMatrix.PANEL * inputs];
    for (int panel = 0; panel < matrix.panels(); panel++) {
      int row = panel * PackedMatrix.PANEL;
      int count = Math.min(PackedMatrix.PANEL, outputs - row);
      System.arraycopy(values, row * inputs, block, 0, count * inputs);
      matrix.pack(panel, block, count);
    }
    return matrix;
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
