package dev.lathe.compute.engine;

/// Free and used pages of the key/value cache. Knows numbers only.
final class PagePool {
  private final int[] free;
  private final int[] holders;
  private int freeCount;

  PagePool(int pages) {
    free = new int[pages];
    holders = new int[pages];
    for (int page = 0; page < pages; page++) {
      free[page] = pages - 1 - page;
    }
    freeCount = pages;
  }

  int pages() {
    return free.length;
  }

  int free() {
    return freeCount;
  }

  /// Takes a page, held once. Ask [#free] first.
  int take() {
    if (freeCount == 0) {
      throw new IllegalStateException("no free page");
    }
    int page = free[--freeCount];
    holders[page] = 1;
    return page;
  }

  /// Adds a holder to a used page.
  void share(int page) {
    if (holders[page] == 0) {
      throw new IllegalStateException("page " + page + " is free");
    }
    holders[page]++;
  }

  /// Gives up one hold; the last one frees the page.
  void release(int page) {
    if (holders[page] == 0) {
      throw new IllegalStateException("page " + page + " is free already");
    }
    if (--holders[page] == 0) {
      free[freeCount++] = page;
    }
  }

  int holders(int page) {
    return holders[page];
  }
}
