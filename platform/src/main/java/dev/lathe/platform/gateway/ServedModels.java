package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.compute.engine.AdapterVersion;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The names under which a generator answers: its base's name, those of the adapters loaded, and
/// aliases. An adapter never changes under its name; an alias can be pointed elsewhere at any time,
/// which concerns the requests that come after. Any number of threads may use it.
public final class ServedModels {
  private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N}][\\p{L}\\p{N}._@+-]{0,127}");

  private final String base;
  private final Generator generator;
  private final Clock clock;
  private final Instant since;
  private final Map<String, LoadedAdapter> adapters = new LinkedHashMap<>();
  private final Map<String, String> aliases = new LinkedHashMap<>();
  private final Object loading = new Object();

  /// An adapter that answers under its name.
  ///
  /// @param note what a person should know about it, one line
  public record LoadedAdapter(
      String name, AdapterVersion version, Path directory, Instant loaded, Optional<String> note) {}

  /// What a name stands for.
  ///
  /// @param name as it was asked for
  /// @param adapter id of the adapter's version; null for the base
  public record Model(String name, @Nullable String adapter) {}

  public ServedModels(String base, Generator generator, Clock clock) {
    this.base = base;
    this.generator = generator;
    this.clock = clock;
    this.since = clock.instant();
  }

  public Generator generator() {
    return generator;
  }

  /// The base model's name.
  public String base() {
    return base;
  }

  /// When the base began to answer.
  public Instant since() {
    return since;
  }

  /// What a name stands for.
  ///
  /// @throws LatheException when it stands for nothing
  public synchronized Model find(String name) {
    if (name.equals(base)) {
      return new Model(name, null);
    }
    String target = aliases.getOrDefault(name, name);
    if (target.equals(base)) {
      return new Model(name, null);
    }
    LoadedAdapter loaded = adapters.get(target);
    if (loaded == null) {
      throw LatheException.notFound(
          "there is no model '" + name + "'",
          "choose among '" + String.join("', '", names()) + "'" + Nearest.hint(name, names()));
    }
    return new Model(name, loaded.version().id());
  }

  private synchronized Collection<String> names() {
    List<String> names = new ArrayList<>(List.of(base));
    names.addAll(adapters.keySet());
    names.addAll(aliases.keySet());
    return names;
  }

  /// The adapters in the order in which they were loaded.
  public synchronized List<LoadedAdapter> adapters() {
    return List.copyOf(adapters.values());
  }

  /// What each alias stands for.
  public synchronized Map<String, String> aliases() {
    return new LinkedHashMap<>(aliases);
  }

  /// Loads an adapter and lets it answer. One is loaded at a time; requests go on meanwhile.
  ///
  /// @throws LatheException when it is not the base's, or the name is taken or none
  public LoadedAdapter load(String name, Path directory) {
    synchronized (loading) {
      requireFree(name);
      Generator.Loaded read = generator.load(directory);
      LoadedAdapter loaded =
          new LoadedAdapter(name, read.adapter(), directory, clock.instant(), read.note());
      synchronized (this) {
        requireFree(name);
        adapters.put(name, loaded);
      }
      return loaded;
    }
  }

  /// The adapter that has a name of its own.
  ///
  /// @throws LatheException when there is none; an alias is no adapter
  public synchronized LoadedAdapter adapter(String name) {
    LoadedAdapter found = adapters.get(name);
    if (found == null) {
      throw LatheException.notFound(
          "there is no adapter '" + name + "'",
          adapters.isEmpty()
              ? "load it first"
              : "choose among '" + String.join("', '", adapters.keySet()) + "'");
    }
    return found;
  }

  /// Keeps an adapter in memory, or lets it make room for others again.
  ///
  /// @throws LatheException when there is none, or it has to be read again and cannot
  public synchronized void pin(String name, boolean pinned) {
    String id = adapter(name).version().id();
    if (pinned && !generator.adapters().isPinned(id)) {
      generator.adapters().pin(id);
    } else if (!pinned && generator.adapters().isPinned(id)) {
      generator.adapters().unpin(id);
    }
  }

  /// A name of an adapter version, of several the one loaded first.
  ///
  /// @param id null for the base
  /// @return nothing when the version is not loaded
  public synchronized Optional<String> nameOf(@Nullable String id) {
    if (id == null) {
      return Optional.of(base);
    }
    return adapters.values().stream()
        .filter(each -> each.version().id().equals(id))
        .map(LoadedAdapter::name)
        .findFirst();
  }

  /// Whether a name stands for something.
  public synchronized boolean has(String name) {
    return names().contains(name);
  }

  /// Takes an adapter or an alias away. Requests under way go on.
  ///
  /// @throws LatheException when there is none, or an alias still stands for it
  public void unload(String name) {
    synchronized (this) {
      if (aliases.remove(name) != null) {
        return;
      }
    }
    // Not while the same version is being loaded under another name.
    synchronized (loading) {
      unloadAdapter(name);
    }
  }

  private synchronized void unloadAdapter(String name) {
    List<String> users =
        aliases.entrySet().stream()
            .filter(alias -> alias.getValue().equals(name))
            .map(Map.Entry::getKey)
            .toList();
    if (!users.isEmpty()) {
      throw LatheException.user(
          "the alias '" + users.getFirst() + "' stands for '" + name + "'",
          "point it elsewhere or take it away first");
    }
    String id = adapter(name).version().id();
    adapters.remove(name);
    if (adapters.values().stream().noneMatch(other -> other.version().id().equals(id))) {
      generator.unload(id);
    }
  }

  /// Lets a name stand for the base or an adapter, in place of what it stood for before.
  ///
  /// @throws LatheException when the name is the base's or an adapter's own, or there is no such
  ///   target
  public synchronized void alias(String name, String target) {
    requireName(name);
    if (name.equals(base) || adapters.containsKey(name)) {
      throw LatheException.user(
          "'" + name + "' is a model's own name", "choose another name for the alias");
    }
    if (!target.equals(base) && !adapters.containsKey(target)) {
      throw LatheException.notFound(
          "there is no adapter '" + target + "' for the alias '" + name + "'",
          "load it first" + Nearest.hint(target, adapters.keySet()));
    }
    aliases.put(name, target);
  }

  private synchronized void requireFree(String name) {
    requireName(name);
    if (name.equals(base) || adapters.containsKey(name) || aliases.containsKey(name)) {
      throw LatheException.user(
          "the name '" + name + "' is taken",
          "choose another, or unload what has it; an adapter never changes under its name");
    }
  }

  /// Refuses what cannot be the name of an adapter or an alias.
  public static void requireName(String name) {
    if (!NAME.matcher(name).matches()) {
      throw LatheException.user(
          "'" + name + "' cannot be the name of a model",
          "use 1 to 128 letters, digits and . _ @ + -, the first one a letter or digit");
    }
  }
}
