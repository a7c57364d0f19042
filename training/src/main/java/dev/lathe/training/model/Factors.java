package dev.lathe.training.model;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Where each LoRA factor lies in one flat fp32 vector: layer by layer, projection by projection, A
/// `[R, in]` then B `[out, R]`, row-major. Values, gradients and optimizer moments share this
/// layout.
public final class Factors {
  private final ModelConfig config;
  private final AdapterSpec spec;
  private final int[] offsets;
  private final int size;

  public Factors(ModelConfig config, AdapterSpec spec) {
    this.config = config;
    this.spec = spec;
    int projections = Projection.values().length;
    offsets = new int[config.layers() * projections * 2];
    Arrays.fill(offsets, -1);
    int next = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        if (spec.targets().contains(projection)) {
          int slot = (layer * projections + projection.ordinal()) * 2;
          offsets[slot] = next;
          next = Math.addExact(next, spec.rank() * config.in(projection));
          offsets[slot + 1] = next;
          next = Math.addExact(next, spec.rank() * config.out(projection));
        }
      }
    }
    size = next;
  }

  public ModelConfig config() {
    return config;
  }

  public AdapterSpec spec() {
    return spec;
  }

  /// Number of trainable values.
  public int size() {
    return size;
  }

  /// Whether the projection carries factors.
  public boolean has(Projection projection) {
    return spec.targets().contains(projection);
  }

  /// First index of A `[R, in]`.
  public int a(int layer, Projection projection) {
    return offset(layer, projection, 0);
  }

  /// First index of B `[out, R]`.
  public int b(int layer, Projection projection) {
    return offset(layer, projection, 1);
  }

  private int offset(int layer, Projection projection, int which) {
    int offset = offsets[(layer * Projection.values().length + projection.ordinal()) * 2 + which];
    if (offset < 0) {
      throw new IllegalArgumentException(projection + " carries no factors");
    }
    return offset;
  }

  /// A copy of `values` as an adapter.
  public Adapter adapter(String name, float[] values) {
    List<Adapter.Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : spec.targets()) {
        int a = a(layer, projection);
        int b = b(layer, projection);
        factors.add(
            new Adapter.Factor(
                layer,
                projection,
                spec.rank(),
                (float) spec.scaling(),
                Arrays.copyOfRange(values, a, a + spec.rank() * config.in(projection)),
                Arrays.copyOfRange(values, b, b + spec.rank() * config.out(projection))));
      }
    }
    return new Adapter(name, factors);
  }

  /// Copies an adapter of exactly these factors into `values`; the inverse of [#adapter].
  ///
  /// @throws IllegalArgumentException when it has other factors, another rank or another scaling
  public void copy(Adapter adapter, float[] values) {
    int copied = 0;
    for (Adapter.Factor factor : adapter.factors()) {
      if (factor.rank() != spec.rank() || factor.scaling() != (float) spec.scaling()) {
        throw new IllegalArgumentException(adapter.name() + " has another rank or scaling");
      }
      int a = a(factor.layer(), factor.projection());
      int b = b(factor.layer(), factor.projection());
      System.arraycopy(factor.a(), 0, values, a, factor.a().length);
      System.arraycopy(factor.b(), 0, values, b, factor.b().length);
      copied += factor.a().length + factor.b().length;
    }
    if (copied != size) {
      throw new IllegalArgumentException(adapter.name() + " lacks some of the factors");
    }
  }
}
