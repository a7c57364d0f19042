package dev.lathe.training.model;

import dev.lathe.compute.model.ModelConfig.Projection;

/// Which inputs of a LoRA factor A are dropped, as a pure function of where they stand: any
/// implementation, on any device and in any order, drops the same elements.
///
/// The element `i` of `[0, in)` at place `t` of `[0, T)` of a batch has the index `t * in + i`. The
/// mask of every layer and projection is its own.
public final class DropoutMask {
  /*
   * The finaliser of MurmurHash3 [1] over a counter: h = index * C1 + k1, then its rounds, k2 added
   * behind the first multiplication so that no two masks are the same sequence shifted. 32 bits
   * throughout, so that a vector holds as many hashes as numbers. The upper 24 bits, compared with
   * the share times 2^24, decide. k1 and k2 are the halves of a key by SplitMix64 [2].
   *
   * [1] Appleby, MurmurHash3, fmix32, 2011
   * [2] Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014
   */
  /// Multiplies the index.
  public static final int SPREAD = 0x9E3779B9;

  /// Multiplier of the first round.
  public static final int FIRST = 0x85EBCA6B;

  /// Multiplier of the second round.
  public static final int SECOND = 0xC2B2AE35;

  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  /// Bits of a hash that are compared.
  public static final int BITS = 24;

  private DropoutMask() {}

  /// The key of one projection's mask.
  ///
  /// @param seed the `dropoutSeed` of [Gradients#accumulate]
  public static long key(long seed, int layer, Projection projection) {
    long module = (long) layer * Projection.values().length + projection.ordinal();
    return mix(mix(seed) + (module + 1) * GOLDEN_GAMMA);
  }

  /// Elements whose hash falls below this are dropped; 0 drops none.
  ///
  /// @param dropout share to drop, `[0, 1)`
  public static int threshold(double dropout) {
    return (int) Math.round(dropout * (1 << BITS));
  }

  /// Whether the element stays.
  ///
  /// @param key from [#key]
  /// @param index `t * in + i`
  /// @param threshold from [#threshold]
  public static boolean keeps(long key, long index, int threshold) {
    int hash = (int) index * SPREAD + first(key);
    hash = (hash ^ (hash >>> 16)) * FIRST + second(key);
    hash = (hash ^ (hash >>> 13)) * SECOND;
    hash ^= hash >>> 16;
    return (hash >>> (Integer.SIZE - BITS)) >= threshold;
  }

  /// The half of a key that is added to the index.
  public static int first(long key) {
    return (int) (key >>> Integer.SIZE);
  }

  /// The half of a key that is added behind the first multiplication.
  public static int second(long key) {
    return (int) key;
  }

  /// The factors of all `tokens * in` elements, row-major: `1 / (1 - dropout)` where one stays,
  /// else 0.
  public static float[] factors(long key, int tokens, int in, double dropout) {
    float[] factors = new float[Math.multiplyExact(tokens, in)];
    int threshold = threshold(dropout);
    float kept = (float) (1 / (1 - dropout));
    for (int index = 0; index < factors.length; index++) {
      factors[index] = keeps(key, index, threshold) ? kept : 0;
    }
    return factors;
  }

  private static long mix(long value) {
    long mixed = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }
}
