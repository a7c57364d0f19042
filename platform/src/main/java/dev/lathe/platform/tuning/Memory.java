package dev.lathe.platform.tuning;

import dev.lathe.training.trainer.ProcessMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// How much memory this process may come to hold.
///
/// @param limitBytes resident bytes in all; `Long.MAX_VALUE` where the system does not say
/// @param origin what sets the limit, for messages
public record Memory(long limitBytes, String origin) {
  private static final String FREE = "the machine's free memory";

  /// What `memory_limit` grants, else what the machine has free and the control group allows.
  public static Memory of(Recipe recipe) {
    Long granted = recipe.memoryLimit();
    if (granted != null) {
      return new Memory(granted, "memory_limit");
    }
    long resident = ProcessMemory.read().map(ProcessMemory::residentBytes).orElse(0L);
    return ofMachine(Path.of("/proc"), Path.of("/sys/fs/cgroup"), resident);
  }

  /// @param resident bytes that this process holds already
  static Memory ofMachine(Path proc, Path groups, long resident) {
    Memory machine =
        line(proc.resolve("meminfo"), "MemAvailable:")
            .map(kilobytes -> new Memory(kilobytes * 1024 + resident, FREE))
            .orElse(new Memory(Long.MAX_VALUE, FREE));
    Path group = groups;
    try {
      for (String line : Files.readString(proc.resolve("self/cgroup")).split("\n")) {
        if (line.startsWith("0::/")) {
          group = groups.resolve(line.substring("0::/".length()).strip());
        }
      }
    } catch (IOException e) {
      return machine;
    }
    Memory least = machine;
    for (Path at = group; at != null && at.startsWith(groups); at = at.getParent()) {
      Optional<Long> most = number(at.resolve("memory.max"));
      Optional<Long> used = number(at.resolve("memory.current"));
      if (most.isPresent() && used.isPresent()) {
        long cache = line(at.resolve("memory.stat"), "inactive_file").orElse(0L);
        long limit = most.get() - (used.get() - cache) + resident;
        if (limit < least.limitBytes) {
          least = new Memory(limit, "the memory limit of the control group");
        }
      }
    }
    return least;
  }

  private static Optional<Long> number(Path file) {
    try {
      return Optional.of(Long.valueOf(Files.readString(file).strip()));
    } catch (IOException | NumberFormatException noLimit) {
      return Optional.empty();
    }
  }

  private static Optional<Long> line(Path file, String key) {
    try {
      return Files.readString(file)
          .lines()
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(key.length()).strip().split(" ")[0])
          .map(Long::valueOf)
          .findFirst();
    } catch (IOException | NumberFormatException e) {
      return Optional.empty();
    }
  }
}
