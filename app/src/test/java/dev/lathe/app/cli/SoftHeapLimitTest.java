package dev.lathe.app.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SoftHeapLimitTest {
  private static final long MIB = 1 << 20;

  private long used;
  private long alive;
  private int collections;
  private final SoftHeapLimit limit =
      new SoftHeapLimit(
          () -> used,
          () -> {
            collections++;
            used = alive;
          });

  /// Collections of a heap that holds so much, of which so much lives.
  private int look(long usedMib, long aliveMib) {
    used = usedMib * MIB;
    alive = aliveMib * MIB;
    collections = 0;
    limit.look();
    return collections;
  }

  @Test
  void garbageIsCollectedWhenThereIsAsMuchOfItAsOfWhatLives() {
    assertThat(look(64, 10)).isZero();
    assertThat(look(65, 50)).isEqualTo(1);
    assertThat(look(100, 50)).isZero();
    assertThat(look(101, 400)).isEqualTo(1);
    assertThat(look(800, 400)).isZero();
    assertThat(look(801, 10)).isEqualTo(1);
    assertThat(look(64, 10)).isZero();
    assertThat(look(65, 10)).isEqualTo(1);
  }
}
