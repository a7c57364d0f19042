package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Keys and values in pages of 32 positions. Inside a page, for each layer and key/value head: keys
/// transposed `[D, 32]`, so that one vector scores neighbouring positions, then values `[32, D']`
/// with D' rounded up to 16. fp32.
///
/// A page's memory is allocated from the arena when it is first written.
public final class KvCache {
  /// Positions of one page.
  public static final int SLOTS = 32;

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
  public int scratch() {
    return SLOTS + valueStride + 16;
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

  /// First byte of the values of a head inside a page.
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
    long values = values(layer, kvHead) + (long) slot * valueStride * 4;
    for (int d = 0; d < headWidth; d++) {
      memory.set(PackedMatrix.FLOAT, keys + (long) d * SLOTS * 4, key[keyAt + d]);
      memory.set(PackedMatrix.FLOAT, values + d * 4L, value[valueAt + d]);
    }
  }
}
