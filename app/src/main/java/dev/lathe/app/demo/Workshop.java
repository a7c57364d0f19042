package dev.lathe.app.demo;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.AdapterFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.stream.Stream;

/// The folder of one demo: `adapter/` (the training run's output), `base.json` and `adapted.json`
/// (answers), `key` (what they belong to). Files appear whole or not at all. One process at a time
/// holds it; the system takes the right back when the process ends, however it ends. Whoever opens
/// it closes it.
public final class Workshop implements AutoCloseable {
  private final Path folder;
  private final FileChannel lock;

  private Workshop(Path folder, FileChannel lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /// Opens the folder, making it where it is missing; what belongs to another key is deleted.
  ///
  /// @param anew whether everything is deleted
  /// @throws LatheException when another demo is at work in it
  public static Workshop open(Path folder, String key, boolean anew) {
    Workshop workshop = new Workshop(folder, lock(folder));
    try {
      workshop.prepare(key, anew);
      return workshop;
    } catch (LatheException e) {
      workshop.close();
      throw e;
    }
  }

  private static FileChannel lock(Path folder) {
    try {
      Files.createDirectories(folder);
      FileChannel channel =
          FileChannel.open(
              folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!isTaken(channel)) {
        channel.close();
        throw LatheException.user(
            "another 'lathe demo' is at work in '" + folder + "'",
            "wait until it is done, or set LATHE_HOME to another folder");
      }
      return channel;
    } catch (IOException e) {
      throw failure(folder, e);
    }
  }

  private static boolean isTaken(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException heldByThisProcess) {
      return false;
    }
  }

  private void prepare(String key, boolean anew) {
    try {
      Path keyFile = folder.resolve("key");
      boolean same = Files.exists(keyFile) && Files.readString(keyFile).equals(key);
      if (anew || !same) {
        Files.deleteIfExists(keyFile);
        Files.deleteIfExists(folder.resolve("base.json"));
        Files.deleteIfExists(folder.resolve("adapted.json"));
        deleteTree(adapter());
        write("key", key);
      }
    } catch (IOException e) {
      throw failure(folder, e);
    }
  }

  private static void deleteTree(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (Stream<Path> inside = Files.walk(directory)) {
      for (Path path : inside.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /// Where the adapter is trained.
  public Path adapter() {
    return folder.resolve("adapter");
  }

  /// Whether a finished adapter is there.
  public boolean isTrained() {
    return Files.exists(adapter().resolve("lathe.json"));
  }

  /// SHA-256 of the adapter's weights.
  public String adapterSha256() {
    Path file = adapter().resolve(AdapterFiles.WEIGHTS);
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 16];
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be read (" + e.getMessage() + ")", "run lathe demo --again", e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /// A file of this folder.
  public Path file(String name) {
    return folder.resolve(name);
  }

  /// Writes a file whole: a temporary one is synced, then renamed.
  public void write(String name, String text) {
    Path temporary = folder.resolve("." + name + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(temporary, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw failure(folder, e);
    }
  }

  @Override
  public void close() {
    try {
      lock.close();
    } catch (IOException e) {
      throw failure(folder, e);
    }
  }

  private static LatheException failure(Path folder, IOException e) {
    return LatheException.environment(
        "the demo's folder '" + folder + "' cannot be written (" + e.getMessage() + ")",
        "make room, or set LATHE_HOME to another folder",
        e);
  }
}
