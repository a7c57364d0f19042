package dev.lathe.compute.weights;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// One stored tensor: row-major, the last dimension contiguous, little-endian.
///
/// @param name the Hugging Face name, `model.layers.0.self_attn.q_proj.weight`
/// @param shape outermost dimension first: `[out, in]` for a projection
/// @param data exactly `type.bytes(elements)` bytes; valid until its source is closed
public record WeightTensor(String name, DType type, List<Long> shape, MemorySegment data) {
  public WeightTensor {
    shape = List.copyOf(shape);
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    if (data.byteSize() != type.bytes(elements)) {
      throw new IllegalArgumentException(
          name
              + " "
              + shape
              + " of "
              + type
              + " needs "
              + type.bytes(elements)
              + " bytes, has "
              + data.byteSize());
    }
  }

  /// Number of elements.
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /// First dimension; 1 for a scalar.
  public int rows() {
    return shape.isEmpty() ? 1 : Math.toIntExact(shape.getFirst());
  }

  /// Gives the memory behind a mapped file back, so that copied weights are not in memory twice.
  /// The data can still be read.
  public void release() {
    if (data.isMapped()) {
      data.unload();
    }
  }

  /// Elements of one row: the product of the dimensions after the first.
  public int columns() {
    return Math.toIntExact(elements() / rows());
  }
}
