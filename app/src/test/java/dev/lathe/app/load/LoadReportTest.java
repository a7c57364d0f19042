package dev.lathe.app.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.app.load.LoadReport.Measure;
import java.io.StringReader;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

class LoadReportTest {
  /// Sent 0.1 s late, first token 0.2 s after the plan's time, then 4 tokens 0.05 s apart.
  private static Sample sample(double scheduled) {
    double[] gaps = {0.05, 0.05, 0.05, 0.05};
    return new Sample(
        "m",
        scheduled,
        scheduled + 0.1,
        scheduled + 0.2,
        scheduled + 0.4,
        10,
        5,
        gaps,
        Optional.empty());
  }

  private static LoadReport report(Map<Measure, Double> limits) {
    Sample failed =
        new Sample("m", 0, 0, Double.NaN, Double.NaN, 0, 0, new double[0], Optional.of("HTTP 500"));
    List<Sample> answered = IntStream.range(0, 10).mapToObj(LoadReportTest::sample).toList();
    return new LoadReport(
        java.util.stream.Stream.concat(answered.stream(), java.util.stream.Stream.of(failed))
            .toList(),
        limits);
  }

  @Test
  void definitionsAreTheFields() {
    LoadReport report = report(Map.of());
    assertThat(report.distribution(Measure.TTFT).mean()).isCloseTo(200, within(1e-6));
    assertThat(report.distribution(Measure.TPOT).mean()).isCloseTo(50, within(1e-6));
    assertThat(report.distribution(Measure.E2E).quantile(0.99)).isCloseTo(400, within(1e-6));
    assertThat(report.json().path("mean_itl_ms").asDouble()).isCloseTo(50, within(1e-6));
    assertThat(report.seconds()).isCloseTo(9.4, within(1e-9));
    assertThat(report.outputThroughput()).isCloseTo(50 / 9.4, within(1e-9));
    assertThat(report.json().path("completed").asInt()).isEqualTo(10);
    assertThat(report.json().path("failed").asInt()).isEqualTo(1);
  }

  @Test
  void goodAnswersKeepAllLimits() {
    assertThat(report(Map.of(Measure.TTFT, 201.0, Measure.TPOT, 51.0)).goodput())
        .isCloseTo(10 / 9.4, within(1e-9));
    assertThat(report(Map.of(Measure.TTFT, 201.0, Measure.TPOT, 49.0)).goodput()).isZero();
  }

  @Test
  void quantilesLieBetweenNeighbours() {
    Distribution values = Distribution.of(DoubleStream.of(0.004, 0.001, 0.003, 0.002, Double.NaN));
    assertThat(values.count()).isEqualTo(4);
    assertThat(values.quantile(0)).isEqualTo(1);
    assertThat(values.quantile(0.5)).isCloseTo(2.5, within(1e-9));
    assertThat(values.quantile(1)).isEqualTo(4);
  }

  @Test
  void aRunWithoutAnswersIsStillAReport() {
    Sample failed =
        new Sample("m", 0, 0, Double.NaN, Double.NaN, 0, 0, new double[0], Optional.of("refused"));
    LoadReport report = new LoadReport(List.of(failed), Map.of());
    assertThat(report.lines()).anyMatch(line -> line.contains("1 failed"));
    assertThat(report.json().path("mean_ttft_ms").isNull()).isTrue();
    assertThat(LoadPicture.draw(report, "x")).contains("</svg>");
  }

  @Test
  void thePictureIsSound() throws Exception {
    String svg = LoadPicture.draw(report(Map.of()), "a <b> & c");
    var root =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new InputSource(new StringReader(svg)))
            .getDocumentElement();
    assertThat(root.getElementsByTagName("polyline").getLength()).isEqualTo(4);
    assertThat(svg).doesNotContain("NaN").doesNotContain("Infinity");
  }
}
