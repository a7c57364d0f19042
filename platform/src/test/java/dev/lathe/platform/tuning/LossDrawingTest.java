package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LossDrawingTest {
  private static final String NO_FONTS = "this machine has no fonts";

  @TempDir Path directory;

  private static LossCurve falling(int points) {
    return new LossCurve(
        "loss",
        IntStream.rangeClosed(1, points).boxed().toList(),
        IntStream.rangeClosed(1, points).mapToObj(i -> 1 + 2.0 / i).toList());
  }

  @Test
  void smoothingIsThatOfLlamaFactory() {
    LossCurve curve = new LossCurve("loss", List.of(1, 2, 3), List.of(3.0, 2.0, 1.0));
    double weight = 1.8 * (1 / (1 + Math.exp(-0.15)) - 0.5);

    List<Double> smoothed = curve.smoothed();

    assertThat(smoothed.get(0)).isEqualTo(3);
    assertThat(smoothed.get(1)).isCloseTo(3 * weight + 2 * (1 - weight), within(1e-12));
    assertThat(smoothed.get(2)).isGreaterThan(1).isLessThan(smoothed.get(1));
  }

  @Test
  void theTerminalDrawingFallsFromTopLeftToBottomRight() {
    List<String> lines = new LossChart(60, 6).draw(falling(40));

    assertThat(lines).hasSize(8).allMatch(line -> line.length() <= 60);
    assertThat(lines.getFirst()).startsWith("  3.000 ┤").hasSizeLessThan(20).hasSizeGreaterThan(9);
    assertThat(lines.get(5)).startsWith("  1.050 ┤").hasSizeGreaterThan(50);
    assertThat(lines.getLast()).contains("step 1").contains("loss").endsWith("40");
  }

  @Test
  void oddCurvesAreDrawnToo() throws IOException {
    LossCurve one = new LossCurve("loss", List.of(7), List.of(2.5));
    LossCurve flat = new LossCurve("eval_loss", List.of(1, 2), List.of(0.0, 0.0));

    assertThat(new LossChart(40, 3).draw(one)).isNotEmpty();
    assertThat(new LossChart(40, 3).draw(new LossCurve("loss", List.of(), List.of()))).isEmpty();
    for (LossCurve curve : List.of(one, flat)) {
      assumeTrue(LossPlot.canDraw(), NO_FONTS);
      LossPlot.write(directory.resolve("plot.png"), curve);
      assertThat(Files.size(directory.resolve("plot.png"))).isPositive();
    }
  }

  @Test
  void thePictureHoldsBothCurves() throws IOException {
    assumeTrue(LossPlot.canDraw(), NO_FONTS);
    Path file = directory.resolve("loss.png");
    LossPlot.write(file, falling(60));

    BufferedImage image = ImageIO.read(file.toFile());

    assertThat(count(image, 0x1F77B4)).as("smoothed").isGreaterThan(1000);
    assertThat(count(image, 0x9CC3E6)).as("original").isGreaterThan(500);
    assertThat(directory.toFile().list()).containsExactly("loss.png");
  }

  private static long count(BufferedImage image, int colour) {
    long count = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        count += (image.getRGB(x, y) & 0xFFFFFF) == colour ? 1 : 0;
      }
    }
    return count;
  }
}
