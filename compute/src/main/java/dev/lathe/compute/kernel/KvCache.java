package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Keys and values in pages of 32 positions. Inside a page, for each layer and key/value head, lie
/// panels of 32 columns: keys transposed `[D, 32]`, so that one vector scores neighbouring
/// positions, then values in panels of 32, `[D' / 32, 32, 32]` with D' rounded up to panels.
///
/// ```
/// F32    1 value   of a column in a word, row k
/// BF16   2 values  row k / 2, the even one in the lower half
/// INT8   4 values  row k / 4, byte k % 4, 128 more than the integer
///   before them, rows of 32 fp32 scales, one for each position
///     keys    for each 32 of D
///     values  for each panel
/// ```
///
/// Before they are rounded to integers, each 32 numbers of a key are multiplied with a Hadamard
/// matrix, and so are those of a query, which leaves their product as it is: some models have a few
/// numbers in their keys that are fifty times as large as the others, and these would have no bits
/// left (Ashkboos et al. 2024, arXiv 2404.00456).
///
/// A position's scales are its own, so what a page holds does not depend on when it was written. A
/// page's memory is allocated from the arena when it is first written.
public final class KvCache {
  /// Positions of one page.
  public static final int SLOTS = 32;

  private static final int QUERIES = 24;

  /// What is added to an integer before it is kept.
  static final int ZERO = 128;

  private static final int LEVELS = 127;

  /// Inputs with one scale, and columns of a panel.
  private static final int BLOCK = Format.BLOCK;

  /// Numbers below it are kept as zeros: their scale would be hard to divide by.
  private static final float LEAST = 1e-30f;

  private final CacheType type;
  private final int layers;
  private final int kvHeads;
  private final int headWidth;
  private final int valueStride;
  private final Arena arena;
  private final @Nullable MemorySegment[] pages;

  /// @param pages pages at most
  public KvCache(CacheType type, int layers, int kvHeads, int headWidth, int pages, Arena arena) {
    this.type = type;
    this.layers = layers;
    this.kvHeads = kvHeads;
    this.headWidth = headWidth;
    this.valueStride = PackedMatrix.padded(headWidth);
    this.arena = arena;
    this.pages = new MemorySegment[pages];
  }

  /// Bytes of one page.
  public static long pageBytes(CacheType type, int layers, int kvHeads, int headWidth) {
    return (long) layers * kvHeads * headBytes(type, headWidth);
  }

  /// Bytes of the keys and values of one head.
  private static long headBytes(CacheType type, int headWidth) {
    return keyBytes(type, headWidth)
        + PackedMatrix.padded(headWidth) / PackedMatrix.PANEL * panelBytes(type);
  }

  private static long keyBytes(CacheType type, int headWidth) {
    return scaleBytes(type, headWidth) + inputsBytes(type, headWidth);
  }

  /// Bytes of one panel of values.
  private static long panelBytes(CacheType type) {
    return scaleBytes(type, SLOTS) + inputsBytes(type, SLOTS);
  }

  /// Bytes of so many inputs of a panel, whole groups of four.
  private static long inputsBytes(CacheType type, int inputs) {
    int groups = (inputs + 3) / 4;
    return switch (type) {
      case F32 -> groups * 4L * Format.ROW;
      case BF16 -> groups * 2L * Format.ROW;
      case INT8 -> groups * (long) Format.ROW;
    };
  }

  private static long scaleBytes(CacheType type, int inputs) {
    return switch (type) {
      case F32, BF16 -> 0;
      case INT8 -> (long) Format.blocks(inputs) * Format.ROW;
    };
  }

  /// Floats of scratch that attention over this cache needs.
  ///
  /// @param group query heads that share one key/value head
  public int scratch(int group) {
    int queries = rows(group) * group;
    return queries * (headWidth + SLOTS + valueStride + 2) + 16;
  }

  /// Neighbouring rows of one stream whose attention is computed at once, so that its queries and
  /// results stay in the first-level cache.
  ///
  /// @param group query heads that share one key/value head
  public static int rows(int group) {
    return Math.max(1, QUERIES / group);
  }

  CacheType type() {
    return type;
  }

  int headWidth() {
    return headWidth;
  }

  int valueStride() {
    return valueStride;
  }

  MemorySegment page(int page) {
    MemorySegment memory = pages[page];
    if (memory == null) {
      throw new IllegalStateException("page " + page + " was never written");
    }
    return memory;
  }

  /// First byte of the keys of a head inside a page, or of their scales.
  long keys(int layer, int kvHead) {
    return ((long) layer * kvHeads + kvHead) * headBytes(type, headWidth);
  }

  /// First byte of the first panel of values of a head inside a page, or of its scales.
  long values(int layer, int kvHead) {
    return keys(layer, kvHead) + keyBytes(type, headWidth);
  }

  /// First byte behind the values of a head inside a page.
  long end(int layer, int kvHead) {
    return keys(layer, kvHead) + headBytes(type, headWidth);
  }

  /// Bytes of one panel of values, its scales included.
  long panelBytes() {
    return panelBytes(type);
  }

  /// Makes the page's memory exist. One thread at a time.
  public void touch(int page) {
    if (pages[page] == null) {
      pages[page] = arena.allocate(pageBytes(type, layers, kvHeads, headWidth), 64);
    }
  }

