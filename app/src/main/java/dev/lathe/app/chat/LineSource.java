package dev.lathe.app.chat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;

/// Where a person's lines come from.
public interface LineSource {
  /// What was entered.
  sealed interface Entry {
    /// A line; without its line break.
    record Line(String text) implements Entry {}

    /// Ctrl-C at the prompt.
    record Interrupted() implements Entry {}

    /// Ctrl-D, or the end of the file.
    record End() implements Entry {}
  }

  /// The next entry, waiting for it.
  Entry read();

  /// Lines of a file or pipe, without a prompt.
  static LineSource of(BufferedReader reader) {
    return () -> {
      try {
        String line = reader.readLine();
        return line == null ? new Entry.End() : new Entry.Line(line);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }
}
