package dev.lathe.platform.registry;

import java.util.List;
import java.util.Optional;

/// What a pull from one source will bring.
///
/// @param revision the exact commit or version; empty where there is none
/// @param licence where the source itself states one
record Inventory(
    ModelFormat format, String revision, Optional<String> licence, List<RemoteFile> files) {
  Inventory {
    files = List.copyOf(files);
  }

  /// Bytes of all files, or a negative number where one is unknown.
  long bytes() {
    long sum = 0;
    for (RemoteFile file : files) {
      if (file.bytes() < 0) {
        return -1;
      }
      sum += file.bytes();
    }
    return sum;
  }
}
