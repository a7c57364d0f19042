package dev.lathe.platform.tuning;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import javax.imageio.ImageIO;

/// Draws a loss curve as PNG, 1280 by 800: the values as they were logged, and smoothed.
final class LossPlot {
  private static final int WIDTH = 1280;
  private static final int HEIGHT = 800;
  private static final int LEFT = 120;
  private static final int RIGHT = 50;
  private static final int TOP = 80;
  private static final int BOTTOM = 100;
  private static final Color PAPER = Color.WHITE;
  private static final Color INK = new Color(0x24292F);
  private static final Color GRID = new Color(0xE4E7EB);
  private static final Color ORIGINAL = new Color(0x9CC3E6);
  private static final Color SMOOTHED = new Color(0x1F77B4);

  private final LossCurve curve;
  private final Axis across;
  private final Axis up;
  private final Graphics2D graphics;

  private LossPlot(LossCurve curve, Graphics2D graphics) {
    this.curve = curve;
    this.graphics = graphics;
    across = Axis.of(curve.steps().getFirst(), curve.steps().getLast(), true);
    double least = curve.losses().stream().mapToDouble(Double::doubleValue).min().orElse(0);
    double most = curve.losses().stream().mapToDouble(Double::doubleValue).max().orElse(1);
    up = Axis.of(least, most, false);
  }

  /// Whether this machine has what text is drawn with. Servers and containers often have no fonts.
  static boolean canDraw() {
    System.setProperty("java.awt.headless", "true");
    Graphics2D graphics = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB).createGraphics();
    try {
      graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 22));
      return graphics.getFontMetrics().stringWidth("0") > 0;
    } catch (RuntimeException | LinkageError | InternalError e) {
      return false;
    } finally {
      graphics.dispose();
    }
  }

  /// Writes the picture; replaces one that is there. Wants [#canDraw].
  static void write(Path file, LossCurve curve) throws IOException {
    System.setProperty("java.awt.headless", "true");
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      new LossPlot(curve, graphics).draw();
    } finally {
      graphics.dispose();
    }
    Path temporary = file.resolveSibling("." + file.getFileName() + ".tmp");
    try {
      try (var out = Files.newOutputStream(temporary)) {
        ImageIO.write(image, "png", out);
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private void draw() {
    graphics.setColor(PAPER);
    graphics.fillRect(0, 0, WIDTH, HEIGHT);
    grid();
    line(curve.losses(), ORIGINAL, 2f);
    line(curve.smoothed(), SMOOTHED, 4f);
    labels();
    legend();
  }

  private double x(double step) {
    return LEFT + across.share(step) * (WIDTH - LEFT - RIGHT);
  }

  private double y(double loss) {
    return HEIGHT - BOTTOM - up.share(loss) * (HEIGHT - TOP - BOTTOM);
  }

  private void grid() {
    graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 22));
    FontMetrics metrics = graphics.getFontMetrics();
    graphics.setStroke(new BasicStroke(1.5f));
    for (double value : up.ticks()) {
      graphics.setColor(GRID);
      graphics.draw(new Line2D.Double(LEFT, y(value), WIDTH - RIGHT, y(value)));
      graphics.setColor(INK);
      String text = up.label(value);
      graphics.drawString(
          text,
          LEFT - 14 - metrics.stringWidth(text),
          (float) y(value) + metrics.getAscent() / 2f - 3);
    }
    for (double value : across.ticks()) {
      graphics.setColor(GRID);
      graphics.draw(new Line2D.Double(x(value), TOP, x(value), HEIGHT - BOTTOM));
      graphics.setColor(INK);
      String text = across.label(value);
      graphics.drawString(
          text, (float) x(value) - metrics.stringWidth(text) / 2f, HEIGHT - BOTTOM + 32);
    }
    graphics.setColor(INK);
    graphics.draw(new Line2D.Double(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM));
    graphics.draw(new Line2D.Double(LEFT, TOP, LEFT, HEIGHT - BOTTOM));
  }

  private void line(List<Double> values, Color color, float width) {
    graphics.setColor(color);
    graphics.setStroke(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    if (values.size() == 1) {
      double x = x(curve.steps().getFirst());
      double y = y(values.getFirst());
      graphics.fill(new Ellipse2D.Double(x - 5, y - 5, 10, 10));
      return;
    }
    Path2D path = new Path2D.Double();
    for (int i = 0; i < values.size(); i++) {
      double x = x(curve.steps().get(i));
      double y = y(values.get(i));
      if (i == 0) {
        path.moveTo(x, y);
      } else {
        path.lineTo(x, y);
      }
    }
    graphics.draw(path);
  }

  private void labels() {
    graphics.setColor(INK);
    graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 28));
    String title = curve.key().equals("eval_loss") ? "Validation loss" : "Training loss";
    graphics.drawString(title, LEFT, TOP - 30);
    graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 24));
    FontMetrics metrics = graphics.getFontMetrics();
    graphics.drawString(
        "step",
        LEFT + (WIDTH - LEFT - RIGHT - metrics.stringWidth("step")) / 2,
        HEIGHT - BOTTOM + 72);
    String loss = "loss (nats per scored token)";
    AffineTransform upright = graphics.getTransform();
    graphics.rotate(-Math.PI / 2);
    graphics.drawString(loss, -(TOP + (HEIGHT - TOP - BOTTOM + metrics.stringWidth(loss)) / 2), 36);
    graphics.setTransform(upright);
  }

  private void legend() {
    graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 22));
    int right = WIDTH - RIGHT;
    right = entry("smoothed", SMOOTHED, 4f, right);
    entry("original", ORIGINAL, 2f, right - 30);
  }

  private int entry(String text, Color color, float width, int right) {
    int textWidth = graphics.getFontMetrics().stringWidth(text);
    int left = right - textWidth - 52;
    graphics.setColor(color);
    graphics.setStroke(new BasicStroke(width));
    graphics.draw(new Line2D.Double(left, TOP - 37, left + 40, TOP - 37));
    graphics.setColor(INK);
    graphics.drawString(text, left + 52, TOP - 30);
    return left;
  }

  /// A range with round ticks.
  private record Axis(double from, double to, double distance, int digits) {
    static Axis of(double least, double most, boolean whole) {
      double span = most - least > 1e-9 ? most - least : whole ? 1 : Math.max(0.1, most * 0.1);
      double raw = span / 6;
      double power = Math.pow(10, Math.floor(Math.log10(raw)));
      double unit = raw / power;
      double distance = (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10) * power;
      distance = whole ? Math.max(1, distance) : distance;
      int digits = whole ? 0 : Math.max(0, (int) Math.ceil(-Math.log10(distance) - 1e-9));
      return whole
          ? new Axis(least, least + span, distance, digits)
          : new Axis(
              Math.floor(least / distance) * distance,
              Math.ceil((least + span) / distance) * distance,
              distance,
              digits);
    }

    double share(double value) {
      return (value - from) / (to - from);
    }

    List<Double> ticks() {
      double first = Math.ceil(from / distance - 1e-9) * distance;
      return java.util.stream.DoubleStream.iterate(
              first, tick -> tick <= to + distance * 1e-6, tick -> tick + distance)
          .boxed()
          .toList();
    }

    String label(double value) {
      return BigDecimal.valueOf(value)
          .setScale(digits, java.math.RoundingMode.HALF_EVEN)
          .toPlainString();
    }
  }
}
