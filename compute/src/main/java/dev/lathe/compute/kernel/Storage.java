package dev.lathe.compute.kernel;

/// How a [PackedMatrix] keeps its values.
public enum Storage {
  /// 32-bit floats, `[N/16, K, 16]`.
  F32(4),
  /// bfloat16, two consecutive inputs of a column in one 32-bit word, `[N/16, K/2, 16, 2]`.
  BF16(2),
  /// 8-bit integers, `[N/16, K, 16]`, and behind each panel one fp32 scale per output: the largest
  /// absolute weight of the output is 127 of them.
  INT8(1);

  private final int bytes;

  Storage(int bytes) {
    this.bytes = bytes;
  }

  /// Bytes of a matrix of `outputs` by `inputs`, padding included.
  public long bytes(int outputs, int inputs) {
    long column = (long) paddedInputs(inputs) * bytes + (this == INT8 ? Float.BYTES : 0);
    return PackedMatrix.padded(outputs) * column;
  }

  /// Inputs as stored: an even number for BF16.
  int paddedInputs(int inputs) {
    return this == BF16 ? (inputs + 1) & ~1 : inputs;
  }
}
