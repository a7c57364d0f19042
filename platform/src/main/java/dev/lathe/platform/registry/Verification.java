package dev.lathe.platform.registry;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// Whether the files of a model are what its manifest says.
///
/// A quick look compares names and sizes. A file is hashed when it was not hashed since its last
/// change; `verified.json` beside the manifest remembers the time stamp at which each file was
/// found right: `{"version": 1, "files": {"model.safetensors": 1769860000123456789}}`, in
/// nanoseconds since 1970.
final class Verification {
  static final String FILE = "verified.json";
  private static final int VERSION = 1;
  private static final JsonMapper JSON = new JsonMapper();

  private final Path folder;
  private final Manifest manifest;

  Verification(Path folder, Manifest manifest) {
    this.folder = folder;
    this.manifest = manifest;
  }

  /// What is wrong at a quick look.
  Optional<String> quickProblem() {
    try {
      for (Manifest.FileEntry file : manifest.files()) {
        Path path = folder.resolve(file.path());
        if (!Files.isRegularFile(path)) {
          return Optional.of("'%s' is missing".formatted(file.path()));
        }
        if (Files.size(path) != file.bytes()) {
          return Optional.of(
              "'%s' has %d bytes, its manifest says %d"
                  .formatted(file.path(), Files.size(path), file.bytes()));
        }
      }
      return stranger();
    } catch (IOException e) {
      return Optional.of("it cannot be read: " + e.getMessage());
    }
  }

  /// A file that a model could be opened from and that no pull brought.
  private Optional<String> stranger() throws IOException {
    for (RemoteFile file : LocalOrigin.list(folder)) {
      boolean own = file.path().equals(Manifest.FILE) || file.path().equals(FILE);
      boolean listed =
          manifest.files().stream().anyMatch(known -> known.path().equals(file.path()));
      if (!own && !listed && FileSelection.isContent(file.path())) {
        return Optional.of("'%s' is not in its manifest".formatted(file.path()));
      }
    }
    return Optional.empty();
  }

  /// Whether every file was hashed since its last change.
  boolean isRemembered() {
    Map<String, Long> seen = remembered();
    return manifest.files().stream().allMatch(file -> isUnchanged(file, seen));
  }

  /// What is wrong after hashing each file that changed since it was last hashed.
  Optional<String> problem() {
    return problem(remembered());
  }

  /// What is wrong after hashing every file.
  Optional<String> fullProblem() {
    return problem(Map.of());
  }

  private Optional<String> problem(Map<String, Long> seen) {
    Optional<String> quick = quickProblem();
    if (quick.isPresent()) {
      return quick;
    }
    try {
      Map<String, Long> stamps = new HashMap<>();
      for (Manifest.FileEntry file : manifest.files()) {
        long stamp = stamp(file);
        if (!isUnchanged(file, seen)) {
          String found = Hashes.sha256(folder.resolve(file.path()));
          if (!found.equals(file.sha256())) {
            return Optional.of(
                "'%s' has sha-256 %s, its manifest says %s"
                    .formatted(file.path(), found, file.sha256()));
          }
        }
        stamps.put(file.path(), stamp);
      }
      if (!stamps.equals(seen)) {
        remember(stamps);
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("it cannot be read: " + e.getMessage());
    }
  }

  private boolean isUnchanged(Manifest.FileEntry file, Map<String, Long> seen) {
    try {
      Long stamp = seen.get(file.path());
      return stamp != null && stamp == stamp(file);
    } catch (IOException e) {
      return false;
    }
  }

  private long stamp(Manifest.FileEntry file) throws IOException {
    return Files.getLastModifiedTime(folder.resolve(file.path())).to(TimeUnit.NANOSECONDS);
  }

  private Map<String, Long> remembered() {
    Map<String, Long> seen = new HashMap<>();
    try {
      JsonNode root = JSON.readTree(Files.readAllBytes(folder.resolve(FILE)));
      if (root.path("version").asInt() == VERSION) {
        root.path("files").properties().forEach(e -> seen.put(e.getKey(), e.getValue().asLong()));
      }
      return seen;
    } catch (JacksonException e) {
      return Map.of(); // a torn note: hash again
    } catch (IOException e) {
      return Map.of(); // none yet
    }
  }

  private void remember(Map<String, Long> stamps) {
    ObjectNode root = JSON.createObjectNode().put("version", VERSION);
    ObjectNode files = root.putObject("files");
    stamps.forEach(files::put);
    try {
      Disk.replace(folder.resolve(FILE), JSON.writeValueAsBytes(root));
    } catch (IOException e) {
      // a store that this user may only read: its files are hashed at each use
    }
  }
}
