package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.model.Checkpoint;
import java.time.Duration;

/// The runner in plain Java with a brake, so that a test knows that what it asked of the engine is
/// still under way when it looks. Released at first; whoever holds it releases it before the engine
/// is closed.
public final class BrakedRunner implements Runner {
  private static final long SLOW_STEP = Duration.ofMillis(50).toMillis();

  /// A test that fails does not leave an engine that cannot be closed.
  private static final long LONGEST_HOLD = Duration.ofMinutes(5).toMillis();

  private final Runner runner;
  private long stepMillis;
  private int free = Integer.MAX_VALUE;
  private int computed;
  private int failing = -1;
  private boolean waits;

  private BrakedRunner(Runner runner) {
    this.runner = runner;
  }

  /// As [JavaEngine#open(Checkpoint, EngineSettings)].
  public static BrakedRunner open(Checkpoint checkpoint, EngineSettings settings) {
    return new BrakedRunner(
        JavaRunner.open(checkpoint.config(), checkpoint.weights(), settings, Kernel.best()));
  }

  /// From the next step on nothing is computed. The engine's thread waits and answers nothing; who
  /// submits does not wait.
  public void hold() {
    holdAfter(0);
  }

  /// As [#hold], after so many more steps; a step that is held already is not counted.
  public synchronized void holdAfter(int steps) {
    set(0, computed + steps);
  }

  /// As [#hold], and waits for a step that is held.
  ///
  /// @return steps begun so far, that one included
  public synchronized int held() throws InterruptedException {
    hold();
    while (!waits || computed <= free) {
      wait();
    }
    return computed;
  }

  /// A step takes a while: a hundred tokens take seconds, and the engine answers between them.
  public void slow() {
    set(SLOW_STEP, Integer.MAX_VALUE);
  }

  /// Full speed.
  public void release() {
    set(0, Integer.MAX_VALUE);
  }

  private synchronized void set(long millis, int freeSteps) {
    stepMillis = millis;
    free = freeSteps;
    notifyAll();
  }

  private long millis(int step) {
    return step < free ? stepMillis : LONGEST_HOLD;
  }

  /// Steps begun so far.
  public synchronized int computed() {
    return computed;
  }

  /// After so many more steps one fails.
  public synchronized void failAfter(int steps) {
    failing = computed + steps;
  }

  private synchronized void brake() {
    int step = computed++;
    long begun = System.nanoTime();
    waits = true;
    notifyAll();
    try {
      for (long left = millis(step); left > 0; left = millis(step) - millisSince(begun)) {
        wait(left);
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted on the brake", e);
    } finally {
      waits = false;
    }
    if (step == failing) {
      throw new IllegalStateException("the test has this step fail");
    }
  }

  private static long millisSince(long begun) {
    return Duration.ofNanos(System.nanoTime() - begun).toMillis();
  }

  @Override
  public void forward(Batch batch) {
    brake();
    runner.forward(batch);
  }

  @Override
  public Packed pack(Adapter adapter) {
    return runner.pack(adapter);
  }

  @Override
  public void touch(int page) {
    runner.touch(page);
  }

  @Override
  public Rows head(Batch batch, int first, int count) {
    return runner.head(batch, first, count);
  }

  @Override
  public Rows hidden(int row) {
    return runner.hidden(row);
  }

  @Override
  public int maxOutputs() {
    return runner.maxOutputs();
  }

  @Override
  public String description() {
    return runner.description();
  }

  @Override
  public void close() {
    runner.close();
  }
}
