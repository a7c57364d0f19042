package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.LowRank;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Scratch;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import java.lang.foreign.Arena;
import java.util.Arrays;
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
  private final Scratch[] scratch;
  private final double[] frequencies;
  private final int keyColumn;
  private final int valueColumn;
  private Rows ranks = Rows.of(0, 0);

  /// First rows of the runs that [#findRuns] found, and the end of the last.
  private final int[] runs;

  private int runCount;

  /// @param maxRows most rows of a batch
  /// @param maxOutputs most rows whose logits are computed at once
  /// @param arena owns what is not on the heap
  Decoder(
      ModelConfig config,
      DecoderWeights weights,
      KvCache cache,
      Kernel kernel,
      Workers workers,
      int maxRows,
      int maxOutputs,
      Arena arena) {
    this.config = config;
    this.weights = weights;
    this.cache = cache;
    this.kernel = kernel;
    this.workers = workers;
    this.maxOutputs = maxOutputs;
    residual = Rows.of(maxRows, config.width());
    normed = Rows.quantizable(maxRows, config.width());
    qkv = Rows.of(maxRows, Group.QKV.panels(config) * PANEL);
    attended = Rows.quantizable(maxRows, config.in(Projection.O));
    gateUp = Rows.of(maxRows, Group.GATE_UP.panels(config) * PANEL);
    gated = Rows.quantizable(maxRows, config.feedForward());
    delta = Rows.of(maxRows, config.width());
    cosines = Rows.of(maxRows, config.headWidth() / 2);
    sines = Rows.of(maxRows, config.headWidth() / 2);
    logits = Rows.of(maxOutputs, config.vocabulary());
    runs = new int[maxRows + 1];
    scratch = new Scratch[workers.count()];
    Arrays.setAll(
        scratch,
        worker ->
            new Scratch(
                arena, cache.scratch(config.heads() / config.kvHeads()), config.headWidth()));
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
    long integers =
        Rows.integerBytes(config.width())
            + Rows.integerBytes(config.in(Projection.O))
            + Rows.integerBytes(config.feedForward());
    return (4 * row + integers) * maxRows + 4L * maxOutputs * config.vocabulary();
  }

  /// Computes keys, values and the last hidden state of all rows.
  void forward(Batch batch) {
    reserveRanks(batch);
    findRuns(batch);
    rows(batch, (row, worker) -> begin(batch, row));
    for (int layer = 0; layer < config.layers(); layer++) {
      attention(batch, layer);
      mlp(batch, layer);
    }
    if (batch.hasAdapters()) {
      int last = config.layers() - 1;
      rows(batch, (row, worker) -> complete(batch, last, Group.DOWN, row, worker));
    }
  }

  /// Logits of `count` wanted rows from the `first` on, one row each; valid until the next call.
  Rows head(Batch batch, int first, int count) {
    if (count > maxOutputs) {
      throw new IllegalArgumentException(count + " rows of logits, room for " + maxOutputs);
    }
    PackedMatrix head = weights.head();
    rows(
        count,
        SHARED_ROWS,
        (i, worker) -> {
          finalNorm(batch.outputRows[first + i], i);
          quantize(head, normed, i, scratch[worker]);
        });
    workers.run(
        (from, to, worker) ->
            kernel.multiply(head, normed, logits, count, from, to, scratch[worker]),
        head.panels(),
        8);
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
    void row(int row, int worker);
  }

  /// Does something for each row of a batch, on the workers when it is worth waking them: with
  /// adapters it is, as each row reads factors.
  private void rows(Batch batch, RowWork work) {
    rows(batch.rows, batch.hasAdapters() ? 2 : SHARED_ROWS, work);
  }

  private void rows(int count, int shared, RowWork work) {
    if (count < shared) {
      for (int row = 0; row < count; row++) {
        work.row(row, 0);
      }
    } else {
      workers.run(
          (first, last, worker) -> {
            for (int row = first; row < last; row++) {
              work.row(row, worker);
            }
          },
          count,
          4);
    }
  }

  private void reserveRanks(Batch batch) {
    int most = 0;
    for (int row = 0; row < batch.rows; row++) {
      PackedAdapter adapter = (PackedAdapter) batch.adapters[row];
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

  /// Normalises the residual of a row for the product with `consumer`.
  private void norm(int row, float[] weight, PackedMatrix consumer, Scratch room) {
    norm(residual, row, weight, normed, row);
    quantize(consumer, normed, row, room);
  }

  private void quantize(PackedMatrix consumer, Rows x, int row, Scratch room) {
    kernel.quantize(x, row, 0, x.stride(), consumer.levels(), room);
  }

  private void norm(Rows from, int row, float[] weight, Rows to, int toRow) {
    kernel.norm(
        from.values(), from.at(row), weight, config.normEpsilon(), to.values(), to.at(toRow));
  }

  private void attention(Batch batch, int layer) {
    DecoderWeights.Layer weight = weights.layer(layer);
    rows(
        batch,
        (row, worker) -> {
          if (layer > 0) {
            complete(batch, layer - 1, Group.DOWN, row, worker);
          }
          norm(row, weight.attentionNorm(), weight.of(Group.QKV), scratch[worker]);
        });
    product(batch, layer, Group.QKV);
    rows(
        batch,
        (row, worker) -> {
          complete(batch, layer, Group.QKV, row, worker);
          rotate(batch, layer, row, scratch[worker]);
        });
    attend(batch, layer);
    PackedMatrix out = weight.of(Group.OUT);
    if (out.levels() > 0 && !quantizedByHead()) {
      rows(batch, (row, worker) -> quantize(out, attended, row, scratch[worker]));
    }
    product(batch, layer, Group.OUT);
  }

  private void mlp(Batch batch, int layer) {
    DecoderWeights.Layer weight = weights.layer(layer);
    rows(
        batch,
        (row, worker) -> {
          complete(batch, layer, Group.OUT, row, worker);
          norm(row, weight.mlpNorm(), weight.of(Group.GATE_UP), scratch[worker]);
        });
    product(batch, layer, Group.GATE_UP);
    if (batch.hasAdapters()) {
      rows(batch, (row, worker) -> complete(batch, layer, Group.GATE_UP, row, worker));
    }
    product(batch, layer, Group.DOWN);
  }

  private Rows inputs(Group group) {
    return switch (group) {
      case QKV, GATE_UP -> normed;
      case OUT -> attended;
      case DOWN -> gated;
    };
  }

  private Rows outputs(Group group) {
    return switch (group) {
      case QKV -> qkv;
      case GATE_UP -> gateUp;
      case OUT, DOWN -> delta;
    };
  }

  /// One group's product and what follows it: bias, gate, or the sum with the residual. Where there
  /// are adapters, whose change comes first, that is left to [#complete].
  private void product(Batch batch, int layer, Group group) {
    PackedMatrix matrix = weights.layer(layer).of(group);
    Rows x = inputs(group);
    Rows y = outputs(group);
    int panels = matrix.panels();
    int together = group.panelStep();
    if (!batch.hasAdapters()) {
      workers.run(
          (firstUnit, lastUnit, worker) -> {
            int first = firstUnit * together;
            int last = lastUnit * together;
            kernel.multiply(matrix, x, y, batch.rows, first, last, scratch[worker]);
            finish(layer, group, 0, batch.rows, first, last, scratch[worker]);
          },
          panels / together,
          chunk(panels) / together);
      return;
    }
    workers.run(
        (first, last, worker) -> {
          int lastPanel = Math.min(last, panels);
          if (first < lastPanel) {
            kernel.multiply(matrix, x, y, batch.rows, first, lastPanel, scratch[worker]);
          }
          for (int row = Math.max(first, panels) - panels; row < last - panels; row++) {
            lower(batch, layer, group, row, scratch[worker]);
          }
        },
        panels + batch.rows,
        chunk(panels));
  }

  /// What [#product] left to do for a row of a batch with adapters: the change of its own, if it
  /// has one, and what follows.
  private void complete(Batch batch, int layer, Group group, int row, int worker) {
    if (batch.hasAdapters()) {
      raise(batch, layer, group, row);
      int panels = weights.layer(layer).of(group).panels();
      finish(layer, group, row, row + 1, 0, panels, scratch[worker]);
    }
  }

  /// Panels taken at once: about eight turns for each thread.
  private int chunk(int panels) {
    return Math.clamp(panels / (workers.count() * 8L), 2, 8);
  }

  private void lower(Batch batch, int layer, Group group, int row, Scratch room) {
    LowRank part = part(batch, row, layer, group);
    if (part != null) {
      Rows x = inputs(group);
      kernel.lower(part, x.values(), x.at(row), ranks.values(), ranks.at(row), room);
    }
  }

  private void raise(Batch batch, int layer, Group group, int row) {
    LowRank part = part(batch, row, layer, group);
    if (part != null) {
      Rows y = outputs(group);
      kernel.raise(part, ranks.values(), ranks.at(row), y.values(), y.at(row));
    }
  }

  private static @Nullable LowRank part(Batch batch, int row, int layer, Group group) {
    PackedAdapter adapter = (PackedAdapter) batch.adapters[row];
    return adapter == null ? null : adapter.part(layer, group);
  }

  private void finish(
      int layer, Group group, int firstRow, int lastRow, int first, int last, Scratch room) {
    Rows y = outputs(group);
    int column = first * PANEL;
    int count = (last - first) * PANEL;
    switch (group) {
      case QKV -> {
        float[] bias = weights.layer(layer).bias();
        if (bias != null) {
          for (int row = firstRow; row < lastRow; row++) {
            addBias(y.values(), y.at(row), bias, column, count);
          }
        }
      }
      case OUT, DOWN -> {
        for (int row = firstRow; row < lastRow; row++) {
          kernel.add(
              residual.values(), residual.at(row) + column, y.values(), y.at(row) + column, count);
        }
      }
      case GATE_UP -> {
        int levels = weights.layer(layer).of(Group.DOWN).levels();
        for (int row = firstRow; row < lastRow; row++) {
          for (int panel = first; panel < last; panel += 2) {
            int gate = y.at(row) + panel * PANEL;
            int to = gated.at(row) + panel / 2 * PANEL;
            kernel.gate(y.values(), gate, gate + PANEL, gated.values(), to, PANEL);
          }
          kernel.quantize(gated, row, column / 2, count / 2, levels, room);
        }
      }
    }
  }

  private void addBias(float[] y, int at, float[] bias, int column, int count) {
    kernel.add(y, at + column, bias, column, count);
  }

  /// Rotates queries and key of a row and puts key and value into the cache.
  private void rotate(Batch batch, int layer, int row, Scratch room) {
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
      cache.put(page, slot, layer, head, values, key, values, v + head * width, room);
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

  /// Whether the heads that attend together are whole blocks of integers.
  private boolean quantizedByHead() {
    return config.in(Projection.O) / config.kvHeads() % PANEL == 0;
  }

  private void attend(Batch batch, int layer) {
    int kvHeads = config.kvHeads();
    int group = config.heads() / kvHeads;
    int columns = group * config.headWidth();
    int levels = quantizedByHead() ? weights.layer(layer).of(Group.OUT).levels() : 0;
    workers.run(
        (first, last, worker) -> {
          for (int unit = first; unit < last; unit++) {
            int run = unit / kvHeads;
            int head = unit % kvHeads;
            int row = runs[run];
            kernel.attend(
                cache,
                batch.tables[row],
                layer,
                head,
                batch.positions[row],
                row,
                runs[run + 1] - row,
                group,
                qkv,
                attended,
                head * columns,
                scratch[worker]);
            for (int i = row; i < runs[run + 1]; i++) {
              kernel.quantize(attended, i, head * columns, columns, levels, scratch[worker]);
            }
          }
        },
        runCount * kvHeads,
        runCount > 4 ? 2 : 1);
  }

  /// Finds the neighbouring rows of one stream whose attention is computed at once.
  private void findRuns(Batch batch) {
    int most = KvCache.rows(config.heads() / config.kvHeads());
    runCount = 0;
    for (int row = 0; row < batch.rows; row++) {
      boolean follows = row > 0 && batch.follows(row) && row - runs[runCount - 1] < most;
      if (!follows) {
        runs[runCount++] = row;
      }
    }
    runs[runCount] = batch.rows;
  }
}
