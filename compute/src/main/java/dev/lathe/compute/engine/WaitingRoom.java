package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/// Decides at once whether one more request may wait. Places are limited; one user may have as many
/// of them as are left, so that a crowd of one leaves room for others (dynamic thresholds,
/// Choudhury and Hahne 1998). Any thread.
final class WaitingRoom {
  /// Weight of the newest interval in the mean.
  private static final double NEWEST = 0.2;

  private final int streams;
  private final int places;
  private final LongSupplier clock;
  private final Map<String, Integer> waitingOf = new HashMap<>();
  private int open;
  private int waiting;
  private long lastEnd;
  private double interval;

  /// @param streams requests that run at once
  /// @param places requests that may wait beside
  /// @param clock nanoseconds
  WaitingRoom(int streams, int places, LongSupplier clock) {
    this.streams = streams;
    this.places = places;
    this.clock = clock;
  }

  /// Lets one more request of a user in.
  ///
  /// @throws LatheException when it is one too many, with the time after which to try again
  synchronized void enter(String user) {
    int free = streams - (open - waiting);
    int left = places - (waiting - free);
    int own = waitingOf.getOrDefault(user, 0);
    if (waiting >= free && (left <= 0 || own - free >= left)) {
      throw overloaded(own);
    }
    if (open == 0) {
      lastEnd = clock.getAsLong();
    }
    open++;
    waiting++;
    waitingOf.merge(user, 1, Integer::sum);
  }

  /// A request of the user does not wait any more.
  synchronized void admitted(String user) {
    waiting--;
    waitingOf.computeIfPresent(user, (_, count) -> count == 1 ? null : count - 1);
  }

  /// A request that was admitted ended.
  synchronized void ended() {
    open--;
    long now = clock.getAsLong();
    double seconds = (now - lastEnd) / 1e9;
    interval = interval == 0 ? seconds : interval + NEWEST * (seconds - interval);
    lastEnd = now;
  }

  synchronized int waiting() {
    return waiting;
  }

  synchronized int open() {
    return open;
  }

  private LatheException overloaded(int own) {
    return LatheException.overloaded(
        "%d requests run and %d wait, %d of these for the same user; %d may wait, as many of one user as places are left"
            .formatted(open - waiting, waiting, own, places),
        Duration.ofSeconds(Math.clamp((long) Math.ceil(interval), 1, 600)));
  }
}
