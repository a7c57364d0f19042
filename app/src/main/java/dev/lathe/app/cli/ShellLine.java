package dev.lathe.app.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/// A call of Lathe as a person types it again, from the folder they are in.
final class ShellLine {
  private ShellLine() {}

  /// The call with these arguments, quoted where a shell would take them apart.
  static String of(List<String> arguments) {
    return System.getProperty("lathe.command", "lathe")
        + arguments.stream()
            .map(ShellLine::quoted)
            .map(word -> " " + word)
            .collect(Collectors.joining());
  }

  /// A path as seen from this folder.
  static String path(Path path) {
    Path here = Path.of("").toAbsolutePath();
    Path absolute = path.toAbsolutePath();
    return (absolute.startsWith(here) ? here.relativize(absolute) : path).toString();
  }

  private static String quoted(String word) {
    return word.matches("[\\p{L}\\p{N}_./~+=:@%,-]+") && !word.startsWith("~")
        ? word
        : "'" + word.replace("'", "'\\''") + "'";
  }
}
