package dev.lathe.compute;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// How much more memory this process can come to hold: what the machine has free, or what its
/// control groups leave where that is less.
///
/// @param bytes `Long.MAX_VALUE` where the system does not say
/// @param origin what sets the bound, for messages
public record FreeMemory(long bytes, String origin) {
  private static final String MACHINE = "the machine's free memory";
  private static final String GROUP = "what the control group has left";

  /// As of now.
  public static FreeMemory now() {
    return of(Path.of("/proc"), Path.of("/sys/fs/cgroup"));
  }

  /*
   * Control groups of version 2 have one tree; of version 1 one for each resource, memory under
   * `memory`. The limits of all groups above count as well. In a container the group's path is
   * often the host's and not there; the container's own group is then the root of the tree. A page
   * cache that nobody used lately is given back when memory is asked for, so it counts as free.
   */
  static FreeMemory of(Path proc, Path groups) {
    FreeMemory least =
        line(proc.resolve("meminfo"), "MemAvailable:")
            .map(kilobytes -> new FreeMemory(kilobytes * 1024, MACHINE))
            .orElse(new FreeMemory(Long.MAX_VALUE, MACHINE));
    for (String line : lines(proc.resolve("self/cgroup"))) {
      String[] parts = line.split(":", 3); // id, controllers, path
      if (parts.length < 3) {
        continue;
      }
      if (parts[1].isEmpty()) {
        least = least(least, groups, parts[2], Version.TWO);
      } else if (List.of(parts[1].split(",")).contains("memory")) {
        least = least(least, groups.resolve("memory"), parts[2], Version.ONE);
      }
    }
    return least;
  }

  private enum Version {
    ONE("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
    TWO("memory.max", "memory.current", "inactive_file ");

    private final String limit;
    private final String used;
    private final String cache;

    Version(String limit, String used, String cache) {
      this.limit = limit;
      this.used = used;
      this.cache = cache;
    }
  }

  private static FreeMemory least(FreeMemory bound, Path root, String group, Version version) {
    FreeMemory least = bound;
    Path own = root.resolve(group.replaceFirst("^/+", "")).normalize();
    for (Path at = own; at != null && at.startsWith(root); at = at.getParent()) {
      Optional<Long> limit = number(at.resolve(version.limit));
      Optional<Long> used = number(at.resolve(version.used));
      if (limit.isPresent() && used.isPresent()) {
        long cache = line(at.resolve("memory.stat"), version.cache).orElse(0L);
        long left = Math.max(0, limit.get() - Math.max(0, used.get() - cache));
        least = left < least.bytes ? new FreeMemory(left, GROUP) : least;
      }
    }
    return least;
  }

  private static Optional<Long> number(Path file) {
    return lines(file).stream().findFirst().flatMap(FreeMemory::number);
  }

  private static Optional<Long> line(Path file, String key) {
    return lines(file).stream()
        .filter(line -> line.startsWith(key))
        .findFirst()
        .flatMap(line -> number(line.substring(key.length()).strip().split(" ")[0]));
  }

  private static Optional<Long> number(String text) {
    try {
      return Optional.of(Long.valueOf(text.strip()));
    } catch (NumberFormatException noNumber) {
      return Optional.empty(); // "max": no limit
    }
  }

  private static List<String> lines(Path file) {
    try {
      return new ArrayList<>(Files.readAllLines(file));
    } catch (IOException notThere) {
      return List.of();
    }
  }
}
