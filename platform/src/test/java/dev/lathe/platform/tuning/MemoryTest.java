package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MemoryTest {
  @TempDir Path directory;
  private Path proc;
  private Path groups;

  @BeforeEach
  void makeFiles() throws IOException {
    proc = directory.resolve("proc");
    groups = directory.resolve("cgroup");
    write(proc.resolve("meminfo"), "MemTotal:  9000 kB\nMemAvailable:    4000 kB\n");
    write(proc.resolve("self/cgroup"), "0::/user/job\n");
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  @Test
  void whatTheMachineHasFreeComesOnTopOfWhatTheProcessHolds() {
    assertThat(Memory.ofMachine(proc, groups, 1000))
        .isEqualTo(new Memory(4000 * 1024 + 1000, "the machine's free memory"));
  }

  @Test
  void theTightestControlGroupCountsWithoutItsCache() throws IOException {
    write(groups.resolve("user/memory.max"), "3000000\n");
    write(groups.resolve("user/memory.current"), "2500000\n");
    write(groups.resolve("user/memory.stat"), "anon 1\ninactive_file 500000\n");
    write(groups.resolve("user/job/memory.max"), "max\n");

    Memory memory = Memory.ofMachine(proc, groups, 200_000);

    assertThat(memory.limitBytes()).isEqualTo(3_000_000 - 2_000_000 + 200_000);
    assertThat(memory.origin()).contains("control group");
  }

  @Test
  void aSystemThatDoesNotSaySetsNoLimit() {
    assertThat(Memory.ofMachine(directory.resolve("none"), groups, 5).limitBytes())
        .isEqualTo(Long.MAX_VALUE);
  }
}
