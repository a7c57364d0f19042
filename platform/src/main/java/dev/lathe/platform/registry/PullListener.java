package dev.lathe.platform.registry;

/// Hears how a pull goes on; called on the pulling thread and on the thread that watches `pip`,
/// never by two at once.
public interface PullListener {
  /// One line for a reader: which source is used, why another is tried, what is waited for.
  void note(String line);

  /// Bytes of the whole pull so far.
  ///
  /// @param totalBytes negative where the source does not tell
  void progress(long doneBytes, long totalBytes);

  /// Hears nothing.
  static PullListener silent() {
    return new PullListener() {
      @Override
      public void note(String line) {}

      @Override
      public void progress(long doneBytes, long totalBytes) {}
    };
  }
}
