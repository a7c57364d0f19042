package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import org.jspecify.annotations.Nullable;

/// The forward pass over a [Batch]: embedding, layers, final norm, head. Every buffer is made once;
/// a pass allocates a few objects per phase, nothing per row. One thread calls, the workers share
/// each phase.
final class Decoder {
  /// Rows from which norms and rotations are shared among the workers.
  private static final int SHARED_ROWS = 8;

  private static final int PANEL = PackedMatrix.PANEL;

  private final ModelConfig config;
  private final DecoderWeights weights;
  private final KvCache cache;
  private final Kernel kernel;
  private final Workers workers;
  private final int maxOutputs;
  private final Rows residual;
  private final Rows normed;
  private final Rows qkv;
  private final Rows attended;
  private final Rows gateUp;
  private final Rows gated;
  private final Rows delta;
  private final Rows cosines;
  private final Rows sines;
  private final Rows logits;
  private final float[][] scratch;
  private final double[] frequencies;
  private final int keyColumn;
  private final int valueColumn;
  private Rows ranks = Rows.of(0, 0);

  /// @param maxRows most rows of a batch
  /// @param maxOutputs most rows whose logits are computed at once
  Decoder(
      ModelConfig config,
      DecoderWeights weights,
      KvCache cache,
      Kernel kernel,
      Workers workers,
      int maxRows,
      int maxOutputs) {
    this.config = config;
    this.weights = weights;
    this.cache = cache;
    this.kernel = kernel;
    this.workers = workers;
    this.maxOutputs = maxOutputs;
    residual = Rows.of(maxRows, config.width());
    normed = Rows.of(maxRows, config.width());
    qkv = Rows.of(maxRows, Group.QKV.panels(config) * PANEL);
    attended = Rows.of(maxRows, config.in(Projection.O));
    gateUp = Rows.of(maxRows, Group.GATE_UP.panels(config) * PANEL);
    gated = Rows.of(maxRows, config.feedForward());
    delta = Rows.of(maxRows, config.width());
    cosines = Rows.of(maxRows, config.headWidth() / 2);
    sines = Rows.of(maxRows, config.headWidth() / 2);
    logits = Rows.of(maxOutputs, config.vocabulary());
    scratch = new float[workers.count()][cache.scratch()];
    keyColumn = Group.QKV.firstPanel(config, Projection.K) * PANEL;
    valueColumn = Group.QKV.firstPanel(config, Projection.V) * PANEL;
    frequencies = config.rope().inverseFrequencies().stream().mapToDouble(d -> d).toArray();
  }

  /// Bytes of the buffers.
  static long bytes(ModelConfig config, int maxRows, int maxOutputs) {
    long row =
        3L * config.width()
            + (long) Group.QKV.panels(config) * PANEL
            + config.in(Projection.O)
            + 3L * config.feedForward()
            + config.headWidth();
    return 4 * (row * maxRows + (long) maxOutputs * config.vocabulary());
  }

  /// Computes keys, values and the last hidden state of all rows.
  void forward(Batch batch) {
    reserveRanks(batch);
    rows(batch.rows, row -> begin(batch, row));
    for (int layer = 0; layer < config.layers(); layer++) {
      attention(batch, layer);
      mlp(batch, layer);
    }
  }

  /// Logits of `count` wanted rows from the `first` on, one row each; valid until the next call.
  Rows head(Batch batch, int first, int count) {
    if (count > maxOutputs) {
      throw new IllegalArgumentException(count + " rows of logits, room for " + maxOutputs);
    }
    rows(count, i -> finalNorm(batch.outputRows[first + i], i));
    PackedMatrix head = weights.head();
    workers.run(
        (from, to, worker) -> kernel.multiply(head, normed, logits, count, from, to, false),
        head.panels(),
        16);
    return logits;
  }

  /// The last hidden state `[E]` of one row after the final norm, in row 0; valid until the next
  /// call.
  Rows hidden(int row) {
    finalNorm(row, 0);
    return normed;
  }

  private void finalNorm(int row, int to) {
    norm(residual, row, weights.finalNorm(), normed, to);
  }

  int maxOutputs() {
    return maxOutputs;
  }

  @FunctionalInterface
  private interface RowWork {
    void row(int row);
  }

