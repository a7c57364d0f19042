package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// `-Dlathe.docs.write=true` writes the tables of keys in `docs/training.md` anew.
class KeyTableTest {
  private static final String BEGIN = "<!-- keys -->\n";
  private static final String END = "<!-- /keys -->\n";

  @Test
  void theDocsListEveryKeyAsItIs() throws IOException {
    Path paper = Path.of(System.getProperty("lathe.root")).resolve("docs/training.md");
    String text = Files.readString(paper);
    int from = text.indexOf(BEGIN) + BEGIN.length();
    int to = text.indexOf(END);

    String tables = tables(Keys.load().all());
    if (Boolean.getBoolean("lathe.docs.write")) {
      Files.writeString(paper, text.substring(0, from) + tables + text.substring(to));
    }

    String written = Files.readString(paper);
    assertThat(written.substring(from, written.indexOf(END))).isEqualTo(tables);
  }

  private static String tables(List<Key> keys) {
    StringBuilder obeyed = new StringBuilder();
    Map<String, List<String>> idle = new TreeMap<>();
    Map<String, List<String>> missing = new TreeMap<>();
    for (Key key : keys) {
      String name = code(key.name());
      switch (key.use()) {
        case Key.Use.Obeyed() -> obeyed.append(row(name, values(key.type()), standard(key)));
        case Key.Use.WithoutEffect(String why) ->
            idle.computeIfAbsent(why, _ -> new ArrayList<>()).add(name);
        case Key.Use.Unsupported(String what) ->
            missing.computeIfAbsent(what, _ -> new ArrayList<>()).add(name);
      }
    }
    return "Obeyed:\n\n"
        + row("key", "values", "default")
        + row("---", "---", "---")
        + obeyed
        + "\nAccepted, and the run says that it changes nothing:\n\n"
        + row("why", "keys")
        + row("---", "---")
        + grouped(idle)
        + "\nKnown and refused by name, unless the value is the one that asks for nothing:\n\n"
        + row("what is not supported", "keys")
        + row("---", "---")
        + grouped(missing);
  }

  private static String grouped(Map<String, List<String>> groups) {
    StringBuilder rows = new StringBuilder();
    groups.forEach((what, names) -> rows.append(row(what, String.join(", ", names))));
    return rows.toString();
  }

  private static String values(Key.Type type) {
    return switch (type) {
      case Key.Type.Flag() -> "`true`, `false`";
      case Key.Type.Whole(long least) -> "whole number from " + least;
      case Key.Type.Real real -> range(real);
      case Key.Type.Choice(List<String> names) ->
          String.join(", ", names.stream().map(KeyTableTest::code).toList());
      case Key.Type.Text() -> "text";
      case Key.Type.Names() -> "names, joined by commas";
    };
  }

  private static String range(Key.Type.Real real) {
    String from = real.open() ? "above " : "from ";
    String to = real.openAbove() ? " to below " : " to ";
    return "number "
        + from
        + plain(real.least())
        + (Double.isInfinite(real.most()) ? "" : to + plain(real.most()));
  }

  private static String plain(double value) {
    return java.math.BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  private static String standard(Key key) {
    return key.standard().isEmpty() ? "" : code(key.standard());
  }

  private static String code(String text) {
    return "`" + text + "`";
  }

  private static String row(String... cells) {
    return "| " + String.join(" | ", cells) + " |\n";
  }
}
