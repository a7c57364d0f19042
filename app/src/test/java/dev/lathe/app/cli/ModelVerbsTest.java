package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.app.terminal.Screen;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class ModelVerbsTest {
  @TempDir private Path home;
  @TempDir private Path elsewhere;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Map<String, String> variables = new HashMap<>();
  private Path original;

  @BeforeEach
  void prepare() throws IOException {
    variables.put("LATHE_HOME", home.toString());
    byte[] content = Arrays.copyOf("GGUF".getBytes(UTF_8), 2_000_000);
    original = Files.write(elsewhere.resolve("tiny.gguf"), content);
  }

  private Context context(String terminals) {
    Screen screen =
        new Screen(
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            terminals,
            false,
            80);
    return new Context(Environment.of(variables), screen);
  }

  private int run(String... arguments) {
    out.reset();
    err.reset();
    return Main.run(context(""), arguments);
  }

  private int rm(String answer, String terminals) {
    out.reset();
    err.reset();
    RmVerb verb = new RmVerb(context(terminals), new ByteArrayInputStream(answer.getBytes(UTF_8)));
    return new CommandLine(verb).execute("tiny");
  }

  @Test
  void pullPrintsThePathOnOutAndTheRestOnErr() {
    int code = run("pull", "file:" + original);

    assertThat(code).isZero();
    Path expected = home.resolve("models/tiny/tiny.gguf");
    assertThat(out.toString(UTF_8)).isEqualTo(expected + System.lineSeparator());
    assertThat(expected).hasSameBinaryContentAs(original);
    assertThat(err.toString(UTF_8))
        .contains("pulling 'tiny' from file:")
        .contains("'tiny' is ready: 2.0 MB")
        .doesNotContain("\u001b", "\r");
  }

  @Test
  void pullTakesAnotherNameAndALink() throws IOException {
    assertThat(run("pull", "file:" + original, "--as", "other", "--link")).isZero();

    assertThat(Files.isSameFile(home.resolve("models/other/tiny.gguf"), original)).isTrue();
    assertThat(run("pull", "file:" + original, "--as", "other", "--force")).isZero();
    assertThat(Files.isSameFile(home.resolve("models/other/tiny.gguf"), original)).isFalse();
  }

  @Test
  void anUnknownModelIsNotFoundWithASuggestion() {
    assertThat(run("pull", "smollm2-135m-instrct")).isEqualTo(ExitCode.NOT_FOUND.code());

    assertThat(err.toString(UTF_8)).contains("did you mean 'smollm2-135m-instruct'?");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"hub.example", "https://hub example", "https://", "ftp://a.b", "http://a:x"})
  void aHubAddressThatIsNoneIsAUsageErrorWherePullingNeedsIt(String address) {
    variables.put("HF_ENDPOINT", address);

    assertThat(run("pull", "smollm2-135m-instruct")).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8))
        .startsWith("lathe: HF_ENDPOINT is '" + address + "', wanted is a web address\n")
        .hasLineCount(2);
    assertThat(run("models")).isZero();
  }

  @Test
  void aModelScopeHostThatIsNoneIsAUsageError() {
    variables.put("MODELSCOPE_DOMAIN", "model scope");

    assertThat(run("pull", "modelscope:a/b")).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8)).contains("MODELSCOPE_DOMAIN is 'https://model scope'");
  }

  @Test
  void modelsListsWhatIsThereAndWhatCanBePulled() {
    run("pull", "file:" + original);

    assertThat(run("models")).isZero();

    assertThat(out.toString(UTF_8).lines().toList().getFirst())
        .matches("NAME +SIZE +WEIGHTS +LICENCE +STATE +SOURCE +WHERE");
    assertThat(out.toString(UTF_8))
        .containsPattern("tiny +2.0 MB +unknown +unknown +unchecked +file:")
        .contains("Can be pulled:")
        .contains("smollm2-135m-instruct")
        .contains("Apache-2.0");
  }

  @Test
  void modelsAsJsonCarriesHashAndPath() throws IOException {
    run("pull", "file:" + original);

    assertThat(run("models", "--json", "--check")).isZero();

    JsonNode root = new JsonMapper().readTree(out.toByteArray());
    JsonNode model = root.path("models").path(0);
    assertThat(model.path("state").asText()).isEqualTo("verified");
    assertThat(model.path("sha256").asText()).matches("[0-9a-f]{64}");
    assertThat(Path.of(model.path("path").asText())).exists();
    assertThat(root.path("can_be_pulled")).hasSize(2);
  }

  @Test
  void aDamagedModelIsNamedAndEndsInFailure() throws IOException {
    run("pull", "file:" + original);
    Files.write(home.resolve("models/tiny/tiny.gguf"), new byte[2]);

    assertThat(run("models")).isEqualTo(ExitCode.ENVIRONMENT.code());

    assertThat(out.toString(UTF_8)).contains("damaged").contains("has 2 bytes");
  }

  @Test
  void rmAsksAndTakesNoForAnAnswer() {
    run("pull", "file:" + original);

    assertThat(rm("n\n", "ie")).isZero();
    assertThat(err.toString(UTF_8)).contains("delete 'tiny'? [y/N]").contains("nothing was");
    assertThat(home.resolve("models/tiny")).exists();
    assertThat(rm("y\n", "ie")).isZero();
    assertThat(home.resolve("models/tiny")).doesNotExist();
  }

  @Test
  void rmWithoutATerminalNeedsYes() {
    run("pull", "file:" + original);

    assertThat(run("rm", "tiny")).isEqualTo(ExitCode.USAGE.code());
    assertThat(err.toString(UTF_8)).contains("add --yes");
    assertThat(run("rm", "tiny", "--yes")).isZero();
    assertThat(err.toString(UTF_8)).contains("deleted 'tiny', 2.0 MB");
    assertThat(run("rm", "tiny", "--yes")).isEqualTo(ExitCode.NOT_FOUND.code());
  }
}
