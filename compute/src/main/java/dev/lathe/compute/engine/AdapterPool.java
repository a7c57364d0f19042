package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.model.ModelConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The adapters that an engine answers with, in host memory, up to a budget of bytes. Any thread;
/// the engine closes it.
///
/// A request names a version by its id, or an alias, which points to a version and can be turned to
/// another at any moment: requests that have begun finish on the version they began with. Versions
/// that can be read again make room for others when memory runs short, the one used least recently
/// first, and come back when a request names them, on the thread that submits it.
public final class AdapterPool {
  private static final long MIB = 1 << 20;

  /// A version that is listed, or removed and still in use.
  private static final class Entry {
    private final AdapterVersion version;
    private final int number;
    private Optional<Supplier<Adapter>> source;
    private Runner.@Nullable Packed packed;
    private @Nullable CompletableFuture<Void> reading;
    private int holders;
    private int pins;
    private boolean removed;
    private long lastUse;

    private Entry(AdapterVersion version, int number, Optional<Supplier<Adapter>> source) {
      this.version = version;
      this.number = number;
      this.source = source;
    }
  }

  /// One hold on a version: as long as it is not released the version stays in memory.
  static final class Lease {
    private final Entry entry;
    private final Runner.Packed packed;

    private Lease(Entry entry, Runner.Packed packed) {
      this.entry = entry;
      this.packed = packed;
    }

    Runner.Packed packed() {
      return packed;
    }

    AdapterVersion version() {
      return entry.version;
    }

    /// The version's number, from 1; never given twice.
    int number() {
      return entry.number;
    }
  }

  /// What the pool holds.
  ///
  /// @param versions versions that can be named
  /// @param inMemory versions in memory, removed ones that are still in use included
  /// @param bytes memory that these take
  /// @param budget most memory they may take
  /// @param reads how often a version that had made room was read again
  public record Status(int versions, int inMemory, long bytes, long budget, long reads) {}

  private final ModelConfig config;
  private final Runner runner;
  private final long budget;
  private final IntConsumer gone;
  private final Map<String, Entry> entries = new HashMap<>();
  private final Map<String, String> aliases = new TreeMap<>();
  private final List<Entry> leaving = new ArrayList<>();
  private long bytes;
  private long reads;
  private long clock;
  private int nextNumber = 1;
  private boolean closed;

  /// @param runner packs the adapters; stays open longer than this
  /// @param budget bytes that packed adapters may take
  /// @param gone is told the number of a version that can never be used again
  AdapterPool(ModelConfig config, Runner runner, long budget, IntConsumer gone) {
    this.config = config;
    this.runner = runner;
    this.budget = budget;
    this.gone = gone;
  }

  /// Takes in an adapter that stays in memory until it is removed. Factors that are here already
  /// are not taken twice.
  ///
  /// @throws LatheException when it does not fit the base, all reasons at once, or the budget
  public AdapterVersion add(Adapter adapter) {
    return add(adapter, Optional.empty());
  }

  /// Takes in an adapter that may make room for others.
  ///
  /// @param source gives the same adapter again; what it gives is compared with the version's id
  /// @throws LatheException as [#add(Adapter)]
  public AdapterVersion add(Adapter adapter, Supplier<Adapter> source) {
    return add(adapter, Optional.of(source));
  }

  private AdapterVersion add(Adapter adapter, Optional<Supplier<Adapter>> source) {
    PackedAdapter.check(config, adapter);
    String id = adapter.sha256();
    Optional<AdapterVersion> known = known(id, source);
    if (known.isPresent()) {
      return known.get();
    }
    Runner.Packed packed = runner.pack(adapter);
    try {
      return enter(adapter, id, packed, source);
    } catch (RuntimeException e) {
      packed.close();
      throw e;
    }
  }

