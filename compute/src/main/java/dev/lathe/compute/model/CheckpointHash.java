package dev.lathe.compute.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Identity of a checkpoint: of a GGUF file its own SHA-256; of a directory the SHA-256 of one line
/// `hash, two spaces, name, newline` for `config.json` and each `.safetensors` file, sorted by
/// name, as `sha256sum` prints them.
final class CheckpointHash {
  private static final long MAX_MANIFEST = 16 << 20;

  private CheckpointHash() {}

  static String of(Path directoryOrFile) {
    if (!Files.isDirectory(directoryOrFile)) {
      Path folder = directoryOrFile.toAbsolutePath().getParent();
      return file(directoryOrFile, folder == null ? Map.of() : listed(folder));
    }
    Map<String, Listed> listed = listed(directoryOrFile);
    var lines = new StringBuilder();
    for (Path file : files(directoryOrFile)) {
      lines.append(file(file, listed)).append("  ").append(file.getFileName()).append('\n');
    }
    MessageDigest digest = sha256();
    digest.update(lines.toString().getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest());
  }

  private static List<Path> files(Path directory) {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(
              file -> file.endsWith("config.json") || file.toString().endsWith(".safetensors"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw LatheException.environment("'" + directory + "' cannot be listed", e.toString(), e);
    }
  }

  /// One file of a manifest.
  private record Listed(long bytes, String sha256, FileTime written) {}

  private static Map<String, Listed> listed(Path folder) {
    Path manifest = folder.resolve("manifest.json");
    Map<String, Listed> listed = new HashMap<>();
    if (!Files.isRegularFile(manifest)) {
      return listed;
    }
    try {
      FileTime written = Files.getLastModifiedTime(manifest);
      for (JsonNode file : StrictJson.object(manifest, MAX_MANIFEST).path("files")) {
        listed.put(
            file.path("path").asText(),
            new Listed(file.path("bytes").asLong(-1), file.path("sha256").asText(), written));
      }
      return listed;
    } catch (IOException e) {
      throw LatheException.environment("'" + manifest + "' cannot be read", e.toString(), e);
    }
  }

  private static String file(Path file, Map<String, Listed> listed) {
    Listed entry = listed.get(String.valueOf(file.getFileName()));
    return entry != null && holds(entry, file) ? entry.sha256 : file(file);
  }

  private static boolean holds(Listed entry, Path file) {
    try {
      return entry.sha256.matches("[0-9a-f]{64}")
          && entry.bytes == Files.size(file)
          && Files.getLastModifiedTime(file).compareTo(entry.written) <= 0;
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be read", e.toString(), e);
    }
  }

  private static String file(Path file) {
    MessageDigest digest = sha256();
    byte[] chunk = new byte[1 << 18];
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(chunk); read > 0; read = in.read(chunk)) {
        digest.update(chunk, 0, read);
      }
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be read", e.toString(), e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
