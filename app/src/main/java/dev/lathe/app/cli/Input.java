package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Utf8;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/// What a verb reads: a file, or standard input where that is `-` or nothing is named.
final class Input {
  private Input() {}

  /// Whether a path stands for standard input.
  static boolean isPipe(Path path) {
    return path.toString().equals("-");
  }

  /// Standard input to its end.
  ///
  /// @param what is wanted, for messages: `prompt`
  static byte[] standard(Screen screen, String what) {
    if (screen.inIsTerminal()) {
      throw LatheException.user(
          "there is no " + what, "give it as an argument, by standard input or by --input");
    }
    try {
      return System.in.readAllBytes();
    } catch (IOException e) {
      throw LatheException.environment("standard input cannot be read", "", e);
    }
  }

  /// Standard input as one text.
  ///
  /// @param what is wanted, for messages
  static String text(Screen screen, String what) {
    return text("standard input", standard(screen, what));
  }

  /// The text of a file.
  static String text(Path file) {
    try {
      return text("'" + file + "'", Files.readAllBytes(file));
    } catch (NoSuchFileException e) {
      throw LatheException.notFound("there is no file '" + file + "'", "check the path");
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be read (" + e.getMessage() + ")", "give a readable file", e);
    }
  }

  /// The lines of a file or of standard input.
  static List<String> lines(Screen screen, Path path) {
    return (isPipe(path) ? text(screen, "row") : text(path)).lines().toList();
  }

  private static String text(String source, byte[] bytes) {
    try {
      return Utf8.text(bytes);
    } catch (CharacterCodingException e) {
      throw LatheException.user(source + " is not UTF-8", "convert it: iconv -t utf-8");
    }
  }
}
