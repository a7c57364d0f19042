package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A JVM that was started without the incubator module, as tests and the launcher never start it.
class WithoutVectorsTest {
  @TempDir Path folder;

  private record Outcome(int code, String out, String err) {}

  private Outcome inPlainJvm(TinyStage stage, List<String> arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(arguments);
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("LATHE_HOME", stage.home().toString());
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    return new Outcome(process.waitFor(), read(out), read(err));
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file, UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"f32", "bf16", "int8", "int4"})
  void plainLoopsGiveTheSameReplyAndAreNamed(String weights) throws Exception {
    TinyStage stage = new TinyStage(folder);
    List<String> arguments =
        List.of(
            "generate",
            stage.model().toString(),
            "--adapter=" + stage.adapter("a", 3),
            "--weights=" + weights,
            "--max-tokens=12",
            "--ignore-eos",
            "--stats",
            "三条河 🌊");
    assertThat(stage.run(arguments.toArray(String[]::new))).isZero();
    assertThat(stage.err()).contains("vector, ").doesNotContain("Vector API");

    Outcome plain = inPlainJvm(stage, arguments);

    assertThat(plain.err())
        .contains("no Vector API", "--add-modules jdk.incubator.vector", "scalar, ");
    assertThat(plain.code()).isZero();
    assertThat(plain.out()).isNotBlank().isEqualTo(stage.out());
  }
}
