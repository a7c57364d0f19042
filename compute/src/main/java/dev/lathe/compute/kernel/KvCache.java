package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Keys and values in pages of 32 positions. Inside a page, for each layer and key/value head: keys
/// transposed `[D, 32]`, so that one vector scores neighbouring positions, then values in panels of
/// 32, `[D' / 32, 32, 32]` with D' rounded up to panels. fp32.
///
/// A page's memory is allocated from the arena when it is first written.
public final class KvCache {
  /// Positions of one page.
  public static final int SLOTS = 32;

  /// Bytes of one panel of values, and of 32 rows of keys.
  static final long PANEL_BYTES = (long) SLOTS * Format.ROW;

  private static final int QUERIES = 24;

  private final int layers;
  private final int kvHeads;
  private final int headWidth;
  private final int valueStride;
  private final Arena arena;
  private final @Nullable MemorySegment[] pages;

  /// @param pages pages at most
  public KvCache(int layers, int kvHeads, int headWidth, int pages, Arena arena) {
    this.layers = layers;
    this.kvHeads = kvHeads;
    this.headWidth = headWidth;
    this.valueStride = PackedMatrix.padded(headWidth);
    this.arena = arena;
    this.pages = new MemorySegment[pages];
  }

  /// Bytes of one page.
  public static long pageBytes(int layers, int kvHeads, int headWidth) {
    return (long) layers * kvHeads * SLOTS * (headWidth + PackedMatrix.padded(headWidth)) * 4;
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

  /// First byte of the keys of a head inside a page.
  long keys(int layer, int kvHead) {
    return ((long) layer * kvHeads + kvHead) * SLOTS * (headWidth + valueStride) * 4;
  }

  /// First byte of the first panel of values of a head inside a page.
  long values(int layer, int kvHead) {
    return keys(layer, kvHead) + (long) SLOTS * headWidth * 4;
  }

  /// Makes the page's memory exist. One thread at a time.
  public void touch(int page) {
    if (pages[page] == null) {
      pages[page] = arena.allocate(pageBytes(layers, kvHeads, headWidth), 64);
    }
  }

  /// Stores key and value of one head at one position.
  public void put(
      int page,
      int slot,
      int layer,
      int kvHead,
      float[] key,
      int keyAt,
      float[] value,
      int valueAt) {
    MemorySegment memory = page(page);
    long keys = keys(layer, kvHead) + slot * 4L;
    for (int d = 0; d < headWidth; d++) {
      memory.set(PackedMatrix.FLOAT, keys + (long) d * Format.ROW, key[keyAt + d]);
    }
    long values = values(layer, kvHead) + (long) slot * Format.ROW;
    for (int d = 0; d < headWidth; d += PackedMatrix.PANEL) {
      int count = Math.min(PackedMatrix.PANEL, headWidth - d);
      long to = values + d / PackedMatrix.PANEL * PANEL_BYTES;
      MemorySegment.copy(value, valueAt + d, memory, PackedMatrix.FLOAT, to, count);
    }
  }

  /// One number of a key.
  float key(int page, int slot, int layer, int kvHead, int d) {
    long at = keys(layer, kvHead) + slot * 4L + (long) d * Format.ROW;
    return page(page).get(PackedMatrix.FLOAT, at);
  }

  /// One number of a value.
  float value(int page, int slot, int layer, int kvHead, int d) {
    long panel = values(layer, kvHead) + d / PackedMatrix.PANEL * PANEL_BYTES;
    long at = panel + (long) slot * Format.ROW + d % PackedMatrix.PANEL * 4L;
    return page(page).get(PackedMatrix.FLOAT, at);
  }
}
