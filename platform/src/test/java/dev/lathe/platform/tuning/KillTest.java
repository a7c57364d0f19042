package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Kills a process in the middle of a run, again and again.
final class KillTest {
  private static final int STEPS = 60;

  @TempDir Path directory;

  /// The process that is killed: one run, a checkpoint at each step, slow enough to be hit.
  static final class Victim {
    private Victim() {}

    public static void main(String[] arguments) {
      workshop(Path.of(arguments[0]))
          .run(
              new Stop(),
              event -> {
                if (event instanceof RunEvent.Stepped stepped) {
                  System.out.println(stepped.report().step());
                }
              });
    }
  }

  private static Workshop workshop(Path output) {
    return new Workshop(
        output,
        "per_device_train_batch_size=2",
        "max_steps=" + STEPS,
        "save_steps=1",
        "save_total_limit=3",
        "logging_steps=1",
        "lora_dropout=0.2",
        "learning_rate=0.01");
  }

  private static Process start(Path output) throws IOException {
    return new ProcessBuilder(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "--enable-native-access=ALL-UNNAMED",
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Victim.class.getName(),
                output.toString()))
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  /// Runs to the end with `kills` kills at chosen moments.
  private void killed(int kills, long seed) throws IOException, InterruptedException {
    Workshop whole = workshop(directory.resolve("whole"));
    whole.run();
    Path output = directory.resolve("killed");
    Random random = new Random(seed);
    for (int kill = 0; kill < kills; kill++) {
      Process victim = start(output);
      try (var lines = victim.inputReader()) {
        int steps = 1 + random.nextInt(STEPS / kills);
        for (int line = 0; line < steps && lines.readLine() != null; line++) {
          // The step is on its way to the disk.
        }
        TimeUnit.MICROSECONDS.sleep(random.nextInt(3000));
        victim.destroyForcibly().waitFor();
      }
      for (Path checkpoint : OutputDirectory.checkpoints(output)) {
        assertThat(CheckpointManifest.fault(checkpoint)).as(checkpoint.toString()).isEmpty();
      }
    }
    Workshop last = workshop(output);
    last.run();

    assertThat(last.adapter()).isEqualTo(whole.adapter());
    assertThat(last.log()).isEqualTo(whole.log());
  }

  @Test
  void aKilledRunGoesOnAndEndsWithTheSameBytes() throws IOException, InterruptedException {
    killed(2, 1);
  }

  @Test
  @Tag("slow")
  void manyKillsChangeNothing() throws IOException, InterruptedException {
    killed(25, 2);
  }
}
