package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.terminal.Screen;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class GrammarOptionsTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... arguments) {
    PrintStream nowhere = new PrintStream(new ByteArrayOutputStream(), true, UTF_8);
    Screen screen = new Screen(nowhere, new PrintStream(err, true, UTF_8), "", false, 80);
    return Main.run(new Context(Environment.of(Map.of()), screen), arguments);
  }

  private static GrammarOptions options(String... arguments) {
    GrammarOptions options = new GrammarOptions();
    CommandLine line = new CommandLine(new Empty());
    line.addMixin("grammar", options);
    line.parseArgs(arguments);
    return options;
  }

  @CommandLine.Command
  private static final class Empty {}

  @Test
  void eachOptionGivesItsGrammar() throws IOException {
    Path schema = Files.writeString(folder.resolve("s.json"), "{\"type\": \"integer\"}");
    Path grammar = Files.writeString(folder.resolve("g.gbnf"), "root ::= \"a\"");

    assertThat(options().grammar()).isEmpty();
    assertThat(options("--json").grammar()).isPresent();
    assertThat(options("--json-schema", schema.toString()).grammar()).isPresent();
    assertThat(options("--regex", "a{1,2}").grammar()).isPresent();
    assertThat(options("--choice", "a,b", "--choice", "c").grammar()).isPresent();
    assertThat(options("--grammar", grammar.toString()).grammar()).isPresent();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "--json --regex a ~ --json and --regex are given ~ 2",
        "--regex (a ~ a group is not closed ~ 2",
        "--json-schema none.json ~ there is no file 'none.json' ~ 3",
        "--tool-choice auto ~ --tool-choice is given without --tools ~ 2",
        "--tools none.json ~ there is no file 'none.json' ~ 3",
        "--choice a,,b ~ a choice is an empty text ~ 2"
      })
  void mistakesAreToldBeforeAModelIsOpened(String options, String named, int code) {
    String[] words = options.split(" ");
    String[] arguments = Arrays.copyOf(new String[] {"generate", "m", "hello"}, 3 + words.length);
    System.arraycopy(words, 0, arguments, 3, words.length);

    assertThat(run(arguments)).isEqualTo(code);
    assertThat(err.toString(UTF_8)).contains(named);
  }

  @Test
  void theTableOfFormsIsTheseOptions() {
    List<String> shown =
        Papers.table(Papers.read("docs/structured-output.md"), "## Forms").stream()
            .map(row -> row.getFirst().replace("`", ""))
            .toList();
    CommandLine line = new CommandLine(new Empty());
    line.addMixin("grammar", new GrammarOptions());

    assertThat(shown)
        .containsExactlyInAnyOrderElementsOf(line.getCommandSpec().optionsMap().keySet());
  }
}
