package dev.lathe.compute.weights;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Maps whole files read-only into an arena of the caller.
final class MappedFile {
  private MappedFile() {}

  static MemorySegment map(Path file, Arena arena) {
    if (Files.isDirectory(file)) {
      throw LatheException.user("'" + file + "' is a directory, a file was wanted", "");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (NoSuchFileException e) {
      throw new LatheException(
          LatheException.Kind.NOT_FOUND, "there is no file '" + file + "'", "", e);
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be mapped", e.toString(), e);
    }
  }

  /// A file that breaks its own format.
  static LatheException damaged(Path file, String what) {
    return LatheException.environment(
        "'" + file + "' is damaged: " + what, "fetch or write it again", null);
  }
}
