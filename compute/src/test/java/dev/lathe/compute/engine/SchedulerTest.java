package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private static final int SLOTS = 4;

  @Test
  void aLongPromptDoesNotHoldUpARunningStream() {
    Scheduler scheduler = new Scheduler(new PagePool(64), SLOTS, 4, 8);
    Sequence first = new Sequence(new int[3], 50, 0);
    scheduler.add(first);
    compute(scheduler.plan());
    Sequence second = new Sequence(new int[40], 50, 0);
    scheduler.add(second);

    for (int step = 0; step < 5; step++) {
      List<Scheduler.Entry> plan = scheduler.plan();

      assertThat(plan).hasSize(2);
      assertThat(plan).anyMatch(entry -> entry.sequence() == first && entry.count() == 1);
      assertThat(plan).anyMatch(entry -> entry.sequence() == second && entry.count() == 8);
      compute(plan);
    }
    assertThat(second.outputLength()).isEqualTo(1);
  }

  @Test
  void rowsOfOneAdapterStandTogether() {
    Scheduler scheduler = new Scheduler(new PagePool(64), SLOTS, 16, 100);
    for (int i = 0; i < 9; i++) {
      scheduler.add(new Sequence(new int[2], 9, i % 3));
    }

    List<Integer> groups =
        scheduler.plan().stream().map(entry -> entry.sequence().adapterGroup()).toList();

    assertThat(groups).isSorted().hasSize(9);
  }

  @Test
  void whatCanNeverFitIsRefused() {
    Scheduler scheduler = new Scheduler(new PagePool(3), SLOTS, 4, 8);

    assertThatThrownBy(() -> scheduler.add(new Sequence(new int[2], 13, 0)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whateverComesAndGoesEveryStreamEndsAndNoPageIsLost() {
    for (int seed = 0; seed < 400; seed++) {
      simulate(new Random(seed));
    }
  }

  private static void simulate(Random random) {
    int pages = 2 + random.nextInt(12);
    int maxStreams = 1 + random.nextInt(5);
    int chunk = 1 + random.nextInt(10);
    PagePool pool = new PagePool(pages);
    Scheduler scheduler = new Scheduler(pool, SLOTS, maxStreams, chunk);
    List<Sequence> open = new ArrayList<>();
    int left = 25;
    for (int step = 0; left > 0 || !open.isEmpty(); step++) {
      assertThat(step).as("steps until all have ended").isLessThan(20_000);
      if (left > 0 && random.nextInt(3) == 0) {
        left--;
        int length = 1 + random.nextInt(pages * SLOTS - 1);
        int limit = length + 1 + random.nextInt(pages * SLOTS - length);
        Sequence sequence = new Sequence(new int[length], limit, random.nextInt(3));
        scheduler.add(sequence);
        open.add(sequence);
      }
      if (!open.isEmpty() && random.nextInt(40) == 0) {
        scheduler.remove(open.remove(random.nextInt(open.size())));
      }
      List<Scheduler.Entry> plan = scheduler.plan();
      assertThat(plan.isEmpty()).isEqualTo(scheduler.isIdle());
      assertPlanIsSound(plan, maxStreams, chunk);
      compute(plan);
      for (Scheduler.Entry entry : plan) {
        Sequence sequence = entry.sequence();
        if (sequence.length() == sequence.limit()) {
          scheduler.remove(sequence);
          open.remove(sequence);
        }
      }
      assertPagesAreSound(pool, open);
    }
    assertThat(pool.free()).isEqualTo(pages);
  }

  private static void assertPlanIsSound(List<Scheduler.Entry> plan, int maxStreams, int chunk) {
    Set<Sequence> once = new HashSet<>();
    int rows = 0;
    for (Scheduler.Entry entry : plan) {
      Sequence sequence = entry.sequence();
      assertThat(once.add(sequence)).isTrue();
      assertThat(entry.first()).isEqualTo(sequence.computed());
      assertThat(entry.count()).isPositive();
      assertThat(sequence.pageCount() * SLOTS)
          .isGreaterThanOrEqualTo(entry.first() + entry.count());
      rows += entry.count();
    }
    assertThat(plan.size()).isLessThanOrEqualTo(maxStreams);
    assertThat(rows).isLessThanOrEqualTo(chunk + maxStreams);
  }

  private static void assertPagesAreSound(PagePool pool, List<Sequence> open) {
    Set<Integer> held = new HashSet<>();
    for (Sequence sequence : open) {
      for (int i = 0; i < sequence.pageCount(); i++) {
        assertThat(held.add(sequence.pages()[i])).isTrue();
      }
    }
    assertThat(held).hasSize(pool.pages() - pool.free());
  }

  private static void compute(List<Scheduler.Entry> plan) {
    for (Scheduler.Entry entry : plan) {
      Sequence sequence = entry.sequence();
      sequence.advance(entry.count());
      if (sequence.pending() == 0 && sequence.length() < sequence.limit()) {
        sequence.append(1);
      }
    }
  }
}
