package dev.lathe.training.fused;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.ModelConfig.Rope;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.model.AutogradDecoder;
import dev.lathe.training.model.Factors;
import dev.lathe.training.model.RandomModel;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Precision;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

/// The written-out passes against autograd in fp32: bf16 rounding is all that may differ.
class FusedDecoderTest {
  private static final AdapterSpec ALL =
      new AdapterSpec(4, 8, 0, false, EnumSet.allOf(Projection.class));
  private static final AdapterSpec SOME =
      new AdapterSpec(9, 9, 0, true, Set.of(Projection.Q, Projection.V, Projection.DOWN));
  private static final AdapterSpec DROPPING =
      new AdapterSpec(8, 16, 0.3, false, EnumSet.allOf(Projection.class));

  @Test
  void lossAndGradientOfLlamaAgreeWithAutograd() {
    agrees(Family.LLAMA, ALL);
  }

  @Test
  void biasesAnOwnHeadAndSomeTargetsAgreeWithAutograd() {
    agrees(Family.QWEN2, SOME);
  }

  @Test
  void dropoutDropsTheSameInputs() {
    agrees(Family.LLAMA, DROPPING);
  }

  @Test
  void logitsAgreeWithAutograd() {
    ModelConfig config = config(Family.QWEN2);
    float[] values = RandomModel.factors(config, SOME, 5);
    int[] tokens = row(new SplittableRandom(4), 23);
    try (RandomModel model = RandomModel.of(config, 3);
        FusedDecoder fused = new FusedDecoder(new Factors(config, SOME), model, 2);
        AutogradDecoder plain =
            AutogradDecoder.open(config, model, SOME, Precision.FP32, Device.CPU)) {
      float[] expected = plain.logits(tokens, values);

      float[] found = fused.logits(tokens, values);

      assertThat(cosine(found, expected)).isGreaterThan(0.9995);
    }
  }

  @Test
  void aBatchLeavesNoTraceInTheNext() {
    ModelConfig config = config(Family.LLAMA);
    float[] values = RandomModel.factors(config, ALL, 5);
    SplittableRandom random = new SplittableRandom(6);
    TokenBatch small = RandomModel.batch(2, row(random, 9), row(random, 17));
    TokenBatch large = RandomModel.batch(1, row(random, 40), row(random, 33));
    try (RandomModel model = RandomModel.of(config, 3);
        FusedDecoder fused = new FusedDecoder(new Factors(config, ALL), model, 2)) {
      float[] before = new float[values.length];
      double lossBefore = fused.accumulate(small, values, before, 1, 0);
      fused.accumulate(large, values, new float[values.length], 1, 0);
      float[] after = new float[values.length];

      double lossAfter = fused.accumulate(small, values, after, 1, 0);

      assertThat(lossAfter).isEqualTo(lossBefore);
      assertThat(after).isEqualTo(before);
    }
  }

  @Test
  void packedRowsNeverSeeOneAnother() {
    ModelConfig config = config(Family.LLAMA);
    float[] values = RandomModel.factors(config, ALL, 5);
    SplittableRandom random = new SplittableRandom(8);
    int[] first = row(random, 19);
    int[] second = row(random, 30);
    try (RandomModel model = RandomModel.of(config, 3);
        FusedDecoder fused = new FusedDecoder(new Factors(config, ALL), model, 2)) {
      double alone = fused.loss(RandomModel.batch(1, first), values);
      double other = fused.loss(RandomModel.batch(1, second), values);

      double together = fused.loss(RandomModel.batch(1, first, second), values);

      assertThat(together).isCloseTo(alone + other, within(1e-3));
    }
  }

