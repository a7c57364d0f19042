package dev.lathe.compute.weights;

/// How the elements of a stored tensor are laid out. Block formats are GGML's, specified in
/// `ggml-common.h`.
public enum DType {
  F32(1, 4),
  F16(1, 2),
  BF16(1, 2),
  Q4_0(32, 18),
  Q4_1(32, 20),
  Q5_0(32, 22),
  Q5_1(32, 24),
  Q8_0(32, 34),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210);

  private final int blockElements;
  private final int blockBytes;

  DType(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /// Elements of one block; 1 for the plain formats.
  public int blockElements() {
    return blockElements;
  }

  /// Bytes of one block.
  public int blockBytes() {
    return blockBytes;
  }

  /// Bytes of `elements` consecutive elements, a whole number of blocks.
  public long bytes(long elements) {
    if (elements % blockElements != 0) {
      throw new IllegalArgumentException(
          elements + " elements are no whole number of " + this + " blocks");
    }
    return elements / blockElements * blockBytes;
  }
}
