package dev.lathe.training.model;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.ModelConfig.Rope;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// A tiny model with random fp32 weights in memory, the same that `tools/training_fixtures.py`
/// gives to transformers.
public final class RandomModel implements WeightSource {
  private final Arena arena = Arena.ofShared();
  private final Map<String, WeightTensor> tensors = new LinkedHashMap<>();
  private final ModelConfig config;

  private RandomModel(ModelConfig config) {
    this.config = config;
  }

  /// Uniform numbers: weights of standard deviation `1 / sqrt(in)`, norms around 1. The caller
  /// closes it.
  public static RandomModel of(ModelConfig config, long seed) {
    RandomModel model = new RandomModel(config);
    SplittableRandom random = new SplittableRandom(seed);
    model.add(random, WeightNames.EMBEDDING, 0, 0.5, config.vocabulary(), config.width());
    if (!config.tiedEmbeddings()) {
      model.add(random, WeightNames.HEAD, 0, 0.3, config.vocabulary(), config.width());
    }
    model.add(random, WeightNames.FINAL_NORM, 1, 0.2, config.width());
    for (int layer = 0; layer < config.layers(); layer++) {
      model.add(random, WeightNames.attentionNorm(layer), 1, 0.2, config.width());
      model.add(random, WeightNames.mlpNorm(layer), 1, 0.2, config.width());
      for (Projection projection : Projection.values()) {
        int in = config.in(projection);
        int out = config.out(projection);
        String name = WeightNames.weight(layer, projection);
        model.add(random, name, 0, 1 / Math.sqrt(in), out, in);
        if (config.hasBias(projection)) {
          model.add(random, WeightNames.bias(layer, projection), 0, 0.3, out);
        }
      }
    }
    return model;
  }

  /// Width 32, 2 layers, 4 heads over 2 key/value heads, vocabulary 61; tied embeddings for Llama,
  /// biases and an own head for Qwen2.
  public static ModelConfig tiny(Family family) {
    int headWidth = 8;
    List<Double> frequencies = new ArrayList<>();
    for (int i = 0; i < headWidth / 2; i++) {
      frequencies.add(Math.pow(10_000, -2.0 * i / headWidth));
    }
    boolean qwen = family == Family.QWEN2;
    Rope rope = new Rope(10_000, frequencies, 1);
    return new ModelConfig(
        family, 32, 2, 4, 2, headWidth, 48, 61, 64, 1e-5f, rope, qwen, !qwen, 1, List.of(2));
  }

  public ModelConfig config() {
    return config;
  }

  private void add(
      SplittableRandom random, String name, double mean, double deviation, int... shape) {
    List<Long> sizes = new ArrayList<>();
    long count = 1;
    for (int size : shape) {
      sizes.add((long) size);
      count *= size;
    }
    MemorySegment data = arena.allocate(ValueLayout.JAVA_FLOAT, count);
    for (long i = 0; i < count; i++) {
      float value = (float) (mean + deviation * Math.sqrt(3) * uniform(random));
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    tensors.put(name, new WeightTensor(name, DType.F32, sizes, data));
  }

  /// `[-1, 1)` in steps of 2^-23.
  public static double uniform(SplittableRandom random) {
    return (random.nextLong() >>> 40) * 0x1p-23 - 1;
  }

  /// Random factors of both kinds, of standard deviation 0.2.
  public static float[] factors(ModelConfig config, AdapterSpec spec, long seed) {
    float[] values = new float[new Factors(config, spec).size()];
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.2 * Math.sqrt(3) * uniform(random));
    }
    return values;
  }

  /// Rows packed one after another, tokens from `firstScored` on scored in every row.
  public static TokenBatch batch(int firstScored, int[]... rows) {
    int[] everywhere = new int[rows.length];
    java.util.Arrays.fill(everywhere, firstScored);
    return batch(everywhere, rows);
  }

  /// Rows packed one after another, each with its first scored place.
  public static TokenBatch batch(int[] firstScored, int[]... rows) {
    List<String> sources = new ArrayList<>();
    int[] starts = new int[rows.length + 1];
    for (int row = 0; row < rows.length; row++) {
      sources.add("rows.json:" + (row + 1));
      starts[row + 1] = starts[row] + rows[row].length;
    }
    int[] ids = new int[starts[rows.length]];
    boolean[] scored = new boolean[ids.length];
    for (int row = 0; row < rows.length; row++) {
      System.arraycopy(rows[row], 0, ids, starts[row], rows[row].length);
      java.util.Arrays.fill(scored, starts[row] + firstScored[row], starts[row + 1], true);
    }
    return new TokenBatch(ids, scored, starts, sources);
  }

  /// The numbers themselves, to be changed by a test.
  public void set(String name, long index, float value) {
    tensor(name).data().setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public WeightTensor tensor(String name) {
    @Nullable WeightTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw LatheException.notFound("no tensor '" + name + "'", "");
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }
}
