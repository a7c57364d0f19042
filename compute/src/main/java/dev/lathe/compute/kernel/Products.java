package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/// Products with packed matrices on the Vector API. One or two rows are multiplied while the
/// weights are decoded; from three rows on, a piece of a panel is decoded into the first-level
/// cache and all rows are multiplied with it.
final class Products {
  private static final int LANES = FloatVector.SPECIES_PREFERRED.length();
  private static final int DIRECT_ROWS = 2;
  private static final int LINE = 64;

  /// Weights that are read ahead at once: half of a usual second-level cache at most.
  private static final int AHEAD_BYTES = 256 << 10;

  private Products() {}

  static void multiply(
      PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch) {
    if (rows <= DIRECT_ROWS) {
      for (int panel = first; panel < last; panel++) {
        direct(w, w.panel(panel), x, y, rows, panel, scratch);
      }
      return;
    }
    for (int from = first, to; from < last; from = to) {
      to = from;
      long bytes = 0;
      while (to < last && (to == from || bytes + w.panel(to).bytes() <= AHEAD_BYTES)) {
        scratch.seen ^= readAhead(w.panel(to).data(), 0, w.panel(to).bytes());
        bytes += w.panel(to).bytes();
        to++;
      }
      decoded(w, x, y, rows, from, to, scratch);
    }
  }

  private static void direct(
      PackedMatrix w, Panel panel, Rows x, Rows y, int rows, int index, Scratch scratch) {
    int blocks = Format.blocks(w.inputs());
    int step = Scratch.SCALED_INPUTS / Format.BLOCK;
    for (int first = 0; first < blocks; first += step) {
      int count = Math.min(step, blocks - first);
      if (!panel.format().scale.isDirect()) {
        Scales.decode(panel, first, count, scratch.scales);
      }
      for (int row = 0; row < rows; row++) {
        int xAt = x.at(row) + first * Format.BLOCK;
        int yAt = y.at(row) + index * PackedMatrix.PANEL;
        for (int column = 0; column < 16; column += LANES) {
          if (panel.format().isQuantized()) {
            QuantizedPanels.dot(
                panel,
                first,
                count,
                column,
                scratch.scales,
                x.values(),
                xAt,
                y.values(),
                yAt,
                first > 0);
          } else {
            PlainPanels.dot(
                panel, first, count, column, x.values(), xAt, y.values(), yAt, first > 0);
          }
        }
      }
    }
  }

  /// Reads one byte of each line. Java has no prefetch, and the loads of a product are too far
  /// apart to be under way together: memory gives its bandwidth only when it is asked for many
  /// lines at once.
  static int readAhead(MemorySegment data, long from, long to) {
    int seen = 0;
    for (long at = from; at < to; at += LINE) {
      seen ^= data.get(ValueLayout.JAVA_BYTE, at);
    }
    return seen;
  }

  /// Inputs outside, panels inside: a piece of all activations stays in the first-level cache.
  private static void decoded(
      PackedMatrix w, Rows x, Rows y, int rows, int from, int to, Scratch scratch) {
    int blocks = Format.blocks(w.inputs());
    int step = Scratch.INPUTS / Format.BLOCK;
    for (int first = 0; first < blocks; first += step) {
      int count = Math.min(step, blocks - first);
      for (int index = from; index < to; index++) {
        Panel panel = w.panel(index);
        Scales.decode(panel, first, count, scratch.scales);
        for (int column = 0; column < 16; column += LANES) {
          if (panel.format().isQuantized()) {
            QuantizedPanels.decode(panel, first, count, column, scratch.scales, scratch.weights);
          } else {
            PlainPanels.decode(panel, first, count, column, scratch.weights);
          }
          Tiles.multiply(
              scratch.weights,
              column * 4L,
              count * Format.BLOCK,
              x.values(),
              x.at(0) + first * Format.BLOCK,
              x.stride(),
              rows,
              y.values(),
              y.at(0) + index * PackedMatrix.PANEL + column,
              y.stride(),
              first > 0);
        }
      }
    }
  }
}
