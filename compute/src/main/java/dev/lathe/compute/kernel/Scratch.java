package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Room in which one thread computes: small enough to stay in the first-level cache. Its memory
/// belongs to the arena.
public final class Scratch {
  /// Inputs whose weights are decoded to floats at once.
  static final int INPUTS = 128;

  /// Most inputs whose weights are decoded to integers at once: the fewer times a piece begins the
  /// better.
  static final int INTEGER_INPUTS = 576;

  /// Bytes of the scales and least values of one panel.
  static final int SCALE_BYTES = 2 * PackedMatrix.PANEL * Float.BYTES;

  /// Bytes of the sums of one row of a tile over the inputs of one scale.
  static final long ROW_BYTES = (long) PackedMatrix.PANEL * Float.BYTES;

  /// Decoded weights: floats `[INPUTS, 32]`, or 16-bit integers `[INTEGER_INPUTS / 2, 32, 2]`.
  final MemorySegment weights;

  /// Scales `[32]` and least values `[32]` of 16 or 32 inputs each.
  final MemorySegment scales;

  /// Sums of a tile over the inputs of each scale.
  final MemorySegment partial;

  /// One block of activations.
  final int[] rounded = new int[Format.BLOCK];

  /// One block of a key.
  final float[] block = new float[Format.BLOCK];

  final float[] attention;

  /// Four vectors to be summed.
  final float[] sums = new float[4 * 16];

  /// Where bytes that were read ahead end, so that reading them is not optimised away.
  int seen;

  /// @param attention floats that attention needs, see [KvCache#scratch]
  /// @param headWidth inputs of the keys that it widens
  public Scratch(Arena arena, int attention, int headWidth) {
    int inputs = Math.max(INPUTS, PackedMatrix.padded(headWidth));
    weights = arena.allocate((long) Math.max(inputs, INTEGER_INPUTS / 2) * Format.ROW, 4096);
    scales = arena.allocate((long) INTEGER_INPUTS / 16 * SCALE_BYTES, 64);
    partial = arena.allocate((long) INTEGER_INPUTS / 16 * Rows.TILE * ROW_BYTES, 64);
    this.attention = new float[attention];
  }
}
