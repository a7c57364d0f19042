package dev.lathe.training.model;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Precision;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The decoder in the plainest LibTorch operations, differentiated by autograd: the oracle for the
/// hand-written one, and the way to a GPU.
///
/// Weights and activations have one type; norms, softmax and loss are computed in fp32 (in fp64
/// when that type is fp64), as Hugging Face's models do. The weights are copied out of their
/// source, which may be closed once this is open. LibTorch's autograd thread works besides the
/// calling one.
public final class AutogradDecoder implements Gradients {
  /// Scored tokens whose logits are in memory at once.
  private static final int HEAD_CHUNK = 256;

  private static final int SUM = 2; // at::Reduction::Sum
  private static final int NO_IGNORED_INDEX = -100;

  private final Factors factors;
  private final FrozenWeights weights;
  private final Device device;
  private final ScalarType type;
  private boolean closed;

  private AutogradDecoder(Factors factors, FrozenWeights weights, Device device, ScalarType type) {
    this.factors = factors;
    this.weights = weights;
    this.device = device;
    this.type = type;
  }

  /// Copies the weights to the device. The caller closes the decoder.
  ///
  /// @throws LatheException when a tensor is missing or has another shape than the config says, or
  ///   the device is not there
  public static AutogradDecoder open(
      ModelConfig config,
      WeightSource source,
      AdapterSpec spec,
      Precision precision,
      Device device) {
    ScalarType type =
        switch (precision) {
          case BF16 -> ScalarType.BFloat16;
          case FP32 -> ScalarType.Float;
        };
    return open(config, source, spec, type, device);
  }

  static AutogradDecoder open(
      ModelConfig config, WeightSource source, AdapterSpec spec, ScalarType type, Device device) {
    device.require();
    FrozenWeights weights = FrozenWeights.load(config, source, type, device);
    return new AutogradDecoder(new Factors(config, spec), weights, device, type);
  }

  @Override
  public double accumulate(
      TokenBatch batch, float[] values, float[] gradient, double scale, long dropoutSeed) {
    requireUsable(batch.ids(), values);
    requireSize(gradient, "gradients");
    try (Scope _ = Scope.open()) {
      Map<String, DecoderGraph.Lora> leaves = leaves(values);
      DecoderGraph graph = graph(leaves, factors.spec().dropout(), dropoutSeed);
      Targets targets = Targets.of(batch);
      if (targets.count() == 0) {
        return 0;
      }
      Tensor states = targets.select(graph, graph.states(batch.ids(), batch.rowStarts()));
      Tensor cut = states.detach().set_requires_grad(true);
      double loss = 0;
      for (int from = 0; from < targets.count(); from += HEAD_CHUNK) {
        loss += backwardChunk(graph, cut, targets, from, scale);
      }
      states.backward(cut.grad(), new BoolOptional(), false, new TensorArrayRefOptional());
      addGradients(leaves, gradient);
      return loss;
    }
  }

  @Override
  public double loss(TokenBatch batch, float[] values) {
    requireUsable(batch.ids(), values);
    try (Scope _ = Scope.open()) {
      new NoGradGuard();
      DecoderGraph graph = graph(leaves(values), 0, 0);
      Targets targets = Targets.of(batch);
      Tensor states = targets.select(graph, graph.states(batch.ids(), batch.rowStarts()));
      double loss = 0;
      for (int from = 0; from < targets.count(); from += HEAD_CHUNK) {
        try (Scope _ = Scope.open()) {
          loss += chunkLoss(graph, states, targets, from).item_double();
        }
      }
      return loss;
    }
  }

  @Override
  public float[] logits(int[] tokens, float[] values) {
    requireUsable(tokens, values);
    if (tokens.length == 0) {
      throw new IllegalArgumentException("logits of no tokens");
    }
    try (Scope _ = Scope.open()) {
      new NoGradGuard();
      DecoderGraph graph = graph(leaves(values), 0, 0);
      Tensor states = graph.states(tokens, new int[] {0, tokens.length});
      return Tensors.floats(graph.logits(states.narrow(0, tokens.length - 1, 1)));
    }
  }

  @Override
  public void close() {
    closed = true;
    weights.close();
  }

