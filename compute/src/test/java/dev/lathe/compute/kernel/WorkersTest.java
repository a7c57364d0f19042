package dev.lathe.compute.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class WorkersTest {
  @Test
  void everyUnitOfEveryPhaseIsDoneOnce() {
    try (Workers workers = new Workers(3, "test")) {
      for (int round = 0; round < 3000; round++) {
        int units = 1 + round % 50;
        AtomicIntegerArray done = new AtomicIntegerArray(units);

        workers.run(
            (first, last, worker) -> {
              for (int unit = first; unit < last; unit++) {
                done.incrementAndGet(unit);
              }
            },
            units,
            1 + round % 3);

        for (int unit = 0; unit < units; unit++) {
          assertThat(done.get(unit)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void aFailureReachesTheCallerAndTheNextPhaseRuns() {
    try (Workers workers = new Workers(2, "test")) {
      assertThatThrownBy(() ->
              workers.run(
                  (first, last, worker) -> {
                    throw new IllegalStateException("unit " + first);
                  },
                  10,
                  1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("unit ");

      AtomicIntegerArray done = new AtomicIntegerArray(10);
      workers.run((first, last, worker) -> done.incrementAndGet(first), 10, 1);
      for (int unit = 0; unit < 10; unit++) {
        assertThat(done.get(unit)).isEqualTo(1);
      }
    }
  }
}
