package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.platform.gateway.Generator;
import java.nio.file.Path;

/// Loads adapters and says what a person should know about them.
final class Adapters {
  private Adapters() {}

  static AdapterVersion load(Generator generator, Path directory, Screen screen) {
    Generator.Loaded loaded = generator.load(directory);
    loaded.note().ifPresent(screen::note);
    return loaded.adapter();
  }
}
