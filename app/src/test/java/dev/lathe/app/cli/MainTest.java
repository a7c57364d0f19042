package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.TinyModels;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private Environment environment = Environment.of(Map.of());

  private int run(String... arguments) {
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 80);
    return Main.run(new Context(environment, screen), arguments);
  }

  @ParameterizedTest
  @CsvSource({"de-DE", "ar-EG", "tr-TR", "hi-IN"})
  void numbersAreWrittenAlikeInEveryLanguage(String language) {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag(language));
    try {
      run("--help");

      assertThat("%,d %.2f".formatted(12345, 1.5)).isEqualTo("12,345 1.50");
      assertThat(Locale.getDefault(Locale.Category.DISPLAY).toLanguageTag()).isEqualTo(language);
    } finally {
      Locale.setDefault(before);
    }
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
  void withoutAVerbItShowsTheHelpAndEndsInAUsageError() {
    assertThat(run()).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8)).startsWith("Usage: lathe VERB").contains("lathe demo");
    assertThat(out.toString(UTF_8)).isEmpty();
  }

  @Test
  void whatIsMissingIsNamed() {
    assertThat(run("chat")).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8))
        .isEqualTo("lathe: 'lathe chat' needs MODEL\n  see 'lathe chat --help'\n");
    err.reset();
    run("compare", "m", "p");
    assertThat(err.toString(UTF_8)).startsWith("lathe: 'lathe compare' needs --adapter DIR\n");
  }

  @Test
  void everyVerbFitsOneLineOfTheList() {
    run("--help");

    List<String> lines = out.toString(UTF_8).lines().toList();
    List<String> verbs = lines.subList(lines.indexOf("Verbs:") + 1, lines.indexOf("Start here:"));
    assertThat(verbs).allMatch(line -> line.isEmpty() || line.matches("  [a-z]+ +\\S.*"));
    assertThat(lines).allMatch(line -> line.length() <= 80);
  }

  @Test
  void outputThatNobodyTakesIsAFailure() {
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    Screen screen =
        new Screen(
            new PrintStream(full, true, UTF_8), new PrintStream(err, true, UTF_8), "", false, 80);

    assertThat(Main.run(new Context(environment, screen), "version"))
        .isEqualTo(ExitCode.ENVIRONMENT.code());
    assertThat(err.toString(UTF_8)).startsWith("lathe: standard output takes no more\n");
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          lathe ge | generate
          lathe generate --wei | --weights
          lathe generate --weights b | bf16
          lathe completion z | zsh
          lathe generate --format j | jsonl
          lathe chat ti | tiny
          lathe pull smol | smollm2-135m-instruct
          lathe rm ti | tiny
          lathe train --lora_r | --lora_rank
          lathe train --stage s | sft
          lathe train --bf16 t | true
          lathe compare tiny prompts.jsonl --out | --output
          """)
  void bashCompletesVerbsOptionsKeysAndModels(String line, String completed, @TempDir Path home)
      throws Exception {
    Path bash = Path.of("/bin/bash");
    assumeTrue(Files.isExecutable(bash), "there is no bash");
    Path model = Files.createDirectories(home.resolve("tiny"));
    TinyModels.llama(model, 1);
    environment = Environment.of(Map.of("LATHE_HOME", home.resolve("home").toString()));
    assertThat(run("pull", "file:" + model)).isZero();
    out.reset();
    assertThat(run("completion", "bash")).isZero();
    Path script = Files.write(home.resolve("lathe.bash"), out.toByteArray());
    String ask =
        """
        compopt() { :; }
        source '%s'
        COMP_WORDS=(%s) COMP_LINE='%s'
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}
        _complete_lathe
        echo ${COMPREPLY[*]}
        """
            .formatted(script, line, line);

    Process process =
        new ProcessBuilder(bash.toString(), "-c", ask).redirectErrorStream(true).start();

    assertThat(new String(process.getInputStream().readAllBytes(), UTF_8).strip())
        .isEqualTo(completed);
  }

  @Test
  void zshLoadsItsCompletionSystemFirst() {
    assertThat(run("completion", "zsh")).isZero();
    assertThat(out.toString(UTF_8)).startsWith("autoload -Uz compinit bashcompinit");
  }
}
