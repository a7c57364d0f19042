package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.engine.RandomAdapters;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;

/// A folder with a tiny model, and the command line run on it inside this process.
final class TinyStage {
  private final Path folder;
  private final Path model;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  TinyStage(Path folder) {
    this.folder = folder;
    this.model = TinyModels.llama(folder.resolve("tiny"), 7);
  }

  Path model() {
    return model;
  }

  Path home() {
    return folder.resolve("home");
  }

  /// An adapter for the model, as PEFT would have written it.
  Path adapter(String name, long seed) throws IOException {
    Path directory = Files.createDirectories(folder.resolve(name));
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      var all = EnumSet.allOf(Projection.class);
      Adapter adapter = RandomAdapters.of(checkpoint.config(), name, 2, all, seed);
      AdapterFiles.write(directory, adapter, new AdapterSpec(2, 1, 0, false, all), "tiny");
    }
    return directory;
  }

  Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  /// Runs one verb without standard input.
  int run(String... arguments) {
    return run(new byte[0], arguments);
  }

  /// Runs one verb.
  ///
  /// @return the exit code
  int run(byte[] standardInput, String... arguments) {
    out.reset();
    err.reset();
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 80);
    Context context = new Context(Environment.of(Map.of("LATHE_HOME", home().toString())), screen);
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(standardInput));
    try {
      return Main.run(context, arguments);
    } finally {
      System.setIn(before);
    }
  }

  String out() {
    return out.toString(UTF_8);
  }

  String err() {
    return err.toString(UTF_8);
  }
}
