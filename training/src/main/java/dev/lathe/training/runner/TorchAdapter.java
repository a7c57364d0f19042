package dev.lathe.training.runner;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.engine.Runner;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// The factors of one adapter on a device, each B with its scaling multiplied in.
final class TorchAdapter implements Runner.Packed {
  /// The factors of one module.
  ///
  /// @param a `[R, in]`
  /// @param b `[out, R]`, scaling included
  private record Pair(Tensor a, Tensor b) {}

  private final @Nullable Pair[] pairs;

  private TorchAdapter(int modules) {
    pairs = new Pair[modules];
  }

  /// Copies the factors to the device, rounded to the type.
  static TorchAdapter of(ModelConfig config, Adapter adapter, ScalarType type, Device device) {
    TorchAdapter packed = new TorchAdapter(config.layers() * Projection.values().length);
    try (Scope scope = Scope.open()) {
      for (Factor factor : adapter.factors()) {
        long in = config.in(factor.projection());
        long out = config.out(factor.projection());
        float[] scaled = factor.b().clone();
        for (int i = 0; i < scaled.length; i++) {
          scaled[i] *= factor.scaling();
        }
        Tensor a = Tensors.of(factor.a(), 0, factor.rank(), in).to(device.torch(), type);
        Tensor b = Tensors.of(scaled, 0, out, factor.rank()).to(device.torch(), type);
        packed.pairs[index(factor.layer(), factor.projection())] = new Pair(a, b);
      }
      for (Pair pair : packed.pairs) {
        if (pair != null) {
          scope.keep(pair.a);
          scope.keep(pair.b);
        }
      }
    }
    return packed;
  }

  private static int index(int layer, Projection projection) {
    return layer * Projection.values().length + projection.ordinal();
  }

  /// Adds `B A x` to some rows of a module's result.
  ///
  /// @param x `[rows, in]`
  /// @param y `[rows, out]`
  void addTo(int layer, Projection projection, Tensor x, Tensor y) {
    Pair pair = pairs[index(layer, projection)];
    if (pair != null) {
      y.add_(torch.linear(torch.linear(x, pair.a), pair.b));
    }
  }

  @Override
  public long bytes() {
    long sum = 0;
    for (Pair pair : pairs) {
      if (pair != null) {
        sum += bytes(pair.a) + bytes(pair.b);
      }
    }
    return sum;
  }

  private static long bytes(Tensor tensor) {
    return tensor.numel() * tensor.element_size();
  }

  @Override
  public void close() {
    for (Pair pair : pairs) {
      if (pair != null) {
        pair.a.close();
        pair.b.close();
      }
    }
  }
}
