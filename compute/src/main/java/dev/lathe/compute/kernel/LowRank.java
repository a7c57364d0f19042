package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// The low-rank change of a product, `y += B (s A x)`, for one adapter and projections that share
/// their input. A piece is 32 inputs of a row of A, or 32 outputs of a column of B; both factors of
/// a projection are tables of lines of 64 bytes:
///
/// ```
/// A  [R, K / 32] pieces     B  [N / 32, R] pieces
/// ```
///
/// With 16 bits a line is one piece in bfloat16, in words of two values: the lower half is of the
/// first 16, the upper half of the next 16. With 8 bits it is the pieces of two ranks that follow
/// each other, in words of four integers, two of each rank; behind the lines of a factor is a
/// floating-point scale for each piece, its largest value being 127. A last rank without a second
/// gets one of zeros.
///
/// Its memory belongs to whoever gave it.
public final class LowRank {
  static final int LINE = 64;

  /// What an integer is stored with, so that it is not negative.
  static final int ZERO = 128;

  private static final int PIECE = 32;
  private static final int LARGEST = 127;

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

  /// One factor: `[ranks, pieces]` or `[pieces, ranks]`, and where its scales begin.
  private record Table(int ranks, int pieces, int bits, boolean ranksInside) {
    /// A piece's place in the order of the table.
    private int place(int rank, int piece) {
      int step = bits == 8 ? 2 : 1;
      return ranksInside ? piece * (ranks / step) + rank / step : rank / step * pieces + piece;
    }

    long scales() {
      return (long) ranks * pieces * bits / 16 * LINE;
    }

    long bytes() {
      long scales = bits == 8 ? (long) ranks * pieces * Float.BYTES : 0;
      return scales() + (scales + LINE - 1) / LINE * LINE;
    }

    private long scale(int rank, int piece) {
      return scales() + (2L * place(rank, piece) + rank % 2) * Float.BYTES;
    }

    /// Packs 32 values, those behind `count` being zero.
    ///
    /// @param from index of the first
    /// @param step distance of two
    void put(MemorySegment to, int rank, int piece, float[] values, int from, int step, int count) {
      float scale = bits == 8 ? scale(values, from, step, count) : 1;
      if (bits == 8) {
        to.set(PackedMatrix.FLOAT, scale(rank, piece), scale);
      }
      for (int i = 0; i < PIECE; i++) {
        float value = i < count ? values[from + i * step] : 0;
        long at = at(rank, piece, i);
        if (bits == 16) {
          to.set(PackedMatrix.SHORT, at, (short) PackedMatrix.bf16(value));
        } else {
          int integer = scale == 0 ? 0 : Math.clamp(Math.round(value / scale), -LARGEST, LARGEST);
          to.set(ValueLayout.JAVA_BYTE, at, (byte) (integer + ZERO));
        }
      }
    }

    /// At which the largest of `count` values becomes [#LARGEST].
    private static float scale(float[] values, int from, int step, int count) {
      float most = 0;
      for (int i = 0; i < count; i++) {
        most = Math.max(most, Math.abs(values[from + i * step]));
      }
      return most / LARGEST;
    }

    float get(MemorySegment from, int rank, int piece, int i) {
      long at = at(rank, piece, i);
      if (bits == 16) {
        return Float.intBitsToFloat(from.get(PackedMatrix.SHORT, at) << 16);
      }
      int integer = Byte.toUnsignedInt(from.get(ValueLayout.JAVA_BYTE, at)) - ZERO;
      return integer * from.get(PackedMatrix.FLOAT, scale(rank, piece));
    }

    private long at(int rank, int piece, int i) {
      long line = (long) place(rank, piece) * LINE;
      return bits == 16
          ? line + Panel.paired(i)
          : line + i % 16 * (long) Integer.BYTES + rank % 2 * 2L + i / 16;
    }
  }