  /// Does something for each row, on the workers when it is worth waking them.
  private void rows(int count, RowWork work) {
    if (count < SHARED_ROWS) {
      for (int row = 0; row < count; row++) {
        work.row(row);
      }
    } else {
      workers.run(
          (first, last, worker) -> {
            for (int row = first; row < last; row++) {
              work.row(row);
            }
          },
          count,
          4);
    }
  }

  private void reserveRanks(Batch batch) {
    int most = 0;
    for (int run = 0; run < batch.runs; run++) {
      PackedAdapter adapter = (PackedAdapter) batch.runAdapters[run];
      most = adapter == null ? most : Math.max(most, adapter.maxRanks());
    }
    if (most > ranks.stride()) {
      ranks = Rows.of(residual.values().length / residual.stride(), most);
    }
  }

  private void begin(Batch batch, int row) {
    weights.embedding().row(batch.tokens[row], residual.values(), residual.at(row));
    double scale = config.rope().attentionScale();
    for (int i = 0; i < frequencies.length; i++) {
      double angle = batch.positions[row] * frequencies[i];
      cosines.values()[cosines.at(row) + i] = (float) (Math.cos(angle) * scale);
      sines.values()[sines.at(row) + i] = (float) (Math.sin(angle) * scale);
    }
  }

  private void norm(Rows from, int row, float[] weight, Rows to, int toRow) {
    kernel.norm(
        from.values(), from.at(row), weight, config.normEpsilon(), to.values(), to.at(toRow));
  }

  private void attention(Batch batch, int layer) {
    DecoderWeights.Layer weight = weights.layer(layer);
    rows(batch.rows, row -> norm(residual, row, weight.attentionNorm(), normed, row));
    product(batch, layer, Group.QKV, normed, qkv, weight.bias());
    rows(batch.rows, row -> rotate(batch, layer, row));
    attend(batch, layer);
    product(batch, layer, Group.OUT, attended, delta, null);
  }

  private void mlp(Batch batch, int layer) {
    DecoderWeights.Layer weight = weights.layer(layer);
    rows(batch.rows, row -> norm(residual, row, weight.mlpNorm(), normed, row));
    product(batch, layer, Group.GATE_UP, normed, gateUp, null);
    product(batch, layer, Group.DOWN, gated, delta, null);
  }

  /// One group's product with its adapters, and what follows it panel by panel: bias, gate, or the
  /// sum with the residual.
  private void product(
      Batch batch, int layer, Group group, Rows x, Rows y, float @Nullable [] bias) {
    boolean adapted = batch.hasAdapters();
    if (adapted) {
      lowRank(batch, layer, group, x);
    }
    PackedMatrix matrix = weights.layer(layer).of(group);
    workers.run(
        (first, last, worker) -> {
          kernel.multiply(matrix, x, y, batch.rows, first, last, false);
          if (adapted) {
            raise(batch, layer, group, y, first, last);
          }
          finish(group, batch.rows, y, bias, first, last);
        },
        matrix.panels(),
        chunk(matrix.panels()));
  }

  /// Panels taken at once: whole tiles of four, about eight turns for each thread.
  private int chunk(int panels) {
    int share = panels / (workers.count() * 8);
    return Math.clamp(share / 4 * 4L, 4, 32);
  }

  /// `A x` of every run that has an adapter there.
  private void lowRank(Batch batch, int layer, Group group, Rows x) {
    workers.run(
        (first, last, worker) -> {
          for (int run = first; run < last; run++) {
            PackedAdapter.Part part = part(batch, run, layer, group);
            if (part != null) {
              int start = batch.runStart(run);
              int count = batch.runEnds[run] - start;
              PackedMatrix down = part.down();
              kernel.multiply(
                  down, x.from(start, 0), ranks.from(start, 0), count, 0, down.panels(), false);
            }
          }
        },
        batch.runs,
        1);
  }

  private static PackedAdapter.@Nullable Part part(Batch batch, int run, int layer, Group group) {
    PackedAdapter adapter = (PackedAdapter) batch.runAdapters[run];
    return adapter == null ? null : adapter.part(layer, group);
  }

