package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/// The low-rank change of a product, `y += B (s A x)`, for one adapter and projections that share
/// their input: the A factors one below the other, and a B for each projection. bfloat16, in words
/// of two values whose lower halves are 16 neighbours and whose upper halves the next 16.
///
/// ```
/// down  [R, K / 32] pieces of 32 inputs
/// up    [N / 32, R] pieces of 32 outputs, for each projection
/// ```
///
/// Its memory belongs to whoever gave it.
public final class LowRank {
  /// Bytes of 32 values.
  static final int PIECE = 16 * Integer.BYTES;

  /// One projection.
  ///
  /// @param a `[R, K]` row-major
  /// @param b `[N, R]` row-major
  /// @param rank `R`
  /// @param scaling what the product is multiplied with
  /// @param firstPanel panel of `y` that its first 32 outputs are added to
  /// @param panelStep panels of `y` from there to the next 32
  public record Factor(
      float[] a, float[] b, int rank, float scaling, int firstPanel, int panelStep) {}

  /// One B.
  record Up(MemorySegment data, int panels, int firstRank, int ranks, int firstPanel, int step) {
    /// First column of `y` that a panel is added to.
    int column(int panel) {
      return (firstPanel + panel * step) * PackedMatrix.PANEL;
    }
  }

  private final int inputs;
  private final MemorySegment down;
  private final float[] scalings;
  private final List<Up> ups = new ArrayList<>();

  /// Packs the factors of one input.
  ///
  /// @param inputs `K`
  public LowRank(int inputs, List<Factor> factors, SegmentAllocator memory) {
    this.inputs = inputs;
    int ranks = factors.stream().mapToInt(Factor::rank).sum();
    scalings = new float[ranks];
    down = memory.allocate((long) ranks * pieces() * PIECE, PackedMatrix.ALIGNMENT);
    int first = 0;
    for (Factor factor : factors) {
      for (int r = 0; r < factor.rank(); r++) {
        scalings[first + r] = factor.scaling();
        for (int k = 0; k < inputs; k++) {
          put(down, (long) (first + r) * pieces() + k / 32, k % 32, factor.a()[r * inputs + k]);
        }
      }
      ups.add(up(factor, first, memory));
      first += factor.rank();
    }
  }

  private static Up up(Factor factor, int firstRank, SegmentAllocator memory) {
    int outputs = factor.b().length / factor.rank();
    int panels = PackedMatrix.padded(outputs) / PackedMatrix.PANEL;
    MemorySegment data =
        memory.allocate((long) panels * factor.rank() * PIECE, PackedMatrix.ALIGNMENT);
    for (int n = 0; n < outputs; n++) {
      for (int r = 0; r < factor.rank(); r++) {
        long piece = (long) (n / PackedMatrix.PANEL) * factor.rank() + r;
        put(data, piece, n % PackedMatrix.PANEL, factor.b()[n * factor.rank() + r]);
      }
    }
    return new Up(data, panels, firstRank, factor.rank(), factor.firstPanel(), factor.panelStep());
  }

  private static void put(MemorySegment data, long piece, int i, float value) {
    data.set(PackedMatrix.SHORT, at(piece, i), (short) PackedMatrix.bf16(value));
  }

  /// Value `i` of a piece.
  static float value(MemorySegment data, long piece, int i) {
    return Float.intBitsToFloat(data.get(PackedMatrix.SHORT, at(piece, i)) << 16);
  }

  private static long at(long piece, int i) {
    return piece * PIECE + Panel.paired(i);
  }

  /// The sum of all ranks.
  public int ranks() {
    return scalings.length;
  }

  /// Bytes of one projection's factors.
  public static long bytes(int inputs, int outputs, int rank) {
    long pieces = (long) Format.blocks(inputs) + Format.blocks(outputs);
    return pieces * rank * PIECE;
  }

  /// Pieces of one row of A.
  int pieces() {
    return Format.blocks(inputs);
  }

  MemorySegment down() {
    return down;
  }

  float scaling(int rank) {
    return scalings[rank];
  }

  List<Up> ups() {
    return ups;
  }
}
