package dev.lathe.app.http.serving;

import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.compute.LatheException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/// The one place for work that keeps a processor busy for long, so that the engine keeps the
/// others: reading grammars and long texts. Callers have their turns one after the other, however
/// many requests each of them has; few may wait. Any number of threads.
final class Turns {
  /// Weight of the newest piece of work in the mean.
  private static final double NEWEST = 0.2;

  /// One request that waits or works.
  private static final class Turn {
    private final String caller;
    private final CountDownLatch begins = new CountDownLatch(1);

    private Turn(String caller) {
      this.caller = caller;
    }
  }

  private final int places;

  /// By caller, whoever's turn comes next first.
  private final Map<String, Deque<Turn>> waiting = new LinkedHashMap<>();

  private int count;
  private boolean taken;
  private double seconds;

  /// @param places requests that may wait; one caller may have as many of them as are left
  Turns(int places) {
    this.places = places;
  }

  /// Does work when its turn has come.
  ///
  /// @param most longest time to wait
  /// @throws LatheException when too many wait, with the time after which to try again
  /// @throws Refusal when it had to wait for too long
  <T> T take(String caller, Duration most, Supplier<T> work) throws InterruptedException {
    Turn turn = enter(caller);
    boolean mine = false;
    try {
      mine = turn.begins.await(most.toNanos(), TimeUnit.NANOSECONDS);
    } finally {
      if (!mine) {
        giveUp(turn);
      }
    }
    if (!mine) {
      throw new Refusal(
          Fault.DEADLINE,
          "its turn to be read had not come after %d s".formatted(most.toSeconds()));
    }
    long began = System.nanoTime();
    try {
      return work.get();
    } finally {
      done((System.nanoTime() - began) / 1e9);
    }
  }

  private synchronized Turn enter(String caller) {
    Turn turn = new Turn(caller);
    if (!taken) {
      taken = true;
      turn.begins.countDown();
      return turn;
    }
    Deque<Turn> own = waiting.getOrDefault(caller, new ArrayDeque<>());
    if (own.size() >= places - count) {
      throw LatheException.overloaded(
          "%d requests wait for their schema, grammar or long text to be read, %d of these for the same user; %d may, as many of one user as places are left"
              .formatted(count, own.size(), places),
          Duration.ofSeconds(Math.clamp((long) Math.ceil(seconds * count), 1, 600)));
    }
    own.add(turn);
    waiting.put(caller, own);
    count++;
    return turn;
  }

  private synchronized void done(double took) {
    seconds += NEWEST * (took - seconds);
    next();
  }

  private void next() {
    Iterator<Deque<Turn>> callers = waiting.values().iterator();
    taken = callers.hasNext();
    if (taken) {
      Deque<Turn> own = callers.next();
      callers.remove();
      Turn turn = own.remove();
      if (!own.isEmpty()) {
        waiting.put(turn.caller, own);
      }
      count--;
      turn.begins.countDown();
    }
  }

  private synchronized void giveUp(Turn turn) {
    Deque<Turn> own = waiting.get(turn.caller);
    if (own == null || !own.remove(turn)) {
      next();
      return;
    }
    count--;
    if (own.isEmpty()) {
      waiting.remove(turn.caller);
    }
  }

  /// Requests that wait.
  synchronized int waiting() {
    return count;
  }
}
