package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All weights of a decoder, packed for the kernels. A tied head is the embedding's own panels.
final class DecoderWeights {
  /// One layer.
  ///
  /// @param bias bias of q, k and v at the columns of their common result, or null
  record Layer(
      float[] attentionNorm,
      PackedMatrix qkv,
      float @Nullable [] bias,
      PackedMatrix out,
      float[] mlpNorm,
      PackedMatrix gateUp,
      PackedMatrix down) {
    PackedMatrix of(Group group) {
      return switch (group) {
        case QKV -> qkv;
        case OUT -> out;
        case GATE_UP -> gateUp;
        case DOWN -> down;
      };
    }
  }

  private final PackedMatrix embedding;
  private final PackedMatrix head;
  private final float[] finalNorm;
  private final List<Layer> layers;

  private DecoderWeights(
      PackedMatrix embedding, PackedMatrix head, float[] finalNorm, List<Layer> layers) {
    this.embedding = embedding;
    this.head = head;
    this.finalNorm = finalNorm;
    this.layers = List.copyOf(layers);
  }

  PackedMatrix embedding() {
    return embedding;
  }

  PackedMatrix head() {
    return head;
  }

  float[] finalNorm() {
    return finalNorm;
  }

  Layer layer(int layer) {
    return layers.get(layer);
  }

  /// Bytes that the packed matrices of a model take.
  static long bytes(ModelConfig config, Storage storage) {
    long layer = 0;
    for (Group group : Group.values()) {
      layer += storage.bytes(group.panels(config) * PackedMatrix.PANEL, group.in(config));
    }
    long table = storage.bytes(config.vocabulary(), config.width());
    return layer * config.layers() + table * (config.tiedEmbeddings() ? 1 : 2);
  }

  /// Reads and packs everything.
  ///
  /// @param arena owns the packed matrices
  static DecoderWeights load(
      ModelConfig config, WeightSource source, Storage storage, Arena arena, Workers workers) {
    return new Loader(config, source, storage, arena, workers).load();
  }

  private record Loader(
      ModelConfig config, WeightSource source, Storage storage, Arena arena, Workers workers) {
    DecoderWeights load() {
      PackedMatrix embedding = table(WeightNames.EMBEDDING);
      PackedMatrix head = config.tiedEmbeddings() ? embedding : table(WeightNames.HEAD);
      List<Layer> layers = new ArrayList<>();
      for (int layer = 0; layer < config.layers(); layer++) {
        layers.add(layer(layer));
      }
      return new DecoderWeights(embedding, head, vector(WeightNames.FINAL_NORM), layers);
    }

    private Layer layer(int layer) {
      return new Layer(
          vector(WeightNames.attentionNorm(layer)),
          group(layer, Group.QKV),
          config.attentionBias() ? bias(layer) : null,
          group(layer, Group.OUT),
          vector(WeightNames.mlpNorm(layer)),
          group(layer, Group.GATE_UP),
          group(layer, Group.DOWN));
    }

    private float[] vector(String name) {
      return vector(name, config.width());
    }

    private float[] vector(String name, int length) {
      WeightTensor tensor = source.tensor(name);
      checkShape(tensor, List.of((long) length));
      float[] values = new float[length];
      Dequantize.toF32(tensor, 0, values, 0, length);
      return values;
    }

    private float[] bias(int layer) {
      float[] bias = new float[Group.QKV.panels(config) * PackedMatrix.PANEL];
      for (Projection projection : Group.QKV.members()) {
        float[] part = vector(WeightNames.bias(layer, projection), config.out(projection));
        int at = Group.QKV.firstPanel(config, projection) * PackedMatrix.PANEL;
        System.arraycopy(part, 0, bias, at, part.length);
      }
      return bias;
    }

    private PackedMatrix table(String name) {
      WeightTensor tensor = source.tensor(name);
      checkShape(tensor, List.of((long) config.vocabulary(), (long) config.width()));
      PackedMatrix matrix =
          PackedMatrix.allocate(storage, config.vocabulary(), config.width(), arena);
      pack(matrix, tensor, 0, 1);
      return matrix;
    }

    private PackedMatrix group(int layer, Group group) {
      int outputs = group.panels(config) * PackedMatrix.PANEL;
      PackedMatrix matrix = PackedMatrix.allocate(storage, outputs, group.in(config), arena);
      for (Projection projection : group.members()) {
        WeightTensor tensor = source.tensor(WeightNames.weight(layer, projection));
        checkShape(tensor, List.of((long) config.out(projection), (long) config.in(projection)));
        pack(matrix, tensor, group.firstPanel(config, projection), group.panelStep());
      }
      return matrix;
    }

    /// Packs a tensor's rows, 16 at a time, into every `step`-th panel from `firstPanel` on.
    private void pack(PackedMatrix matrix, WeightTensor tensor, int firstPanel, int step) {
      int rows = tensor.rows();
      int columns = tensor.columns();
      workers.run(
          (first, last, worker) -> {
            float[] block = new float[PackedMatrix.PANEL * columns];
            for (int panel = first; panel < last; panel++) {
              int row = panel * PackedMatrix.PANEL;
              int count = Math.min(PackedMatrix.PANEL, rows - row);
              Dequantize.toF32(tensor, (long) row * columns, block, 0, count * columns);
              matrix.pack(firstPanel + panel * step, block, count);
            }
          },
          PackedMatrix.padded(rows) / PackedMatrix.PANEL,
          16);
    }

    private static void checkShape(WeightTensor tensor, List<Long> wanted) {
      if (!tensor.shape().equals(wanted)) {
        throw LatheException.user(
            "tensor '%s' has shape %s, its model's config asks for %s"
                .formatted(tensor.name(), tensor.shape(), wanted),
            "take config and weights from the same model");
      }
    }
  }
}
