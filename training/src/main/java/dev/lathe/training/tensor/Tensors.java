package dev.lathe.training.tensor;

import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Numbers into tensors and back, without a copy on the Java heap in between.
public final class Tensors {
  private Tensors() {}

  /// A CPU tensor with undefined content.
  public static Tensor empty(ScalarType type, long... shape) {
    return torch.empty(shape, new TensorOptions(type), null);
  }

  /// An fp32 CPU tensor with the given elements, row-major, starting at `from`.
  public static Tensor of(float[] values, int from, long... shape) {
    Tensor tensor = empty(ScalarType.Float, shape);
    int count = Math.toIntExact(tensor.numel());
    MemorySegment.copy(values, from, memory(tensor), ValueLayout.JAVA_FLOAT, 0, count);
    return tensor;
  }

  /// An int64 CPU vector.
  public static Tensor indices(int[] values) {
    Tensor tensor = empty(ScalarType.Long, values.length);
    MemorySegment memory = memory(tensor);
    for (int i = 0; i < values.length; i++) {
      memory.setAtIndex(ValueLayout.JAVA_LONG, i, values[i]);
    }
    return tensor;
  }

  /// The elements as fp32, row-major, whatever the tensor's type, layout and device.
  public static float[] floats(Tensor tensor) {
    try (Scope _ = Scope.open()) {
      Tensor plain = tensor.detach().cpu().to(ScalarType.Float).contiguous();
      return memory(plain).toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /// The memory of a contiguous CPU tensor; valid as long as the tensor.
  public static MemorySegment memory(Tensor tensor) {
    if (!tensor.is_contiguous() || tensor.is_cuda()) {
      throw new IllegalArgumentException("only contiguous tensors of the CPU are plain memory");
    }
    try (Scope _ = Scope.open()) {
      return MemorySegment.ofAddress(tensor.data_ptr().address())
          .reinterpret(tensor.numel() * tensor.element_size());
    }
  }

  /// A copy of a stored tensor in the given type, on the CPU. The pages of a mapped file are given
  /// back once copied, so that weights are not in memory twice.
  public static Tensor load(WeightTensor stored, ScalarType type) {
    try (Scope scope = Scope.open()) {
      long[] shape = stored.shape().stream().mapToLong(Long::longValue).toArray();
      Tensor raw = empty(plainType(stored), shape);
      memory(raw).copyFrom(stored.data());
      if (stored.data().isMapped()) {
        stored.data().unload();
      }
      return scope.keep(raw.to(type));
    }
  }

  private static ScalarType plainType(WeightTensor stored) {
    return switch (stored.type()) {
      case F32 -> ScalarType.Float;
      case F16 -> ScalarType.Half;
      case BF16 -> ScalarType.BFloat16;
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K ->
          throw new UnsupportedOperationException(stored.type() + " of " + stored.name());
    };
  }
}
