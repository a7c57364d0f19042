package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.platform.registry.PullOptions.Presence;
import dev.lathe.platform.registry.StoredModel.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;

/// The models on this machine, under `HOME/models`: see [StoreLayout] for the folders and
/// [Manifest] for what is kept about each.
///
/// A model is there whole or not at all: a pull works beside it and renames at the end. What is
/// damaged is never handed out. Several processes may use one store at once.
public final class ModelStore {
  private final Path home;
  private final StoreLayout layout;
  private final Pull.Machine machine;

  /// A store that pulls from the public hubs.
  public ModelStore(Path home) {
    this(home, SourceSettings.DEFAULT);
  }

  /// @param home Lathe's home folder; made at the first pull
  public ModelStore(Path home, SourceSettings settings) {
    this(home, settings, Disk::usable);
  }

  /// @param usableBytes tells how much room a folder's disk has
  ModelStore(Path home, SourceSettings settings, ToLongFunction<Path> usableBytes) {
    this.home = home.toAbsolutePath().normalize();
    this.layout = StoreLayout.under(this.home);
    this.machine = new Pull.Machine(layout, settings, Clock.systemUTC(), usableBytes);
  }

  /// The models known by a short name; refuses a user's catalogue with mistakes.
  public Catalogue catalogue() {
    return Catalogue.load(home);
  }

  /// Brings a model, with the usual options.
  public StoredModel pull(String nameOrSource) {
    return pull(nameOrSource, PullOptions.DEFAULT, PullListener.silent());
  }

  /// Brings a model of the catalogue, from a source such as `hf:org/repo`, or one of the store
  /// anew.
  ///
  /// One that is there and whole is left alone. A pull that was cut off goes on from where it was.
  /// Where another process pulls the same model, this waits and then finds it there.
  ///
  /// @throws LatheException where the name or source is unknown, no source gives it whole, or the
  ///   disk has no room for it
  public StoredModel pull(String nameOrSource, PullOptions options, PullListener listener) {
    Pull.Wanted wanted = wanted(nameOrSource, options);
    StoreLayout.requireName(wanted.name());
    Runnable whenHeld =
        () -> listener.note("another process works on '%s'; waiting".formatted(wanted.name()));
    try (StoreLock _ = StoreLock.acquire(layout.lock(wanted.name()), whenHeld)) {
      if (options.presence() == Presence.REPLACE) {
        Disk.deleteTree(layout.pulling(wanted.name()));
      } else if (isThere(wanted, listener)) {
        return find(wanted.name()).orElseThrow();
      }
      new Pull(machine, wanted, options.placement(), listener).run();
      return find(wanted.name()).orElseThrow();
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be written: %s".formatted(layout.models(), e), "check the folder", e);
    }
  }

  private Pull.Wanted wanted(String nameOrSource, PullOptions options) {
    if (ModelSource.isSource(nameOrSource)) {
      ModelSource source = ModelSource.parse(nameOrSource);
      String name = options.name().orElse(source.defaultName());
      return new Pull.Wanted(name, Optional.empty(), List.of(source));
    }
    Optional<CatalogueEntry> entry = catalogue().find(nameOrSource);
    if (entry.isPresent()) {
      String name = options.name().orElse(nameOrSource);
      return new Pull.Wanted(name, Optional.of(entry.get().licence()), entry.get().sources());
    }
    String source =
        find(nameOrSource)
            .map(StoredModel::source)
            .filter(ModelSource::isSource)
            .orElseThrow(() -> notInCatalogue(nameOrSource));
    return new Pull.Wanted(nameOrSource, Optional.empty(), List.of(ModelSource.parse(source)));
  }

  private LatheException notInCatalogue(String name) {
    List<String> names = catalogue().entries().stream().map(CatalogueEntry::name).toList();
    String remedy = "known are %s; other models as hf:org/repo".formatted(String.join(", ", names));
    if (Files.exists(Path.of(name))) {
      remedy = "a path is pulled as file:" + name;
    } else if (name.matches("[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")) {
      remedy = "a repository is pulled as hf:" + name;
    }
    return LatheException.notFound(
        "the catalogue has no model '%s'%s".formatted(name, Nearest.hint(name, names)), remedy);
  }