  /// One projection, packed.
  static final class Part {
    private final MemorySegment memory;
    private final MemorySegment ups;
    private final Table down;
    private final Table up;
    private final float scaling;
    private final int firstRank;
    private final int firstPanel;
    private final int panelStep;

    private Part(int inputs, Factor factor, int bits, int firstRank, SegmentAllocator allocator) {
      int rank = factor.rank();
      int outputs = factor.b().length / rank;
      down = down(inputs, rank, bits);
      up = up(outputs, rank, bits);
      memory = allocator.allocate(down.bytes() + up.bytes(), PackedMatrix.ALIGNMENT);
      ups = memory.asSlice(down.bytes());
      scaling = factor.scaling();
      this.firstRank = firstRank;
      firstPanel = factor.firstPanel();
      panelStep = factor.panelStep();
      for (int r = 0; r < down.ranks(); r++) {
        for (int p = 0; p < down.pieces(); p++) {
          int count = r < rank ? Math.min(PIECE, inputs - p * PIECE) : 0;
          down.put(memory, r, p, factor.a(), r * inputs + p * PIECE, 1, count);
        }
        for (int p = 0; p < up.pieces(); p++) {
          int count = r < rank ? Math.min(PIECE, outputs - p * PIECE) : 0;
          up.put(ups, r, p, factor.b(), p * PIECE * rank + r, rank, count);
        }
      }
    }

    private static Table down(int inputs, int rank, int bits) {
      return new Table(ranks(rank, bits), Format.blocks(inputs), bits, false);
    }

    private static Table up(int outputs, int rank, int bits) {
      return new Table(ranks(rank, bits), Format.blocks(outputs), bits, true);
    }

    private static int ranks(int rank, int bits) {
      return bits == 8 ? rank + rank % 2 : rank;
    }

    /// Both factors.
    MemorySegment memory() {
      return memory;
    }

    /// B.
    MemorySegment up() {
      return ups;
    }

    /// Offset of A's scales in its memory, one of each piece in the order of the lines.
    long downScales() {
      return down.scales();
    }

    /// Offset of B's scales in its memory.
    long upScales() {
      return up.scales();
    }

    /// The ranks, and one more where two share a line.
    int ranks() {
      return down.ranks();
    }

    /// Where its ranks begin among those of all projections.
    int firstRank() {
      return firstRank;
    }

    float scaling() {
      return scaling;
    }

    /// Pieces of one row of A.
    int inputs() {
      return down.pieces();
    }

    /// Pieces of one column of B.
    int outputs() {
      return up.pieces();
    }

    /// First column of `y` that a piece of outputs is added to.
    int column(int piece) {
      return (firstPanel + piece * panelStep) * PackedMatrix.PANEL;
    }

    float a(int rank, int k) {
      return down.get(memory, rank, k / PIECE, k % PIECE);
    }

    float b(int n, int rank) {
      return up.get(ups, rank, n / PIECE, n % PIECE);
    }
  }

  private final int bits;
  private final List<Part> parts = new ArrayList<>();

  /// Packs the factors of one input.
  ///
  /// @param inputs `K`
  /// @param bits of a value, 16 or 8
  public LowRank(int inputs, List<Factor> factors, int bits, SegmentAllocator memory) {
    this.bits = bits;
    for (Factor factor : factors) {
      parts.add(new Part(inputs, factor, bits, ranks(), memory));
    }
  }

  /// Ranks of all projections, with one more for each where two share a line and one is left.
  public int ranks() {
    return parts.isEmpty() ? 0 : parts.getLast().firstRank() + parts.getLast().ranks();
  }

  /// Bytes of one projection's factors.
  public static long bytes(int inputs, int outputs, int rank, int bits) {
    return Part.down(inputs, rank, bits).bytes() + Part.up(outputs, rank, bits).bytes();
  }

  int bits() {
    return bits;
  }

  List<Part> parts() {
    return parts;
  }
}
