package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.PullOptions.Placement;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// A folder or a GGUF file of this machine.
final class LocalOrigin implements Origin {
  private static final int BUFFER_BYTES = 1 << 20;

  private final Path path;
  private final Placement placement;

  LocalOrigin(Path path, Placement placement) {
    this.path = path;
    this.placement = placement;
  }

  @Override
  public Inventory inventory() {
    if (!Files.exists(path)) {
      throw LatheException.notFound("there is no '%s'".formatted(path), "check the path");
    }
    Optional<String> wanted =
        Files.isDirectory(path) ? Optional.empty() : Optional.of(path.getFileName().toString());
    if (wanted.filter(name -> !name.endsWith(".gguf")).isPresent()) {
      throw LatheException.user(
          "'%s' is neither a folder nor a .gguf file".formatted(path),
          "name a Hugging Face folder or a GGUF file");
    }
    try {
      List<RemoteFile> offered = list(folder());
      if (wanted.isPresent()) {
        offered = offered.stream().filter(file -> file.path().equals(wanted.get())).toList();
      }
      FileSelection.Chosen chosen =
          new FileSelection("'" + path + "'", offered)
              .choose(wanted, file -> Files.readAllBytes(folder().resolve(file.path())));
      return new Inventory(chosen.format(), "", Optional.empty(), chosen.files());
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be read: %s".formatted(path, e.getMessage()), "check its permissions", e);
    }
  }

  private Path folder() {
    return Files.isDirectory(path) ? path : Disk.parent(path);
  }

  /// The regular files of a folder, not of its subfolders.
  static List<RemoteFile> list(Path folder) throws IOException {
    List<RemoteFile> files = new ArrayList<>();
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path entry : (Iterable<Path>) entries.sorted()::iterator) {
        if (Files.isRegularFile(entry)) {
          files.add(
              new RemoteFile(entry.getFileName().toString(), Files.size(entry), Optional.empty()));
        }
      }
    }
    return files;
  }

  @Override
  public void fetch(RemoteFile file, Path target, Meter meter) throws IOException {
    Path from = folder().resolve(file.path());
    Files.deleteIfExists(target);
    switch (placement) {
      case COPY -> copy(from, target, meter);
      case HARD_LINK -> link(from, target);
    }
  }

  private static void link(Path from, Path target) {
    try {
      Files.createLink(target, from.toRealPath());
    } catch (IOException | UnsupportedOperationException e) {
      throw LatheException.environment(
          "'%s' cannot be hard-linked into the store (%s)".formatted(from, e.getMessage()),
          "pull it without --link, as a copy",
          e);
    }
  }

  private static void copy(Path from, Path target, Meter meter) throws IOException {
    Path part = target.resolveSibling(target.getFileName() + ".part");
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    try (FileChannel in = FileChannel.open(from, StandardOpenOption.READ);
        FileChannel out =
            FileChannel.open(
                part,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
      while (in.read(buffer) >= 0) {
        Disk.writeAll(out, buffer.flip());
        buffer.clear();
        meter.at(out.position());
      }
      out.force(true);
    }
    Disk.rename(part, target);
  }

  @Override
  public void close() {}
}
