package dev.lathe.platform.access;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/// A small file that only its owner may read, replaced as a whole: written beside its place,
/// brought to the disk, moved into it.
final class SecretFile {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

  private SecretFile() {}

  /// @throws NoSuchFileException when it is not there
  /// @throws LatheException when others may read or write it
  static byte[] read(Path file) throws IOException {
    Set<PosixFilePermission> found = Files.getPosixFilePermissions(file);
    if (!OWNER_ONLY.containsAll(found)) {
      throw LatheException.environment(
          "'%s' has mode %s, others than its owner may use it"
              .formatted(file, PosixFilePermissions.toString(found)),
          "run 'chmod 600 " + file + "', and revoke the keys if others could read it",
          null);
    }
    return Files.readAllBytes(file);
  }

  /// One replacement at a time: the caller holds the lock of [#locked].
  static void replace(Path file, byte[] content) throws IOException {
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    Files.deleteIfExists(temporary);
    try {
      Files.createFile(temporary, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
        ByteBuffer bytes = ByteBuffer.wrap(content);
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
    try (FileChannel folder = FileChannel.open(folder(file), StandardOpenOption.READ)) {
      folder.force(true);
    }
  }

  /// Work under a lock.
  @FunctionalInterface
  interface Work<T> {
    T run() throws IOException;
  }

  /// Runs while no other process and no other thread is at work on the same file.
  static <T> T locked(Path file, Work<T> work) throws IOException {
    Files.createDirectories(folder(file));
    Path lock = file.resolveSibling(file.getFileName() + ".lock");
    synchronized (SecretFile.class) {
      try (FileChannel channel =
              FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var _ = channel.lock()) {
        return work.run();
      }
    }
  }

  private static Path folder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IllegalArgumentException(file + " has no folder");
    }
    return folder;
  }
}