  @Test
  void batchesOfManyLengthsLeaveNoNativeMemoryBehind() {
    ModelConfig config = config(Family.LLAMA);
    float[] values = RandomModel.factors(config, ALL, 5);
    SplittableRandom random = new SplittableRandom(6);
    try (RandomModel model = RandomModel.of(config, 3);
        FusedDecoder fused = new FusedDecoder(new Factors(config, ALL), model, 2)) {
      fused.accumulate(RandomModel.batch(1, row(random, 60)), values, values.clone(), 1, 0);
      long pointers = Pointer.totalCount();

      for (int length = 5; length < 60; length += 9) {
        fused.accumulate(RandomModel.batch(1, row(random, length)), values, values.clone(), 1, 0);
      }

      assertThat(Pointer.totalCount()).isEqualTo(pointers);
    }
  }

  private static void agrees(Family family, AdapterSpec spec) {
    ModelConfig config = config(family);
    float[] values = smallFactors(config, spec);
    SplittableRandom random = new SplittableRandom(7);
    TokenBatch batch =
        RandomModel.batch(new int[] {3, 1, 5}, row(random, 37), row(random, 2), row(random, 16));
    try (RandomModel model = RandomModel.of(config, 3);
        FusedDecoder fused = new FusedDecoder(new Factors(config, spec), model, 2);
        AutogradDecoder plain =
            AutogradDecoder.open(config, model, spec, Precision.FP32, Device.CPU)) {
      float[] expected = new float[values.length];
      double expectedLoss = plain.accumulate(batch, values, expected, 0.01, 11);
      float[] found = new float[values.length];

      double loss = fused.accumulate(batch, values, found, 0.01, 11);

      assertThat(loss).isCloseTo(expectedLoss, within(0.01 * expectedLoss));
      assertThat(cosine(found, expected)).isGreaterThan(0.999);
      assertThat(norm(found) / norm(expected)).isCloseTo(1, within(0.02));
      assertEveryFactorAgrees(new Factors(config, spec), found, expected);
    }
  }

  /// Of standard deviation 0.05: larger ones saturate the tiny model's softmax, where a rounding
  /// flips the whole gradient.
  private static float[] smallFactors(ModelConfig config, AdapterSpec spec) {
    float[] values = RandomModel.factors(config, spec, 5);
    for (int i = 0; i < values.length; i++) {
      values[i] *= 0.25f;
    }
    return values;
  }

  private static void assertEveryFactorAgrees(Factors factors, float[] found, float[] expected) {
    int rank = factors.spec().rank();
    for (Projection projection : factors.spec().targets()) {
      int sizeA = rank * factors.config().in(projection);
      int sizeB = rank * factors.config().out(projection);
      for (int layer = 0; layer < factors.config().layers(); layer++) {
        String name = projection + " of layer " + layer;
        assertSimilar(name, found, expected, factors.a(layer, projection), sizeA);
        assertSimilar(name, found, expected, factors.b(layer, projection), sizeB);
      }
    }
  }

  private static void assertSimilar(String name, float[] found, float[] expected, int at, int n) {
    float[] one = java.util.Arrays.copyOfRange(found, at, at + n);
    float[] two = java.util.Arrays.copyOfRange(expected, at, at + n);
    assertThat(cosine(one, two)).as(name).isGreaterThan(0.995);
  }

  private static double cosine(float[] a, float[] b) {
    double dot = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
    }
    return dot / (norm(a) * norm(b));
  }

  private static double norm(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }

  private static int[] row(SplittableRandom random, int length) {
    return random.ints(length, 0, 61).toArray();
  }

  /// Width 64, 2 layers, 4 heads over 2 key/value heads of width 32, vocabulary 61.
  private static ModelConfig config(Family family) {
    List<Double> frequencies = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      frequencies.add(Math.pow(10_000, -2.0 * i / 32));
    }
    boolean qwen = family == Family.QWEN2;
    Rope rope = new Rope(10_000, frequencies, 1);
    return new ModelConfig(
        family, 64, 2, 4, 2, 32, 96, 61, 64, 1e-5f, rope, qwen, !qwen, 1, List.of(2));
  }
}
