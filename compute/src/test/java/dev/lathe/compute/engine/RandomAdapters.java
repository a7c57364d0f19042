package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.weights.Dequantize;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/// Adapters with random factors that bfloat16 holds, strong enough to change what is generated.
public final class RandomAdapters {
  private RandomAdapters() {}

  /// Factors at the targets of every layer.
  public static Adapter of(
      ModelConfig config, String name, int rank, Set<Projection> targets, long seed) {
    Random random = new Random(seed);
    List<Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        if (targets.contains(projection)) {
          float[] a = values(random, rank * config.in(projection), config.in(projection));
          float[] b = values(random, rank * config.out(projection), rank);
          factors.add(new Factor(layer, projection, rank, 0.5f, a, b));
        }
      }
    }
    return new Adapter(name, factors);
  }

  private static float[] values(Random random, int count, int inputs) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      float value = (float) (random.nextGaussian() / Math.sqrt(inputs));
      values[i] = Float.intBitsToFloat(Dequantize.bf16(value) << 16);
    }
    return values;
  }
}
