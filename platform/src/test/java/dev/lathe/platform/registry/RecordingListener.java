package dev.lathe.platform.registry;

import java.util.ArrayList;
import java.util.List;

/// Keeps what a pull tells.
final class RecordingListener implements PullListener {
  final List<String> notes = new ArrayList<>();
  final List<Long> done = new ArrayList<>();
  long total;

  @Override
  public void note(String line) {
    notes.add(line);
  }

  @Override
  public void progress(long doneBytes, long totalBytes) {
    done.add(doneBytes);
    total = totalBytes;
  }
}
