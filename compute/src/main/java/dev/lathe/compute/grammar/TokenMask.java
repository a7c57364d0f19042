package dev.lathe.compute.grammar;

/// The tokens that may come next. Immutable.
sealed interface TokenMask {
  /// Clears what is not in the mask; words beyond the vocabulary are cleared altogether.
  void restrict(long[] allowed);

  /// Adds the tokens of the mask.
  void addTo(long[] bits);

  boolean contains(int token);

  /// Memory of its own.
  long bytes();

  /// @param bits not kept
  static TokenMask of(long[] bits) {
    int count = 0;
    for (long word : bits) {
      count += Long.bitCount(word);
    }
    if (count * 2 > bits.length) {
      return new Dense(bits.clone());
    }
    int[] ids = new int[count];
    int at = 0;
    for (int i = 0; i < bits.length; i++) {
      for (long word = bits[i]; word != 0; word &= word - 1) {
        ids[at++] = i * 64 + Long.numberOfTrailingZeros(word);
      }
    }
    return new Sparse(ids);
  }

  /// The tokens of both.
  ///
  /// @param size words for all tokens
  static TokenMask of(TokenMask base, TokenMask extra, int size) {
    if (extra instanceof Sparse few && few.ids().length == 0) {
      return base;
    }
    if (base instanceof Dense dense && extra instanceof Sparse few) {
      return new Extended(dense, few);
    }
    long[] bits = new long[size];
    base.addTo(bits);
    extra.addTo(bits);
    return of(bits);
  }

  /// Bit `id % 64` of word `id / 64`.
  record Dense(long[] bits) implements TokenMask {
    @Override
    public void restrict(long[] allowed) {
      for (int i = 0; i < allowed.length; i++) {
        allowed[i] &= i < bits.length ? bits[i] : 0;
      }
    }

    @Override
    public void addTo(long[] target) {
      for (int i = 0; i < bits.length; i++) {
        target[i] |= bits[i];
      }
    }

    @Override
    public boolean contains(int token) {
      return token >> 6 < bits.length && (bits[token >> 6] >>> token & 1) != 0;
    }

    @Override
    public long bytes() {
      return 8L * bits.length + 32;
    }
  }

  /// A mask and few tokens that are not in it, ascending.
  record Extended(Dense base, Sparse extra) implements TokenMask {
    @Override
    public void restrict(long[] allowed) {
      long[] bits = base.bits();
      int[] ids = extra.ids();
      int at = 0;
      for (int i = 0; i < allowed.length; i++) {
        long word = i < bits.length ? bits[i] : 0;
        while (at < ids.length && ids[at] >> 6 == i) {
          word |= 1L << ids[at++];
        }
        allowed[i] &= word;
      }
    }

    @Override
    public void addTo(long[] target) {
      base.addTo(target);
      extra.addTo(target);
    }

    @Override
    public boolean contains(int token) {
      return base.contains(token) || extra.contains(token);
    }

    @Override
    public long bytes() {
      return extra.bytes() + 32;
    }
  }

  /// Few tokens, ascending.
  record Sparse(int[] ids) implements TokenMask {
    @Override
    public void restrict(long[] allowed) {
      int at = 0;
      for (int i = 0; i < allowed.length; i++) {
        long word = 0;
        while (at < ids.length && ids[at] >> 6 == i) {
          word |= 1L << ids[at++];
        }
        allowed[i] &= word;
      }
    }

    @Override
    public void addTo(long[] target) {
      for (int id : ids) {
        target[id >> 6] |= 1L << id;
      }
    }

    @Override
    public boolean contains(int token) {
      return java.util.Arrays.binarySearch(ids, token) >= 0;
    }

    @Override
    public long bytes() {
      return 4L * ids.length + 32;
    }
  }
}
