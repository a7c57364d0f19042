package dev.lathe.training.trainer;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.fused.FusedDecoder;
import dev.lathe.training.model.AutogradDecoder;
import dev.lathe.training.model.Factors;
import dev.lathe.training.model.Gradients;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Precision;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// Trains the LoRA factors of one adapter over a frozen base: batches in, step reports out.
///
/// Same model, data, settings and number of threads: same bytes, also across [#save] and
/// [#restore]. One thread at a time. Whoever makes it closes it.
public final class Trainer implements AutoCloseable {
  private static final String GENERATOR = "L64X128MixRandom";

  private final Gradients gradients;
  private final Factors factors;
  private final TrainerSettings settings;
  private final float[] values;
  private final float[] gradient;
  private final AdamW optimizer;
  private int step;

  private Trainer(Gradients gradients, Factors factors, TrainerSettings settings) {
    this.gradients = gradients;
    this.factors = factors;
    this.settings = settings;
    values = initial(factors, settings.seed());
    gradient = new float[factors.size()];
    optimizer = new AdamW(factors.size(), settings);
  }

  /// A trainer over a decoder, which it closes with itself.
  public static Trainer of(Gradients gradients, Factors factors, TrainerSettings settings) {
    return new Trainer(gradients, factors, settings);
  }

  /// Loads LibTorch and the base. The checkpoint stays the caller's and may be closed afterwards.
  public static Trainer open(Checkpoint checkpoint, AdapterSpec spec, TrainerSettings settings) {
    LibTorch.load(settings.threads());
    Factors factors = new Factors(checkpoint.config(), spec);
    return of(gradients(checkpoint, factors, settings), factors, settings);
  }

  private static Gradients gradients(
      Checkpoint checkpoint, Factors factors, TrainerSettings settings) {
    Device device = Device.best();
    boolean fused = device == Device.CPU && settings.precision() == Precision.BF16;
    if (fused && FusedDecoder.supports(checkpoint.config())) {
      return new FusedDecoder(factors, checkpoint.weights(), settings.threads());
    }
    return AutogradDecoder.open(
        checkpoint.config(), checkpoint.weights(), factors.spec(), settings.precision(), device);
  }

  /*
   * A uniform in [-1/sqrt(in), 1/sqrt(in)), which is Kaiming's with a = sqrt(5) as PEFT has it; B
   * zero. Layer by layer, projection by projection, row by row, one nextFloat() each.
   */
  private static float[] initial(Factors factors, long seed) {
    RandomGenerator random = RandomGeneratorFactory.of(GENERATOR).create(seed);
    float[] values = new float[factors.size()];
    for (int layer = 0; layer < factors.config().layers(); layer++) {
      for (Projection projection : factors.spec().targets()) {
        int in = factors.config().in(projection);
        int from = factors.a(layer, projection);
        float bound = (float) (1 / Math.sqrt(in));
        for (int i = 0; i < factors.spec().rank() * in; i++) {
          values[from + i] = (2 * random.nextFloat() - 1) * bound;
        }
      }
    }
    return values;
  }

  /// Steps taken so far.
  public int step() {
    return step;
  }

  /// One optimizer step over all micro-batches. The loss is the mean over all scored tokens of the
  /// step, so that the split into micro-batches changes nothing but memory and time.
  ///
  /// @throws NonFiniteLoss when loss or gradient is not finite; nothing is changed then
  /// @throws LatheException when no token is scored
  public StepReport step(List<TokenBatch> microBatches) {
    long start = System.nanoTime();
    long scored = scoredTokens(microBatches);
    double loss = accumulate(microBatches, scored);
    double norm = clip(gradient, settings.maxGradNorm());
    double rate = settings.rate(step);
    optimizer.update(values, gradient, rate, step + 1);
    step++;
    long tokens = microBatches.stream().mapToLong(TokenBatch::tokens).sum();
    double seconds = (System.nanoTime() - start) / 1e9;
    return new StepReport(step, loss / scored, norm, rate, tokens, scored, seconds);
  }

