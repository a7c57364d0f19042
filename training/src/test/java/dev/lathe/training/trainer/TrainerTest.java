package dev.lathe.training.trainer;

import static dev.lathe.training.model.RandomModel.batch;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.Fixtures;
import dev.lathe.training.model.AutogradDecoder;
import dev.lathe.training.model.Factors;
import dev.lathe.training.model.Gradients;
import dev.lathe.training.model.RandomModel;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Precision;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
  private static final ModelConfig CONFIG = RandomModel.tiny(Family.LLAMA);

  private final List<AutoCloseable> opened = new ArrayList<>();
  private long pointers;
  @TempDir Path folder;

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

  @Test
  void eightRowsAtOnceEqualEightMicroBatches() {
    Trainer together = trainer(spec(0), settings(Schedule.COSINE, 1));
    Trainer apart = trainer(spec(0), settings(Schedule.COSINE, 1));
    int[][] rows = rows(8);
    List<TokenBatch> single = new ArrayList<>();
    for (int[] row : rows) {
      single.add(batch(row.length / 2, row));
    }
    int[] firstScored = new int[8];
    for (int i = 0; i < 8; i++) {
      firstScored[i] = rows[i].length / 2;
    }

    for (int step = 0; step < 3; step++) {
      StepReport one = together.step(List.of(batch(firstScored, rows)));
      StepReport eight = apart.step(single);

      assertThat(eight.loss()).isCloseTo(one.loss(), within(1e-5));
      assertThat(eight.gradientNorm())
          .isCloseTo(one.gradientNorm(), within(1e-4 * one.gradientNorm()));
      assertThat(eight.tokens()).isEqualTo(one.tokens());
      assertThat(eight.scoredTokens()).isEqualTo(one.scoredTokens());
    }
    assertThat(apart.evaluate(single)).isCloseTo(together.evaluate(single), within(1e-4));
  }

  @Test
  void aTinyModelLearnsItsRowsByHeart() {
    Trainer trainer = trainer(spec(0), settings(Schedule.CONSTANT, 0));
    List<TokenBatch> batch = List.of(batch(2, rows(4)));

    double before = trainer.evaluate(batch);
    StepReport first = trainer.step(batch);
    for (int step = 1; step < 60; step++) {
      trainer.step(batch);
    }

    assertThat(first.loss()).isCloseTo(before, within(1e-6));
    assertThat(trainer.evaluate(batch)).isLessThan(0.2 * before);
    assertThat(trainer.step()).isEqualTo(60);
  }

  @Test
  void aResumedRunEqualsTheUninterruptedOneToTheLastBit() {
    AdapterSpec spec = spec(0.2);
    TrainerSettings settings = settings(Schedule.COSINE, 2);
    Trainer uninterrupted = trainer(spec, settings);
    Trainer first = trainer(spec, settings);
    List<StepReport> expected = new ArrayList<>();
    for (int step = 0; step < 6; step++) {
      expected.add(uninterrupted.step(microBatches(step)));
    }
    for (int step = 0; step < 3; step++) {
      first.step(microBatches(step));
    }
    first.save(folder);

    Trainer second = trainer(spec, settings);
    second.restore(folder);

    assertThat(second.step()).isEqualTo(3);
    for (int step = 3; step < 6; step++) {
      StepReport report = second.step(microBatches(step));
      assertThat(report.loss()).isEqualTo(expected.get(step).loss());
      assertThat(report.gradientNorm()).isEqualTo(expected.get(step).gradientNorm());
      assertThat(report.learningRate()).isEqualTo(expected.get(step).learningRate());
    }
    assertSameFactors(second.adapter("a"), uninterrupted.adapter("a"));
  }

  @Test
  void aCheckpointOfTheDiskIsTrainedAndMayBeClosedAtOnce() {
    Trainer trainer;
    try (Checkpoint checkpoint = Checkpoint.open(TinyModels.llama(folder, 3))) {
      trainer = Trainer.open(checkpoint, spec(0), settings(Schedule.CONSTANT, 0));
    }
    opened.add(trainer);
    List<TokenBatch> batch = List.of(batch(2, rows(4)));

    double before = trainer.evaluate(batch);
    for (int step = 0; step < 15; step++) {
      trainer.step(batch);
    }

    assertThat(trainer.evaluate(batch)).isLessThan(0.9 * before);
  }

  @Test
  void theSameSeedGivesTheSameBytesAndAnotherSeedOthers() {
    Trainer one = trainer(spec(0.2), settings(Schedule.COSINE, 2));
    Trainer same = trainer(spec(0.2), settings(Schedule.COSINE, 2));
    TrainerSettings other = settings(Schedule.COSINE, 2, 1e-2, 43, 1);
    Trainer different = trainer(spec(0.2), other);

    for (int step = 0; step < 2; step++) {
      one.step(microBatches(step));
      same.step(microBatches(step));
      different.step(microBatches(step));
    }

    double loss = one.step(microBatches(2)).loss();
    assertThat(same.step(microBatches(2)).loss()).isEqualTo(loss);
    assertThat(different.step(microBatches(2)).loss()).isNotEqualTo(loss);
    assertSameFactors(one.adapter("a"), same.adapter("a"));
    assertThat(one.adapter("a").factors().getFirst().a())
        .isNotEqualTo(different.adapter("a").factors().getFirst().a());
  }

  @Test
  void aFreshAdapterChangesNothingAndIsSpreadAsPeftSpreadsIt() {
    AdapterSpec spec = spec(0);
    Trainer trainer = trainer(spec, settings(Schedule.COSINE, 2));
    Adapter adapter = trainer.adapter("fresh");

    for (Adapter.Factor factor : adapter.factors()) {
      double bound = 1 / Math.sqrt(CONFIG.in(factor.projection()));
      assertThat(factor.b()).containsOnly(0);
      double square = 0;
      for (float value : factor.a()) {
        assertThat(Math.abs(value)).isLessThanOrEqualTo((float) bound);
        square += value * value;
      }
      // the standard deviation of a uniform distribution is its bound over the root of three
      assertThat(Math.sqrt(square / factor.a().length) / (bound / Math.sqrt(3)))
          .isCloseTo(1, within(0.2));
    }
    int[] tokens = rows(1)[0];
    float[] zero = new float[new Factors(CONFIG, spec).size()];
    assertThat(trainer.logits(tokens)).isEqualTo(decoder(spec).logits(tokens, zero));
  }

  @Test
  void dropoutDiffersBetweenStepsAndMicroBatchesAndIsOffInEvaluation() {
    RecordingGradients recording = new RecordingGradients();
    Factors factors = new Factors(CONFIG, spec(0.5));
    Trainer trainer = Trainer.of(recording, factors, settings(Schedule.COSINE, 2));

    trainer.step(microBatches(0));
    trainer.step(microBatches(1));

    assertThat(recording.seeds).hasSize(4).doesNotHaveDuplicates();
    Trainer real = trainer(spec(0.5), settings(Schedule.COSINE, 2));
    real.step(microBatches(0));
    assertThat(real.evaluate(microBatches(0))).isEqualTo(real.evaluate(microBatches(0)));
  }

  @Test
  void aLargeGradientIsScaledDownToTheAskedNorm() {
    float[] slope = Fixtures.floats(Fixtures.read("optimizer.json").at("/clipping/gradient"));
    float[] clipped = Fixtures.floats(Fixtures.read("optimizer.json").at("/clipping/clipped"));
    float[] unclipped = slope.clone();

    double norm = Trainer.clip(slope, 1);
    Trainer.clip(unclipped, 0);

    assertThat(norm).isEqualTo(13);
    assertThat(slope).containsExactly(clipped, within(1e-7f));
    assertThat(unclipped).containsExactly(3, -4, 12);
  }

  @Test
  void aNonFiniteLossStopsTheStepNamesTheRowsAndChangesNothing() {
    Trainer trainer = trainer(spec(0), settings(Schedule.COSINE, 2), 17);
    int[] sound = {1, 2, 3, 4, 5, 6};
    int[] poisoned = {1, 2, 17, 4, 5, 6};
    trainer.step(List.of(batch(2, sound)));
    Adapter before = trainer.adapter("before");
    TokenBatch bad =
        new TokenBatch(
            poisoned,
            new boolean[] {false, false, false, true, true, true},
            new int[] {0, 6},
            List.of("train.json:17"));

    NonFiniteLoss failure =
        catchThrowableOfType(
            NonFiniteLoss.class, () -> trainer.step(List.of(batch(2, sound), bad)));

    assertThat(failure.sources()).containsExactly("train.json:17");
    assertThat(failure.step()).isEqualTo(2);
    assertThat(failure).hasMessageContaining("train.json:17").hasMessageContaining("NaN");
    assertThat(trainer.step()).isEqualTo(1);
    assertSameFactors(trainer.adapter("before"), before);
    assertThat(trainer.step(List.of(batch(2, sound))).loss()).isFinite();
  }

  @Test
  void aNonFiniteGradientStopsTheStepToo() {
    RecordingGradients gradients = new RecordingGradients();
    gradients.slope = Float.POSITIVE_INFINITY;
    Trainer trainer =
        Trainer.of(gradients, new Factors(CONFIG, spec(0)), settings(Schedule.COSINE, 2));
    Adapter before = trainer.adapter("before");

    assertThatThrownBy(() -> trainer.step(microBatches(0)))
        .isInstanceOf(NonFiniteLoss.class)
        .hasMessageContaining("the gradient is not finite")
        .hasMessageContaining("rows.json:1");
    assertSameFactors(trainer.adapter("before"), before);
  }

  @Test
  void aProbeChangesNothing() {
    Trainer trainer = trainer(spec(0), settings(Schedule.COSINE, 0));
    Trainer plain = trainer(spec(0), settings(Schedule.COSINE, 0));

    double loss = trainer.probe(microBatches(0).getFirst());

    assertThat(loss).isCloseTo(trainer.evaluate(microBatches(0).subList(0, 1)), within(1e-6));
    trainer.step(microBatches(0));
    plain.step(microBatches(0));
    assertSameFactors(trainer.adapter("a"), plain.adapter("a"));
  }

  @Test
  void aStepWithoutAScoredTokenIsRefused() {
    Trainer trainer = trainer(spec(0), settings(Schedule.COSINE, 2));
    TokenBatch unscored = batch(6, new int[] {1, 2, 3, 4, 5, 6});

    assertThatThrownBy(() -> trainer.step(List.of(unscored)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("rows.json:1")
        .hasMessageContaining("scored");
  }

  @Test
  void theStateOfAnotherAdapterOrSeedIsRefused() {
    trainer(spec(0), settings(Schedule.COSINE, 2)).save(folder);
    AdapterSpec wider = new AdapterSpec(5, 10, 0, false, EnumSet.allOf(Projection.class));
    Trainer otherRank = trainer(wider, settings(Schedule.COSINE, 2));
    Trainer otherSeed = trainer(spec(0), settings(Schedule.COSINE, 2, 1e-2, 43, 1));
    Adapter before = otherRank.adapter("before");

    assertThatThrownBy(() -> otherRank.restore(folder))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("\"rank\":4")
        .hasMessageContaining("\"rank\":5");
    assertThatThrownBy(() -> otherSeed.restore(folder)).hasMessageContaining("seed 42");
    assertSameFactors(otherRank.adapter("before"), before);
  }

  @Test
  void warmUpAndScheduleReachTheReports() {
    Trainer trainer = trainer(spec(0), settings(Schedule.COSINE, 2));

    assertThat(trainer.step(microBatches(0)).learningRate()).isZero();
    assertThat(trainer.step(microBatches(1)).learningRate()).isEqualTo(0.5e-2);
    assertThat(trainer.step(microBatches(2)).learningRate()).isEqualTo(1e-2);
  }

  @Test
  void aConstantScheduleWithWarmUpIsRefused() {
    assertThatThrownBy(() -> settings(Schedule.CONSTANT, 5))
        .hasMessageContaining("constant_with_warmup");
  }

  @Test
  void stepsLeaveNoNativeMemoryBehind() {
    Trainer trainer = trainer(spec(0.1), settings(Schedule.COSINE, 2));
    trainer.step(microBatches(0));
    long live = Pointer.totalCount();

    for (int step = 1; step < 5; step++) {
      trainer.step(microBatches(step));
      trainer.evaluate(microBatches(step));
    }

    assertThat(Pointer.totalCount()).isEqualTo(live);
  }

  private static AdapterSpec spec(double dropout) {
    return new AdapterSpec(4, 8, dropout, false, EnumSet.allOf(Projection.class));
  }

  private static TrainerSettings settings(Schedule schedule, int warmup) {
    return settings(schedule, warmup, 1e-2, 42, 1);
  }

  private static TrainerSettings settings(
      Schedule schedule, int warmup, double rate, long seed, double maxNorm) {
    return new TrainerSettings(
        rate, schedule, warmup, 20, 0.01, 0.9, 0.999, 1e-8, maxNorm, seed, Precision.FP32, 1);
  }

  private Trainer trainer(AdapterSpec spec, TrainerSettings settings) {
    return trainer(spec, settings, -1);
  }

  /// @param poisonedToken whose embedding is NaN, or -1
  private Trainer trainer(AdapterSpec spec, TrainerSettings settings, int poisonedToken) {
    Trainer trainer = Trainer.of(open(spec, poisonedToken), new Factors(CONFIG, spec), settings);
    opened.add(trainer);
    return trainer;
  }

  private Gradients decoder(AdapterSpec spec) {
    Gradients decoder = open(spec, -1);
    opened.add(decoder);
    return decoder;
  }

  private static Gradients open(AdapterSpec spec, int poisonedToken) {
    // a tied head would carry the NaN into every logit: a poisoned model has its own
    ModelConfig config = poisonedToken < 0 ? CONFIG : RandomModel.tiny(Family.QWEN2);
    try (RandomModel model = RandomModel.of(config, 1)) {
      if (poisonedToken >= 0) {
        model.set(WeightNames.EMBEDDING, (long) poisonedToken * config.width(), Float.NaN);
      }
      return AutogradDecoder.open(config, model, spec, Precision.FP32, Device.CPU);
    }
  }

  private static List<TokenBatch> microBatches(int step) {
    int[][] rows = rows(8);
    int at = step % 4 * 2;
    return List.of(batch(3, rows[at]), batch(3, rows[at + 1]));
  }

  private static int[][] rows(int count) {
    SplittableRandom random = new SplittableRandom(9);
    int[][] rows = new int[count][];
    for (int i = 0; i < count; i++) {
      rows[i] = random.ints(6 + random.nextInt(12), 0, 61).toArray();
    }
    return rows;
  }

  private static void assertSameFactors(Adapter one, Adapter other) {
    assertThat(one.factors()).hasSameSizeAs(other.factors());
    for (int i = 0; i < one.factors().size(); i++) {
      assertThat(one.factors().get(i).a()).isEqualTo(other.factors().get(i).a());
      assertThat(one.factors().get(i).b()).isEqualTo(other.factors().get(i).b());
    }
  }

  /// Remembers the dropout seeds and answers with one slope everywhere.
  private static final class RecordingGradients implements Gradients {
    private final List<Long> seeds = new ArrayList<>();
    private float slope = 1;

    @Override
    public double accumulate(
        TokenBatch batch, float[] values, float[] gradient, double scale, long dropoutSeed) {
      seeds.add(dropoutSeed);
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] += slope;
      }
      return 1;
    }

    @Override
    public double loss(TokenBatch batch, float[] values) {
      return 1;
    }

    @Override
    public float[] logits(int[] tokens, float[] values) {
      return new float[CONFIG.vocabulary()];
    }

    @Override
    public void close() {}
  }
}
