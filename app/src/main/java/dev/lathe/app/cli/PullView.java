package dev.lathe.app.cli;

import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.platform.registry.PullListener;
import dev.lathe.platform.registry.StoredModel;
import org.jspecify.annotations.Nullable;

/// A pull on the screen: its notes as lines, its bytes as a bar that appears with the first byte.
final class PullView implements PullListener, AutoCloseable {
  private final Screen screen;
  private @Nullable Progress bar;
  private long shown = -1;

  PullView(Screen screen) {
    this.screen = screen;
  }

  @Override
  public void note(String line) {
    if (bar == null) {
      screen.note(line);
    } else {
      bar.note(line);
    }
  }

  @Override
  public void progress(long doneBytes, long totalBytes) {
    if (doneBytes == shown) {
      return;
    }
    shown = doneBytes;
    long total = Math.max(0, totalBytes);
    if (bar == null) {
      bar = screen.progress("pull", total, Progress.Unit.BYTES);
    }
    bar.total(total);
    bar.update(doneBytes, "");
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }

  /// One line about a model that is there.
  static String summary(StoredModel model) {
    return "'%s' is ready: %s, %s weights, licence %s"
        .formatted(model.name(), Progress.bytes(model.bytes()), model.weights(), model.licence());
  }
}
