package dev.lathe.training.runner;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.engine.Batch;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.Runner;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.training.model.FrozenWeights;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// The engine's decoder in LibTorch's operations, on the CPU or a GPU.
///
/// Weights, activations, keys, values and factors have one type; the residual, norms, rotations and
/// softmax are fp32. Quantised checkpoints are read into that type.
public final class TorchRunner implements Runner {
  private static final long MIB = 1 << 20;

  private final ModelConfig config;
  private final Device device;
  private final ScalarType type;
  private final FrozenWeights weights;
  private final PagedAttention attention;
  private final String description;
  private final Rows logits;
  private final Rows hidden;
  private final int maxOutputs;
  private @Nullable Tensor residual;

  private TorchRunner(
      ModelConfig config,
      EngineSettings settings,
      Device device,
      ScalarType type,
      FrozenWeights weights,
      PagedAttention attention) {
    this.config = config;
    this.device = device;
    this.type = type;
    this.weights = weights;
    this.attention = attention;
    maxOutputs = settings.maxStreams();
    logits = Rows.of(maxOutputs, config.vocabulary());
    hidden = Rows.of(1, config.width());
    description =
        "LibTorch on %s, %d threads, %s weights".formatted(device, settings.threads(), name(type));
  }

  /// Copies the weights to the device; the source may be closed afterwards. Whoever opens the
  /// runner closes it, or hands it to [dev.lathe.compute.engine.JavaEngine#over].
  ///
  /// @param settings weights as bf16, which auto means too, or f32; its threads are LibTorch's, in
  ///   the whole process
  /// @throws LatheException when the device is not there, a tensor is missing or has another shape
  ///   than the config says, the weights were asked for in another form, or the memory does not
  ///   suffice
  public static TorchRunner open(
      ModelConfig config, WeightSource source, EngineSettings settings, Device device) {
    ScalarType type = type(settings.weightStorage());
    LibTorch.load(settings.threads());
    device.require();
    int elementBytes = type == ScalarType.Float ? 4 : 2;
    if (device == Device.CPU) {
      requireMemory(config, settings, elementBytes, FreeMemory.now());
    }
    FrozenWeights weights = null;
    try {
      weights = FrozenWeights.load(config, source, type, device);
      PagedAttention attention = PagedAttention.open(config, settings.pages(), device, type);
      return new TorchRunner(config, settings, device, type, weights, attention);
    } catch (RuntimeException e) {
      if (weights != null) {
        weights.close();
      }
      throw e instanceof LatheException ? e : unloadable(config, settings, elementBytes, e);
    }
  }

  private static ScalarType type(Storage storage) {
    return switch (storage) {
      case F32 -> ScalarType.Float;
      case AUTO, BF16 -> ScalarType.BFloat16;
      case INT8, INT4 ->
          throw LatheException.user(
              "the LibTorch engine computes with weights in bf16 or f32, not " + storage,
              "ask for one of these, or for the engine in plain Java");
    };
  }

  private static String name(ScalarType type) {
    return type == ScalarType.Float ? "F32" : "BF16";
  }

  private static long parameters(ModelConfig config) {
    long layer = 0;
    for (Projection projection : Projection.values()) {
      layer += (long) config.in(projection) * config.out(projection);
    }
    long tables = config.tiedEmbeddings() ? 1 : 2;
    return layer * config.layers() + tables * config.vocabulary() * config.width();
  }

  private static String needs(ModelConfig config, EngineSettings settings, int elementBytes) {
    return "the model needs %,d MiB for weights as %s and %,d MiB for a cache of %,d tokens"
        .formatted(
            parameters(config) * elementBytes / MIB,
            name(type(settings.weightStorage())),
            PagedAttention.bytes(config, settings.pages(), elementBytes) / MIB,
            settings.kvTokens());
  }