  /// Forward and backward of one micro-batch as a step does it, thrown away: shows what it costs.
  ///
  /// @return mean loss per scored token
  /// @throws LatheException when no token is scored
  public double probe(TokenBatch microBatch) {
    long scored = scoredTokens(List.of(microBatch));
    return accumulate(List.of(microBatch), scored) / scored;
  }

  /// Mean negative log-likelihood per scored token in nats, without dropout.
  ///
  /// @throws LatheException when no token is scored
  public double evaluate(List<TokenBatch> batches) {
    long scored = scoredTokens(batches);
    double loss = 0;
    for (TokenBatch batch : batches) {
      loss += gradients.loss(batch, values);
    }
    return loss / scored;
  }

  /// Logits `[V]` after the last of `tokens`.
  public float[] logits(int[] tokens) {
    return gradients.logits(tokens, values);
  }

  /// A copy of the factors as they are now.
  public Adapter adapter(String name) {
    return factors.adapter(name, values);
  }

  /// Writes everything that [#restore] needs into an existing directory, as [TrainerState] says.
  public void save(Path directory) {
    new TrainerState(factors, settings).write(directory, step, values, optimizer);
  }

  /// Takes up a saved state; the next step is what it would have been without the interruption.
  ///
  /// @throws LatheException when the state is of another adapter, seed or model, or damaged;
  ///   nothing is changed then
  public void restore(Path directory) {
    step = new TrainerState(factors, settings).read(directory, values, optimizer);
  }

  /// Takes the factors of an adapter as [#adapter] gave it and [AdapterFiles] keeps it; optimizer
  /// and step stay as they are.
  ///
  /// @param directory the adapter's files
  /// @throws LatheException when they cannot be read
  public void take(Path directory) {
    factors.copy(AdapterFiles.read(directory, factors.config()), values);
  }

  @Override
  public void close() {
    gradients.close();
  }

  private double accumulate(List<TokenBatch> microBatches, long scored) {
    Arrays.fill(gradient, 0);
    double loss = 0;
    for (int i = 0; i < microBatches.size(); i++) {
      TokenBatch batch = microBatches.get(i);
      double part =
          gradients.accumulate(batch, values, gradient, 1.0 / scored, dropoutSeed(step, i));
      if (!Double.isFinite(part) || !Double.isFinite(norm(gradient))) {
        throw new NonFiniteLoss(step + 1, part, batch.sources());
      }
      loss += part;
    }
    return loss;
  }

  private long dropoutSeed(int done, int microBatch) {
    return RandomGeneratorFactory.of(GENERATOR)
        .create(settings.seed() ^ ((long) done << Integer.SIZE | microBatch))
        .nextLong();
  }

  /// Scales a gradient whose L2 norm is larger than `most` down to it, as torch's `clip_grad_norm_`
  /// does; 0 leaves it. Returns the norm it had.
  static double clip(float[] gradient, double most) {
    double norm = norm(gradient);
    float factor = (float) (most / (norm + 1e-6));
    if (most > 0 && factor < 1) {
      for (int i = 0; i < gradient.length; i++) {
        gradient[i] *= factor;
      }
    }
    return norm;
  }

  private static double norm(float[] vector) {
    double square = 0;
    for (float value : vector) {
      square += (double) value * value;
    }
    return Math.sqrt(square);
  }

  private static long scoredTokens(List<TokenBatch> batches) {
    long scored = batches.stream().mapToLong(TokenBatch::scoredTokens).sum();
    if (scored == 0) {
      List<String> sources = batches.stream().flatMap(b -> b.sources().stream()).toList();
      throw LatheException.user(
          "no token of the rows " + sources + " is scored, so there is nothing to learn from",
          "raise cutoff_len so that answers are not cut away, or remove these rows");
    }
    return scored;
  }
}
