package dev.lathe.app.cli;

import dev.lathe.platform.tuning.Stop;
import java.util.concurrent.CountDownLatch;

/// Turns Ctrl-C and SIGTERM into a request to stop, and holds the process until the work has
/// stopped in order.
final class Interrupts implements AutoCloseable {
  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean engaged;

  private Interrupts(Stop stop, Runnable told) {
    hook =
        new Thread(
            () -> {
              if (engaged) {
                told.run();
                stop.request();
                await();
              }
            },
            "lathe-interrupt");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /// @param told runs when the signal comes
  static Interrupts watch(Stop stop, Runnable told) {
    return new Interrupts(stop, told);
  }

  /// From now on a signal waits for the work; before, it ends the process at once.
  void engage() {
    engaged = true;
  }

  private void await() {
    try {
      done.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException shuttingDown) {
      // The hook runs already and ends with this.
    }
  }
}
