package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/// `manifest.json` of a checkpoint: `{"format": 1, "files": {NAME: {"bytes": N, "sha256": HEX}}}`
/// over all other files of the directory. A checkpoint is whole when every file has its size and
/// hash.
final class CheckpointManifest {
  static final String FILE = "manifest.json";
  private static final int FORMAT = 1;

  private CheckpointManifest() {}

  /// Writes the manifest of what lies in the directory.
  static void write(Path directory) throws IOException {
    ObjectNode root = Json.object();
    root.put("format", FORMAT);
    ObjectNode files = root.putObject("files");
    try (DirectoryStream<Path> inside = Files.newDirectoryStream(directory)) {
      for (Path file : inside) {
        files
            .putObject(String.valueOf(file.getFileName()))
            .put("bytes", Files.size(file))
            .put("sha256", sha256(file));
      }
    }
    DurableFiles.write(directory.resolve(FILE), Json.sorted(root, 2));
  }

  /// What is wrong with the checkpoint; empty when it is whole.
  static Optional<String> fault(Path directory) {
    try {
      Path manifest = directory.resolve(FILE);
      if (!Files.isRegularFile(manifest)) {
        return Optional.of("it has no " + FILE);
      }
      JsonNode root = Json.MAPPER.readTree(Files.readAllBytes(manifest));
      if (root.path("format").asInt() != FORMAT || root.path("files").isEmpty()) {
        return Optional.of(FILE + " is of another format");
      }
      for (var entry : root.get("files").properties()) {
        Optional<String> fault = fault(directory.resolve(entry.getKey()), entry.getValue());
        if (fault.isPresent()) {
          return fault;
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("it cannot be read: " + e.getMessage());
    }
  }

  private static Optional<String> fault(Path file, JsonNode expected) throws IOException {
    if (!Files.isRegularFile(file)) {
      return Optional.of("'" + file.getFileName() + "' is missing");
    }
    long bytes = Files.size(file);
    if (bytes != expected.path("bytes").asLong(-1)) {
      return Optional.of(
          "'"
              + file.getFileName()
              + "' has "
              + bytes
              + " bytes, not "
              + expected.path("bytes").asLong());
    }
    return sha256(file).equals(expected.path("sha256").asText())
        ? Optional.empty()
        : Optional.of("the content of '" + file.getFileName() + "' has changed");
  }

  private static String sha256(Path file) throws IOException {
    try (InputStream in =
        new DigestInputStream(Files.newInputStream(file), MessageDigest.getInstance("SHA-256"))) {
      in.transferTo(java.io.OutputStream.nullOutputStream());
      return HexFormat.of().formatHex(((DigestInputStream) in).getMessageDigest().digest());
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
