package dev.lathe.compute.kernel;

/// Rows of activations in one array: row `r` begins at `offset + r * stride`. What lies between the
/// width of a row and the next whole panel stays zero. A view, cheap to make; the arrays belong to
/// whoever made them.
///
/// Weights of 4 to 6 bits are multiplied with integers, which [Kernel#quantize] makes of a row, for
/// each 32 values [#BLOCK_WORDS] words. A word of eight rows, a tile, lies together.
///
/// ```
/// 0-15  two values of 16 bits each, the even one in the lower half
/// 16    their scale, a float
/// 17    their sum times the scale, a float
/// 18    the sums of the even and of the odd values, 16 bits each
/// 19    those of the first 16 values, and 20 those of the others
/// ```
///
/// @param integers empty where nothing is multiplied with integers
/// @param offset a multiple of the stride
/// @param stride a multiple of 32
public record Rows(float[] values, int[] integers, int offset, int stride) {
  /// Rows whose integers lie together.
  static final int TILE = 8;

  /// Words of 32 values of a row.
  static final int BLOCK_WORDS = 21;

  /// Words of 32 values of a tile.
  static final int BLOCK_INTS = BLOCK_WORDS * TILE;

  static final int SCALE = 16;
  static final int SUM = 17;
  static final int LANE_SUMS = 18;
  static final int HALF_LANE_SUMS = 19;

  private static final int[] NONE = {};

  /// `rows` zeroed rows of at least `width`, each a whole number of panels.
  public static Rows of(int rows, int width) {
    int stride = PackedMatrix.padded(width);
    return new Rows(new float[Math.multiplyExact(rows, stride)], NONE, 0, stride);
  }

  /// As [#of], with room for their integers.
  public static Rows quantizable(int rows, int width) {
    Rows floats = of(rows, width);
    int tiles = (rows + TILE - 1) / TILE;
    int[] integers =
        new int[Math.toIntExact((long) tiles * floats.stride / Format.BLOCK * BLOCK_INTS)];
    return new Rows(floats.values, integers, 0, floats.stride);
  }

  /// Bytes of the integers of one row.
  public static long integerBytes(int width) {
    return (long) PackedMatrix.padded(width) / Format.BLOCK * BLOCK_WORDS * Integer.BYTES;
  }

  /// First index of a row.
  public int at(int row) {
    return offset + row * stride;
  }

  /// First index of a row's integers; the next word is [#TILE] further.
  int integersAt(int row) {
    int index = at(row) / stride;
    return index / TILE * (stride / Format.BLOCK) * BLOCK_INTS + index % TILE;
  }

  /// The same rows from `first` on.
  public Rows from(int first) {
    return new Rows(values, integers, at(first), stride);
  }
}