  private synchronized Optional<AdapterVersion> known(
      String id, Optional<Supplier<Adapter>> source) {
    Entry entry = entries.get(id);
    if (entry != null && entry.source.isEmpty()) {
      entry.source = source;
    }
    return Optional.ofNullable(entry).map(found -> found.version);
  }

  private synchronized AdapterVersion enter(
      Adapter adapter, String id, Runner.Packed packed, Optional<Supplier<Adapter>> source) {
    requireOpen();
    Optional<AdapterVersion> known = known(id, source);
    if (known.isPresent()) {
      packed.close();
      return known.get();
    }
    AdapterVersion version =
        new AdapterVersion(
            id,
            adapter.name(),
            2 * adapter.factors().size(),
            adapter.factors().stream().mapToInt(Adapter.Factor::rank).max().orElse(0),
            packed.bytes());
    Entry entry = new Entry(version, nextNumber++, source);
    place(entry, packed);
    entries.put(id, entry);
    return version;
  }

  /// Takes a version out. Requests that have begun finish on it; then its memory is freed.
  ///
  /// @throws LatheException when there is none of that id, or an alias points to it
  public synchronized void remove(String id) {
    Entry entry = listed(id);
    for (Map.Entry<String, String> alias : aliases.entrySet()) {
      if (alias.getValue().equals(id)) {
        throw LatheException.user(
            "adapter '%s' has the alias '%s'".formatted(entry.version.name(), alias.getKey()),
            "turn the alias to another version or drop it first");
      }
    }
    entries.remove(id);
    entry.removed = true;
    if (entry.holders == 0) {
      retire(entry);
    } else {
      leaving.add(entry);
    }
  }

  /// Points an alias to a version, whatever it pointed to before: from now on, for new requests.
  ///
  /// @throws LatheException when there is no such version, or the alias is itself the id of one
  public synchronized void alias(String alias, String id) {
    listed(id);
    if (alias.isBlank() || entries.containsKey(alias)) {
      throw LatheException.user(
          "'" + alias + "' cannot be an alias", "give a name that is no version's id");
    }
    aliases.put(alias, id);
  }

  /// Drops an alias; nothing when there is none.
  public synchronized void dropAlias(String alias) {
    aliases.remove(alias);
  }

  /// The aliases and the ids that they point to, in order of their names.
  public synchronized Map<String, String> aliases() {
    return new TreeMap<>(aliases);
  }

  /// The version that an id or alias stands for now.
  public synchronized Optional<AdapterVersion> find(String idOrAlias) {
    Entry entry = entries.get(aliases.getOrDefault(idOrAlias, idOrAlias));
    return Optional.ofNullable(entry).map(found -> found.version);
  }

  /// All versions that can be named, in no order.
  public synchronized List<AdapterVersion> versions() {
    return entries.values().stream().map(entry -> entry.version).toList();
  }

  /// Keeps a version in memory until it is unpinned as often.
  ///
  /// @throws LatheException when there is none of that id, or it cannot be read again
  public void pin(String id) {
    Lease lease = acquire(id);
    synchronized (this) {
      lease.entry.pins++;
    }
    release(lease);
  }

  /// Takes back one [#pin].
  public synchronized void unpin(String id) {
    Entry entry = listed(id);
    if (entry.pins == 0) {
      throw new IllegalStateException("adapter '" + entry.version.name() + "' is not pinned");
    }
    entry.pins--;
  }

  /// Whether a version is kept in memory by a [#pin].
  public synchronized boolean isPinned(String id) {
    return listed(id).pins > 0;
  }

  /// Whether a version is in memory now; if not, it is read when a request names it.
  public synchronized boolean isInMemory(String id) {
    return listed(id).packed != null;
  }

  public synchronized Status status() {
    int inMemory = 0;
    for (Entry entry : entries.values()) {
      inMemory += entry.packed == null ? 0 : 1;
    }
    return new Status(entries.size(), inMemory + leaving.size(), bytes, budget, reads);
  }

