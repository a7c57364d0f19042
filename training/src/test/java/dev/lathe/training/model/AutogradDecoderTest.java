package dev.lathe.training.model;

import static dev.lathe.training.model.RandomModel.batch;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Precision;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AutogradDecoderTest {
  private static final AdapterSpec SPEC =
      new AdapterSpec(3, 6, 0, false, EnumSet.allOf(Projection.class));
  private final List<AutoCloseable> opened = new ArrayList<>();
  private long pointers;

  @BeforeEach
  void countPointers() {
    LibTorch.load(1);
    pointers = Pointer.totalCount();
  }

  @AfterEach
  void nothingNativeIsLeft() throws Exception {
    for (AutoCloseable resource : opened.reversed()) {
      resource.close();
    }
    assertThat(Pointer.totalCount()).isEqualTo(pointers);
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void theGradientIsTheSlopeOfTheLoss(Family family) {
    AutogradDecoder decoder = open(family, SPEC, ScalarType.Double);
    float[] values = values(SPEC, family, 1);
    float[] gradient = new float[values.length];
    TokenBatch batch = batch(2, row(1, 9), row(2, 6));

    double loss = decoder.accumulate(batch, values, gradient, 0.5, 0);

    assertThat(loss).isEqualTo(decoder.loss(batch, values));
    SplittableRandom random = new SplittableRandom(3);
    for (int probe = 0; probe < 60; probe++) {
      int index = random.nextInt(values.length);
      double slope = 0.5 * slope(index, values, changed -> decoder.loss(batch, changed));
      assertThat((double) gradient[index]).isCloseTo(slope, within(1e-5 + 1e-4 * Math.abs(slope)));
    }
  }

  @Test
  void theGradientWithDropoutIsTheSlopeOfTheSameDroppedLoss() {
    AdapterSpec spec = new AdapterSpec(3, 6, 0.4, false, EnumSet.allOf(Projection.class));
    AutogradDecoder decoder = open(Family.LLAMA, spec, ScalarType.Double);
    float[] values = values(spec, Family.LLAMA, 1);
    float[] gradient = new float[values.length];
    TokenBatch batch = batch(2, row(1, 9), row(2, 6));

    decoder.accumulate(batch, values, gradient, 1, 77);

    float[] unused = new float[values.length];
    SplittableRandom random = new SplittableRandom(3);
    for (int probe = 0; probe < 40; probe++) {
      int index = random.nextInt(values.length);
      double slope =
          slope(index, values, changed -> decoder.accumulate(batch, changed, unused, 1, 77));
      assertThat((double) gradient[index]).isCloseTo(slope, within(1e-5 + 1e-4 * Math.abs(slope)));
    }
    double dropped = decoder.accumulate(batch, values, unused, 1, 77);
    assertThat(dropped).isNotEqualTo(decoder.loss(batch, values));
    assertThat(dropped).isNotEqualTo(decoder.accumulate(batch, values, unused, 1, 78));
  }

  @Test
  void gradientsAreAddedToWhatIsThere() {
    AutogradDecoder decoder = open(Family.LLAMA, SPEC, Precision.FP32);
    float[] values = values(SPEC, Family.LLAMA, 1);
    TokenBatch batch = batch(1, row(1, 9));
    float[] once = new float[values.length];
    float[] twice = new float[values.length];

    decoder.accumulate(batch, values, once, 1, 0);
    decoder.accumulate(batch, values, twice, 1, 0);
    decoder.accumulate(batch, values, twice, 1, 0);

    for (int i = 0; i < once.length; i++) {
      assertThat(twice[i]).isEqualTo(2 * once[i]);
    }
  }

  @ParameterizedTest
  @EnumSource(Family.class)
  void packedRowsNeverSeeOneAnother(Family family) {
    AutogradDecoder decoder = open(family, SPEC, Precision.FP32);
    float[] values = values(SPEC, family, 1);
    int[] first = row(1, 9);
    int[] second = row(2, 6);
    int[] other = row(3, 9);

    double together = decoder.loss(batch(2, first, second), values);
    double firstAlone = decoder.loss(batch(2, first), values);
    double secondAlone = decoder.loss(batch(2, second), values);
    double otherAlone = decoder.loss(batch(2, other), values);
    double withOther = decoder.loss(batch(2, other, second), values);

    assertThat(together).isCloseTo(firstAlone + secondAlone, within(1e-4));
    assertThat(withOther - otherAlone).isCloseTo(secondAlone, within(1e-4));
    assertThat(firstAlone).isNotCloseTo(otherAlone, within(1e-2));
  }

  @Test
  void aTokenNeverSeesWhatFollows() {
    AutogradDecoder decoder = open(Family.LLAMA, SPEC, Precision.FP32);
    float[] values = values(SPEC, Family.LLAMA, 1);
    int[] row = row(1, 9);
    int[] changed = row.clone();
    changed[8] = (changed[8] + 1) % 61;

    boolean[] scored = new boolean[9];
    scored[4] = true;
    List<String> sources = List.of("a");
    int[] starts = {0, 9};

    assertThat(decoder.loss(new TokenBatch(changed, scored, starts, sources), values))
        .isEqualTo(decoder.loss(new TokenBatch(row, scored, starts, sources), values));
  }

  @Test
  void theLossIsTheNegativeLogLikelihoodOfTheScoredTokens() {
    AutogradDecoder decoder = open(Family.QWEN2, SPEC, Precision.FP32);
    float[] values = values(SPEC, Family.QWEN2, 1);
    int[] row = row(1, 5);

    double expected = 0;
    for (int place = 3; place < 5; place++) {
      float[] logits = decoder.logits(java.util.Arrays.copyOf(row, place), values);
      double sum = 0;
      for (float logit : logits) {
        sum += Math.exp(logit);
      }
      expected += Math.log(sum) - logits[row[place]];
    }

    assertThat(decoder.loss(batch(3, row), values)).isCloseTo(expected, within(1e-4));
  }

  @Test
  void untargetedProjectionsStayTheBase() {
    AdapterSpec spec = new AdapterSpec(2, 4, 0, false, Set.of(Projection.V, Projection.DOWN));
    AutogradDecoder decoder = open(Family.LLAMA, spec, Precision.FP32);
    Factors factors = new Factors(RandomModel.tiny(Family.LLAMA), spec);
    float[] zero = new float[factors.size()];
    float[] values = values(spec, Family.LLAMA, 1);
    float[] gradient = new float[factors.size()];

    decoder.accumulate(batch(1, row(1, 9)), values, gradient, 1, 0);

    assertThat(gradient).doesNotContain(0);
    assertThat(decoder.logits(row(1, 5), zero))
        .isNotEqualTo(decoder.logits(row(1, 5), values))
        .isEqualTo(open(Family.LLAMA, SPEC, Precision.FP32).logits(row(1, 5), zero(SPEC)));
  }

  @Test
  void moreScoredTokensThanOneChunkHoldsAreAllCounted() {
    AutogradDecoder decoder = open(Family.LLAMA, SPEC, ScalarType.Double);
    float[] values = values(SPEC, Family.LLAMA, 1);
    int[][] rows = new int[10][];
    double alone = 0;
    float[] separate = new float[values.length];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = row(i, 60);
      alone += decoder.accumulate(batch(1, rows[i]), values, separate, 1, 0);
    }
    float[] gradient = new float[values.length];

    double together = decoder.accumulate(batch(1, rows), values, gradient, 1, 0);

    assertThat(together).isCloseTo(alone, within(1e-6));
    for (int i = 0; i < gradient.length; i++) {
      assertThat(gradient[i]).isCloseTo(separate[i], within(1e-3f + Math.abs(separate[i]) * 1e-4f));
    }
  }

  @Test
  void bf16StaysNearFp32() {
    AutogradDecoder exact = open(Family.LLAMA, SPEC, Precision.FP32);
    AutogradDecoder coarse = open(Family.LLAMA, SPEC, Precision.BF16);
    float[] values = values(SPEC, Family.LLAMA, 1);
    TokenBatch batch = batch(1, row(1, 30));
    float[] exactGradient = new float[values.length];
    float[] coarseGradient = new float[values.length];

    double loss = exact.accumulate(batch, values, exactGradient, 1, 0);
    double coarseLoss = coarse.accumulate(batch, values, coarseGradient, 1, 0);

    assertThat(coarseLoss).isCloseTo(loss, within(0.02 * loss)).isNotEqualTo(loss);
    double product = 0;
    double exactSquare = 0;
    double coarseSquare = 0;
    for (int i = 0; i < values.length; i++) {
      product += exactGradient[i] * coarseGradient[i];
      exactSquare += exactGradient[i] * exactGradient[i];
      coarseSquare += coarseGradient[i] * coarseGradient[i];
    }
    assertThat(product / Math.sqrt(exactSquare * coarseSquare)).isGreaterThan(0.99);
  }

  @Test
  void weightsOfAnotherShapeAreRefusedByName() {
    try (RandomModel model = RandomModel.of(RandomModel.tiny(Family.LLAMA), 1)) {
      // a Qwen2 config asks for biases and a head that the Llama weights do not have
      assertThatThrownBy(() ->
              AutogradDecoder.open(
                  RandomModel.tiny(Family.QWEN2), model, SPEC, Precision.FP32, Device.CPU))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("no tensor");
    }
  }

  @Test
  void aTokenOutsideTheVocabularyIsRefused() {
    AutogradDecoder decoder = open(Family.LLAMA, SPEC, Precision.FP32);

    assertThatThrownBy(() -> decoder.logits(new int[] {1, 61}, zero(SPEC)))
        .hasMessage("token 61 is outside [0, 61)");
  }

  private interface Loss {
    double of(float[] values);
  }

  private static double slope(int index, float[] values, Loss loss) {
    float step = 1 / 4096f;
    float[] changed = values.clone();
    changed[index] = values[index] + step;
    double width = changed[index];
    double above = loss.of(changed);
    changed[index] = values[index] - step;
    width -= changed[index];
    return (above - loss.of(changed)) / width;
  }

  private AutogradDecoder open(Family family, AdapterSpec spec, Precision precision) {
    return open(family, spec, precision == Precision.BF16 ? ScalarType.BFloat16 : ScalarType.Float);
  }

  private AutogradDecoder open(Family family, AdapterSpec spec, ScalarType type) {
    try (RandomModel model = RandomModel.of(RandomModel.tiny(family), 1)) {
      AutogradDecoder decoder = AutogradDecoder.open(model.config(), model, spec, type, Device.CPU);
      opened.add(decoder);
      return decoder;
    }
  }

  private static float[] zero(AdapterSpec spec) {
    return new float[new Factors(RandomModel.tiny(Family.LLAMA), spec).size()];
  }

  private static float[] values(AdapterSpec spec, Family family, long seed) {
    return RandomModel.factors(RandomModel.tiny(family), spec, seed);
  }

  private static int[] row(long seed, int length) {
    return new SplittableRandom(seed).ints(length, 0, 61).toArray();
  }
}
