package dev.lathe.compute.kernel;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A few threads that share the phases of a step. The caller of [#run] takes part; the others spin
/// between phases for a while and then park. One caller at a time.
///
/// A phase is cut into units `[0, n)`, of which each thread has a range of its own, so that what it
/// reads lies in one piece. It takes them in chunks and then helps with the ranges of the others.
/// The caller waits for chunks that were taken, never for threads: one that the machine does not
/// let run delays nobody.
public final class Workers implements AutoCloseable {
  /// Looks at the number of the phase before parking: longer than any gap inside a step.
  private static final int SPINS = 4_000;

  /// Looks at the count of finished units before the caller lets other threads run.
  private static final int PATIENCE = 2_000;

  private static final long NONE_LEFT = Integer.MAX_VALUE;

  private final Thread[] threads;

  /// Distance of two tickets, so that no two lie in one cache line.
  private static final int APART = 16;

  /// For each thread's range, the number of the phase in the upper half and the first unit not yet
  /// taken in the lower.
  private final AtomicLongArray tickets;

  private final AtomicInteger finished = new AtomicInteger();
  private final AtomicInteger sleepers = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile boolean closed;
  private volatile int number;

  // Written while all tickets say that no unit is left, before a ticket of their phase is set:
  // whoever moves a ticket has read the values of its phase.
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
    tickets = new AtomicLongArray((count + 1) * APART);
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
    int next = number + 1;
    for (int range = 0; range < count(); range++) {
      tickets.set((range + 1) * APART, ((long) next << 32) | start(range, unitCount));
    }
    number = next;
    wake();
    take(0);
    for (int spin = 0; finished.get() < unitCount; spin++) {
      if (spin < PATIENCE) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(1_000);
      }
    }
    for (int range = 0; range < count(); range++) {
      tickets.set((range + 1) * APART, ((long) next << 32) | NONE_LEFT);
    }
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

  /// First unit of a thread's range.
  private int start(int range, int unitCount) {
    return (int) ((long) range * unitCount / count());
  }

  /// Takes chunks until none is left, of the own range first.
  private void take(int worker) {
    for (int i = 0; i < count(); i++) {
      int range = worker + i < count() ? worker + i : worker + i - count();
      while (takeChunk(range, worker)) {
        // the next one
      }
    }
  }

  private boolean takeChunk(int range, int worker) {
    int at = (range + 1) * APART;
    long seen = tickets.get(at);
    Phase work = phase;
    int end = start(range + 1, units);
    int first = (int) seen;
    if (first >= end || work == null) {
      return false;
    }
    int last = first + Math.clamp((end - first) / 2, 1, chunk);
    if (tickets.compareAndSet(at, seen, (seen & 0xFFFFFFFF00000000L) | last)) {
      try {
        work.run(first, last, worker);
      } catch (RuntimeException | Error thrown) {
        failure.compareAndSet(null, thrown);
      } finally {
        finished.getAndAdd(last - first);
      }
    }
    return true;
  }

  private void serve(int worker) {
    int seen = 0;
    while (!closed) {
      seen = await(seen);
      take(worker);
    }
  }

  /// Waits for a phase other than `seen` and returns its number.
  private int await(int seen) {
    for (int spin = 0; spin < SPINS; spin++) {
      int now = number;
      if (now != seen) {
        return now;
      }
      Thread.onSpinWait();
    }
    sleepers.incrementAndGet();
    while (number == seen && !closed) {
      LockSupport.park(this);
    }
    sleepers.decrementAndGet();
    return number;
  }

  /// Ends the threads. Not while a phase runs.
  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      awaitEnd(thread);
    }
  }

  /// Waits until a thread that has been told to end has done so; an interrupt of the caller stands
  /// afterwards.
  public static void awaitEnd(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      LockSupport.unpark(thread);
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
