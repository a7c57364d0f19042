package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.TokenEvent.Reason;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Workers;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Takes commands and computes steps, on a thread of its own, which alone touches scheduler, cache
/// and tasks.
final class EngineLoop {
  private final Scheduler scheduler;
  private final WaitingRoom room;
  private final Runner runner;
  private final AdapterPool adapters;
  private final Batch batch;
  private final Pace pace;
  private final Optional<Speculator> speculator;
  private final Map<Sequence, Task> tasks = new LinkedHashMap<>();
  private final Set<Sequence> notYetAdmitted = new HashSet<>();
  private final LinkedBlockingQueue<Runnable> inbox = new LinkedBlockingQueue<>();
  private final Object door = new Object();
  private final Thread thread;
  private Rows logits = Rows.of(0, 0);
  private int headFirst;
  private int headEnd;
  private long promptTokens;
  private long outputTokens;
  private long computedTokens;
  private long begun;
  private long waitNanos;
  private long ended;
  private boolean closed;
  private boolean stopping;

  EngineLoop(
      Scheduler scheduler,
      WaitingRoom room,
      Runner runner,
      AdapterPool adapters,
      Optional<Speculator> speculator,
      Batch batch,
      Pace pace) {
    this.room = room;
    this.pace = pace;
    this.speculator = speculator;
    this.scheduler = scheduler;
    this.runner = runner;
    this.adapters = adapters;
    this.batch = batch;
    thread = Thread.ofPlatform().daemon().name("lathe-engine").unstarted(this::run);
  }

  void begin() {
    thread.start();
  }

  /// Makes a task on the engine's thread and computes it. The lease is released with its end; when
  /// the maker throws, `failed` is told why.
  ///
  /// @throws LatheException when too many requests wait; the lease stays the caller's then
  void start(Terms terms, AdapterPool.@Nullable Lease lease, Supplier<Task> maker, Failure failed) {
    synchronized (door) {
      requireOpen();
      room.enter(terms.user());
      inbox.add(() -> admit(terms, lease, maker, failed));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the engine is closed");
    }
  }

