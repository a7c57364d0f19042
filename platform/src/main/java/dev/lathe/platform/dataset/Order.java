package dev.lathe.platform.dataset;

import java.util.SplittableRandom;

/// Orders of rows that depend on a seed and a round alone.
public final class Order {
  private Order() {}

  /// A permutation of `[0, size)`: Fisher and Yates, driven by the JDK's SplitMix64.
  ///
  /// @param round number of the epoch, from 0
  public static int[] shuffled(int size, long seed, long round) {
    SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + round);
    int[] order = inOrder(size);
    for (int last = size - 1; last > 0; last--) {
      int other = random.nextInt(last + 1);
      int moved = order[last];
      order[last] = order[other];
      order[other] = moved;
    }
    return order;
  }

  /// `0, 1, …, size - 1`.
  public static int[] inOrder(int size) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      order[i] = i;
    }
    return order;
  }
}