  /// Stores key and value of one head at one position, rounded to the cache's type.
  ///
  /// @param scratch of the calling thread
  public void put(
      int page,
      int slot,
      int layer,
      int kvHead,
      float[] key,
      int keyAt,
      float[] value,
      int valueAt,
      Scratch scratch) {
    MemorySegment memory = page(page);
    long keys = keys(layer, kvHead);
    long keyRows = keys + scaleBytes(type, headWidth);
    long panel = values(layer, kvHead);
    for (int d = 0; d < headWidth; d += BLOCK) {
      int end = Math.min(d + BLOCK, headWidth);
      float[] from = key;
      int fromAt = keyAt + d;
      if (type == CacheType.INT8) {
        from = scratch.block;
        fromAt = 0;
        System.arraycopy(key, keyAt + d, from, 0, end - d);
        hadamard(from, 0, end - d, 1);
      }
      float factor = scale(memory, keyScale(keys, d, slot), from, fromAt, end - d);
      for (int i = d; i < end; i++) {
        set(memory, at(keyRows, i, slot), from[fromAt + i - d], factor);
      }
      long valueRows = panel + scaleBytes(type, SLOTS);
      factor = scale(memory, valueScale(panel, slot), value, valueAt + d, end - d);
      for (int i = d; i < end; i++) {
        set(memory, at(valueRows, slot, i - d), value[valueAt + i], factor);
      }
      panel += panelBytes();
    }
  }

  /// Makes a query of one head what keys as they are kept are multiplied with.
  ///
  /// @param x `[D]` from `at` on; changed in place
  void prepare(float[] x, int at) {
    if (type == CacheType.INT8) {
      for (int d = 0; d < headWidth; d += BLOCK) {
        int count = Math.min(BLOCK, headWidth - d);
        hadamard(x, at + d, count, 1f / Integer.lowestOneBit(count));
      }
    }
  }

  /// `x = factor H x`, with H the Hadamard matrix of `count` rows, or of the largest power of two
  /// that divides it, for one piece after the other. `H H` is the number of its rows.
  private static void hadamard(float[] x, int at, int count, float factor) {
    int rows = Integer.lowestOneBit(count);
    for (int step = 1; step < rows; step *= 2) {
      for (int i = at; i < at + count; i += 2 * step) {
        for (int j = i; j < i + step; j++) {
          float sum = x[j] + x[j + step];
          x[j + step] = x[j] - x[j + step];
          x[j] = sum;
        }
      }
    }
    for (int i = at; i < at + count; i++) {
      x[i] *= factor;
    }
  }

  /// Where the scale of an input of a key lies.
  private static long keyScale(long keys, int d, int slot) {
    return keys + (long) (d / BLOCK) * Format.ROW + slot * 4L;
  }

  /// Where the scale of 32 inputs of a value lies.
  private static long valueScale(long panel, int slot) {
    return panel + slot * 4L;
  }

  /// Where input `k` of a column of a panel lies, whose rows begin at `rows`.
  private long at(long rows, int k, int column) {
    return switch (type) {
      case F32 -> rows + (long) k * Format.ROW + column * 4L;
      case BF16 -> rows + (long) (k / 2) * Format.ROW + column * 4L + k % 2 * 2L;
      case INT8 -> rows + (long) (k / 4) * Format.ROW + column * 4L + k % 4;
    };
  }

  /// Stores the scale of `count` numbers, where the type has one.
  ///
  /// @return what the numbers are to be multiplied with
  private float scale(MemorySegment memory, long at, float[] x, int from, int count) {
    if (type != CacheType.INT8) {
      return 1;
    }
    int largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & 0x7FFFFFFF);
    }
    float most = Float.intBitsToFloat(largest);
    memory.set(PackedMatrix.FLOAT, at, most < LEAST ? 0 : most / LEVELS);
    return most < LEAST ? 0 : LEVELS / most;
  }

  private void set(MemorySegment memory, long at, float value, float factor) {
    switch (type) {
      case F32 -> memory.set(PackedMatrix.FLOAT, at, value);
      case BF16 -> memory.set(PackedMatrix.SHORT, at, (short) PackedMatrix.bf16(value));
      case INT8 -> {
        int rounded = Float.floatToRawIntBits(value * factor + Exponential.ROUND);
        memory.set(ValueLayout.JAVA_BYTE, at, (byte) (rounded + ZERO));
      }
    }
  }

  private float get(MemorySegment memory, long at, long scale) {
    return switch (type) {
      case F32 -> memory.get(PackedMatrix.FLOAT, at);
      case BF16 -> Float.intBitsToFloat(memory.get(PackedMatrix.SHORT, at) << 16);
      case INT8 ->
          ((memory.get(ValueLayout.JAVA_BYTE, at) & 0xFF) - ZERO)
              * memory.get(PackedMatrix.FLOAT, scale);
    };
  }

  /// One number of a key as it is kept, to be multiplied with what [#prepare] makes of a query.
  float key(int page, int slot, int layer, int kvHead, int d) {
    long keys = keys(layer, kvHead);
    long at = at(keys + scaleBytes(type, headWidth), d, slot);
    return get(page(page), at, keyScale(keys, d, slot));
  }

  /// One number of a value.
  float value(int page, int slot, int layer, int kvHead, int d) {
    long panel = values(layer, kvHead) + d / BLOCK * panelBytes();
    long at = at(panel + scaleBytes(type, SLOTS), slot, d % BLOCK);
    return get(page(page), at, valueScale(panel, slot));
  }
}
