package dev.lathe.compute;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FreeMemoryTest {
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

  private FreeMemory free() {
    return FreeMemory.of(proc, groups);
  }

  @Test
  void withoutGroupsTheMachineCounts() throws IOException {
    FreeMemory machine = new FreeMemory(4000 * 1024, "the machine's free memory");

    assertThat(free()).isEqualTo(machine);
    Files.delete(proc.resolve("self/cgroup"));
    assertThat(free()).isEqualTo(machine);
  }

  @Test
  void theTightestGroupOfVersionTwoCountsWithoutItsIdleCache() throws IOException {
    write(groups.resolve("user/memory.max"), "3000000\n");
    write(groups.resolve("user/memory.current"), "2500000\n");
    write(groups.resolve("user/memory.stat"), "anon 1\nactive_file 7\ninactive_file 500000\n");
    write(groups.resolve("user/job/memory.max"), "max\n");
    write(groups.resolve("user/job/memory.current"), "2500000\n");

    assertThat(free()).isEqualTo(new FreeMemory(1_000_000, "what the control group has left"));
  }

  @Test
  void theTightestGroupOfVersionOneCountsWithoutItsIdleCache() throws IOException {
    write(proc.resolve("self/cgroup"), "5:cpu,cpuacct:/x\n4:memory:/user/job\n0::/\n");
    write(groups.resolve("memory/memory.limit_in_bytes"), "9223372036854771712\n");
    write(groups.resolve("memory/memory.usage_in_bytes"), "90000000\n");
    write(groups.resolve("memory/user/job/memory.limit_in_bytes"), "2000000\n");
    write(groups.resolve("memory/user/job/memory.usage_in_bytes"), "1900000\n");
    write(
        groups.resolve("memory/user/job/memory.stat"),
        "inactive_file 1\ntotal_inactive_file 400000\n");

    assertThat(free()).isEqualTo(new FreeMemory(500_000, "what the control group has left"));
  }

  @Test
  void aContainerWhoseGroupIsNamedAsOnItsHostHasTheLimitOfItsRoot() throws IOException {
    write(proc.resolve("self/cgroup"), "4:memory:/docker/4711\n");
    write(groups.resolve("memory/memory.limit_in_bytes"), "1000000\n");
    write(groups.resolve("memory/memory.usage_in_bytes"), "100000\n");

    assertThat(free().bytes()).isEqualTo(900_000);
  }

  @Test
  void aPathAboveTheTreeAndALimitBelowTheUseAreNoWayAroundIt() throws IOException {
    write(proc.resolve("self/cgroup"), "0::/../../elsewhere\nbroken\n");
    assertThat(free().bytes()).isEqualTo(4000 * 1024);

    write(proc.resolve("self/cgroup"), "0::/\n");
    write(groups.resolve("memory.max"), "1000\n");
    write(groups.resolve("memory.current"), "5000\n");
    assertThat(free().bytes()).isZero();
  }

  @Test
  void aGroupThatAllowsMoreThanTheMachineHasChangesNothing() throws IOException {
    write(groups.resolve("memory.max"), "90000000\n");
    write(groups.resolve("memory.current"), "1000\n");

    assertThat(free().origin()).isEqualTo("the machine's free memory");
  }

  @Test
  void aSystemThatDoesNotSaySetsNoLimit() {
    assertThat(FreeMemory.of(directory.resolve("none"), groups).bytes()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void thisMachineSaysSomething() {
    assertThat(FreeMemory.now().bytes()).isPositive();
  }
}
