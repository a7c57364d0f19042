package dev.lathe.compute.engine;

import java.util.Arrays;

/// The tokens of one stream, where their keys and values lie, and its place in the queue. Owned by
/// the scheduler's thread.
final class Sequence {
  private final int promptLength;
  private final int limit;
  private final int adapterGroup;
  private final Terms terms;
  private int[] tokens;
  private int length;
  private int drafted;
  private int computed;
  private int charged;
  private int wanted;
  private int[] pages;
  private int pageCount;
  private int entered;
  private long arrival;
  private int rank;
  private int cached = -1;

  /// @param prompt copied
  /// @param limit most tokens, prompt included
  /// @param adapterGroup rows of equal groups stand together in a step
  /// @param wanted first position whose result is wanted
  Sequence(int[] prompt, int limit, int adapterGroup, int wanted, Terms terms) {
    this.promptLength = prompt.length;
    this.limit = limit;
    this.adapterGroup = adapterGroup;
    this.wanted = wanted;
    this.terms = terms;
    this.tokens = Arrays.copyOf(prompt, Math.min(limit, prompt.length + 256));
    this.length = prompt.length;
    this.pages = new int[8];
  }

  /// One whose results are wanted from the end of the prompt on.
  Sequence(int[] prompt, int limit, int adapterGroup) {
    this(prompt, limit, adapterGroup, prompt.length - 1, Terms.PLAIN);
  }

  Terms terms() {
    return terms;
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

  /// A token, up to [#length] or, behind that, a draft.
  int token(int position) {
    return tokens[position];
  }

  /// How many of the first `count` tokens are those of `others`.
  int common(int[] others, int count) {
    int most = Math.min(count, length);
    int differs = Arrays.mismatch(tokens, 0, most, others, 0, most);
    return differs < 0 ? most : differs;
  }

  boolean startsLike(Sequence other, int count) {
    return Arrays.equals(tokens, 0, count, other.tokens, 0, count);
  }

  /// Adds a token; drafts behind it stand as they are.
  void append(int token) {
    makeRoom(length + 1);
    tokens[length++] = token;
    drafted = Math.max(0, drafted - 1);
  }

  /// Tokens behind the last that are guessed, to be computed with it.
  int drafted() {
    return drafted;
  }

  /// Adds a guess behind the last.
  void draft(int token) {
    makeRoom(length + drafted + 1);
    tokens[length + drafted++] = token;
  }

  /// Forgets guesses but the first `count`.
  void keepDrafts(int count) {
    drafted = Math.min(drafted, count);
  }

  private void makeRoom(int count) {
    if (count > tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.clamp(count * 2L, count, Math.max(count, limit)));
    }
  }

  /// Tokens whose keys and values are in the cache.
  int computed() {
    return computed;
  }

  /// Tokens that were in the prefix cache at the first admission.
  int cached() {
    return Math.max(0, cached);
  }

  /// Tokens still to be computed before the next can be chosen.
  int pending() {
    return length - computed;
  }

  void advance(int count) {
    computed += count;
  }

  /// Most tokens that were ever computed, and charged to the user.
  int charged() {
    return charged;
  }

  void charge(int count) {
    charged = count;
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

  /// When it came, nanoseconds.
  long arrival() {
    return arrival;
  }

  void arrived(long time) {
    arrival = time;
  }

  /// Priority it was admitted with, what it gained by waiting included.
  int rank() {
    return rank;
  }

  void admitted(int priority) {
    rank = priority;
    cached = cached < 0 ? computed : cached;
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

  /// Puts another page in the place of one.
  void replacePage(int index, int page) {
    pages[index] = page;
  }

  /// Pages that the prefix tree knows, from the first on.
  int enteredPages() {
    return entered;
  }

  void entered(int count) {
    entered = count;
  }

  /// Takes the pages it has as computed already.
  void reuse(int count, int slots) {
    entered = count;
    computed = count * slots;
  }

  /// Forgets all pages; everything is to be computed again.
  void dropPages() {
    pageCount = 0;
    computed = 0;
    entered = 0;
  }
}
