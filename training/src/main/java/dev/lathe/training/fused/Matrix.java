package dev.lathe.training.fused;

import dev.lathe.training.tensor.Scope;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Native memory of `[rows, columns]` elements, row-major without gaps, as an address for the
/// passes and as tensors for the products. Holds its memory until closed.
final class Matrix implements AutoCloseable {
  private final Tensor memory;
  private final int elementBytes;
  private final int columns;
  private final long address;

  private Matrix(ScalarType type, int elementBytes, long rows, int columns) {
    this.elementBytes = elementBytes;
    this.columns = columns;
    try (Scope scope = Scope.open()) {
      long elements = Math.max(1, rows * columns);
      this.memory = scope.keep(torch.empty(new long[] {elements}, new TensorOptions(type), null));
      this.address = memory.data_ptr().address();
    }
  }

  static Matrix bf16(long rows, int columns) {
    return new Matrix(ScalarType.BFloat16, Short.BYTES, rows, columns);
  }

  static Matrix fp32(long rows, int columns) {
    return new Matrix(ScalarType.Float, Float.BYTES, rows, columns);
  }

  int columns() {
    return columns;
  }

  /// Address of element `[row, column]`.
  long at(long row, int column) {
    return address + (row * columns + column) * elementBytes;
  }

  long at(long row) {
    return at(row, 0);
  }

  /// Bytes from one row to the next.
  long stride() {
    return (long) columns * elementBytes;
  }

  /// The first `rows` rows as a tensor, freed with the innermost scope.
  Tensor rows(int rows) {
    return view(0, rows, columns);
  }

  /// Rows `[from, from + rows)` as a tensor.
  Tensor rows(int from, int rows) {
    return view((long) from * columns, rows, columns);
  }

  /// A contiguous tensor over this memory from the given element on.
  Tensor view(long firstElement, long... shape) {
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= shape[i];
    }
    return memory.as_strided(shape, strides, new LongOptional(firstElement));
  }

  @Override
  public void close() {
    memory.close();
  }
}
