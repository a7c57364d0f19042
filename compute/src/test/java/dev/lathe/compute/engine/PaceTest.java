package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PaceTest {
  @Test
  void chunksShrinkToTheLongestPauseOnlyWhileStreamsGenerate() {
    Pace pace = new Pace(256);
    assertThat(pace.promptTokens(true)).isEqualTo(256);

    for (int i = 0; i < 10; i++) {
      pace.computed(64, 64 * Pace.PAUSE / 100);
    }

    assertThat(pace.promptTokens(true)).isEqualTo(100);
    assertThat(pace.promptTokens(false)).isEqualTo(256);
  }

  @Test
  void stepsOfFewRowsSayNothingAboutPrompts() {
    Pace pace = new Pace(256);

    pace.computed(1, Pace.PAUSE);

    assertThat(pace.promptTokens(true)).isEqualTo(256);
  }

  @Test
  void aSlowMachineStillGetsOn() {
    Pace pace = new Pace(256);

    pace.computed(256, 256 * Pace.PAUSE);

    assertThat(pace.promptTokens(true)).isEqualTo(16);
    Pace tiny = new Pace(4);
    tiny.computed(4, 4 * Pace.PAUSE);
    assertThat(tiny.promptTokens(true)).isEqualTo(4);
  }

  @Test
  void oneSlowStepIsForgottenThoughStreamsNeverPause() {
    Pace pace = new Pace(256);
    pace.computed(256, 1000 * Pace.PAUSE);
    assertThat(pace.promptTokens(true)).isEqualTo(16);

    for (int i = 0; i < 40; i++) {
      int rows = pace.promptTokens(true) + 1;
      pace.computed(rows, (rows + 6) * Pace.PAUSE / 200);
    }

    assertThat(pace.promptTokens(true)).isBetween(185, 200);
  }
}
