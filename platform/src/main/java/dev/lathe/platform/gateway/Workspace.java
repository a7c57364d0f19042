package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The one folder out of which adapters may be loaded while a server runs. A path from outside is
/// followed to where it really leads, symbolic links included, and what is not in the folder does
/// not exist for whoever asks.
///
/// @param folder need not exist until something is asked for
public record Workspace(Path folder) {

  /// The directory of an adapter, without links in its path.
  ///
  /// @param path relative to the workspace, or absolute
  /// @throws LatheException when it is no directory inside the workspace, or holds something that
  ///   is no file of the workspace
  public Path adapter(String path) {
    Path directory;
    List<Path> files;
    Path root;
    try {
      root = folder.toRealPath();
      directory = root.resolve(path).toRealPath();
      if (!directory.startsWith(root) || !Files.isDirectory(directory)) {
        throw none(path);
      }
      try (Stream<Path> entries = Files.list(directory)) {
        files = entries.filter(entry -> !isFolderOf(root, entry)).toList();
      }
    } catch (InvalidPathException | IOException e) {
      throw none(path);
    }
    for (Path file : files) {
      requireInside(root, path, file);
    }
    return directory;
  }

  private static boolean isFolderOf(Path root, Path entry) {
    try {
      return Files.isDirectory(entry) && entry.toRealPath().startsWith(root);
    } catch (IOException e) {
      return false;
    }
  }

  /// A pipe or a device would be read for ever, a link could lead anywhere.
  private static void requireInside(Path root, String path, Path file) {
    boolean inside;
    try {
      inside = Files.isRegularFile(file) && file.toRealPath().startsWith(root);
    } catch (IOException e) {
      inside = false;
    }
    if (!inside) {
      throw LatheException.user(
          "'%s' in '%s' is no file of the workspace".formatted(file.getFileName(), path),
          "put a copy of it there");
    }
  }

  private static LatheException none(String path) {
    return LatheException.user(
        "the workspace has no directory '" + path + "'",
        "give a path inside the workspace, relative to it; links that lead out are not followed");
  }
}
