package dev.lathe.app.http.serving;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// What is asked of each adapter version. Any number of threads.
public final class Traffic {
  private static final String BASE = "";

  private final Map<String, Tally> tallies = new ConcurrentHashMap<>();

  /// @param inFlight requests that are answered or wait now
  /// @param served requests that ended, whatever way
  public record Count(int inFlight, long served) {}

  private record Tally(AtomicInteger inFlight, LongAdder served) {}

  /// One request under way; whoever begins it closes it.
  interface Span extends AutoCloseable {
    @Override
    void close();
  }

  private Tally tally(@Nullable String adapter) {
    return tallies.computeIfAbsent(
        adapter == null ? BASE : adapter, _ -> new Tally(new AtomicInteger(), new LongAdder()));
  }

  /// @param adapter id of a version; null for the base
  Span begin(@Nullable String adapter) {
    Tally tally = tally(adapter);
    tally.inFlight.incrementAndGet();
    return () -> {
      tally.inFlight.decrementAndGet();
      tally.served.increment();
    };
  }

  /// What was asked of an adapter version so far.
  ///
  /// @param adapter its id
  public Count of(String adapter) {
    return Optional.ofNullable(tallies.get(adapter))
        .map(tally -> new Count(tally.inFlight.get(), tally.served.sum()))
        .orElse(new Count(0, 0));
  }
}
