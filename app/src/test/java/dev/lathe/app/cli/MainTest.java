package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MainTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... arguments) {
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 80);
    return Main.run(new Context(Environment.of(Map.of()), screen), arguments);
  }

  @Test
  void helpNamesEveryVerbAndEveryExitCode() {
    int code = run("--help");

    assertThat(code).isZero();
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 80);
    assertThat(out.toString(UTF_8))
        .contains(
            Main.commandLine(new Context(Environment.of(Map.of()), screen))
                .getSubcommands()
                .keySet());
    for (ExitCode each : ExitCode.values()) {
      assertThat(out.toString(UTF_8)).contains(each.code() + "").contains(each.meaning());
    }
  }

  @Test
  void everyVerbsHelpHasADescriptionAndAnExample() {
    for (String verb :
        Main.commandLine(
                new Context(
                    Environment.of(Map.of()),
                    new Screen(new PrintStream(out), new PrintStream(err), "", false, 80)))
            .getSubcommands()
            .keySet()) {
      out.reset();

      assertThat(run(verb, "--help")).isZero();
      assertThat(out.toString(UTF_8)).contains("Usage: lathe " + verb).contains("Example");
    }
  }

  @Test
  void unknownVerbIsAUsageErrorThatSuggestsTheNearest() {
    int code = run("versio");

    assertThat(code).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8)).startsWith("lathe: ").contains("versio").contains("version");
    assertThat(out.toString(UTF_8)).isEmpty();
  }

  @Test
  void failurePrintsWhatAndWhatToDoAndNoStackTrace() {
    int code = run("test");

    assertThat(code).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8)).startsWith("lathe: ").contains("\n  run ./lathe test");
    assertThat(err.toString(UTF_8)).doesNotContain("\tat ");
  }

  @Test
  void debugPrintsTheStackTrace() {
    run("test", "--debug");

    assertThat(err.toString(UTF_8)).contains("\tat dev.lathe");
  }

  @Test
  void eachKindOfFailureHasItsOwnExitCode() {
    assertThat(LatheException.Kind.values()).extracting(ExitCode::of).doesNotHaveDuplicates();
  }

  @Test
  void completionScriptsKnowTheVerbs() {
    assertThat(run("completion", "bash")).isZero();
    assertThat(out.toString(UTF_8)).contains("complete ").contains("version");
  }
}
