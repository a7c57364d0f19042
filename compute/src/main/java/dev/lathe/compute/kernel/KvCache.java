package dev.lathe.compute.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Keys and values in pages of 32 positions, fp32 or bfloat16. Inside a page, for each layer and
/// key/value head, values of a [Panel]: keys transposed `[D, 32]`, so that one vector scores
/// neighbouring positions, then values in panels of 32, `[D' / 32, 32, 32]` with D' rounded up to
/// panels.
///
/// A page's memory is allocated from the arena when it is first written.
public final class KvCache {
  /// Positions of one page.
  public static final int SLOTS = 32;

  private static final int QUERIES = 24;

  private final Format format;
  private final int layers;
  private final int kvHeads;
  private final int headWidth;
  private final int valueStride;
  private final Arena arena;
  private final @Nullable MemorySegment[] pages;

  /// @param format [Format#F32] or [Format#BF16]
  /// @param pages pages at most
  public KvCache(Format format, int layers, int kvHeads, int headWidth, int pages, Arena arena) {
    if (format != Format.F32 && format != Format.BF16) {
      throw new IllegalArgumentException("keys and values as " + format);
    }
    this.format = format;
    this.layers = layers;
    this.kvHeads = kvHeads;
    this.headWidth = headWidth;
    this.valueStride = PackedMatrix.padded(headWidth);
    this.arena = arena;
    this.pages = new MemorySegment[pages];
  }

  /// Bytes of one page.
  public static long pageBytes(Format format, int layers, int kvHeads, int headWidth) {
    return (long) layers * kvHeads * headBytes(format, headWidth);
  }

  /// Bytes of the keys and values of one head.
  private static long headBytes(Format format, int headWidth) {
    return inputsBytes(format, headWidth)
        + PackedMatrix.padded(headWidth) / PackedMatrix.PANEL * inputsBytes(format, SLOTS);
  }

  /// Bytes of so many inputs of a panel, whole groups of four.
  private static long inputsBytes(Format format, int inputs) {
    return (inputs + 3) / 4 * 4L * PackedMatrix.PANEL * format.bits / 8;
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

  Format format() {
    return format;
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
    return ((long) layer * kvHeads + kvHead) * headBytes(format, headWidth);
  }

  /// First byte of the first panel of values of a head inside a page.
  long values(int layer, int kvHead) {
    return keys(layer, kvHead) + inputsBytes(format, headWidth);
  }

  /// First byte behind the values of a head inside a page.
  long end(int layer, int kvHead) {
    return keys(layer, kvHead) + headBytes(format, headWidth);
  }

  /// Bytes of one panel of values.
  long panelBytes() {
    return inputsBytes(format, SLOTS);
  }

  /// Makes the page's memory exist. One thread at a time.
  public void touch(int page) {
    if (pages[page] == null) {
      pages[page] = arena.allocate(pageBytes(format, layers, kvHeads, headWidth), 64);
    }
  }

  /// Stores key and value of one head at one position, rounded to the cache's format.
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
    long keys = keys(layer, kvHead);
    for (int d = 0; d < headWidth; d++) {
      set(memory, at(keys, d, slot), key[keyAt + d]);
    }
    long values = values(layer, kvHead);
    for (int d = 0; d < headWidth; d++) {
      long panel = values + d / PackedMatrix.PANEL * panelBytes();
      set(memory, at(panel, slot, d % PackedMatrix.PANEL), value[valueAt + d]);
    }
  }

  /// Where input `k` of an output of a panel lies.
  private long at(long panel, int k, int column) {
    return format == Format.F32
        ? panel + (long) k * Format.ROW + column * 4L
        : panel + (long) (k / 2) * Format.ROW + column * 4L + k % 2 * 2L;
  }

  private void set(MemorySegment memory, long at, float value) {
    if (format == Format.F32) {
      memory.set(PackedMatrix.FLOAT, at, value);
    } else {
      memory.set(PackedMatrix.SHORT, at, (short) PackedMatrix.bf16(value));
    }
  }

  private float get(MemorySegment memory, long at) {
    return format == Format.F32
        ? memory.get(PackedMatrix.FLOAT, at)
        : Float.intBitsToFloat(memory.get(PackedMatrix.SHORT, at) << 16);
  }

  /// One number of a key.
  float key(int page, int slot, int layer, int kvHead, int d) {
    return get(page(page), at(keys(layer, kvHead), d, slot));
  }

  /// One number of a value.
  float value(int page, int slot, int layer, int kvHead, int d) {
    long panel = values(layer, kvHead) + d / PackedMatrix.PANEL * panelBytes();
    return get(page(page), at(panel, slot, d % PackedMatrix.PANEL));
  }
}
