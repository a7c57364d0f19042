package dev.lathe.platform.registry;

import java.io.IOException;
import java.nio.file.Path;

/// One source at work: what it offers, and the files themselves.
sealed interface Origin extends AutoCloseable permits HubOrigin, PipOrigin, LocalOrigin {
  /// What a pull would bring; asks the source.
  Inventory inventory();

  /// Brings one file of the inventory, whole, checked and forced to the disk, to `target`; goes on
  /// from what an earlier attempt left beside it.
  void fetch(RemoteFile file, Path target, Meter meter) throws IOException;

  /// The bytes of disk that fetching needs beside the model's own.
  default long scratchBytes() {
    return 0;
  }

  @Override
  void close();
}
