package dev.lathe.app.terminal;

import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/// How far a piece of work is. On a terminal one line is redrawn in place, at most ten times a
/// second; elsewhere a plain line appears at each tenth of the way, at most one every five seconds
/// besides the last. Calls come from one thread at a time. Closing leaves the last state standing.
public final class Progress implements AutoCloseable {
  private static final long REDRAW_NANOS = Duration.ofMillis(100).toNanos();
  private static final long LINE_NANOS = Duration.ofSeconds(5).toNanos();
  private static final int BAR_COLUMNS = 24;
  private static final String EIGHTHS = " ▏▎▍▌▋▊▉";

  /// What is counted.
  public enum Unit {
    /// Bytes, shown in MB and GB of 1000.
    BYTES,
    /// Anything else: plain numbers.
    COUNT
  }

  private final Screen screen;
  private final String task;
  private final Unit unit;
  private final LongSupplier nanoTime;
  private final long began;
  private long total;
  private long startedFrom = -1;
  private long done;
  private String details = "";
  private long drawnAt;
  private int drawnTenth = -1;
  private boolean stale = true;
  private boolean closed;

  Progress(Screen screen, String task, long total, Unit unit, LongSupplier nanoTime) {
    this.screen = screen;
    this.task = task;
    this.total = total;
    this.unit = unit;
    this.nanoTime = nanoTime;
    this.began = nanoTime.getAsLong();
    this.drawnAt = began - LINE_NANOS;
  }

  /// Changes the total, when it becomes known; 0 is unknown.
  public void total(long units) {
    total = units;
  }

  /// Reports the work done so far. Time left is reckoned from the first call on, so that resumed
  /// work counts from where it was.
  ///
  /// @param units of `total`
  /// @param what shown beside the bar: `loss 1.93 · 612 tokens/s`; may be empty
  public void update(long units, String what) {
    if (startedFrom < 0) {
      startedFrom = units;
    }
    done = units;
    details = what;
    stale = true;
    long now = nanoTime.getAsLong();
    if (screen.errIsTerminal()) {
      if (now - drawnAt >= REDRAW_NANOS || units == total) {
        draw(now);
      }
    } else {
      int tenth = total > 0 ? (int) (10 * units / total) : 0;
      if (units == total || (tenth > drawnTenth && now - drawnAt >= LINE_NANOS)) {
        line(now, tenth);
      }
    }
  }

  /// Prints a line above the bar.
  public void note(String line) {
    if (screen.errIsTerminal()) {
      screen.err().print("\r\u001b[K");
    }
    screen.err().println(line);
    if (screen.errIsTerminal()) {
      draw(nanoTime.getAsLong());
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (startedFrom < 0) {
      return;
    }
    if (screen.errIsTerminal()) {
      if (stale) {
        draw(nanoTime.getAsLong());
      }
      screen.err().println();
    } else if (stale) {
      line(nanoTime.getAsLong(), 10);
    }
  }

  private void line(long now, int tenth) {
    drawnAt = now;
    drawnTenth = tenth;
    stale = false;
    screen.err().println(task + " " + state(now));
  }

  private void draw(long now) {
    drawnAt = now;
    stale = false;
    String state = state(now);
    String text = task + " " + (total > 0 ? bar() + " " : "") + state;
    int room = screen.columns() - 1;
    if (Width.of(text) > room) {
      text = task + " " + state;
    }
    screen.err().print("\r" + Width.cut(text, room) + "\u001b[K");
    screen.err().flush();
  }

  private String bar() {
    double cells = BAR_COLUMNS * Math.clamp((double) done / total, 0, 1);
    int whole = (int) cells;
    StringBuilder bar = new StringBuilder("▕").append("█".repeat(whole));
    if (whole < BAR_COLUMNS) {
      bar.append(EIGHTHS.charAt((int) ((cells - whole) * EIGHTHS.length())));
      bar.append(" ".repeat(BAR_COLUMNS - whole - 1));
    }
    return bar.append("▏").toString();
  }

  private String state(long now) {
    StringBuilder state = new StringBuilder();
    if (total > 0) {
      state.append(String.format(Locale.ROOT, "%3d%% ", Math.min(100, 100 * done / total)));
    }
    state.append(amounts());
    if (!details.isEmpty()) {
      state.append(" · ").append(details);
    }
    if (total > 0 && done >= total) {
      state.append(" · ").append(clock(now - began));
    } else if (total > 0 && done > startedFrom && startedFrom >= 0) {
      long left = (long) ((double) (now - began) / (done - startedFrom) * (total - done));
      state.append(" · ").append(clock(left)).append(" left");
    }
    return state.toString();
  }

  private String amounts() {
    return switch (unit) {
      case COUNT -> total > 0 ? done + "/" + total : Long.toString(done);
      case BYTES -> total > 0 ? bytes(done) + " of " + bytes(total) : bytes(done);
    };
  }

  /// `145 MB`, `1.24 GB`: bytes in powers of 1000.
  public static String bytes(long bytes) {
    if (bytes < 1_000) {
      return bytes + " B";
    }
    if (bytes < 999_500) {
      return String.format(Locale.ROOT, "%.0f kB", bytes / 1e3);
    }
    if (bytes < 999_500_000) {
      return String.format(Locale.ROOT, bytes < 10_000_000 ? "%.1f MB" : "%.0f MB", bytes / 1e6);
    }
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  /// `0:07`, `12:30`, `1:02:03`.
  private static String clock(long nanos) {
    Duration time = Duration.ofNanos(nanos);
    return time.toHours() > 0
        ? String.format(
            Locale.ROOT, "%d:%02d:%02d", time.toHours(), time.toMinutesPart(), time.toSecondsPart())
        : String.format(Locale.ROOT, "%d:%02d", time.toMinutes(), time.toSecondsPart());
  }
}
