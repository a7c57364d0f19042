package dev.lathe.compute.engine;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Stops the engine behind each token of one request, so that a test knows how far it has come:
/// once a token can be read, nothing more is computed, and what is asked of the engine waits, until
/// the brake is released.
///
/// Closing releases for good; a test that fails does not leave an engine that cannot be closed.
final class Brake implements AutoCloseable {
  /// More than any request's tokens, and still addable.
  private static final int FOR_GOOD = 1 << 20;

  private final Semaphore steps = new Semaphore(0);

  /// The same request with this brake. Its tokens stay what they were.
  Request on(Request request) {
    return request.withConstraint(Constraint::new);
  }

  /// Lets the engine go on to the request's next token.
  void step() {
    steps.release();
  }

  /// Lets the engine go on for good.
  void release() {
    steps.release(FOR_GOOD);
  }

  @Override
  public void close() {
    release();
  }

  private final class Constraint implements TokenConstraint {
    @Override
    public void mask(long[] allowed) {
      // all may come
    }

    @Override
    public void accept(int token) {
      try {
        if (!steps.tryAcquire(5, TimeUnit.MINUTES)) {
          throw new IllegalStateException("the test has not released its brake");
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted on the brake", e);
      }
    }

    @Override
    public boolean mayStop() {
      return true;
    }
  }
}
