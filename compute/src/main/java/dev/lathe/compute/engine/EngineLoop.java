package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.engine.TokenEvent.Reason;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.Rows;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Takes commands and computes steps, on a thread of its own, which alone touches scheduler, cache
/// and tasks.
final class EngineLoop {
  private final KvCache cache;
  private final Scheduler scheduler;
  private final Decoder decoder;
  private final AdapterBank adapters;
  private final Batch batch;
  private final Map<Sequence, Task> tasks = new LinkedHashMap<>();
  private final LinkedBlockingQueue<Runnable> inbox = new LinkedBlockingQueue<>();
  private final Object door = new Object();
  private final Thread thread;
  private Rows logits = Rows.of(0, 0);
  private int headFirst;
  private int headEnd;
  private boolean closed;
  private boolean stopping;

  EngineLoop(
      KvCache cache, Scheduler scheduler, Decoder decoder, AdapterBank adapters, Batch batch) {
    this.cache = cache;
    this.scheduler = scheduler;
    this.decoder = decoder;
    this.adapters = adapters;
    this.batch = batch;
    thread = Thread.ofPlatform().daemon().name("lathe-engine").unstarted(this::run);
  }

  void begin() {
    thread.start();
  }

  /// Makes a task on the engine's thread and computes it. The maker gets the adapter's lease; when
  /// it throws, `failed` is told why.
  void start(
      @Nullable Adapter adapter,
      Function<AdapterBank.@Nullable Lease, Task> maker,
      Failure failed) {
    synchronized (door) {
      if (closed) {
        throw new IllegalStateException("the engine is closed");
      }
      inbox.add(() -> admit(adapter, maker, failed));
    }
  }

  /// Ends the tasks that match as cancelled, soon; nothing when the engine is closed already.
  void cancel(Predicate<Task> which) {
    synchronized (door) {
      if (!closed) {
        inbox.add(() -> tasks().stream().filter(which).forEach(this::cancel));
      }
    }
  }

  @FunctionalInterface
  interface Failure {
    void because(LatheException error);
  }

  /// What a waiting caller is told when the engine closes.
  static LatheException cancelled() {
    return LatheException.environment("the engine was closed", "", null);
  }

  /// Ends all tasks as cancelled and the thread.
  void close() {
    synchronized (door) {
      closed = true;
      inbox.add(() -> stopping = true);
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
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

  // ---- from here on, the engine's own thread

  private void run() {
    while (!stopping) {
      takeCommands();
      if (!stopping && !scheduler.isIdle()) {
        step();
      }
    }
    tasks().forEach(this::cancel);
    adapters.close();
  }

  private void takeCommands() {
    try {
      Runnable command = scheduler.isIdle() ? inbox.take() : inbox.poll();
      while (command != null) {
        command.run();
        command = inbox.poll();
      }
    } catch (InterruptedException e) {
      stopping = true;
    }
  }

  private List<Task> tasks() {
    return List.copyOf(tasks.values());
  }

  private void admit(
      @Nullable Adapter adapter,
      Function<AdapterBank.@Nullable Lease, Task> maker,
      Failure failed) {
    AdapterBank.Lease lease = null;
    Task task;
    try {
      lease = adapter == null ? null : adapters.acquire(adapter);
      task = maker.apply(lease);
      scheduler.add(task.sequence());
    } catch (RuntimeException | Error e) {
      adapters.release(lease);
      failed.because(failure(e));
      return;
    }
    tasks.put(task.sequence(), task);
    if (task instanceof Generation generation && generation.mustStop()) {
      end(task, Reason.STOP);
    }
  }

  private void cancel(Task task) {
    end(task, Reason.CANCELLED);
  }

  private void end(Task task, Reason reason) {
    drop(task);
    try {
      task.finish(reason);
    } catch (RuntimeException e) {
      task.fail(failure(e));
    }
  }

  private void fail(Task task, Throwable thrown) {
    drop(task);
    task.fail(failure(thrown));
  }

  private void drop(Task task) {
    tasks.remove(task.sequence());
    scheduler.remove(task.sequence());
    adapters.release(task.lease());
  }

  private static LatheException failure(Throwable thrown) {
    return thrown instanceof LatheException known
        ? known
        : new LatheException(
            LatheException.Kind.INTERNAL, "the engine's step failed: " + thrown, "", thrown);
  }

  private Task task(Sequence sequence) {
    Task task = tasks.get(sequence);
    if (task == null) {
      throw new IllegalStateException("a sequence without a task");
    }
    return task;
  }

  private void step() {
    List<Scheduler.Entry> entries = scheduler.plan();
    List<Task> planned = new ArrayList<>(entries.size());
    entries.forEach(entry -> planned.add(task(entry.sequence())));
    try {
      fill(entries);
      decoder.forward(batch);
      takeAll(entries);
    } catch (RuntimeException | Error e) {
      for (Task task : planned) {
        if (tasks.containsKey(task.sequence())) {
          fail(task, e);
        }
      }
    }
  }

  private void fill(List<Scheduler.Entry> entries) {
    batch.clear();
    for (Scheduler.Entry entry : entries) {
      Sequence sequence = entry.sequence();
      Task task = task(sequence);
      AdapterBank.Lease lease = task.lease();
      PackedAdapter packed = lease == null ? null : lease.packed();
      for (int page = entry.first() / KvCache.SLOTS; page < sequence.pageCount(); page++) {
        cache.touch(sequence.pages()[page]);
      }
      for (int position = entry.first(); position < entry.end(); position++) {
        boolean logits = position >= sequence.wanted() && task.wantsLogits();
        batch.add(sequence.token(position), position, sequence.pages(), packed, logits);
      }
    }
  }

  private void takeAll(List<Scheduler.Entry> entries) {
    headEnd = 0;
    int row = 0;
    int output = 0;
    for (Scheduler.Entry entry : entries) {
      int wanted = Math.max(0, entry.end() - Math.max(entry.first(), entry.sequence().wanted()));
      Task task = task(entry.sequence());
      take(task, entry, row + entry.count() - wanted, output, wanted);
      row += entry.count();
      output += task.wantsLogits() ? wanted : 0;
    }
  }

  /// Hands a task its results of this step: `wanted` rows of the batch from `row` on, whose logits
  /// begin at `output`.
  private void take(Task task, Scheduler.Entry entry, int row, int output, int wanted) {
    Sequence sequence = task.sequence();
    Reason end = null;
    try {
      for (int i = 0; i < wanted && end == null; i++) {
        int position = entry.end() - wanted + i;
        if (task.wantsLogits()) {
          int at = head(output + i);
          end = task.take(position, logits.values(), at);
        } else {
          Rows hidden = decoder.hidden(row + i);
          end = task.take(position, hidden.values(), hidden.at(0));
        }
        sequence.taken(position);
      }
    } catch (RuntimeException e) {
      fail(task, e);
      return;
    }
    sequence.advance(entry.count());
    if (end != null) {
      end(task, end);
    }
  }

  /// Index of a wanted row's first logit, computing as many rows at once as there is room for.
  private int head(int output) {
    if (output >= headEnd) {
      headFirst = output;
      headEnd = Math.min(output + decoder.maxOutputs(), batch.outputs);
      logits = decoder.head(batch, headFirst, headEnd - headFirst);
    }
    return logits.at(output - headFirst);
  }
}
