package dev.lathe.platform.dataset;

import java.nio.file.Path;
import java.util.List;

/// Files and their layout under one name.
///
/// @param name as the user wrote it
record DatasetSource(String name, List<Path> files, Layout layout) {
  DatasetSource {
    files = List.copyOf(files);
  }
}