  /// Adds the gradient of one chunk's scaled loss to `cut.grad()`; returns the unscaled loss.
  private static double backwardChunk(
      DecoderGraph graph, Tensor cut, Targets targets, int from, double scale) {
    try (Scope _ = Scope.open()) {
      Tensor loss = chunkLoss(graph, cut, targets, from);
      loss.mul(new Scalar(scale)).backward();
      return loss.item_double();
    }
  }

  private static Tensor chunkLoss(DecoderGraph graph, Tensor states, Targets targets, int from) {
    int count = Math.min(HEAD_CHUNK, targets.count() - from);
    Tensor logits = graph.logits(states.narrow(0, from, count));
    Tensor wanted = graph.indices(targets.ids).narrow(0, from, count);
    return torch.cross_entropy_loss(
        logits, wanted, new TensorOptional(), SUM, NO_IGNORED_INDEX, 0.0);
  }

  /// Scored tokens of a batch.
  ///
  /// @param places index of the state that predicts each
  /// @param ids what is to be predicted
  private record Targets(int[] places, int[] ids) {
    static Targets of(TokenBatch batch) {
      int count = batch.scoredTokens();
      int[] places = new int[count];
      int[] ids = new int[count];
      int next = 0;
      for (int token = 0; token < batch.tokens(); token++) {
        if (batch.scored()[token]) {
          places[next] = token - 1;
          ids[next++] = batch.ids()[token];
        }
      }
      return new Targets(places, ids);
    }

    int count() {
      return ids.length;
    }

    Tensor select(DecoderGraph graph, Tensor states) {
      return states.index_select(0, graph.indices(places));
    }
  }

  private DecoderGraph graph(
      Map<String, DecoderGraph.Lora> lora, double dropout, long dropoutSeed) {
    ScalarType wide = type == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    return new DecoderGraph(
        factors.config(), weights, device, type, wide, lora, dropout, dropoutSeed);
  }

  /// Where the factors of one module lie.
  private record Module(String path, int layer, Projection projection) {}

  private List<Module> modules() {
    List<Module> modules = new ArrayList<>();
    for (int layer = 0; layer < factors.config().layers(); layer++) {
      for (Projection projection : factors.spec().targets()) {
        modules.add(new Module(WeightNames.module(layer, projection), layer, projection));
      }
    }
    return modules;
  }

  /// The factors as leaves of the graph.
  private Map<String, DecoderGraph.Lora> leaves(float[] values) {
    int rank = factors.spec().rank();
    Map<String, DecoderGraph.Lora> leaves = new HashMap<>();
    for (Module module : modules()) {
      Projection projection = module.projection;
      Tensor a =
          leaf(values, factors.a(module.layer, projection), rank, factors.config().in(projection));
      Tensor b =
          leaf(values, factors.b(module.layer, projection), factors.config().out(projection), rank);
      leaves.put(module.path, new DecoderGraph.Lora(a, b, factors.spec().scaling()));
    }
    return leaves;
  }

  private Tensor leaf(float[] values, int from, long rows, long columns) {
    Tensor tensor = Tensors.of(values, from, rows, columns);
    return tensor.to(device.torch(), ScalarType.Float).set_requires_grad(true);
  }

  private void addGradients(Map<String, DecoderGraph.Lora> leaves, float[] gradient) {
    for (Module module : modules()) {
      DecoderGraph.Lora lora = java.util.Objects.requireNonNull(leaves.get(module.path));
      add(lora.a(), gradient, factors.a(module.layer, module.projection));
      add(lora.b(), gradient, factors.b(module.layer, module.projection));
    }
  }

  private static void add(Tensor leaf, float[] gradient, int to) {
    try (Scope _ = Scope.open()) {
      float[] added = Tensors.floats(leaf.grad());
      for (int i = 0; i < added.length; i++) {
        gradient[to + i] += added[i];
      }
    }
  }

  private void requireUsable(int[] ids, float[] values) {
    if (closed) {
      throw new IllegalStateException("the decoder is closed");
    }
    requireSize(values, "factors");
    int vocabulary = factors.config().vocabulary();
    for (int id : ids) {
      if (id < 0 || id >= vocabulary) {
        throw new IllegalArgumentException("token " + id + " is outside [0, " + vocabulary + ")");
      }
    }
  }

  private void requireSize(float[] vector, String what) {
    if (vector.length != factors.size()) {
      throw new IllegalArgumentException(
          vector.length + " " + what + " given where the adapter has " + factors.size());
    }
  }
}
