package dev.lathe.compute.kernel;

/// The passes of a decoder over packed weights and rows of fp32 activations. Stateless; any thread.
///
/// The result of a row never depends on the rows computed beside it.
public sealed interface Kernel permits VectorKernel, ScalarKernel {
  /// The Vector API where the JVM was started with it and its vectors divide a panel; else the
  /// scalar loops.
  ///
  /// @throws LatheException when the processor lacks what both compute with
  static Kernel best() {
    FusedMultiplyAdd.require();
    try {
      Class.forName("jdk.incubator.vector.FloatVector", false, Kernel.class.getClassLoader());
    } catch (ClassNotFoundException missing) {
      return new ScalarKernel();
    }
    return VectorKernel.fits() ? new VectorKernel() : new ScalarKernel();
  }

  /// What runs, for messages: `vector, 16 lanes` or `scalar`.
  String description();

  /// Rounds `count` activations of a row, in blocks of 32, to integers in `[-levels, levels]` times
  /// the scale at which the block's largest one becomes `levels`. A block with a value that is not
  /// finite gets a scale that is none.
  ///
  /// @param x rows with room for integers; receives them
  /// @param column first of them, a multiple of 32
  /// @param count a multiple of 32
  /// @param levels 0 does nothing
  /// @param scratch of the calling thread
  void quantize(Rows x, int row, int column, int count, int levels, Scratch scratch);

  /// `y[r, n] = sum over k of x[r, k] w[n, k]` for the outputs of panels `[first, last)`; panels of
  /// 4 to 6 bits take the integers of x, all others its floats.
  ///
  /// @param x `[rows, K rounded up to panels]`, zero behind K; quantised to [PackedMatrix#levels]
  /// @param y `[rows, N rounded up to panels]`
  /// @param scratch of the calling thread
  void multiply(PackedMatrix w, Rows x, Rows y, int rows, int first, int last, Scratch scratch);

  /// `ranks = s A x` for one row.
  ///
  /// @param x at least K rounded up to 32 values, zero behind K
  /// @param ranks [LowRank#ranks] results
  void lower(LowRank factors, float[] x, int xAt, float[] ranks, int ranksAt, Scratch scratch);

  /// `y += B ranks` for one row, at the panels that the factors name.
  void raise(LowRank factors, float[] ranks, int ranksAt, float[] y, int yAt);

  /// RMSNorm of one row of `weight.length` values: `y = x / sqrt(mean(x^2) + epsilon) * weight`.
  void norm(float[] x, int xAt, float[] weight, float epsilon, float[] y, int yAt);

  /// `y[i] = silu(gate[i]) * up[i]` over one panel of each.
  void gate(float[] gate, int gateAt, int upAt, float[] y, int yAt, int count);

  /// `x[i] += y[i]`
  void add(float[] x, int xAt, float[] y, int yAt, int count);

  /// Attention of the query heads that share one key/value head, for neighbouring rows of one
  /// stream, each seeing the keys up to its own, with an online softmax page by page (Milakov and
  /// Gimelshein 2018, arXiv 1805.02867).
  ///
  /// @param table the stream's pages in order of position
  /// @param position of the first row
  /// @param row the first row of `q` and `out`
  /// @param rows at most [KvCache#rows]
  /// @param q `[group, D]` rotated queries of each row from column `at` on
  /// @param out `[group, D]` of each row from column `at` on
  /// @param scratch of the calling thread, made for this cache
  void attend(
      KvCache cache,
      int[] table,
      int layer,
      int kvHead,
      int position,
      int row,
      int rows,
      int group,
      Rows q,
      Rows out,
      int at,
      Scratch scratch);

  /// Index of the largest of `count` values, the first of equals; -1 when one is not a number.
  int argmax(float[] x, int at, int count);
}
