package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// What `docs/structured-output.md` says is supported is supported, and nothing else.
class StructuredOutputPaperTest {
  private static final Path PAPER =
      Path.of(System.getProperty("lathe.root")).resolve("docs/structured-output.md");

  private static Set<String> quoted(String text) {
    return Pattern.compile("`([^`]+)`")
        .matcher(text)
        .results()
        .map((MatchResult match) -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static String line(String beginning) throws IOException {
    return Files.readAllLines(PAPER).stream()
        .filter(line -> line.startsWith(beginning))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void theTableOfKeywordsIsWhatIsRead() throws IOException {
    List<String> rows = Files.readAllLines(PAPER);
    Set<String> shown =
        rows.stream()
            .skip(rows.indexOf("## JSON Schema"))
            .dropWhile(line -> !line.startsWith("| `"))
            .takeWhile(line -> line.startsWith("| `"))
            .map(line -> line.split("`")[1])
            .collect(Collectors.toCollection(TreeSet::new));

    assertThat(shown).isEqualTo(JsonSchema.keywords());
  }

  @Test
  void theFormatsAreThoseThatAreKnown() throws IOException {
    assertThat(quoted(line("Formats of strings"))).isEqualTo(StringFormats.names());
  }

  @Test
  void theAnnotationsChangeNothing() throws IOException {
    for (String name : quoted(line("Annotations"))) {
      String value = name.equals("$defs") || name.equals("definitions") ? "{}" : "\"x\"";
      Grammar grammar =
          Grammar.jsonSchema(
              Schemas.parse("{\"type\":\"boolean\",\"" + name + "\":" + value + "}"));

      assertThat(Outputs.accepts(grammar, "true")).as(name).isTrue();
    }
  }
}