  /// Frees what is kept of an adapter version that is gone, soon.
  void forget(int adapter) {
    synchronized (door) {
      if (!closed) {
        inbox.add(() -> scheduler.tree().forget(adapter));
      }
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

  /// What a caller is told who waits for something that ended early.
  static LatheException unfinished(Reason reason) {
    return reason == Reason.DEADLINE
        ? LatheException.capacity("the time allowed for it was over", "allow more time")
        : LatheException.environment("the engine was closed", "", null);
  }

  /// Waits for the end of the step that is under way.
  EngineStatus status() throws InterruptedException {
    CompletableFuture<EngineStatus> answer = new CompletableFuture<>();
    synchronized (door) {
      requireOpen();
      inbox.add(() -> answer.complete(snapshot()));
    }
    try {
      return answer.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  /// Ends all tasks as cancelled and the thread.
  void close() {
    synchronized (door) {
      closed = true;
      inbox.add(() -> stopping = true);
    }
    Workers.awaitEnd(thread);
  }

  // ---- from here on, the engine's own thread

  private void run() {
    try {
      while (!stopping) {
        takeCommands();
        expire();
        if (!stopping && !scheduler.isIdle()) {
          step();
        }
      }
      tasks().forEach(this::cancel);
    } catch (RuntimeException | Error e) {
      giveUp(e);
    }
  }

  /// Nothing may be left without an end, even by a defect of the engine's own.
  private void giveUp(Throwable defect) {
    synchronized (door) {
      closed = true;
    }
    for (Runnable command = inbox.poll(); command != null; command = inbox.poll()) {
      command.run();
    }
    for (Task task : tasks()) {
      task.fail(failure(defect));
    }
  }

  private void takeCommands() {
    try {
      Runnable command = scheduler.isIdle() ? inbox.take() : inbox.poll();
      while (command != null) {
        command.run();
        command = inbox.poll();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("the engine's thread was interrupted", e);
    }
  }

  private EngineStatus snapshot() {
    PrefixTree tree = scheduler.tree();
    return new EngineStatus(
        scheduler.running().size(),
        scheduler.waiting(),
        tree.pages(),
        tree.available() - tree.idle(),
        tree.idle(),
        Runner.PAGE_TOKENS,
        promptTokens,
        outputTokens,
        computedTokens,
        scheduler.reusedTokens(),
        scheduler.preemptions(),
        speculator.map(Speculator::drafted).orElse(0L),
        speculator.map(Speculator::accepted).orElse(0L),
        begun,
        waitNanos,
        ended,
        adapters.status());
  }

  private List<Task> tasks() {
    return List.copyOf(tasks.values());
  }

  /// Ends what has used up its time.
  private void expire() {
    long now = System.nanoTime();
    for (Task task : tasks()) {
      Sequence sequence = task.sequence();
      long waited = now - sequence.arrival();
      Terms terms = sequence.terms();
      boolean over = terms.maxTime().isPresent() && waited > terms.maxTime().get().toNanos();
      boolean late = terms.maxWait().isPresent() && waited > terms.maxWait().get().toNanos();
      if (over || (late && notYetAdmitted.contains(sequence))) {
        end(task, Reason.DEADLINE);
      }
    }
  }

  private void admit(
      Terms terms, AdapterPool.@Nullable Lease lease, Supplier<Task> maker, Failure failed) {
    Task task;
    try {
      task = maker.get();
      scheduler.add(task.sequence());
    } catch (RuntimeException | Error e) {
      adapters.release(lease);
      room.admitted(terms.user());
      room.ended();
      failed.because(failure(e));
      return;
    }
    tasks.put(task.sequence(), task);
    promptTokens += task.sequence().promptLength();
    notYetAdmitted.add(task.sequence());
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
    Sequence sequence = task.sequence();
    tasks.remove(sequence);
    scheduler.remove(sequence);
    adapters.release(task.lease());
    noteAdmitted(sequence);
    room.ended();
    speculator.ifPresent(guessing -> guessing.forget(sequence));
    ended++;
  }

  /// @return whether it was not admitted before
  private boolean noteAdmitted(Sequence sequence) {
    boolean first = notYetAdmitted.remove(sequence);
    if (first) {
      room.admitted(sequence.terms().user());
    }
    return first;
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
    if (speculator.isPresent()) {
      guess(speculator.get());
    }
    List<Scheduler.Entry> entries = scheduler.plan(pace.promptTokens(scheduler.isDecoding()));
    List<Task> planned = new ArrayList<>(entries.size());
    for (Scheduler.Entry entry : entries) {
      planned.add(task(entry.sequence()));
      if (noteAdmitted(entry.sequence())) {
        begun++;
        waitNanos += System.nanoTime() - entry.sequence().arrival();
      }
    }
    try {
      fill(entries);
      long began = System.nanoTime();
      runner.forward(batch);
      pace.computed(batch.rows, System.nanoTime() - began);
      takeAll(entries);
    } catch (RuntimeException | Error e) {
      for (Task task : planned) {
        if (tasks.containsKey(task.sequence())) {
          fail(task, e);
        }
      }
    }
  }

  private void guess(Speculator guessing) {
    List<Sequence> sequences = continuing();
    try {
      guessing.draft(sequences);
    } catch (RuntimeException | Error e) {
      sequences.forEach(sequence -> fail(task(sequence), e));
    }
  }

  /// The running generations that need one row for their next token.
  private List<Sequence> continuing() {
    List<Sequence> sequences = new ArrayList<>();
    for (Sequence sequence : scheduler.running()) {
      if (sequence.pending() == 1 && tasks.get(sequence) instanceof Generation) {
        sequences.add(sequence);
      }
    }
    return sequences;
  }

  private void fill(List<Scheduler.Entry> entries) {
    batch.clear();
    for (Scheduler.Entry entry : entries) {
      Sequence sequence = entry.sequence();
      Task task = task(sequence);
      AdapterPool.Lease lease = task.lease();
      Runner.Packed packed = lease == null ? null : lease.packed();
      for (int page = entry.first() / Runner.PAGE_TOKENS; page < sequence.pageCount(); page++) {
        runner.touch(sequence.pages()[page]);
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
  /// begin at `output`. A row computed from a draft counts only if the draft came true.
  private void take(Task task, Scheduler.Entry entry, int row, int output, int wanted) {
    Sequence sequence = task.sequence();
    Reason end = null;
    int taken = 0;
    int before = sequence.length();
    try {
      while (taken < wanted && end == null) {
        int position = entry.end() - wanted + taken;
        if (position >= sequence.length()
            || batch.tokens[row + taken] != sequence.token(position)) {
          break;
        }
        end = take(task, position, row + taken, output + taken);
        sequence.taken(position);
        taken++;
      }
    } catch (RuntimeException e) {
      fail(task, e);
      return;
    }
    sequence.keepDrafts(0);
    int guesses = Math.max(0, entry.end() - before);
    if (guesses > 0 && speculator.isPresent()) {
      speculator.get().checked(sequence, guesses, taken - 1, taken < wanted && end == null);
    }
    outputTokens += sequence.length() - before;
    int right = entry.count() - wanted + taken;
    computedTokens += right;
    scheduler.computed(entry, right);
    if (end != null) {
      end(task, end);
    }
  }

  private @Nullable Reason take(Task task, int position, int row, int output) {
    if (task.wantsLogits()) {
      int at = head(output);
      return task.take(position, logits.values(), at);
    }
    Rows hidden = runner.hidden(row);
    return task.take(position, hidden.values(), hidden.at(0));
  }

  /// Index of a wanted row's first logit, computing as many rows at once as there is room for.
  private int head(int output) {
    if (output >= headEnd) {
      headFirst = output;
      headEnd = Math.min(output + runner.maxOutputs(), batch.outputs);
      logits = runner.head(batch, headFirst, headEnd - headFirst);
    }
    return logits.at(output - headFirst);
  }
}
