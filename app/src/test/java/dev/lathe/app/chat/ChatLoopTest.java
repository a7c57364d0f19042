package dev.lathe.app.chat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Speculation;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatLoopTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int tokens = 8;
  private Speculation speculation = new Speculation.Off();

  private String run(String terminals, Optional<String> system, String... lines) {
    out.reset();
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            terminals,
            false,
            80);
    Path model = TinyModels.llama(folder.resolve("tiny"), 7);
    EngineSettings settings =
        EngineSettings.of(Storage.F32).withMaxStreams(1).withKvTokens(512).withThreads(1);
    try (Generator generator = Generator.open(model, settings, 512, speculation)) {
      LineSource source =
          LineSource.of(new BufferedReader(new StringReader(String.join("\n", lines))));
      new ChatLoop(
              screen,
              source,
              generator,
              prompt -> new Ask(prompt, null, Sampling.GREEDY, tokens, List.of()),
              system)
          .run();
    }
    return out.toString(UTF_8);
  }

  @Test
  void turnsAndSystemMessageAreKeptInTheSavedRow() throws IOException {
    Path file = folder.resolve("talk.jsonl");

    run("", Optional.of("Be brief."), "one", "two", "/save " + file);

    assertThat(Files.readString(file))
        .startsWith("{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},")
        .contains("{\"role\":\"user\",\"content\":\"one\"},{\"role\":\"assistant\"")
        .contains("{\"role\":\"user\",\"content\":\"two\"},{\"role\":\"assistant\"");
  }

  @Test
  void resetForgetsTurnsAndKeepsTheSystemMessage() throws IOException {
    Path file = folder.resolve("talk.jsonl");

    run("", Optional.of("Be brief."), "one", "/reset", "two", "/save " + file);

    assertThat(Files.readString(file)).contains("Be brief.", "two").doesNotContain("\"one\"");
  }

  @Test
  void theSameQuestionAfterResetGetsTheSameAnswer() {
    String twice = run("", Optional.empty(), "one", "/reset", "one");
    String once = run("", Optional.empty(), "one");

    assertThat(twice).isEqualTo(once + once);
  }

  @Test
  void commandThatIsNotThereIsNamedAndTheTalkGoesOnForAPerson() {
    String text = run("ioe", Optional.empty(), "/nope", "/help", "/exit", "never asked");

    assertThat(text).contains("there is no command '/nope'").contains("/system");
    assertThat(text).doesNotContain("tokens/s");
  }

  @Test
  void withoutAPersonAFailureEndsTheTalk() {
    assertThatThrownBy(() -> run("", Optional.empty(), "x".repeat(600)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("the cache holds 512");
  }

  @Test
  void aPersonIsToldHowManyGuessesWereRight() {
    tokens = 200;
    String plain = run("ioe", Optional.empty(), "one two one two one two");
    speculation = new Speculation.LookUp();

    String guessed = run("ioe", Optional.empty(), "one two one two one two");

    assertThat(guessed.lines().toList().getLast())
        .containsPattern("tokens/s · .* · \\d+ of \\d+ guesses right");
    assertThat(guessed).startsWith(plain.substring(0, plain.lastIndexOf("\n200 tokens")));
    assertThat(plain).doesNotContain("guesses");
  }

  @Test
  void savedTalkIsNeverOverwritten() throws IOException {
    Path file = Files.writeString(folder.resolve("talk.md"), "mine");

    assertThat(run("ioe", Optional.empty(), "one", "/save " + file)).contains("is there already");
    assertThat(file).hasContent("mine");
  }
}