  /// Holds the version that an id or alias stands for now, reading it again if it had made room.
  ///
  /// @throws LatheException when there is none, or it cannot be read again
  Lease acquire(String idOrAlias) {
    Entry entry;
    synchronized (this) {
      requireOpen();
      entry = listed(aliases.getOrDefault(idOrAlias, idOrAlias));
      entry.holders++;
      entry.lastUse = ++clock;
    }
    try {
      return new Lease(entry, read(entry));
    } catch (RuntimeException e) {
      release(entry);
      throw e;
    }
  }

  void release(@Nullable Lease lease) {
    if (lease != null) {
      release(lease.entry);
    }
  }

  private synchronized void release(Entry entry) {
    entry.holders--;
    if (entry.holders == 0 && entry.removed && leaving.remove(entry)) {
      retire(entry);
    }
  }

  /// The packed form of a version that is held; one of those who want it reads it, the others wait.
  private Runner.Packed read(Entry entry) {
    CompletableFuture<Void> mine = new CompletableFuture<>();
    while (true) {
      CompletableFuture<Void> theirs;
      synchronized (this) {
        if (entry.packed != null) {
          return entry.packed;
        }
        theirs = entry.reading;
        entry.reading = theirs == null ? mine : theirs;
      }
      if (theirs == null) {
        return read(entry, mine);
      }
      theirs.join();
    }
  }

  private Runner.Packed read(Entry entry, CompletableFuture<Void> done) {
    try {
      Adapter adapter = entry.source.orElseThrow().get();
      if (!adapter.sha256().equals(entry.version.id())) {
        throw LatheException.environment(
            "adapter '" + entry.version.name() + "' has changed since it was loaded",
            "load it anew; a version never changes",
            null);
      }
      Runner.Packed packed = runner.pack(adapter);
      synchronized (this) {
        try {
          requireOpen();
          place(entry, packed);
        } catch (RuntimeException e) {
          packed.close();
          throw e;
        }
        reads++;
        return packed;
      }
    } finally {
      synchronized (this) {
        entry.reading = null;
      }
      done.complete(null);
    }
  }

  /// Puts a packed adapter into memory, letting go of others as far as the budget asks for it.
  private void place(Entry entry, Runner.Packed packed) {
    while (bytes + packed.bytes() > budget) {
      Entry oldest = leastRecentlyUsed();
      if (oldest == null) {
        throw LatheException.capacity(
            "adapter '%s' takes %,d MiB, and %,d of %,d MiB are held by adapters that are in use, pinned or cannot be read again"
                .formatted(
                    entry.version.name(), packed.bytes() / MIB + 1, bytes / MIB, budget / MIB),
            "remove or unpin adapters, or give them more memory");
      }
      free(oldest);
    }
    bytes += packed.bytes();
    entry.packed = packed;
    entry.lastUse = ++clock;
  }

  private @Nullable Entry leastRecentlyUsed() {
    Entry oldest = null;
    for (Entry entry : entries.values()) {
      boolean free =
          entry.packed != null && entry.holders == 0 && entry.pins == 0 && entry.source.isPresent();
      if (free && (oldest == null || entry.lastUse < oldest.lastUse)) {
        oldest = entry;
      }
    }
    return oldest;
  }

  private void retire(Entry entry) {
    free(entry);
    gone.accept(entry.number);
  }

  private void free(Entry entry) {
    Runner.Packed packed = entry.packed;
    if (packed != null) {
      entry.packed = null;
      bytes -= packed.bytes();
      packed.close();
    }
  }

  private Entry listed(String id) {
    Entry entry = entries.get(id);
    if (entry == null) {
      throw LatheException.notFound(
          "there is no adapter '" + id + "' here", "load it, or name one of those that are listed");
    }
    return entry;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the engine is closed");
    }
  }

  /// Frees everything. No lease may be held any more.
  synchronized void close() {
    closed = true;
    entries.values().forEach(this::free);
    leaving.forEach(this::free);
    entries.clear();
    leaving.clear();
  }
}