  static void requireMemory(
      ModelConfig config, EngineSettings settings, int elementBytes, FreeMemory free) {
    long widest = (long) config.heads() * config.headWidth() + config.width();
    long row = 4 * (4 * widest + 3L * config.feedForward());
    long buffers = row * settings.maxRows() + 8L * settings.maxStreams() * config.vocabulary();
    long bytes =
        parameters(config) * elementBytes
            + PagedAttention.bytes(config, settings.pages(), elementBytes)
            + buffers;
    if (bytes > free.bytes()) {
      throw LatheException.capacity(
          "%s, with buffers %,d MiB, and %s is %,d MiB"
              .formatted(
                  needs(config, settings, elementBytes),
                  bytes / MIB,
                  free.origin(),
                  free.bytes() / MIB),
          elementBytes == Float.BYTES
              ? "ask for a shorter context, keep the weights as bf16, or free memory"
              : "ask for a shorter context, use the engine in Java, which keeps weights in fewer bits, or free memory");
    }
  }

  /// What LibTorch refuses while a model is loaded is memory.
  private static LatheException unloadable(
      ModelConfig config, EngineSettings settings, int elementBytes, RuntimeException cause) {
    String reason = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    return LatheException.capacity(
        needs(config, settings, elementBytes) + ", and LibTorch could not load it: " + reason,
        "ask for a shorter context, or use a device with more memory");
  }

  @Override
  public Packed pack(Adapter adapter) {
    return TorchAdapter.of(config, adapter, type, device);
  }

  @Override
  public void touch(int page) {
    // all pages are allocated when the runner is opened
  }

  /// Rows next to each other with the same adapter.
  private record Run(int first, int count, TorchAdapter adapter) {}

  /// What all layers of a step share.
  ///
  /// @param cos `[T, 1, D]` fp32
  /// @param sin the same
  private record Step(Tensor cos, Tensor sin, PagedAttention.Step places, List<Run> runs) {}

  @Override
  public void forward(Batch batch) {
    forget();
    try (Scope scope = Scope.open()) {
      new NoGradGuard();
      Step step = step(batch);
      int[] tokens = new int[batch.rows()];
      for (int row = 0; row < tokens.length; row++) {
        tokens[row] = batch.token(row);
      }
      Tensor x = torch.embedding(weights.get(WeightNames.EMBEDDING), indices(tokens));
      Tensor sum = x.to(ScalarType.Float);
      for (int layer = 0; layer < config.layers(); layer++) {
        try (Scope _ = Scope.open()) {
          layer(layer, sum, step);
        }
      }
      if (device == Device.CUDA) {
        torch.cuda_synchronize();
      }
      residual = scope.keep(sum);
    }
  }

