package dev.lathe.training.tensor;

import dev.lathe.compute.weights.Dequantize;
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

  /// A stored tensor on the CPU, dequantised where it is packed. The pages of a mapped file are
  /// given back once read, so that weights are not in memory twice. The caller closes it.
  public static Tensor load(WeightTensor stored, ScalarType type) {
    boolean coarse = type == ScalarType.BFloat16;
    long[] shape = stored.shape().stream().mapToLong(Long::longValue).toArray();
    try (Scope scope = Scope.open()) {
      Tensor read = empty(coarse ? ScalarType.BFloat16 : ScalarType.Float, shape);
      if (coarse) {
        Dequantize.toBf16(stored, 0, memory(read), stored.elements());
      } else {
        Dequantize.toF32(stored, 0, memory(read), stored.elements());
      }
      stored.release();
      return scope.keep(read.to(type));
    }
  }
}
