package dev.lathe.compute.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FusedMultiplyAddTest {
  /// Run in a JVM of its own.
  public static void main(String[] args) {
    try {
      FusedMultiplyAdd.require();
      System.out.print("there");
    } catch (LatheException refused) {
      System.out.print("refused: " + refused.getMessage());
    }
  }

  private static String inJvm(String option) throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(
                java,
                option,
                "-cp",
                System.getProperty("java.class.path"),
                FusedMultiplyAddTest.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Test
  void aProcessorWithoutItIsRefused() throws IOException {
    assertThat(inJvm("-XX:-UseFMA")).startsWith("refused").contains("fused multiply-add");
    assertThat(inJvm("-XX:+UseFMA")).isEqualTo("there");
  }
}
