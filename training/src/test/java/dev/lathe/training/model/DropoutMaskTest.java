package dev.lathe.training.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.model.ModelConfig.Projection;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DropoutMaskTest {
  private static final int TOKENS = 300;
  private static final int IN = 1000;

  @Test
  void theAskedShareIsDropped() {
    for (double dropout : new double[] {0.05, 0.1, 0.5, 0.9}) {
      float[] factors =
          DropoutMask.factors(DropoutMask.key(7, 3, Projection.DOWN), TOKENS, IN, dropout);

      // five standard deviations of 300,000 draws
      assertThat(dropped(factors)).isCloseTo(dropout, within(5 * Math.sqrt(0.25 / factors.length)));
    }
  }

  @Test
  void theExpectedInputIsKept() {
    float[] factors = DropoutMask.factors(DropoutMask.key(1, 0, Projection.Q), TOKENS, IN, 0.2);

    double sum = 0;
    for (float factor : factors) {
      sum += factor;
    }
    assertThat(sum / factors.length).isCloseTo(1, within(0.01));
  }

  @Test
  void noDropoutDropsNothing() {
    assertThat(DropoutMask.factors(DropoutMask.key(1, 0, Projection.Q), TOKENS, IN, 0))
        .containsOnly(1);
  }

  @Test
  void everyFeatureAndEveryTokenLosesItsShare() {
    float[] factors = DropoutMask.factors(DropoutMask.key(5, 1, Projection.UP), TOKENS, IN, 0.5);

    for (int feature = 0; feature < IN; feature++) {
      int zeros = 0;
      for (int token = 0; token < TOKENS; token++) {
        zeros += factors[token * IN + feature] == 0 ? 1 : 0;
      }
      assertThat(zeros).isBetween(90, 210);
    }
  }

  @Test
  void seedLayerAndProjectionEachChangeTheMask() {
    Set<Long> keys = new HashSet<>();
    for (long seed = 0; seed < 50; seed++) {
      for (int layer = 0; layer < 30; layer++) {
        for (Projection projection : Projection.values()) {
          keys.add(DropoutMask.key(seed, layer, projection));
        }
      }
    }
    assertThat(keys).hasSize(50 * 30 * Projection.values().length);
    assertThat(DropoutMask.factors(DropoutMask.key(1, 2, Projection.Q), 9, 64, 0.5))
        .isEqualTo(DropoutMask.factors(DropoutMask.key(1, 2, Projection.Q), 9, 64, 0.5))
        .isNotEqualTo(DropoutMask.factors(DropoutMask.key(1, 3, Projection.Q), 9, 64, 0.5));
  }

  @Test
  void neighboursRowsAndMasksAreIndependent() {
    float[] mask = DropoutMask.factors(DropoutMask.key(3, 4, Projection.UP), TOKENS, IN, 0.5);
    float[] other = DropoutMask.factors(DropoutMask.key(3, 4, Projection.GATE), TOKENS, IN, 0.5);

    for (int apart : new int[] {1, 2, 3, 8, 16, 64, 576, IN, 2 * IN, 65_536}) {
      assertThat(agreement(mask, mask, apart))
          .as("apart by " + apart)
          .isCloseTo(0.5, within(0.006));
      assertThat(agreement(mask, other, apart)).isCloseTo(0.5, within(0.006));
    }
    assertThat(agreement(mask, other, 0)).isCloseTo(0.5, within(0.006));
  }

  /// Share of places at which both drop or both keep.
  private static double agreement(float[] one, float[] two, int apart) {
    int same = 0;
    int places = one.length - apart;
    for (int index = 0; index < places; index++) {
      same += (one[index] == 0) == (two[index + apart] == 0) ? 1 : 0;
    }
    return (double) same / places;
  }

  @Test
  void theMaskIsTheSameOnEveryMachine() {
    long key = DropoutMask.key(42, 1, Projection.GATE);

    assertThat(key).isEqualTo(KEY);
    assertThat(pattern(key)).isEqualTo(PATTERN);
  }

  // Computed apart, by a Python script of the same definition: a change of the hash would break
  // resumed runs.
  private static final long KEY = -2098947937136382188L;
  private static final String PATTERN = "+---++-++----+++--++--++--++-+--";

  private static String pattern(long key) {
    StringBuilder pattern = new StringBuilder();
    for (int index = 0; index < 32; index++) {
      pattern.append(DropoutMask.keeps(key, index, DropoutMask.threshold(0.5)) ? '+' : '-');
    }
    return pattern.toString();
  }

  private static double dropped(float[] factors) {
    int zeros = 0;
    for (float factor : factors) {
      zeros += factor == 0 ? 1 : 0;
    }
    return (double) zeros / factors.length;
  }
}
