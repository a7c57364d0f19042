package dev.lathe.training.trainer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Memory of this process as the kernel counts it: heap, native tensors and touched pages of mapped
/// files together.
///
/// @param residentBytes in memory now (`VmRSS`)
/// @param peakBytes most so far, since the start or the last [#resetPeak] (`VmHWM`)
public record ProcessMemory(long residentBytes, long peakBytes) {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");
  private static final String RESET_PEAK = "5"; // proc(5), clear_refs

  /// The counts; empty where the system has no `/proc`.
  public static Optional<ProcessMemory> read() {
    try {
      return parse(Files.readString(STATUS));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /// Lets the peak start anew from what is in memory now; false where that is not permitted, and
  /// the peak stays that of the whole process.
  public static boolean resetPeak() {
    try {
      Files.writeString(CLEAR, RESET_PEAK);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  static Optional<ProcessMemory> parse(String status) {
    Optional<Long> resident = bytes(status, "VmRSS:");
    Optional<Long> peak = bytes(status, "VmHWM:");
    return resident.flatMap(now -> peak.map(most -> new ProcessMemory(now, most)));
  }

  private static Optional<Long> bytes(String status, String key) {
    return status
        .lines()
        .filter(line -> line.startsWith(key) && line.endsWith(" kB"))
        .map(line -> line.substring(key.length(), line.length() - " kB".length()).strip())
        .map(kilobytes -> Long.parseLong(kilobytes) * 1024)
        .findFirst();
  }
}
