package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Products with packed matrices on the Vector API. Where they are of floats, one or two rows are
/// multiplied while the weights are decoded; from three rows on, a piece of a panel is decoded into
/// the first-level cache and all rows are multiplied with it.
final class Products {
  private static final int LANES = FloatVector.SPECIES_PREFERRED.length();
  private static final int DIRECT_ROWS = 2;
  private static final int LINE = 64;

  /// Weights that are read ahead at once: a part of a usual second-level cache.
  private static final int AHEAD_BYTES = 96 << 10;

  private Products() {}

  static void multiply(
      PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch) {
    for (int from = first, to; from < last; from = to) {
      to = from;
      long bytes = 0;
      while (to < last && (to == from || bytes + w.panel(to).bytes() <= AHEAD_BYTES)) {
        if (rows > DIRECT_ROWS || w.panel(to).format().levels() > 0) {
          scratch.seen ^= readAhead(w.panel(to).data(), 0, w.panel(to).bytes());
        }
        bytes += w.panel(to).bytes();
        to++;
      }
      integers(w, x, y, rows, from, to, scratch);
      floats(w, x, y, rows, from, to, scratch);
    }
  }

  /// The panels that are multiplied with floats.
  private static void floats(
      PackedMatrix w, Rows x, Rows y, int rows, int from, int to, Scratch scratch) {
    if (rows > DIRECT_ROWS) {
      decoded(w, x, y, rows, from, to, scratch);
      return;
    }
    for (int panel = from; panel < to; panel++) {
      if (w.panel(panel).format().levels() == 0) {
        direct(w, w.panel(panel), x, y, rows, panel);
      }
    }
  }

  private static void direct(PackedMatrix w, Panel panel, Rows x, Rows y, int rows, int index) {
    int blocks = Format.blocks(w.inputs());
    for (int row = 0; row < rows; row++) {
      int yAt = y.at(row) + index * PackedMatrix.PANEL;
      for (int column = 0; column < 16; column += LANES) {
        if (panel.format().isQuantized()) {
          BytePanels.dot(panel, blocks, column, x.values(), x.at(row), y.values(), yAt);
        } else {
          PlainPanels.dot(panel, blocks, column, x.values(), x.at(row), y.values(), yAt);
        }
      }
    }
  }

  private static void integers(
      PackedMatrix w, Rows x, Rows y, int rows, int from, int to, Scratch scratch) {
    int blocks = Format.blocks(w.inputs());
    int most = Scratch.INTEGER_INPUTS / Format.BLOCK;
    int pieces = (blocks + most - 1) / most;
    int step = (blocks + pieces - 1) / pieces;
    for (int index = from; index < to; index++) {
      Panel panel = w.panel(index);
      if (panel.format().levels() == 0) {
        continue;
      }
      for (int row = 0; row < rows; row++) {
        int at = y.at(row) + index * PackedMatrix.PANEL;
        Arrays.fill(y.values(), at, at + PackedMatrix.PANEL, 0);
      }
      for (int first = 0; first < blocks; first += step) {
        int count = Math.min(step, blocks - first);
        for (int column = 0; column < 16; column += LANES) {
          IntegerPanels.multiply(
              panel,
              first,
              count,
              column,
              x,
              rows,
              y.values(),
              y.at(0) + index * PackedMatrix.PANEL,
              y.stride(),
              scratch);
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
        if (panel.format().levels() > 0) {
          continue;
        }
        Scales.decode(panel, first, count, scratch.scales);
        for (int column = 0; column < 16; column += LANES) {
          if (panel.format().isQuantized()) {
            BytePanels.decode(panel, first, count, column, scratch.scales, scratch.weights);
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
