package dev.lathe.app.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The Markdown files of the repository, taken apart.
final class Papers {
  static final Path ROOT = Path.of(System.getProperty("lathe.root"));
  private static final Pattern CODE = Pattern.compile("`([^`\n]+)`");
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```\\w*\\n(.*?)^```$");

  private Papers() {}

  static String read(String file) {
    try {
      return Files.readString(ROOT.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Every Markdown file of the repository, relative to its root.
  static List<String> all() throws IOException {
    List<String> files = new ArrayList<>();
    for (String folder : List.of("", "docs", "docs/decisions", "examples")) {
      try (Stream<Path> entries = Files.list(ROOT.resolve(folder))) {
        entries
            .filter(file -> file.toString().endsWith(".md"))
            .map(file -> ROOT.relativize(file).toString())
            .sorted()
            .forEach(files::add);
      }
    }
    return files;
  }

  /// The rows of the first table under a heading, without its head; cells stripped.
  static List<List<String>> table(String text, String heading) {
    int from = text.indexOf("\n" + heading + "\n");
    if (from < 0) {
      throw new IllegalArgumentException("no heading '" + heading + "'");
    }
    return text.substring(from)
        .lines()
        .dropWhile(line -> !line.startsWith("|"))
        .takeWhile(line -> line.startsWith("|"))
        .skip(2)
        .map(Papers::cells)
        .toList();
  }

  private static List<String> cells(String line) {
    String[] cells = line.substring(1, line.lastIndexOf('|')).split("\\|", -1);
    return Stream.of(cells).map(String::strip).toList();
  }

  /// What stands between back quotes, outside fenced blocks.
  static List<String> codes(String text) {
    String prose = BLOCK.matcher(text).replaceAll("");
    return CODE.matcher(prose).results().map(match -> match.group(1)).toList();
  }

  static Set<String> codeSet(String text) {
    return new TreeSet<>(codes(text));
  }

  /// Lines of fenced blocks and code in the text that call Lathe, without its name.
  static List<String> calls(String text) {
    Stream<String> lines =
        BLOCK.matcher(text).results().map(MatchResult::group).flatMap(String::lines);
    return Stream.concat(lines, codes(text).stream())
        .map(String::strip)
        .filter(line -> line.matches("(\\./)?lathe .*"))
        .map(line -> line.substring(line.indexOf(' ') + 1))
        .collect(Collectors.toList());
  }
}
