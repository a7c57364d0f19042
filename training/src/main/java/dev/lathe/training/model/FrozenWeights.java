package dev.lathe.training.model;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The base model's tensors in one type on one device, without gradient, owned until closed.
public final class FrozenWeights implements AutoCloseable {
  private final Map<String, Tensor> tensors = new HashMap<>();

  private FrozenWeights() {}

  /// Copies every tensor that the config asks for; the source may be closed afterwards.
  ///
  /// @throws LatheException when one is missing or has another shape
  public static FrozenWeights load(
      ModelConfig config, WeightSource source, ScalarType type, Device device) {
    FrozenWeights weights = new FrozenWeights();
    try {
      shapes(config).forEach((name, shape) -> weights.load(source, name, shape, type, device));
      return weights;
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /// The tensor of that Hugging Face name.
  public Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no weights '" + name + "'");
    }
    return tensor;
  }

  private static Map<String, List<Long>> shapes(ModelConfig config) {
    List<Long> width = List.of((long) config.width());
    List<Long> table = List.of((long) config.vocabulary(), (long) config.width());
    Map<String, List<Long>> shapes = new HashMap<>();
    shapes.put(WeightNames.EMBEDDING, table);
    shapes.put(WeightNames.FINAL_NORM, width);
    if (!config.tiedEmbeddings()) {
      shapes.put(WeightNames.HEAD, table);
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      shapes.put(WeightNames.attentionNorm(layer), width);
      shapes.put(WeightNames.mlpNorm(layer), width);
      for (Projection projection : Projection.values()) {
        long out = config.out(projection);
        shapes.put(
            WeightNames.weight(layer, projection), List.of(out, (long) config.in(projection)));
        if (config.hasBias(projection)) {
          shapes.put(WeightNames.bias(layer, projection), List.of(out));
        }
      }
    }
    return shapes;
  }

  private void load(
      WeightSource source, String name, List<Long> shape, ScalarType type, Device device) {
    WeightTensor stored = source.tensor(name);
    if (!stored.shape().equals(shape)) {
      throw LatheException.user(
          "tensor '" + name + "' should have shape " + shape + " but has " + stored.shape(),
          "its weights and its config.json do not belong together, get the model again");
    }
    try (Scope scope = Scope.open()) {
      Tensor tensor = Tensors.load(stored, type);
      try (tensor) {
        tensors.put(name, scope.keep(tensor.to(device.torch(), type)));
      }
    }
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::close);
    tensors.clear();
  }
}
