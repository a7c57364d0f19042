package dev.lathe.compute.engine;

import java.util.Arrays;

/// The tokens of one stream and where their keys and values lie. Owned by the scheduler's thread.
final class Sequence {
  private final int promptLength;
  private final int limit;
  private final int adapterGroup;
  private int[] tokens;
  private int length;
  private int computed;
  private int wanted;
  private int[] pages;
  private int pageCount;

  /// @param prompt copied
  /// @param limit most tokens, prompt included
  /// @param adapterGroup rows of equal groups stand together in a step
  /// @param wanted first position whose result is wanted
  Sequence(int[] prompt, int limit, int adapterGroup, int wanted) {
    this.wanted = wanted;
    this.promptLength = prompt.length;
    this.limit = limit;
    this.adapterGroup = adapterGroup;
    this.tokens = Arrays.copyOf(prompt, Math.min(limit, prompt.length + 256));
    this.length = prompt.length;
    this.pages = new int[8];
  }

  /// One whose results are wanted from the end of the prompt on.
  Sequence(int[] prompt, int limit, int adapterGroup) {
    this(prompt, limit, adapterGroup, prompt.length - 1);
  }

  int promptLength() {
    return promptLength;
  }

  int adapterGroup() {
    return adapterGroup;
  }

  /// Tokens so far, prompt included.
  int length() {
    return length;
  }

  int outputLength() {
    return length - promptLength;
  }

  int limit() {
    return limit;
  }

  int token(int position) {
    return tokens[position];
  }

  void append(int token) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.min(limit, length * 2));
    }
    tokens[length++] = token;
  }

  /// Tokens whose keys and values are in the cache.
  int computed() {
    return computed;
  }

  /// Tokens still to be computed before the next can be chosen.
  int pending() {
    return length - computed;
  }

  void advance(int count) {
    computed += count;
  }

  /// First position whose result is still wanted. What lies before needs its keys and values only,
  /// wherever they come from.
  int wanted() {
    return wanted;
  }

  /// Takes note that the results up to here were taken.
  void taken(int position) {
    wanted = position + 1;
  }

  /// The page table; valid up to [#pageCount].
  int[] pages() {
    return pages;
  }

  int pageCount() {
    return pageCount;
  }

  void addPage(int page) {
    if (pageCount == pages.length) {
      pages = Arrays.copyOf(pages, pageCount * 2);
    }
    pages[pageCount++] = page;
  }

  /// Gives back all pages; everything is to be computed again.
  void releaseInto(PagePool pool) {
    for (int i = 0; i < pageCount; i++) {
      pool.release(pages[i]);
    }
    pageCount = 0;
    computed = 0;
  }
}
