package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.function.ToLongFunction;

/// The few file operations that must hold when the power goes: write, force, rename, force the
/// folder.
final class Disk {
  private static final long SLACK_BYTES = 32L << 20;

  private Disk() {}

  /// Free bytes for this user at a folder that exists, also where its disk is in no table of
  /// mounts, as in a changed root.
  static long usable(Path folder) {
    return folder.toFile().getUsableSpace();
  }

  /// Refuses a pull that cannot fit.
  static void requireRoom(Path folder, long needBytes, ToLongFunction<Path> usable) {
    long room = usable.applyAsLong(folder);
    if (needBytes > 0 && needBytes + SLACK_BYTES > room) {
      throw full(folder, needBytes + SLACK_BYTES, room);
    }
  }

  private static LatheException full(Path folder, long needBytes, long roomBytes) {
    return LatheException.capacity(
        "the disk of '%s' has %s free, the pull needs %s more"
            .formatted(folder, Sizes.text(roomBytes), Sizes.text(needBytes)),
        "free some space, or set LATHE_HOME to a folder on a larger disk");
  }

  /// Turns the disk's own refusal into one that says so; anything else stays what it is.
  static IOException explain(IOException e, Path folder) {
    String message = String.valueOf(e.getMessage());
    if (message.contains("No space left") || message.contains("quota exceeded")) {
      throw LatheException.capacity(
          "the disk of '%s' is full: %s free".formatted(folder, Sizes.text(usable(folder))),
          "free some space and pull again: it goes on from where it was");
    }
    return e;
  }

  static void writeAll(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  static void force(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  /// Makes the names in a folder last. Linux lets a folder be opened for reading and forced.
  static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /// Replaces a small file so that a reader sees the old or the new one.
  static void replace(Path file, byte[] content) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.write(fresh, content);
    force(fresh);
    rename(fresh, file);
  }

  static void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    forceFolder(parent(to));
  }

  static Path parent(Path path) {
    Path parent = path.getParent();
    if (parent == null) {
      throw new IllegalArgumentException("'" + path + "' has no parent folder");
    }
    return parent;
  }

  /// Deletes a folder and what is in it; one that is not there is fine. Links are not followed.
  static void deleteTree(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      Files.deleteIfExists(folder);
      return;
    }
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, java.io.IOException failure)
              throws IOException {
            Files.delete(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /// Bytes of all files under a folder.
  static long treeBytes(Path folder) {
    long[] sum = {0};
    try {
      Files.walkFileTree(
          folder,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              sum[0] += attributes.size();
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return sum[0];
  }
}
