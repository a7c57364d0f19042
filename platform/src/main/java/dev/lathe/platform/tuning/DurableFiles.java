package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/// Files that survive a crash: written beside their place, brought to the disk, moved into it.
final class DurableFiles {
  private DurableFiles() {}

  /// Replaces a small file at once: readers see the old or the new content, never a part.
  static void replace(Path file, String content) throws IOException {
    Path directory = parent(file);
    Path temporary = directory.resolve("." + file.getFileName() + ".tmp");
    try {
      write(temporary, content);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
    sync(directory);
  }

  /// Writes a file and brings it to the disk.
  static void write(Path file, String content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = ByteBuffer.wrap(content.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /// Brings the files of a directory and the directory itself to the disk.
  static void syncAll(Path directory) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      for (Path file : files) {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
          try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
          }
        }
      }
    }
    sync(directory);
  }

  /// Brings a directory's entries to the disk.
  static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /// Deletes a directory with what is in it; links are removed, not followed.
  static void deleteTree(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> inside = Files.newDirectoryStream(path)) {
        for (Path each : inside) {
          deleteTree(each);
        }
      }
    }
    Files.deleteIfExists(path);
  }

  /// What a failed write means to the user.
  static LatheException failure(Path path, IOException cause) {
    String message = String.valueOf(cause.getMessage());
    String lower = message.toLowerCase(Locale.ROOT);
    if (lower.contains("no space left") || lower.contains("quota")) {
      return new LatheException(
          LatheException.Kind.CAPACITY,
          "the disk of '" + path + "' is full",
          "free some space and run the same command again; checkpoints before this one are whole",
          cause);
    }
    return LatheException.environment(
        "'" + path + "' cannot be written: " + message,
        "check the disk and its permissions",
        cause);
  }

  /// The failure of a writer further down, told as [#failure] where the disk is full.
  static LatheException clarified(Path path, LatheException failure) {
    for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof IOException io) {
        LatheException told = failure(path, io);
        return told.kind() == LatheException.Kind.CAPACITY ? told : failure;
      }
    }
    return failure;
  }

  private static Path parent(Path file) {
    Path parent = file.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IllegalArgumentException(file + " has no directory");
    }
    return parent;
  }
}
