package dev.lathe.app.load;

import java.util.List;
import java.util.Locale;

/// A run as one SVG picture without references: output tokens a second and requests under way over
/// time, and the share of requests by time to first token and by time per token.
public final class LoadPicture {
  private static final int WIDTH = 960;
  private static final int HEIGHT = 640;
  private static final int PANEL_WIDTH = 380;
  private static final int PANEL_HEIGHT = 210;
  private static final int BUCKETS = 60;
  private static final String BLUE = "#1f77b4";
  private static final String ORANGE = "#d95f02";

  private final StringBuilder svg = new StringBuilder();
  private final LoadReport report;

  private LoadPicture(LoadReport report) {
    this.report = report;
  }

  /// The picture's text.
  ///
  /// @param title above it, such as the server's address
  public static String draw(LoadReport report, String title) {
    return new LoadPicture(report).draw(title);
  }

  private String draw(String title) {
    svg.append(
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
        <rect width="100%%" height="100%%" fill="#ffffff"/>
        <text x="60" y="34" font-size="18" font-weight="bold">%s</text>
        """
            .formatted(WIDTH, HEIGHT, escaped(title)));
    double[] tokens = new double[BUCKETS];
    double[] running = new double[BUCKETS];
    fill(tokens, running);
    double end = report.seconds();
    overTime(60, 80, "output tokens a second", tokens, end, BLUE);
    overTime(540, 80, "requests under way", running, end, ORANGE);
    shares(60, 370, "time to first token, ms", LoadReport.Measure.TTFT, BLUE);
    shares(540, 370, "time per output token, ms", LoadReport.Measure.TPOT, ORANGE);
    return svg.append("</svg>\n").toString();
  }

  private void fill(double[] tokens, double[] running) {
    double width = report.seconds() / BUCKETS;
    double begin = report.answered().stream().mapToDouble(Sample::sent).min().orElse(0);
    for (Sample sample : report.answered()) {
      double pieces = sample.gaps().length + 1.0;
      double at = sample.first();
      count(tokens, at - begin, width, sample.outputTokens() / pieces / width);
      for (double gap : sample.gaps()) {
        at += gap;
        count(tokens, at - begin, width, sample.outputTokens() / pieces / width);
      }
      for (int bucket = 0; bucket < BUCKETS; bucket++) {
        double from = Math.max(bucket * width, sample.sent() - begin);
        double to = Math.min((bucket + 1) * width, sample.last() - begin);
        running[bucket] += Math.max(0, to - from) / width;
      }
    }
  }

  private static void count(double[] buckets, double at, double width, double amount) {
    buckets[Math.clamp((int) (at / width), 0, BUCKETS - 1)] += amount;
  }

  private void overTime(int x, int y, String title, double[] values, double end, String colour) {
    double most = nice(max(values));
    frame(x, y, title, most, end, "s");
    StringBuilder points = new StringBuilder();
    for (int i = 0; i < values.length; i++) {
      double across = x + PANEL_WIDTH * (i + 0.5) / values.length;
      points.append(point(across, y + PANEL_HEIGHT * (1 - values[i] / most)));
    }
    line(points, colour);
  }

  private void shares(int x, int y, String title, LoadReport.Measure measure, String colour) {
    Distribution values = report.distribution(measure);
    if (values.count() == 0) {
      return;
    }
    double end = nice(values.max());
    frame(x, y, title, 100, end, "ms");
    StringBuilder points = new StringBuilder();
    for (int percent = 0; percent <= 100; percent++) {
      double across = x + PANEL_WIDTH * values.quantile(percent / 100.0) / end;
      points.append(point(across, y + PANEL_HEIGHT * (1 - percent / 100.0)));
    }
    line(points, colour);
    for (int percent : List.of(50, 95)) {
      double value = values.quantile(percent / 100.0);
      text(
          x + PANEL_WIDTH - 8,
          y + PANEL_HEIGHT - (percent == 50 ? 28 : 10),
          "end",
          String.format(Locale.ROOT, "P%d %.1f ms", percent, value));
    }
  }

  private void frame(int x, int y, String title, double most, double end, String unit) {
    text(x, y - 12, "start", title);
    for (int tick = 0; tick <= 4; tick++) {
      double up = y + PANEL_HEIGHT * (1 - tick / 4.0);
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#e4e7eb\"/>%n",
              x,
              up,
              x + PANEL_WIDTH,
              up));
      text(x - 8, up + 4, "end", label(most * tick / 4, most == 100 ? "%" : ""));
      text(
          x + PANEL_WIDTH * tick / 4.0,
          y + PANEL_HEIGHT + 20,
          "middle",
          label(end * tick / 4, tick == 4 ? " " + unit : ""));
    }
  }

  private static String label(double value, String unit) {
    String format = value == Math.rint(value) ? "%,.0f%s" : value < 10 ? "%.2f%s" : "%.1f%s";
    return String.format(Locale.ROOT, format, value, unit);
  }

  private void text(double x, double y, String anchor, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#24292f\">%s</text>%n",
            x,
            y,
            anchor,
            escaped(text)));
  }

  private void line(StringBuilder points, String colour) {
    svg.append(
        "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" points=\"%s\"/>%n"
            .formatted(colour, points.toString().strip()));
  }

  private static String point(double x, double y) {
    return String.format(Locale.ROOT, "%.1f,%.1f ", x, y);
  }

  private static double max(double[] values) {
    double most = 0;
    for (double value : values) {
      most = Math.max(most, value);
    }
    return most;
  }

  /// The next of 1, 2, 4, 8 times a power of ten.
  private static double nice(double value) {
    if (!(value > 0)) {
      return 1;
    }
    double power = Math.pow(10, Math.floor(Math.log10(value)));
    for (int step : new int[] {1, 2, 4, 8}) {
      if (value <= step * power) {
        return step * power;
      }
    }
    return 10 * power;
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
