package dev.lathe.platform.registry;

/// Adds up what the files of one pull bring, for a [PullListener].
final class Meter {
  private final PullListener listener;
  private final long totalBytes;
  private long finishedBytes;

  Meter(PullListener listener, long totalBytes) {
    this.listener = listener;
    this.totalBytes = totalBytes;
  }

  /// Bytes of the current file that are there by now.
  void at(long bytes) {
    listener.progress(finishedBytes + bytes, totalBytes);
  }

  /// The current file is whole.
  void finished(long bytes) {
    finishedBytes += bytes;
    listener.progress(finishedBytes, totalBytes);
  }

  void note(String line) {
    listener.note(line);
  }
}
