package dev.lathe.app.http.service;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lathe.compute.engine.EngineStatus;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Clients of Python, JavaScript and Spring, as black boxes: each runs a script of
/// `src/test/clients` against a service. Their packages are installed once into
/// `~/.cache/lathe/clients`; where Node.js, Python, Maven or the packages cannot be had, the test
/// is skipped and says so.
class ScriptedClientsTest {
  private static final Path SCRIPTS = Path.of("src/test/clients").toAbsolutePath();
  private static final Path HOME =
      Path.of(System.getProperty("user.home"), ".cache", "lathe", "clients");
  private static final String MARKER = "installed";
  private static final int MINUTES = 10;

  @TempDir private static Path folder;
  private static RunningService service;

  @BeforeAll
  static void start() {
    service = RunningService.over(folder, TalkingModel.withTools(folder.resolve("tiny"), 7));
  }

  @AfterAll
  static void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai.mjs", "ollama.mjs", "ai-sdk.mjs", "langchain.mjs"})
  void aClientInJavaScriptFindsWhatItExpects(String script) throws Exception {
    Run version =
        run(
            folder,
            List.of(
                "node", "-e", "process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0"));
    assumeThat(version.code()).as("Node.js 20 or later is wanted: %s", version.output()).isZero();
    Path home = installed("package.json", "npm", "install", "--no-audit", "--no-fund", "--silent");

    require(home, script, "node");
  }

  @Test
  void theClientInPythonFindsWhatItExpects() throws Exception {
    Path home =
        installed(
            "requirements.txt",
            "sh",
            "-c",
            "python3 -m venv venv && venv/bin/pip install -q -r requirements.txt");

    require(home, "openai_client.py", home.resolve("venv/bin/python").toString());
  }

  @Test
  void springAiFindsWhatItExpects() throws Exception {
    Path home =
        installed(
            "spring-ai.xml",
            "mvn",
            "-q",
            "-B",
            "-f",
            "spring-ai.xml",
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
            "-DincludeScope=runtime",
            "-DoutputDirectory=lib");
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();

    require(home, "SpringAi.java", java, "-cp", "lib/*");
  }

  private record Run(int code, String output) {}

  private static Run run(Path directory, List<String> command) throws Exception {
    Path output = Files.createTempFile(folder, "output", ".txt");
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
    } catch (IOException e) {
      return new Run(127, String.valueOf(e.getMessage()));
    }
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly().waitFor();
      return new Run(124, "no end after " + MINUTES + " minutes\n" + Files.readString(output));
    }
    return new Run(process.exitValue(), Files.readString(output));
  }

  /// A folder in which the packages lie that a file names.
  private static Path installed(String names, String... command) throws Exception {
    String wanted = Files.readString(SCRIPTS.resolve(names));
    Path home = HOME.resolve(names + "-" + Integer.toHexString(wanted.hashCode()));
    if (!Files.exists(home.resolve(MARKER))) {
      Run install = install(names, home, command);
      assumeThat(install.code())
          .as("the packages of %s cannot be installed: %s", names, install.output())
          .isZero();
    }
    return home;
  }

  /// Installs, one process of this machine at a time.
  private static Run install(String names, Path home, String... command) throws Exception {
    try {
      Files.createDirectories(home);
    } catch (IOException e) {
      return unwritable(home, e);
    }
    try (FileChannel door = FileChannel.open(home.resolve("lock"), CREATE, WRITE);
        FileLock _ = door.lock()) {
      if (Files.exists(home.resolve(MARKER))) {
        return new Run(0, "");
      }
      Files.copy(SCRIPTS.resolve(names), home.resolve(names), REPLACE_EXISTING);
      Run run = run(home, List.of(command));
      if (run.code() == 0) {
        Files.createFile(home.resolve(MARKER));
      }
      return run;
    } catch (IOException e) {
      return unwritable(home, e);
    }
  }

  private static Run unwritable(Path home, IOException why) {
    return new Run(1, "'" + home + "' cannot be written: " + why);
  }

  /// @param program what runs the script
  private static void require(Path home, String script, String... program) throws Exception {
    Path own = home.resolve(ProcessHandle.current().pid() + "-" + script);
    Files.copy(SCRIPTS.resolve(script), own, REPLACE_EXISTING);
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(own.toString(), address(), "tiny"));
    Run run;
    try {
      run = run(home, command);
    } finally {
      Files.delete(own);
    }

    assertThat(run.code()).as("%s printed:%n%s", script, run.output()).isZero();
    assertThat(run.output()).contains("ok");
    requireIdle();
  }

  private static String address() {
    return service.address().toString().replaceAll("/$", "");
  }

  /// The scripts leave an answer in the middle: nothing may go on for them.
  private static void requireIdle() throws InterruptedException {
    EngineStatus status = service.models().generator().status();
    for (int i = 0; i < 3000 && status.running() + status.waiting() > 0; i++) {
      Thread.sleep(100);
      status = service.models().generator().status();
    }
    assertThat(status.running() + status.waiting()).isZero();
  }
}
