package dev.lathe.compute.weights;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;

/// Test resources as files, since they are mapped.
public final class Resources {
  private Resources() {}

  /// @param beside class whose package the resource lies in
  public static Path file(Class<?> beside, String name) {
    try {
      return Path.of(Objects.requireNonNull(beside.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
