package dev.lathe.platform.registry;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// Content hashes in lower-case hexadecimal.
final class Hashes {
  private static final int BUFFER_BYTES = 1 << 20;

  private Hashes() {}

  static String sha256(Path file) throws IOException {
    return hex(update(digest("SHA-256"), file));
  }

  static String sha256(String text) {
    MessageDigest digest = digest("SHA-256");
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    return hex(digest);
  }

  static String of(Path file, RemoteFile.Digest.Kind kind) throws IOException {
    return switch (kind) {
      case SHA_256 -> sha256(file);
      case GIT_BLOB -> {
        MessageDigest digest = digest("SHA-1");
        String head = "blob " + Files.size(file) + "\0";
        digest.update(head.getBytes(StandardCharsets.UTF_8));
        yield hex(update(digest, file));
      }
    };
  }

  private static MessageDigest update(MessageDigest digest, Path file) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
    }
    return digest;
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has " + algorithm, e);
    }
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