  /// Adds `B (A x)` to panels `[first, last)` of the group's result.
  private void raise(Batch batch, int layer, Group group, Rows y, int first, int last) {
    for (int run = 0; run < batch.runs; run++) {
      PackedAdapter.Part part = part(batch, run, layer, group);
      if (part != null) {
        int start = batch.runStart(run);
        int count = batch.runEnds[run] - start;
        for (PackedAdapter.Up up : part.ups()) {
          raise(up, start, count, y, first, last);
        }
      }
    }
  }

  private void raise(PackedAdapter.Up up, int start, int count, Rows y, int first, int last) {
    Rows x = ranks.from(start, up.rankOffset());
    if (up.panelStep() == 1) {
      int from = Math.max(first - up.firstPanel(), 0);
      int to = Math.min(last - up.firstPanel(), up.matrix().panels());
      if (from < to) {
        Rows target = y.from(start, up.firstPanel() * PANEL);
        kernel.multiply(up.matrix(), x, target, count, from, to, true);
      }
    } else {
      for (int panel = first; panel < last; panel++) {
        int own = panel - up.firstPanel();
        if (own >= 0 && own % up.panelStep() == 0) {
          int at = own / up.panelStep();
          Rows target = y.from(start, (panel - at) * PANEL);
          kernel.multiply(up.matrix(), x, target, count, at, at + 1, true);
        }
      }
    }
  }

  private void finish(Group group, int rows, Rows y, float @Nullable [] bias, int first, int last) {
    int column = first * PANEL;
    int count = (last - first) * PANEL;
    switch (group) {
      case QKV -> {
        if (bias != null) {
          for (int row = 0; row < rows; row++) {
            addBias(y.values(), y.at(row), bias, column, count);
          }
        }
      }
      case OUT, DOWN -> {
        for (int row = 0; row < rows; row++) {
          kernel.add(
              residual.values(), residual.at(row) + column, y.values(), y.at(row) + column, count);
        }
      }
      case GATE_UP -> {
        for (int row = 0; row < rows; row++) {
          for (int panel = first; panel < last; panel += 2) {
            int gate = y.at(row) + panel * PANEL;
            int to = gated.at(row) + panel / 2 * PANEL;
            kernel.gate(y.values(), gate, gate + PANEL, gated.values(), to, PANEL);
          }
        }
      }
    }
  }

  private void addBias(float[] y, int at, float[] bias, int column, int count) {
    kernel.add(y, at + column, bias, column, count);
  }

  /// Rotates queries and key of a row and puts key and value into the cache.
  private void rotate(Batch batch, int layer, int row) {
    int width = config.headWidth();
    float[] values = qkv.values();
    int q = qkv.at(row);
    int k = q + keyColumn;
    int v = q + valueColumn;
    for (int head = 0; head < config.heads(); head++) {
      rotate(values, q + head * width, row);
    }
    int position = batch.positions[row];
    int page = batch.tables[row][position / KvCache.SLOTS];
    int slot = position % KvCache.SLOTS;
    for (int head = 0; head < config.kvHeads(); head++) {
      int key = k + head * width;
      rotate(values, key, row);
      cache.put(page, slot, layer, head, values, key, values, v + head * width);
    }
  }

  private void rotate(float[] values, int at, int row) {
    int half = frequencies.length;
    int angles = cosines.at(row);
    for (int i = 0; i < half; i++) {
      float cosine = cosines.values()[angles + i];
      float sine = sines.values()[angles + i];
      float low = values[at + i];
      float high = values[at + half + i];
      values[at + i] = low * cosine - high * sine;
      values[at + half + i] = high * cosine + low * sine;
    }
  }

  private void attend(Batch batch, int layer) {
    int kvHeads = config.kvHeads();
    int group = config.heads() / kvHeads;
    int width = config.headWidth();
    workers.run(
        (first, last, worker) -> {
          for (int unit = first; unit < last; unit++) {
            int row = unit / kvHeads;
            int head = unit % kvHeads;
            kernel.attend(
                cache,
                batch.tables[row],
                layer,
                head,
                batch.positions[row] + 1,
                qkv.values(),
                qkv.at(row) + head * group * width,
                group,
                attended.values(),
                attended.at(row) + head * group * width,
                scratch[worker]);
          }
        },
        batch.rows * kvHeads,
        batch.rows > 4 ? 4 : 1);
  }
}
