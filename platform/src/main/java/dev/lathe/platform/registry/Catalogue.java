package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;

/// The models known by a short name: those that come with Lathe, and those of the user's own
/// `catalogue.yaml`, which take the place of entries of the same name.
public final class Catalogue {
  /// The user's own catalogue, in Lathe's home folder.
  public static final String FILE = "catalogue.yaml";

  private final SequencedMap<String, CatalogueEntry> entries;

  private Catalogue(SequencedMap<String, CatalogueEntry> entries) {
    this.entries = entries;
  }

  /// Reads both catalogues; every mistake of the user's own is named at once.
  public static Catalogue load(Path home) {
    SequencedMap<String, CatalogueEntry> entries = new TreeMap<>();
    CatalogueParser.parse("built-in " + FILE, builtIn()).forEach(e -> entries.put(e.name(), e));
    Path own = home.resolve(FILE);
    if (Files.exists(own)) {
      CatalogueParser.parse(own.toString(), read(own)).forEach(e -> entries.put(e.name(), e));
    }
    return new Catalogue(entries);
  }

  private static String builtIn() {
    try (InputStream in = Catalogue.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException("the jar lacks its " + FILE);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file", e);
    }
  }

  /// All entries, sorted by name.
  public List<CatalogueEntry> entries() {
    return List.copyOf(entries.values());
  }

  /// The entry of this name.
  public Optional<CatalogueEntry> find(String name) {
    return Optional.ofNullable(entries.get(name));
  }

  /// The entry that has this repository among its hub sources.
  Optional<CatalogueEntry> withRepository(String repository) {
    return entries.values().stream()
        .filter(entry ->
            entry.sources().stream()
                .anyMatch(source ->
                    source instanceof ModelSource.HuggingFace hub
                        && hub.repository().equalsIgnoreCase(repository)))
        .findFirst();
  }
}
