package dev.lathe.app.http.serving;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.compute.LatheException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TurnsTest {
  private static final Duration LONG = Duration.ofMinutes(2);

  private final Turns turns = new Turns(6);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<String> order = Collections.synchronizedList(new ArrayList<>());
  private final List<Future<?>> underWay = new ArrayList<>();
  private final CountDownLatch held = new CountDownLatch(1);

  @AfterEach
  void stop() {
    held.countDown();
    threads.shutdownNow();
  }

  /// Takes the place until [#held] is over.
  private void hold() throws InterruptedException {
    CountDownLatch taken = new CountDownLatch(1);
    underWay.add(
        threads.submit(() ->
            turns.take(
                "first",
                LONG,
                () -> {
                  taken.countDown();
                  return waited();
                })));
    taken.await();
  }

  private String waited() {
    try {
      held.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return "held";
  }

  /// A request that waits before this returns.
  private Future<Boolean> waits(String caller, String name) throws InterruptedException {
    int before = turns.waiting();
    Future<Boolean> waiting = threads.submit(() -> turns.take(caller, LONG, () -> order.add(name)));
    while (turns.waiting() == before) {
      Thread.sleep(1);
    }
    return waiting;
  }

  @Test
  void callersTakeTurnsHoweverManyRequestsEachHas() throws Exception {
    hold();
    List<Future<Boolean>> all =
        List.of(waits("a", "a1"), waits("a", "a2"), waits("a", "a3"), waits("b", "b1"));

    held.countDown();

    for (Future<Boolean> each : all) {
      each.get();
    }
    assertThat(order).containsExactly("a1", "b1", "a2", "a3");
    assertThat(turns.waiting()).isZero();
    assertThat(turns.take("c", LONG, () -> "free")).isEqualTo("free");
  }

  @Test
  void oneCallerLeavesPlacesForOthersAndWhatIsTooMuchIsToldWhenToComeBack() throws Exception {
    hold();
    for (String name : List.of("a1", "a2", "a3")) {
      underWay.add(waits("a", name));
    }

    assertThatThrownBy(() -> turns.take("a", LONG, () -> "too much"))
        .isInstanceOfSatisfying(
            LatheException.class,
            e -> assertThat(e.retryAfter().orElseThrow()).isBetween(Duration.ofSeconds(1), LONG))
        .hasMessageContaining("3 requests wait")
        .hasMessageContaining("6 may");
    underWay.add(waits("b", "b1"));
    underWay.add(waits("c", "c1"));
    underWay.add(waits("d", "d1"));
    assertThatThrownBy(() -> turns.take("e", LONG, () -> "too much"))
        .hasMessageContaining("6 requests wait");
  }

  @Test
  void whoGivesUpLeavesTheQueue() throws Exception {
    hold();
    Future<Boolean> leaving = waits("a", "a1");
    Future<Boolean> staying = waits("a", "a2");

    leaving.cancel(true);
    while (turns.waiting() > 1) {
      Thread.sleep(1);
    }
    assertThatThrownBy(() -> turns.take("b", Duration.ofMillis(1), () -> "late"))
        .isInstanceOfSatisfying(
            Refusal.class, e -> assertThat(e.fault()).isEqualTo(Fault.DEADLINE));
    assertThat(turns.waiting()).isEqualTo(1);
    held.countDown();

    assertThat(staying.get()).isTrue();
    assertThat(order).containsExactly("a2");
  }

  @Test
  void workThatFailsGivesThePlaceToTheNext() throws Exception {
    hold();
    Future<Boolean> failing =
        threads.submit(() ->
            turns.take(
                "a",
                LONG,
                () -> {
                  throw LatheException.user("bad", "mend it");
                }));
    while (turns.waiting() == 0) {
      Thread.sleep(1);
    }
    Future<Boolean> next = waits("b", "b1");

    held.countDown();

    assertThatThrownBy(failing::get).isInstanceOf(ExecutionException.class);
    assertThat(next.get()).isTrue();
  }
}
