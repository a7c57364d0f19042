package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// The right to change one model of the store, among the processes of this machine. The system
/// takes it back when its process ends, however it ends.
final class StoreLock implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(200);

  private final FileChannel channel;

  private StoreLock(FileChannel channel) {
    this.channel = channel;
  }

  /// Waits until no other pull or removal holds it.
  ///
  /// @param whenHeld run once, before waiting begins
  static StoreLock acquire(Path file, Runnable whenHeld) throws IOException {
    Files.createDirectories(Disk.parent(file));
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      for (boolean first = true; tryLock(channel) == null; first = false) {
        if (first) {
          whenHeld.run();
        }
        Thread.sleep(POLL);
      }
      return new StoreLock(channel);
    } catch (InterruptedException e) {
      channel.close();
      Thread.currentThread().interrupt();
      throw LatheException.environment("waiting for '" + file + "' was interrupted", "", e);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // held by another thread of this process
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
