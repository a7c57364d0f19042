package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private static final int SLOTS = 4;

  private long now;

  private Scheduler scheduler(int pages, int maxStreams) {
    return new Scheduler(new PagePool(pages), SLOTS, maxStreams, () -> now);
  }

  private static Sequence sequence(int length, int limit, Terms terms) {
    return new Sequence(new int[length], limit, 0, length - 1, terms);
  }

  private static Sequence sequence(int[] prompt, int limit) {
    return new Sequence(prompt, limit, 0);
  }

  /// Tokens unlike those of other streams.
  private static int[] tokens(int length, int stream) {
    int[] tokens = new int[length];
    Arrays.fill(tokens, stream);
    return tokens;
  }

  /// Computes a step; streams that are not full get a token more.
  private static void compute(Scheduler scheduler, List<Scheduler.Entry> plan) {
    for (Scheduler.Entry entry : plan) {
      Sequence sequence = entry.sequence();
      if (entry.end() == sequence.length() && sequence.length() < sequence.limit()) {
        sequence.taken(sequence.length() - 1);
        sequence.append(1);
      }
      scheduler.computed(entry, entry.count());
    }
  }

  private static Set<Sequence> planned(List<Scheduler.Entry> plan) {
    Set<Sequence> sequences = new HashSet<>();
    plan.forEach(entry -> sequences.add(entry.sequence()));
    return sequences;
  }

  @Test
  void aLongPromptDoesNotHoldUpARunningStream() {
    Scheduler scheduler = scheduler(64, 4);
    Sequence first = sequence(tokens(3, 1), 50);
    scheduler.add(first);
    compute(scheduler, scheduler.plan(8));
    Sequence second = sequence(tokens(40, 2), 50);
    scheduler.add(second);

    for (int step = 0; step < 5; step++) {
      List<Scheduler.Entry> plan = scheduler.plan(8);

      assertThat(plan).hasSize(2);
      assertThat(plan).anyMatch(entry -> entry.sequence() == first && entry.count() == 1);
      assertThat(plan).anyMatch(entry -> entry.sequence() == second && entry.count() == 8);
      compute(scheduler, plan);
    }
    assertThat(second.outputLength()).isEqualTo(1);
  }

  @Test
  void rowsOfOneAdapterStandTogether() {
    Scheduler scheduler = scheduler(64, 16);
    for (int i = 0; i < 9; i++) {
      scheduler.add(new Sequence(new int[2], 9, i % 3));
    }

    List<Integer> groups =
        scheduler.plan(100).stream().map(entry -> entry.sequence().adapterGroup()).toList();

    assertThat(groups).isSorted().hasSize(9);
  }

  @Test
  void whatCanNeverFitIsRefused() {
    Scheduler scheduler = scheduler(3, 4);

    assertThatThrownBy(() -> scheduler.add(new Sequence(new int[2], 13, 0)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPromptWhosePrefixIsBeingComputedWaitsForItAndSharesItsPages() {
    PagePool pool = new PagePool(64);
    Scheduler scheduler = new Scheduler(pool, SLOTS, 8, () -> now);
    int[] prompt = tokens(4 * SLOTS + 2, 7);
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      sequences.add(sequence(prompt, 30));
      scheduler.add(sequences.getLast());
    }
    scheduler.add(sequence(tokens(3, 9), 30));

    List<Scheduler.Entry> first = scheduler.plan(1000);
    assertThat(first).as("one of the four, and the stranger").hasSize(2);
    compute(scheduler, first);
    List<Scheduler.Entry> second = scheduler.plan(1000);

    assertThat(second).hasSize(5);
    assertThat(scheduler.reusedTokens()).isEqualTo(3 * 4 * SLOTS);
    for (Sequence sequence : sequences) {
      for (int page = 0; page < 4; page++) {
        assertThat(sequence.pages()[page]).isEqualTo(sequences.getFirst().pages()[page]);
        assertThat(pool.holders(sequence.pages()[page])).isEqualTo(5);
      }
    }
  }

  @Test
  void pagesOfStreamsThatAreGoneServeTheNextTurnAndGoWhenOthersNeedThem() {
    Scheduler scheduler = scheduler(8, 2);
    Sequence turn = sequence(tokens(9, 1), 14);
    run(scheduler, turn);
    assertThat(scheduler.tree().available()).isEqualTo(8);
    assertThat(scheduler.tree().idle()).isEqualTo(3);

    int[] next = Arrays.copyOf(tokens(9, 1), 18);
    for (int i = 9; i < 18; i++) {
      next[i] = 1;
    }
    Sequence following = sequence(next, 20);
    scheduler.add(following);
    List<Scheduler.Entry> plan = scheduler.plan(100);
    assertThat(plan.getFirst().first()).as("pages of prompt and output").isEqualTo(12);
    scheduler.remove(following);

    run(scheduler, sequence(tokens(28, 5), 32));
    Sequence again = sequence(next, 20);
    scheduler.add(again);
    assertThat(scheduler.plan(100).getFirst().first()).as("given away").isZero();
  }

  private static void run(Scheduler scheduler, Sequence sequence) {
    scheduler.add(sequence);
    while (sequence.length() < sequence.limit()) {
      compute(scheduler, scheduler.plan(100));
    }
    scheduler.remove(sequence);
  }

  @Test
  void usersTakeTurnsHoweverManyRequestsOneOfThemHas() {
    Scheduler scheduler = scheduler(64, 1);
    List<Sequence> greedy = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      greedy.add(sequence(8, 10, Terms.PLAIN.withUser("greedy")));
      scheduler.add(greedy.getLast());
    }
    compute(scheduler, scheduler.plan(100));
    Sequence modest = sequence(8, 10, Terms.PLAIN.withUser("modest"));
    scheduler.add(modest);

    List<Sequence> order = drain(scheduler);

    assertThat(order.indexOf(modest)).isEqualTo(1);
  }

  @Test
  void aPauseEarnsNoCredit() {
    FairShare shares = new FairShare();
    shares.join("busy");
    shares.join("late");
    shares.leave("late");
    shares.charge("busy", 1000);

    shares.join("late");

    assertThat(shares.served("late")).isEqualTo(1000);
    shares.leave("late");
    assertThat(shares.size()).as("says no more than a new account would").isEqualTo(1);
    shares.charge("busy", 1);
    shares.leave("busy");
    assertThat(shares.size()).isZero();
  }

  /// Runs until idle and returns the streams in the order in which they ended.
  private List<Sequence> drain(Scheduler scheduler) {
    List<Sequence> order = new ArrayList<>();
    while (!scheduler.isIdle()) {
      List<Scheduler.Entry> plan = scheduler.plan(100);
      compute(scheduler, plan);
      for (Scheduler.Entry entry : plan) {
        if (entry.sequence().length() == entry.sequence().limit()) {
          scheduler.remove(entry.sequence());
          order.add(entry.sequence());
        }
      }
    }
    return order;
  }

  @Test
  void higherPriorityDrivesOutLowerWhichIsContinuedLater() {
    Scheduler scheduler = scheduler(8, 2);
    Sequence low = sequence(tokens(8, 1), 30);
    Sequence other = sequence(tokens(4, 2), 20);
    scheduler.add(low);
    scheduler.add(other);
    compute(scheduler, scheduler.plan(100));
    Sequence urgent = new Sequence(tokens(12, 3), 16, 0, 11, Terms.PLAIN.withPriority(3));
    scheduler.add(urgent);

    List<Scheduler.Entry> plan = scheduler.plan(100);

    assertThat(planned(plan)).contains(urgent, low).doesNotContain(other);
    assertThat(scheduler.preemptions()).isEqualTo(1);
    compute(scheduler, plan);
    assertThat(drain(scheduler)).contains(urgent, low, other);
  }

  @Test
  void nothingIsDrivenOutForOneThatWouldNotFitAllTheSame() {
    Scheduler scheduler = scheduler(8, 4);
    Sequence equal = new Sequence(tokens(20, 1), 28, 0, 19, Terms.PLAIN.withPriority(3));
    Sequence low = sequence(tokens(4, 2), 20);
    scheduler.add(equal);
    scheduler.add(low);
    compute(scheduler, scheduler.plan(100));

    scheduler.add(new Sequence(tokens(20, 3), 24, 0, 19, Terms.PLAIN.withPriority(3)));

    assertThat(planned(scheduler.plan(100))).containsExactlyInAnyOrder(equal, low);
    assertThat(scheduler.preemptions()).isZero();
  }

  @Test
  void whoWaitsLongGoesBeforeAnEndlessRowOfHigherPriority() {
    Scheduler scheduler = scheduler(16, 1);
    Sequence patient = new Sequence(tokens(4, 1), 12, 0, 3, Terms.PLAIN.withPriority(-2));
    scheduler.add(patient);
    boolean served = false;
    for (int step = 0; step < 200 && !served; step++) {
      now += Scheduler.PATIENCE / 20;
      scheduler.add(new Sequence(tokens(4, 2 + step), 5, 0, 3, Terms.PLAIN.withPriority(1)));
      List<Scheduler.Entry> plan = scheduler.plan(100);
      compute(scheduler, plan);
      for (Scheduler.Entry entry : plan) {
        if (entry.sequence().length() == entry.sequence().limit()) {
          scheduler.remove(entry.sequence());
          served |= entry.sequence() == patient;
        }
      }
    }

    assertThat(served).isTrue();
  }

  @Test
  void draftsTakePagesOnlyWhereNobodyMissesThem() {
    Scheduler scheduler = scheduler(2, 2);
    Sequence sequence = sequence(tokens(3, 1), 8);
    scheduler.add(sequence);
    compute(scheduler, scheduler.plan(100));
    for (int i = 0; i < 4; i++) {
      sequence.draft(1);
    }
    assertThat(scheduler.plan(100).getFirst().count()).as("one and four drafts").isEqualTo(5);
    sequence.keepDrafts(0);
    scheduler.add(sequence(tokens(1, 2), 2));
    compute(scheduler, scheduler.plan(100));
    Scheduler tight = scheduler(1, 1);
    Sequence alone = sequence(tokens(2, 1), 4);
    tight.add(alone);
    compute(tight, tight.plan(100));
    alone.draft(1);
    alone.draft(1);

    assertThat(tight.plan(100).getFirst().count()).as("one and the draft in the page").isEqualTo(2);
  }

  @Test
  void whateverComesAndGoesEveryStreamEndsAndEveryPageHoldsWhatItsReadersExpect() {
    for (int seed = 0; seed < 400; seed++) {
      new Simulation(seed).run();
    }
  }

  /// Streams of a toy model whose keys are hashes of everything that they must depend on.
  private static final class Simulation {
    private final Random random;
    private final int pages;
    private final int maxStreams;
    private final int chunk;
    private final PagePool pool;
    private final Scheduler scheduler;
    private final long[][] keys;
    private final List<Sequence> open = new ArrayList<>();
    private final Map<Sequence, Integer> ended = new HashMap<>();
    private long now;

    private Simulation(long seed) {
      random = new Random(seed);
      pages = 2 + random.nextInt(12);
      maxStreams = 1 + random.nextInt(5);
      chunk = 1 + random.nextInt(10);
      pool = new PagePool(pages);
      scheduler = new Scheduler(pool, SLOTS, maxStreams, () -> now);
      keys = new long[pages][SLOTS];
    }

    private void run() {
      int left = 40;
      int arrived = 0;
      for (int step = 0; left > 0 || !open.isEmpty(); step++) {
        assertThat(step).as("steps until all have ended").isLessThan(20_000);
        now += random.nextLong(Scheduler.PATIENCE / 4);
        if (left > 0 && random.nextInt(3) == 0) {
          left--;
          arrived++;
          arrive();
        }
        if (!open.isEmpty() && random.nextInt(40) == 0) {
          end(open.get(random.nextInt(open.size())));
        }
        guess();
        List<Scheduler.Entry> plan = scheduler.plan(chunk);
        assertThat(plan.isEmpty()).isEqualTo(scheduler.isIdle());
        assertPlanIsSound(plan);
        plan.forEach(this::compute);
        assertPagesAreSound();
      }
      assertThat(ended).hasSize(arrived).allSatisfy((_, times) -> assertThat(times).isEqualTo(1));
      assertThat(scheduler.isIdle()).isTrue();
      assertThat(scheduler.tree().available()).isEqualTo(pages);
      for (int adapter = 0; adapter < 3; adapter++) {
        scheduler.tree().forget(adapter);
      }
      assertThat(pool.free()).isEqualTo(pages);
    }

    private void arrive() {
      int[] prompt = new int[1 + random.nextInt(pages * SLOTS - 1)];
      if (random.nextBoolean()) {
        for (int i = 0; i < prompt.length; i++) {
          prompt[i] = random.nextInt(8) == 0 ? 1 : 0;
        }
      }
      int limit = prompt.length + 1 + random.nextInt(pages * SLOTS - prompt.length);
      int wanted = random.nextInt(4) == 0 ? random.nextInt(prompt.length) : prompt.length - 1;
      Terms terms =
          Terms.PLAIN
              .withUser("user" + random.nextInt(3))
              .withScope("scope" + random.nextInt(2))
              .withPriority(random.nextInt(5) - 2);
      Sequence sequence = new Sequence(prompt, limit, random.nextInt(3), wanted, terms);
      scheduler.add(sequence);
      open.add(sequence);
    }

    private void end(Sequence sequence) {
      scheduler.remove(sequence);
      open.remove(sequence);
      ended.merge(sequence, 1, Integer::sum);
    }

    private void guess() {
      for (Sequence sequence : open) {
        if (sequence.outputLength() > 0 && sequence.pending() == 1 && random.nextBoolean()) {
          int most = sequence.limit() - sequence.length();
          for (int i = 0; i < most && i < 3; i++) {
            sequence.draft(random.nextInt(2));
          }
        }
      }
    }

    /// What position `last` must have been computed from.
    private static long key(Sequence sequence, int last) {
      long key = sequence.terms().scope().hashCode() * 31L + sequence.adapterGroup();
      for (int position = 0; position <= last; position++) {
        key = key * 1_000_003 + sequence.token(position) + 1;
      }
      return key;
    }

    private long stored(Sequence sequence, int position) {
      return keys[sequence.pages()[position / SLOTS]][position % SLOTS];
    }

    private void compute(Scheduler.Entry entry) {
      Sequence sequence = entry.sequence();
      int[] tokens = new int[entry.count()];
      for (int i = 0; i < tokens.length; i++) {
        int position = entry.first() + i;
        tokens[i] = sequence.token(position);
        keys[sequence.pages()[position / SLOTS]][position % SLOTS] = key(sequence, position);
      }
      for (int position = 0; position < entry.end(); position++) {
        assertThat(stored(sequence, position)).isEqualTo(key(sequence, position));
      }
      int right = Math.min(entry.count(), sequence.length() - entry.first());
      for (int i = 0; i < tokens.length; i++) {
        int position = entry.first() + i;
        if (position < sequence.wanted()) {
          continue;
        }
        if (position >= sequence.length() || tokens[i] != sequence.token(position)) {
          break;
        }
        sequence.taken(position);
        right = i + 1;
        if (position == sequence.length() - 1 && sequence.length() < sequence.limit()) {
          sequence.append((int) (key(sequence, position) >>> 40 & 1));
        }
      }
      sequence.keepDrafts(0);
      scheduler.computed(entry, right);
      if (sequence.length() == sequence.limit()) {
        end(sequence);
      }
    }

    private void assertPlanIsSound(List<Scheduler.Entry> plan) {
      Set<Sequence> once = new HashSet<>();
      int rows = 0;
      for (Scheduler.Entry entry : plan) {
        Sequence sequence = entry.sequence();
        assertThat(once.add(sequence)).isTrue();
        assertThat(entry.first()).isEqualTo(sequence.computed());
        assertThat(entry.count()).isPositive();
        assertThat(sequence.pageCount() * SLOTS).isGreaterThanOrEqualTo(entry.end());
        assertThat(entry.end()).isLessThanOrEqualTo(sequence.length() + sequence.drafted());
        assertThat(entry.first()).as("what is wanted").isLessThanOrEqualTo(sequence.wanted());
        rows += entry.count() - sequence.drafted();
      }
      assertThat(plan.size()).isLessThanOrEqualTo(maxStreams);
      assertThat(scheduler.running().size()).isLessThanOrEqualTo(maxStreams);
      assertThat(rows).isLessThanOrEqualTo(chunk + maxStreams);
    }

    private void assertPagesAreSound() {
      Set<Integer> held = new HashSet<>();
      Map<Integer, Sequence> own = new HashMap<>();
      for (Sequence sequence : open) {
        for (int i = 0; i < sequence.pageCount(); i++) {
          int page = sequence.pages()[i];
          held.add(page);
          if (i >= sequence.enteredPages()) {
            assertThat(own.put(page, sequence)).as("an unfinished page is shared").isNull();
          }
        }
        for (int position = 0; position < sequence.computed(); position++) {
          assertThat(stored(sequence, position)).isEqualTo(key(sequence, position));
        }
      }
      assertThat(held).hasSize(pages - scheduler.tree().available());
    }
  }
}
