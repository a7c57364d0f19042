package dev.lathe.compute.kernel;

/// Rows of activations in one array: row `r` begins at `offset + r * stride`. What lies between the
/// width of a row and the next whole panel stays zero. A view, cheap to make; the array belongs to
/// whoever made it.
public record Rows(float[] values, int offset, int stride) {
  /// `rows` zeroed rows of at least `width`, each a whole number of panels.
  public static Rows of(int rows, int width) {
    int stride = PackedMatrix.padded(width);
    return new Rows(new float[Math.multiplyExact(rows, stride)], 0, stride);
  }

  /// First index of a row.
  public int at(int row) {
    return offset + row * stride;
  }

  /// The same rows from `first` on.
  public Rows from(int first) {
    return new Rows(values, at(first), stride);
  }
}
