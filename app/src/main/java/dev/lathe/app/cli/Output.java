package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Where a verb writes its result: a file, or standard output where none is named.
///
/// @param file null for standard output
record Output(Screen screen, @Nullable Path file, PrintStream stream) implements AutoCloseable {
  /// @throws LatheException when the file cannot be written
  static Output open(Screen screen, @Nullable Path file) {
    if (file == null) {
      return new Output(screen, null, screen.out());
    }
    try {
      PrintStream to = new PrintStream(Files.newOutputStream(file), false, StandardCharsets.UTF_8);
      return new Output(screen, file, to);
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be written (" + e.getMessage() + ")", "choose another place", e);
    }
  }

  /// Whether a person reads what is written, and nothing else.
  boolean isForPerson() {
    return file == null && screen.outIsTerminal();
  }

  /// Flushes, and ends the work where nobody takes its result.
  void requireWritten() {
    if (stream.checkError()) {
      throw file == null
          ? Failures.lostOutput(screen)
          : LatheException.environment(
              "'" + file + "' takes no more", "make room on its disk", null);
    }
  }

  @Override
  public void close() {
    if (file != null) {
      stream.close();
    }
  }
}
