package dev.lathe.app.cli;

import dev.lathe.platform.tuning.Stop;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
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
              } else {
                endAtOnce();
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

  /// Ends the process without what native libraries do at its end: that takes away from a thread
  /// that still computes in them what it computes with, and a crash would be reported.
  private static void endAtOnce() {
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> function = linker.defaultLookup().find("_exit");
    if (function.isEmpty()) {
      return;
    }
    try {
      linker
          .downcallHandle(function.get(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
          .invokeExact(ExitCode.INTERRUPTED.code());
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
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
