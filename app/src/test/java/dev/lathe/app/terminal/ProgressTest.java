package dev.lathe.app.terminal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private long now;

  private Progress progress(String terminals, long total, Progress.Unit unit) {
    PrintStream stream = new PrintStream(err, true, UTF_8);
    Screen screen = new Screen(stream, stream, terminals, false, 80);
    return new Progress(screen, "work", total, unit, () -> now);
  }

  @Test
  void aPipeGetsPlainLinesOneForEachTenthAtMostEveryFiveSeconds() {
    try (Progress progress = progress("", 100, Progress.Unit.COUNT)) {
      for (int done = 1; done <= 100; done++) {
        now += TimeUnit.SECONDS.toNanos(1);
        progress.update(done, "loss 1.5");
      }
    }

    assertThat(err.toString(UTF_8)).doesNotContain("\r", "\u001b", "█");
    assertThat(err.toString(UTF_8).lines())
        .hasSizeBetween(10, 12)
        .last()
        .isEqualTo("work 100% 100/100 · loss 1.5 · 1:40");
  }

  @Test
  void aTerminalGetsOneLineThatFits() {
    try (Progress progress = progress("e", 145_000_000, Progress.Unit.BYTES)) {
      progress.update(0, "");
      now += TimeUnit.SECONDS.toNanos(2);
      progress.update(72_500_000, "");
    }

    String[] drawn = err.toString(UTF_8).split("\r");
    assertThat(drawn[drawn.length - 1])
        .startsWith("work ▕████████████            ▏  50% 73 MB of 145 MB")
        .endsWith("\n");
    assertThat(drawn).allSatisfy(line -> assertThat(line.lines().count()).isLessThanOrEqualTo(1));
  }

  @Test
  void aLineAboveTheBarDoesNotRepeatItInAPipe() {
    try (Progress progress = progress("", 2, Progress.Unit.COUNT)) {
      progress.update(2, "");
      progress.note("saved");
    }

    assertThat(err.toString(UTF_8).lines()).containsExactly("work 100% 2/2 · 0:00", "saved");
  }

  @Test
  void workThatNeverBeganLeavesNothing() {
    progress("e", 10, Progress.Unit.COUNT).close();
    progress("", 10, Progress.Unit.COUNT).close();

    assertThat(err.toString(UTF_8)).isEmpty();
  }

  @Test
  void bytesReadWithTheUnitThatFits() {
    assertThat(Progress.bytes(999)).isEqualTo("999 B");
    assertThat(Progress.bytes(98_400_000)).isEqualTo("98 MB");
    assertThat(Progress.bytes(1_240_000_000)).isEqualTo("1.24 GB");
  }

  @Test
  void sizesNeverRoundUpToAThousandOfTheSmallerUnit() {
    assertThat(Progress.bytes(999)).isEqualTo("999 B");
    assertThat(Progress.bytes(999_499)).isEqualTo("999 kB");
    assertThat(Progress.bytes(999_500)).isEqualTo("1.0 MB");
    assertThat(Progress.bytes(98_362_432)).isEqualTo("98 MB");
    assertThat(Progress.bytes(999_500_000)).isEqualTo("1.00 GB");
  }
}