  /// Whether the model is in the store and whole; a damaged one is to be pulled again.
  private boolean isThere(Pull.Wanted wanted, PullListener listener) {
    Path folder = layout.folder(wanted.name());
    if (!Files.exists(folder.resolve(Manifest.FILE))) {
      return false;
    }
    Manifest manifest;
    try {
      manifest = Manifest.read(folder);
    } catch (LatheException e) {
      listener.note(String.valueOf(e.getMessage()));
      return false;
    }
    requireSame(manifest, wanted);
    Optional<String> problem = new Verification(folder, manifest).problem();
    listener.note(
        problem
            .map(text -> "'%s' is damaged (%s): pulling it again".formatted(wanted.name(), text))
            .orElse("'%s' is there already".formatted(wanted.name())));
    return problem.isEmpty();
  }

  private static void requireSame(Manifest there, Pull.Wanted wanted) {
    boolean sameSource =
        wanted.sources().stream().anyMatch(source -> source.toString().equals(there.source()));
    if (!there.name().equals(wanted.name()) || !sameSource) {
      throw LatheException.user(
          "the store has '%s' from %s already".formatted(there.name(), there.source()),
          "choose another name with --as, or replace it with --force");
    }
  }

  /// Every model of the store, sorted by name, those of cut-off pulls last.
  public List<StoredModel> list() {
    List<StoredModel> models = new ArrayList<>();
    layout.modelFolders().forEach(folder -> models.add(describe(folder)));
    for (Path folder : StoreLayout.folders(layout.pullingRoot())) {
      if (!Files.exists(layout.models().resolve(folder.getFileName()))) {
        models.add(partial(folder));
      }
    }
    return models;
  }

  /// The model of this name, whatever its state.
  public Optional<StoredModel> find(String name) {
    Path folder = layout.folder(name);
    return Files.exists(folder.resolve(Manifest.FILE))
        ? Optional.of(describe(folder)).filter(model -> model.name().equals(name))
        : Optional.empty();
  }

  private static StoredModel describe(Path folder) {
    try {
      Manifest manifest = Manifest.read(folder);
      Verification verification = new Verification(folder, manifest);
      return described(folder, manifest, verification, verification.quickProblem());
    } catch (LatheException e) {
      return nameless(folder, State.DAMAGED, String.valueOf(e.getMessage()));
    }
  }

  private static StoredModel described(
      Path folder, Manifest manifest, Verification verification, Optional<String> problem) {
    State whole = verification.isRemembered() ? State.VERIFIED : State.UNVERIFIED;
    return new StoredModel(
        manifest.name(),
        manifest.bytes(),
        manifest.format(),
        manifest.weights(),
        manifest.licence(),
        manifest.source(),
        manifest.revision(),
        manifest.identity(),
        manifest.pulled(),
        manifest.opened(folder),
        problem.isPresent() ? State.DAMAGED : whole,
        problem.orElse(""));
  }

  private static StoredModel partial(Path folder) {
    return nameless(folder, State.PARTIAL, "its pull was cut off");
  }

  private static StoredModel nameless(Path folder, State state, String detail) {
    String name = folder.getFileName().toString().replace("--", "/").replace("__", ":");
    return new StoredModel(
        name,
        Disk.treeBytes(folder),
        ModelFormat.HUGGINGFACE,
        WeightKind.UNKNOWN,
        "",
        "",
        "",
        "",
        Instant.EPOCH,
        folder,
        state,
        detail);
  }

  /// Hashes every file of a model anew.
  public StoredModel verify(String name) {
    Path folder = layout.folder(name);
    if (find(name).isEmpty()) {
      throw unknown(name);
    }
    Manifest manifest = Manifest.read(folder);
    Verification verification = new Verification(folder, manifest);
    return described(folder, manifest, verification, verification.fullProblem());
  }

  /// Whether there is a model of this name, whole or not, or what a cut-off pull of it left.
  public boolean has(String name) {
    return StoreLayout.isName(name)
        && (Files.exists(layout.folder(name)) || Files.exists(layout.pulling(name)));
  }

  /// Deletes a model, and what a cut-off pull of it left.
  ///
  /// @return the bytes freed
  /// @throws LatheException where there is none of this name
  public long remove(String name) {
    Path folder = layout.folder(name);
    if (!has(name)) {
      throw unknown(name);
    }
    try (StoreLock _ = StoreLock.acquire(layout.lock(name), () -> {})) {
      long bytes = Disk.treeBytes(layout.pulling(name));
      if (Files.exists(folder)) {
        bytes += Disk.treeBytes(folder);
        Pull.moveAway(layout, folder);
      }
      Disk.deleteTree(layout.pulling(name));
      Disk.deleteTree(layout.removed());
      return bytes;
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be deleted: %s".formatted(folder, e), "check its permissions", e);
    }
  }

