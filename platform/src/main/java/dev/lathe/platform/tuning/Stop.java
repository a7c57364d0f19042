package dev.lathe.platform.tuning;

/// Asks a run to stop after the step it is in. Any thread may ask.
public final class Stop {
  private volatile boolean requested;

  /// Asks.
  public void request() {
    requested = true;
  }

  public boolean isRequested() {
    return requested;
  }
}
