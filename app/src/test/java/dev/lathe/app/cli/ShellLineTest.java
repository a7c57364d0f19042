package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShellLineTest {
  private static final List<String> WORDS =
      List.of("train", "a b.yaml", "default_system=It's $HOME!", "砚湖", "~/x", "a=1,b", "", "*");

  @Test
  void plainWordsStandAsTheyAre() {
    assertThat(ShellLine.of(List.of("chat", "org/m:q8@main", "--adapter", "runs/a_1.2")))
        .isEqualTo("lathe chat org/m:q8@main --adapter runs/a_1.2");
  }

  @Test
  void aShellTakesTheLineApartIntoTheSameWords() throws Exception {
    Path bash = Path.of("/bin/bash");
    assumeTrue(Files.isExecutable(bash), "there is no bash");

    Process process =
        new ProcessBuilder(
                bash.toString(), "-c", "lathe() { printf '%s\\n' \"$@\"; }; " + ShellLine.of(WORDS))
            .start();

    assertThat(new String(process.getInputStream().readAllBytes(), UTF_8).lines())
        .containsExactlyElementsOf(WORDS);
  }

  @Test
  void aPathBelowThisFolderIsShownFromHere() {
    assertThat(ShellLine.path(Path.of("runs/a").toAbsolutePath())).isEqualTo("runs/a");
    assertThat(ShellLine.path(Path.of("/elsewhere/a"))).isEqualTo("/elsewhere/a");
  }
}
