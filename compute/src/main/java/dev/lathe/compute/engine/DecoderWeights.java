package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.Format;
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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
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

  /// The formats that occur, for messages: `Q4_1, Q8_0`.
  String formats() {
    Set<Format> formats = layerFormats();
    formats.addAll(head.formats());
    return formats.stream().map(Format::name).collect(Collectors.joining(", "));
  }

  /// Whether the weights of all layers are integers with scales.
  boolean areQuantized() {
    return layerFormats().stream().allMatch(Format::isQuantized);
  }

  private Set<Format> layerFormats() {
    Set<Format> formats = new LinkedHashSet<>();
    for (Layer layer : layers) {
      for (Group group : Group.values()) {
        formats.addAll(layer.of(group).formats());
      }
    }
    return formats;
  }

  /// Bytes that the packed matrices of a model take, by format, in the order of their first use.
  static Map<Format, Long> bytes(ModelConfig config, WeightSource source, Storage storage) {
    Loader loader = new Loader(config, source, storage);
    Map<Format, Long> bytes = new LinkedHashMap<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        WeightTensor tensor = loader.tensor(layer, projection);
        Format format = storage.format(tensor.type(), false);
        long size = format.bytes(config.out(projection), config.in(projection));
        bytes.merge(format, size, Long::sum);
      }
    }
    for (String name : loader.tables()) {
      Format format = storage.format(source.tensor(name).type(), true);
      bytes.merge(format, format.bytes(config.vocabulary(), config.width()), Long::sum);
    }
    return bytes;
  }

  /// Reads and packs everything.
  ///
  /// @param arena owns the packed matrices
  static DecoderWeights load(
      ModelConfig config, WeightSource source, Storage storage, Arena arena, Workers workers) {
    return new Loader(config, source, storage).load(arena, workers);
  }

  private record Loader(ModelConfig config, WeightSource source, Storage storage) {
    DecoderWeights load(Arena arena, Workers workers) {
      WeightPacker packer = new WeightPacker(arena, workers);
      PackedMatrix embedding = table(WeightNames.EMBEDDING, packer);
      PackedMatrix head = config.tiedEmbeddings() ? embedding : table(WeightNames.HEAD, packer);
      List<Layer> layers = new ArrayList<>();
      for (int layer = 0; layer < config.layers(); layer++) {
        layers.add(layer(layer, packer));
      }
      return new DecoderWeights(embedding, head, vector(WeightNames.FINAL_NORM), layers);
    }

    List<String> tables() {
      return config.tiedEmbeddings()
          ? List.of(WeightNames.EMBEDDING)
          : List.of(WeightNames.EMBEDDING, WeightNames.HEAD);
    }

    WeightTensor tensor(int layer, Projection projection) {
      WeightTensor tensor = source.tensor(WeightNames.weight(layer, projection));
      checkShape(tensor, List.of((long) config.out(projection), (long) config.in(projection)));
      return tensor;
    }

    private Layer layer(int layer, WeightPacker packer) {
      return new Layer(
          vector(WeightNames.attentionNorm(layer)),
          group(layer, Group.QKV, packer),
          config.attentionBias() ? bias(layer) : null,
          group(layer, Group.OUT, packer),
          vector(WeightNames.mlpNorm(layer)),
          group(layer, Group.GATE_UP, packer),
          group(layer, Group.DOWN, packer));
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

    private PackedMatrix table(String name, WeightPacker packer) {
      WeightTensor tensor = source.tensor(name);
      checkShape(tensor, List.of((long) config.vocabulary(), (long) config.width()));
      Format format = storage.format(tensor.type(), true);
      PackedMatrix matrix = packer.allocate(format, config.vocabulary(), config.width());
      packer.pack(matrix, tensor, format, 0, 1);
      return matrix;
    }

    private PackedMatrix group(int layer, Group group, WeightPacker packer) {
      Format[] formats = new Format[group.panels(config)];
      for (Projection projection : group.members()) {
        Format format = storage.format(tensor(layer, projection).type(), false);
        for (int i = 0; i < Group.panels(config, projection); i++) {
          formats[group.firstPanel(config, projection) + i * group.panelStep()] = format;
        }
      }
      PackedMatrix matrix = packer.allocate(List.of(formats), group.in(config));
      for (Projection projection : group.members()) {
        int first = group.firstPanel(config, projection);
        packer.pack(matrix, tensor(layer, projection), formats[first], first, group.panelStep());
      }
      return matrix;
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
