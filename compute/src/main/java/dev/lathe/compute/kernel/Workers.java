package dev.lathe.compute.kernel;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A few threads that share the phases of a step. The caller of [#run] takes part; the others spin
/// between phases for a while and then park. One caller at a time.
///
/// A phase is cut into units `[0, n)` which the threads take in chunks. The caller waits for chunks
/// that were taken, never for threads: one that the machine does not let run delays nobody.
public final class Workers implements AutoCloseable {
  /// Looks at the ticket before parking: longer than any gap inside a step.
  private static final int SPINS = 4_000;

  /// Looks at the count of finished units before the caller lets other threads run.
  private static final int PATIENCE = 2_000;

  private static final long NONE_LEFT = Integer.MAX_VALUE;

  private final Thread[] threads;

  /// Number of the phase in the upper half, first unit not yet taken in the lower.
  private final AtomicLong ticket = new AtomicLong();

  private final AtomicInteger finished = new AtomicInteger();
  private final AtomicInteger sleepers = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile boolean closed;

  // Written while the ticket says that no unit is left, before the ticket of their phase is set:
  // whoever moves the ticket has read the values of its phase.
  private volatile @Nullable Phase phase;
  private volatile int units;
  private volatile int chunk;

  /// Units of work that may run on any thread, in any order.
  @FunctionalInterface
  public interface Phase {
    /// Does units `[first, last)`.
    ///
    /// @param worker which of the threads does it, `[0, threads)`, for scratch space
    void run(int first, int last, int worker);
  }

  /// @param count threads that work, the caller of [#run] included
  public Workers(int count, String name) {
    threads = new Thread[count - 1];
    for (int t = 0; t < threads.length; t++) {
      int worker = t + 1;
      threads[t] =
          Thread.ofPlatform().daemon().name(name + "-" + worker).start(() -> serve(worker));
    }
  }

  /// Threads that work, the caller included.
  public int count() {
    return threads.length + 1;
  }

  /// Does all units and returns when they are done.
  ///
  /// @param chunkUnits units taken at once
  public void run(Phase work, int unitCount, int chunkUnits) {
    if (threads.length == 0 || unitCount <= chunkUnits) {
      work.run(0, unitCount, 0);
      return;
    }
    phase = work;
    units = unitCount;
    chunk = chunkUnits;
    finished.set(0);
    ticket.set(((ticket.get() >>> 32) + 1) << 32);
    wake();
    take(0);
    for (int spin = 0; finished.get() < unitCount; spin++) {
      if (spin < PATIENCE) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(1_000);
      }
    }
    ticket.set(ticket.get() | NONE_LEFT);
    phase = null;
    rethrow();
  }

  private void wake() {
    if (sleepers.get() > 0) {
      for (Thread thread : threads) {
        LockSupport.unpark(thread);
      }
    }
  }

  private void rethrow() {
    Throwable thrown = failure.getAndSet(null);
    switch (thrown) {
      case null -> {}
      case Error error -> throw error;
      case RuntimeException exception -> throw exception;
      default -> throw new IllegalStateException(thrown);
    }
  }

  /// Takes chunks until none is left.
  private void take(int worker) {
    while (true) {
      long seen = ticket.get();
      Phase work = phase;
      int total = units;
      int count = chunk;
      int first = (int) seen;
      if (first >= total || work == null) {
        return;
      }
      int last = Math.min(first + count, total);
      if (ticket.compareAndSet(seen, (seen & 0xFFFFFFFF00000000L) | last)) {
        try {
          work.run(first, last, worker);
        } catch (RuntimeException | Error thrown) {
          failure.compareAndSet(null, thrown);
        } finally {
          finished.getAndAdd(last - first);
        }
      }
    }
  }

  private void serve(int worker) {
    long seen = 0;
    while (!closed) {
      seen = await(seen);
      take(worker);
    }
  }

  /// Waits for a phase other than `seen` and returns its number.
  private long await(long seen) {
    for (int spin = 0; spin < SPINS; spin++) {
      long now = ticket.get() >>> 32;
      if (now != seen) {
        return now;
      }
      Thread.onSpinWait();
    }
    sleepers.incrementAndGet();
    while (ticket.get() >>> 32 == seen && !closed) {
      LockSupport.park(this);
    }
    sleepers.decrementAndGet();
    return ticket.get() >>> 32;
  }

  /// Ends the threads. Not while a phase runs.
  @Override
  public void close() {
    closed = true;
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        LockSupport.unpark(thread);
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
