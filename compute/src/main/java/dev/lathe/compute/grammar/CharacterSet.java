package dev.lathe.compute.grammar;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;

/// A set of Unicode characters: code points without the surrogates, as ascending, separate ranges.
final class CharacterSet {
  static final int LAST = Character.MAX_CODE_POINT;
  static final CharacterSet NONE = new CharacterSet(new int[0]);
  static final CharacterSet ALL = of(0, 0xd7ff, 0xe000, LAST);

  /// First and last of each range in turn.
  private final int[] bounds;

  private CharacterSet(int[] bounds) {
    this.bounds = bounds;
  }

  /// The union of ranges.
  ///
  /// @param bounds first and last of each, in any order
  static CharacterSet of(int... bounds) {
    long[] ranges = new long[bounds.length / 2];
    for (int i = 0; i < ranges.length; i++) {
      ranges[i] = (long) bounds[2 * i] << 32 | bounds[2 * i + 1];
    }
    Arrays.sort(ranges);
    int[] merged = new int[bounds.length + 2];
    int size = 0;
    for (long range : ranges) {
      int first = (int) (range >> 32);
      int last = (int) range;
      if (size > 0 && first <= merged[size - 1] + 1) {
        merged[size - 1] = Math.max(merged[size - 1], last);
      } else {
        merged[size++] = first;
        merged[size++] = last;
      }
    }
    return withoutSurrogates(Arrays.copyOf(merged, size));
  }

  private static CharacterSet withoutSurrogates(int[] bounds) {
    int[] kept = new int[bounds.length + 2];
    int size = 0;
    for (int i = 0; i < bounds.length; i += 2) {
      if (bounds[i] < Character.MIN_SURROGATE) {
        kept[size++] = bounds[i];
        kept[size++] = Math.min(bounds[i + 1], Character.MIN_SURROGATE - 1);
      }
      if (bounds[i + 1] > Character.MAX_SURROGATE) {
        kept[size++] = Math.max(bounds[i], Character.MAX_SURROGATE + 1);
        kept[size++] = bounds[i + 1];
      }
    }
    return new CharacterSet(Arrays.copyOf(kept, size));
  }

  static CharacterSet of(int character) {
    return of(character, character);
  }

  /// The characters of all these sets.
  static CharacterSet union(List<CharacterSet> sets) {
    int size = 0;
    for (CharacterSet set : sets) {
      size += set.bounds.length;
    }
    int[] all = new int[size];
    int at = 0;
    for (CharacterSet set : sets) {
      System.arraycopy(set.bounds, 0, all, at, set.bounds.length);
      at += set.bounds.length;
    }
    return of(all);
  }

  /// The characters of a text.
  static CharacterSet in(String characters) {
    return of(characters.codePoints().flatMap(c -> java.util.stream.IntStream.of(c, c)).toArray());
  }

  static CharacterSet where(IntPredicate holds) {
    int[] bounds = new int[64];
    int size = 0;
    for (int c = 0; c <= LAST; c++) {
      if (!holds.test(c)) {
        continue;
      }
      if (size > 0 && bounds[size - 1] == c - 1) {
        bounds[size - 1] = c;
      } else {
        if (size == bounds.length) {
          bounds = Arrays.copyOf(bounds, 2 * size);
        }
        bounds[size++] = c;
        bounds[size++] = c;
      }
    }
    return withoutSurrogates(Arrays.copyOf(bounds, size));
  }

  CharacterSet or(CharacterSet other) {
    return union(List.of(this, other));
  }

  /// All characters that are not in this set.
  CharacterSet not() {
    int[] gaps = new int[bounds.length + 2];
    int size = 0;
    int next = 0;
    for (int i = 0; i < bounds.length; i += 2) {
      if (bounds[i] > next) {
        gaps[size++] = next;
        gaps[size++] = bounds[i] - 1;
      }
      next = bounds[i + 1] + 1;
    }
    if (next <= LAST) {
      gaps[size++] = next;
      gaps[size++] = LAST;
    }
    return withoutSurrogates(Arrays.copyOf(gaps, size));
  }

  CharacterSet and(CharacterSet other) {
    return not().or(other.not()).not();
  }

  boolean contains(int character) {
    for (int i = 0; i < bounds.length; i += 2) {
      if (character >= bounds[i] && character <= bounds[i + 1]) {
        return true;
      }
    }
    return false;
  }

  int ranges() {
    return bounds.length / 2;
  }

  int first(int range) {
    return bounds[2 * range];
  }

  int last(int range) {
    return bounds[2 * range + 1];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CharacterSet set && Arrays.equals(bounds, set.bounds);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bounds);
  }
}