  /// The path to open for a model's name, a Hugging Face folder or a GGUF file.
  ///
  /// A name of the store goes before a file of the same name in the working folder; write `./NAME`
  /// for that. Files of the store are checked: sizes always, hashes at the first use and after
  /// every change.
  ///
  /// @throws LatheException where there is no such model or path, or the model is damaged
  public Path resolve(String nameOrPath) {
    if (StoreLayout.isName(nameOrPath) && find(nameOrPath).isPresent()) {
      return checked(layout.folder(nameOrPath), nameOrPath);
    }
    Path path = path(nameOrPath);
    if (Files.exists(path)) {
      Optional<Path> own = ownFolder(path.toAbsolutePath().normalize());
      return own.isPresent() ? checked(own.get(), Manifest.read(own.get()).name()) : openable(path);
    }
    throw unknown(nameOrPath);
  }

  private static Path path(String text) {
    try {
      return Path.of(text.startsWith("file:") ? text.substring("file:".length()) : text);
    } catch (InvalidPathException e) {
      throw LatheException.user("'" + text + "' is neither a name nor a path", "check it");
    }
  }

  /// The store's folder that a path is or lies in.
  private Optional<Path> ownFolder(Path path) {
    if (!path.startsWith(layout.models()) || path.equals(layout.models())) {
      return Optional.empty();
    }
    Path folder = layout.models().resolve(layout.models().relativize(path).getName(0));
    return Optional.of(folder).filter(own -> Files.exists(own.resolve(Manifest.FILE)));
  }

  private static Path checked(Path folder, String name) {
    Manifest manifest = Manifest.read(folder);
    Optional<String> problem = new Verification(folder, manifest).problem();
    if (problem.isPresent()) {
      throw LatheException.environment(
          "model '%s' is damaged: %s".formatted(name, problem.get()),
          "run 'lathe pull %s --force'".formatted(name),
          null);
    }
    return manifest.opened(folder);
  }

  private static Path openable(Path path) {
    if (Files.isDirectory(path) || path.toString().endsWith(".gguf")) {
      return path;
    }
    throw LatheException.user(
        "'%s' is neither a folder nor a .gguf file".formatted(path),
        "name a model of 'lathe models', a Hugging Face folder or a GGUF file");
  }

  private LatheException unknown(String name) {
    Optional<CatalogueEntry> offered =
        catalogue().find(name).or(() -> catalogue().withRepository(name));
    if (offered.isPresent()) {
      String shortName = offered.get().name();
      boolean there = !shortName.equals(name) && find(shortName).isPresent();
      return LatheException.notFound(
          "model '%s' is not on this machine".formatted(name),
          there
              ? "'%s' is the same model and is there: use this name".formatted(shortName)
              : "run 'lathe pull %s'".formatted(shortName));
    }
    List<String> known = new ArrayList<>(list().stream().map(StoredModel::name).toList());
    catalogue().entries().forEach(entry -> known.add(entry.name()));
    String remedy =
        name.matches("[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
            ? "run 'lathe pull hf:%s', or check the path".formatted(name)
            : "'lathe models' lists what is there and what can be pulled";
    return LatheException.notFound(
        "there is no model or path '%s'%s".formatted(name, Nearest.hint(name, known)), remedy);
  }

  /// The SHA-256 that names a model's weights, the same as `Checkpoint.sha256()` of the opened
  /// model gives; of a model of the store it is known without reading them.
  ///
  /// @param opened what [#resolve] gave; files outside the store are hashed here
  public String identity(Path opened) {
    Path path = opened.toAbsolutePath().normalize();
    Optional<Path> own = ownFolder(path);
    if (own.isPresent()) {
      return Manifest.read(own.get()).identity();
    }
    try (Origin origin = new LocalOrigin(path, PullOptions.Placement.COPY)) {
      Path folder = Files.isDirectory(path) ? path : Disk.parent(path);
      Inventory inventory = origin.inventory();
      List<Manifest.FileEntry> files = new ArrayList<>();
      for (RemoteFile file : inventory.files()) {
        String hash = Hashes.sha256(folder.resolve(file.path()));
        files.add(new Manifest.FileEntry(file.path(), file.bytes(), hash));
      }
      return new Manifest("", inventory.format(), "", "", "", "", Instant.EPOCH, files).identity();
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be read: %s".formatted(path, e.getMessage()), "check its permissions", e);
    }
  }
}
