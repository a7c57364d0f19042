package dev.lathe.platform.registry;

import java.util.List;

/// A model known by a short name.
///
/// @param licence of the weights, an SPDX identifier
/// @param languages codes of the languages it answers in
/// @param bytes about how much a pull brings from the first source
/// @param sources in the order in which they are tried
public record CatalogueEntry(
    String name,
    String description,
    String licence,
    List<String> languages,
    long bytes,
    List<ModelSource> sources) {
  public CatalogueEntry {
    languages = List.copyOf(languages);
    sources = List.copyOf(sources);
  }
}
