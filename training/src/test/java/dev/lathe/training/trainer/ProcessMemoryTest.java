package dev.lathe.training.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  private static final long BYTES = 200L << 20;

  @Test
  void theKernelsTextIsRead() {
    String status = "Name:\tjava\nVmHWM:\t  2048 kB\nVmRSS:\t    1024 kB\nThreads:\t9\n";

    assertThat(ProcessMemory.parse(status)).contains(new ProcessMemory(1 << 20, 2 << 20));
    assertThat(ProcessMemory.parse("Name:\tjava\n")).isEmpty();
  }

  @Test
  void touchedNativeMemoryIsCountedAndStaysInThePeakUntilReset() {
    ProcessMemory before = ProcessMemory.read().orElse(null);
    assumeTrue(before != null, "no /proc on this system");
    ProcessMemory during;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(BYTES);
      memory.fill((byte) 1);
      during = ProcessMemory.read().orElseThrow();
    }
    ProcessMemory after = ProcessMemory.read().orElseThrow();

    assertThat(during.residentBytes() - before.residentBytes()).isGreaterThan(BYTES * 3 / 4);
    assertThat(after.peakBytes()).isGreaterThan(before.residentBytes() + BYTES * 3 / 4);
    assertThat(after.residentBytes()).isLessThan(during.residentBytes() - BYTES * 3 / 4);
    if (ProcessMemory.resetPeak()) {
      assertThat(ProcessMemory.read().orElseThrow().peakBytes())
          .isLessThan(during.residentBytes() - BYTES / 2);
    }
  }
}