  private Step step(Batch batch) {
    List<Double> frequencies = config.rope().inverseFrequencies();
    int half = frequencies.size();
    float[] cos = new float[batch.rows() * 2 * half];
    float[] sin = new float[batch.rows() * 2 * half];
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < half; i++) {
        double angle = batch.position(row) * frequencies.get(i);
        int at = row * 2 * half + i;
        cos[at] = cos[at + half] = (float) (Math.cos(angle) * config.rope().attentionScale());
        sin[at] = sin[at + half] = (float) (Math.sin(angle) * config.rope().attentionScale());
      }
    }
    return new Step(rotation(cos), rotation(sin), attention.prepare(batch), runs(batch));
  }

  private Tensor rotation(float[] values) {
    long width = config.headWidth();
    Tensor tensor = Tensors.of(values, 0, values.length / width, 1, width);
    return tensor.to(device.torch(), ScalarType.Float);
  }

  @SuppressWarnings("ReferenceEquality") // packed once for all who use it
  private static List<Run> runs(Batch batch) {
    List<Run> runs = new ArrayList<>();
    int first = 0;
    for (int row = 1; row <= batch.rows(); row++) {
      if (row == batch.rows() || batch.adapter(row) != batch.adapter(first)) {
        if (batch.adapter(first) instanceof TorchAdapter adapter) {
          runs.add(new Run(first, row - first, adapter));
        }
        first = row;
      }
    }
    return runs;
  }

  /// Adds attention and feed-forward part of a layer to the residual `[T, E]`.
  private void layer(int layer, Tensor sum, Step step) {
    Tensor input = norm(sum, WeightNames.attentionNorm(layer));
    Tensor query = heads(project(layer, Projection.Q, input, step), config.heads());
    Tensor key = heads(project(layer, Projection.K, input, step), config.kvHeads());
    Tensor value = heads(project(layer, Projection.V, input, step), config.kvHeads());
    Scalar share = new Scalar(1 / Math.sqrt(config.headWidth()));
    Tensor mixed =
        attention.attend(
            layer,
            step.places,
            rotate(query, step).mul_(share).to(type),
            rotate(key, step).to(type),
            value);
    sum.add_(project(layer, Projection.O, mixed, step));

    Tensor normed = norm(sum, WeightNames.mlpNorm(layer));
    Tensor gate = torch.silu(project(layer, Projection.GATE, normed, step));
    gate.mul_(project(layer, Projection.UP, normed, step));
    sum.add_(project(layer, Projection.DOWN, gate, step));
  }

  /// `x / rms(x) * weight`.
  private Tensor norm(Tensor x, String name) {
    long[] last = {config.width()};
    DoubleOptional epsilon = new DoubleOptional(config.normEpsilon());
    Tensor normed = torch.rms_norm(x, last, new TensorOptional(), epsilon);
    return normed.to(type).mul(weights.get(name));
  }

  /// `x Wᵀ + bias`, and `B A x` for the rows with an adapter.
  private Tensor project(int layer, Projection projection, Tensor x, Step step) {
    TensorOptional bias =
        config.hasBias(projection)
            ? new TensorOptional(weights.get(WeightNames.bias(layer, projection)))
            : new TensorOptional();
    Tensor y = torch.linear(x, weights.get(WeightNames.weight(layer, projection)), bias);
    for (Run run : step.runs) {
      run.adapter.addTo(
          layer, projection, x.narrow(0, run.first, run.count), y.narrow(0, run.first, run.count));
    }
    return y;
  }

  /// `[T, heads * D]` to `[T, heads, D]`.
  private Tensor heads(Tensor x, int heads) {
    return x.view(x.size(0), heads, config.headWidth());
  }

  /// `x cos + (-second half, first half) sin` in fp32.
  private Tensor rotate(Tensor x, Step step) {
    long half = config.headWidth() / 2;
    Tensor turned =
        torch.cat(new TensorVector(x.narrow(2, half, half).neg(), x.narrow(2, 0, half)), 2);
    return x.mul(step.cos).add_(turned.mul(step.sin));
  }

  private Tensor indices(int[] values) {
    return Tensors.indices(values).to(device.torch(), ScalarType.Long);
  }

  @Override
  public Rows head(Batch batch, int first, int count) {
    if (count > maxOutputs) {
      throw new IllegalArgumentException(count + " rows of logits, room for " + maxOutputs);
    }
    try (Scope _ = Scope.open()) {
      new NoGradGuard();
      int[] rows = new int[count];
      for (int i = 0; i < count; i++) {
        rows[i] = batch.outputRow(first + i);
      }
      Tensor states = computed().index_select(0, indices(rows));
      String head = config.tiedEmbeddings() ? WeightNames.EMBEDDING : WeightNames.HEAD;
      Tensor normed = norm(states, WeightNames.FINAL_NORM);
      copy(torch.linear(normed, weights.get(head)), config.vocabulary(), logits);
      return logits;
    }
  }

  @Override
  public Rows hidden(int row) {
    try (Scope _ = Scope.open()) {
      new NoGradGuard();
      Tensor state = computed().narrow(0, row, 1);
      copy(norm(state, WeightNames.FINAL_NORM), config.width(), hidden);
      return hidden;
    }
  }

  private static void copy(Tensor from, int width, Rows to) {
    Tensor plain = from.cpu().to(ScalarType.Float).contiguous();
    MemorySegment memory = Tensors.memory(plain);
    for (int row = 0; row < plain.size(0); row++) {
      long at = (long) row * width * Float.BYTES;
      MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, at, to.values(), to.at(row), width);
    }
  }

  private Tensor computed() {
    return Optional.ofNullable(residual)
        .orElseThrow(() -> new IllegalStateException("no batch was computed"));
  }

  private void forget() {
    if (residual != null) {
      residual.close();
      residual = null;
    }
  }

  @Override
  public int maxOutputs() {
    return maxOutputs;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void close() {
    forget();
    attention.close();
    weights.close();
  }
}
