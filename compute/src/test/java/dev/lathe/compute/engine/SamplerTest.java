package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.Kernel;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final int DRAWS = 10_000;

  private static Sampler sampler(Sampling sampling, int vocabulary) {
    Request request = new Request(new int[] {0}, null, sampling, 9, Set.of());
    return new Sampler(request, Kernel.best(), new Candidates(vocabulary));
  }

  private static double[] frequencies(Sampling sampling, float[] logits) {
    Sampler sampler = sampler(sampling, logits.length);
    Sequence sequence = new Sequence(new int[] {0}, 10, 0);
    double[] counts = new double[logits.length];
    for (int i = 0; i < DRAWS; i++) {
      counts[sampler.next(sequence, logits.clone(), 0)] += 1.0 / DRAWS;
    }
    return counts;
  }

  private static double[] softmax(float[] logits, double temperature) {
    double[] p = new double[logits.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(logits[i] / temperature);
    }
    double total = Arrays.stream(p).sum();
    return Arrays.stream(p).map(v -> v / total).toArray();
  }

  private static final float[] LOGITS = {1, 2, 0, 3, -40, 2.5f};

  @Test
  void temperatureDrawsFromTheSoftmax() {
    double[] drawn = frequencies(new Sampling(0.7, 0, 1, 0, 1, 1), LOGITS);

    assertThat(drawn).containsExactly(softmax(LOGITS, 0.7), within(0.02));
  }

  @Test
  void topKKeepsTheLikeliest() {
    double[] drawn = frequencies(new Sampling(1, 2, 1, 0, 1, 2), LOGITS);

    double[] p = softmax(new float[] {3, 2.5f}, 1);
    assertThat(drawn).containsExactly(new double[] {0, 0, 0, p[0], 0, p[1]}, within(0.02));
  }

  @Test
  void topPKeepsTheSmallestSetThatReachesIt() {
    double[] all = softmax(LOGITS, 1);
    double p = all[3] + all[5] + 0.01;

    double[] drawn = frequencies(new Sampling(1, 0, p, 0, 1, 3), LOGITS);

    double[] kept = softmax(new float[] {3, 2.5f, 2}, 1);
    assertThat(drawn)
        .containsExactly(new double[] {0, kept[2], 0, kept[0], 0, kept[1]}, within(0.02));
  }

  @Test
  void minPDropsWhatIsFarLessLikely() {
    double[] drawn = frequencies(new Sampling(1, 0, 1, 0.3, 1, 4), LOGITS);

    double[] kept = softmax(new float[] {3, 2.5f, 2}, 1);
    assertThat(drawn)
        .containsExactly(new double[] {0, kept[2], 0, kept[0], 0, kept[1]}, within(0.02));
  }

  @Test
  void topPOverAFlatDistributionLooksAsDeepAsItMust() {
    Random random = new Random(1);
    float[] logits = new float[600];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (-20 * random.nextDouble());
    }

    double[] drawn = frequencies(new Sampling(30, 0, 0.9, 0, 1, 5), logits);

    double[] p = softmax(logits, 30);
    double[] sorted = Arrays.stream(p).sorted().toArray();
    double sum = 0;
    int kept = 0;
    while (sum < 0.9) {
      sum += sorted[sorted.length - 1 - kept++];
    }
    double least = sorted[sorted.length - kept];
    assertThat(IntStream.range(0, p.length).filter(i -> drawn[i] > 0).count()).isGreaterThan(400);
    assertThat(IntStream.range(0, p.length).filter(i -> drawn[i] > 0 && p[i] < least)).isEmpty();
  }

  @Test
  void repetitionPenaltyWeakensTokensOfPromptAndOutput() {
    Sampler sampler = sampler(new Sampling(0, 0, 1, 0, 2, 0), 3);
    Sequence sequence = new Sequence(new int[] {0}, 10, 0);

    int first = sampler.next(sequence, new float[] {4, 3, 1}, 0);
    sequence.append(first);
    int second = sampler.next(sequence, new float[] {4, 3, 2.5f}, 0);

    assertThat(first).isEqualTo(1);
    assertThat(second).isEqualTo(2);
  }

  @Test
  void frequencyCountsAndPresenceDoesNot() {
    Sequence sequence = new Sequence(new int[] {2}, 10, 0);
    sequence.append(0);
    sequence.append(0);
    sequence.append(1);
    float[] logits = {5, 4, 3.4f};

    int frequency =
        sampler(new Sampling(0, 0, 1, 0, 1, 0.9, 0, Map.of(), 0), 3)
            .next(sequence, logits.clone(), 0);
    int presence =
        sampler(new Sampling(0, 0, 1, 0, 1, 0, 0.9, Map.of(), 0), 3)
            .next(sequence, logits.clone(), 0);

    assertThat(frequency).as("5 - 1.8, 4 - 0.9, 3.4 of the prompt").isEqualTo(2);
    assertThat(presence).as("5 - 0.9, 4 - 0.9, 3.4").isEqualTo(0);
  }

  @Test
  void biasIsAddedToTheNamedTokens() {
    Sampling biased = new Sampling(0, 0, 1, 0, 1, 0, 0, Map.of(0, -3f, 2, 1.5f), 0);

    int token =
        sampler(biased, 3).next(new Sequence(new int[] {0}, 10, 0), new float[] {4, 2, 1}, 0);

    assertThat(token).isEqualTo(2);
  }

  @Test
  void noStopTokenComesBeforeTheLeastTokens() {
    Request request =
        new Request(new int[] {0}, null, Sampling.GREEDY, 9, Set.of(1)).withMinTokens(1);
    Sampler sampler = new Sampler(request, Kernel.best(), new Candidates(3));
    Sequence sequence = new Sequence(new int[] {0}, 10, 0);

    int first = sampler.next(sequence, new float[] {0, 9, 1}, 0);
    sequence.append(first);
    int second = sampler.next(sequence, new float[] {0, 9, 1}, 0);

    assertThat(first).isEqualTo(2);
    assertThat(second).isEqualTo(1);
  }

  @Test
  void valuesOutsideTheirRangesAreRefusedByName() {
    assertThatThrownBy(() -> new Sampling(0, 0, 1, 0, 1, 2.5, 0, Map.of(), 0))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("frequency_penalty 2.5 is outside [-2, 2]");
    assertThatThrownBy(() -> new Sampling(0, 0, 1, 0, 1, 0, 0, Map.of(7, 101f), 0))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("logit_bias 101.0");
  }

  @Test
  void logitsThatAreNotFiniteAreAnError() {
    Sampler sampler = sampler(Sampling.GREEDY, 40);
    float[] logits = new float[40];
    logits[7] = Float.NaN;

    assertThatThrownBy(() -> sampler.next(new Sequence(new int[1], 2, 0), logits, 0))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("NaN");
  }
}
