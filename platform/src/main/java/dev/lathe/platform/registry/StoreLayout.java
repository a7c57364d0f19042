package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Where the store keeps what:
///
/// ```
/// HOME/models/NAME/                a whole model: its files, manifest.json, verified.json
/// HOME/models/.pulling/NAME/KEY/   a pull at work, one folder for each source tried
/// HOME/models/.removed/            what is being deleted
/// HOME/models/.locks/NAME.lock     held by the process that pulls or removes NAME
/// ```
///
/// In folder names `/` is written `--` and `:` is written `__`.
record StoreLayout(Path models) {
  private static final Pattern NAME =
      Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]*(?:[/@:][A-Za-z0-9][A-Za-z0-9._+-]*)*");
  private static final int MAX_NAME = 160;

  static StoreLayout under(Path home) {
    return new StoreLayout(home.resolve("models"));
  }

  static boolean isName(String name) {
    return name.length() <= MAX_NAME && NAME.matcher(name).matches();
  }

  static void requireName(String name) {
    if (!isName(name)) {
      throw LatheException.user(
          "'%s' cannot be a model's name".formatted(name),
          "use letters, digits and . _ - + / @ :, starting with a letter or digit, at most "
              + MAX_NAME);
    }
  }

  private static String folderName(String name) {
    return name.replace("/", "--").replace(":", "__");
  }

  Path folder(String name) {
    return models.resolve(folderName(name));
  }

  Path pulling(String name) {
    return pullingRoot().resolve(folderName(name));
  }

  Path pullingRoot() {
    return models.resolve(".pulling");
  }

  Path removed() {
    return models.resolve(".removed");
  }

  Path lock(String name) {
    return models.resolve(".locks").resolve(folderName(name) + ".lock");
  }

  /// Folders of whole models, sorted by name.
  List<Path> modelFolders() {
    return folders(models).stream()
        .filter(folder -> Files.exists(folder.resolve(Manifest.FILE)))
        .toList();
  }

  /// The folders in a folder, sorted, those with a dot left out; none where it is not there.
  static List<Path> folders(Path parent) {
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    List<Path> found = new ArrayList<>();
    try (Stream<Path> entries = Files.list(parent)) {
      entries
          .filter(entry -> !entry.getFileName().toString().startsWith("."))
          .filter(Files::isDirectory)
          .sorted()
          .forEach(found::add);
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be listed: %s".formatted(parent, e.getMessage()),
          "check its permissions",
          e);
    }
    return found;
  }
}
