package dev.lathe.compute.model;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// Identity of a checkpoint: of a GGUF file its own SHA-256; of a directory the SHA-256 of one line
/// `hash, two spaces, name, newline` for `config.json` and each `.safetensors` file, sorted by
/// name, as `sha256sum` prints them.
final class CheckpointHash {
  private CheckpointHash() {}

  static String of(Path directoryOrFile) {
    if (!Files.isDirectory(directoryOrFile)) {
      return file(directoryOrFile);
    }
    var lines = new StringBuilder();
    for (Path file : files(directoryOrFile)) {
      lines.append(file(file)).append("  ").append(file.getFileName()).append('\n');
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
