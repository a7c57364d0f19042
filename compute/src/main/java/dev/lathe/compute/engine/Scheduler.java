package dev.lathe.compute.engine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongSupplier;

/// Decides what each step computes: a token of every stream that generates, then chunks of prompts
/// up to a budget, so that a long prompt never holds up running streams for more than one chunk.
///
/// Who waits is admitted by priority, which grows with waiting, then by how little its user was
/// served, then by arrival; as soon as the pages of its whole prompt can be had. One whose prefix a
/// running prompt is about to compute waits for it instead of computing it a second time.
///
/// Running streams stand in order of rank, the priority they were admitted with, and of admission.
/// When one needs a page and there is none, the last gives up its pages, waits and is computed
/// again later; the first always gets on. A newcomer of higher priority than the last one's rank
/// drives it out as well. Since priority grows with waiting and is kept as rank, nobody waits for
/// ever.
///
/// Knows numbers of tokens and pages, no weights. Not thread-safe.
final class Scheduler {
  /// Waiting time that is worth one step of priority, nanoseconds.
  static final long PATIENCE = 5_000_000_000L;

  /// What a token of the output is charged with, next to one of the prompt.
  private static final double OUTPUT_CHARGE = 2;

  /// Part of a step: tokens `[first, first + count)` of a sequence.
  record Entry(Sequence sequence, int first, int count) {
    int end() {
      return first + count;
    }
  }

  private static final Comparator<Entry> BY_ADAPTER =
      Comparator.comparingInt(entry -> entry.sequence().adapterGroup());

  private final PrefixTree tree;
  private final int slots;
  private final int maxStreams;
  private final LongSupplier clock;
  private final FairShare shares = new FairShare();
  private final List<Sequence> waiting = new ArrayList<>();
  private final List<Sequence> running = new ArrayList<>();
  private long reused;
  private long preemptions;

  /// @param slots tokens of one page
  /// @param maxStreams most running sequences
  /// @param clock nanoseconds
  Scheduler(PagePool pool, int slots, int maxStreams, LongSupplier clock) {
    this.tree = new PrefixTree(pool, slots);
    this.slots = slots;
    this.maxStreams = maxStreams;
    this.clock = clock;
  }

  /// Tokens that one sequence can ever hold.
  int capacity() {
    return Math.multiplyExact(tree.pages(), slots);
  }

  PrefixTree tree() {
    return tree;
  }

  int waiting() {
    return waiting.size();
  }

  /// The running sequences, the strongest first; not to be changed.
  List<Sequence> running() {
    return running;
  }

  /// Whether a running stream waits for its next token.
  boolean isDecoding() {
    for (Sequence sequence : running) {
      if (sequence.pending() == 1 && sequence.outputLength() > 0) {
        return true;
      }
    }
    return false;
  }

  boolean isIdle() {
    return running.isEmpty() && waiting.isEmpty();
  }

  /// Tokens that admitted sequences did not compute because the tree had them.
  long reusedTokens() {
    return reused;
  }

  /// How often a running sequence had to give way.
  long preemptions() {
    return preemptions;
  }

  /// Queues a sequence. Its limit must not exceed [#capacity].
  void add(Sequence sequence) {
    if (sequence.limit() > capacity()) {
      throw new IllegalArgumentException(sequence.limit() + " tokens can never fit " + capacity());
    }
    sequence.arrived(clock.getAsLong());
    shares.join(sequence.terms().user());
    waiting.addLast(sequence);
  }

  /// Takes a sequence out, whatever its state, and its pages from it.
  void remove(Sequence sequence) {
    if (running.remove(sequence) || waiting.remove(sequence)) {
      shares.leave(sequence.terms().user());
      tree.release(sequence);
    }
  }

  /// Takes note that the first `count` tokens of an entry were computed and are right.
  void computed(Entry entry, int count) {
    Sequence sequence = entry.sequence();
    sequence.advance(count);
    tree.enter(sequence);
    int from = sequence.charged();
    int to = sequence.computed();
    if (to > from) {
      int output = to - Math.clamp(sequence.promptLength(), from, to);
      shares.charge(sequence.terms().user(), to - from + (OUTPUT_CHARGE - 1) * output);
      sequence.charge(to);
    }
  }

  /// The next step, ordered by adapter; empty only when nothing runs or waits. The caller computes
  /// all entries and then calls [#computed] for each.
  ///
  /// @param promptTokens most tokens of prompts and drafts in it
  List<Entry> plan(int promptTokens) {
    List<Entry> step = new ArrayList<>();
    int left = decode(step, promptTokens);
    int budget = prefill(step, left);
    admit(step, budget);
    if (step.isEmpty() && !running.isEmpty()) {
      Sequence first = running.getFirst();
      makeRoom(first, first.computed() + 1);
      chunk(step, first, promptTokens);
    }
    step.sort(BY_ADAPTER);
    return step;
  }

  private int decode(List<Entry> step, int budget) {
    int left = budget;
    for (int i = 0; i < running.size(); i++) {
      Sequence sequence = running.get(i);
      if (sequence.pending() == 1 && makeRoom(sequence, sequence.length())) {
        sequence.keepDrafts(Math.min(roomForDrafts(sequence), left));
        left -= sequence.drafted();
        step.add(new Entry(sequence, sequence.computed(), 1 + sequence.drafted()));
      }
    }
    return left;
  }

  /// Drafts for which there are slots, taking pages for them only where nobody misses them.
  private int roomForDrafts(Sequence sequence) {
    int end = sequence.length() + sequence.drafted();
    while (sequence.pageCount() * slots < end && tree.available() > promised()) {
      tree.extend(sequence);
    }
    return sequence.pageCount() * slots - sequence.length();
  }

  /// Gives the sequence pages for `tokens`, taking them from weaker ones if need be; false when the
  /// sequence itself had to give way.
  private boolean makeRoom(Sequence sequence, int tokens) {
    while (sequence.pageCount() * slots < tokens) {
      if (tree.available() > 0) {
        tree.extend(sequence);
      } else {
        Sequence weakest = running.getLast();
        preempt(weakest);
        if (weakest == sequence) {
          return false;
        }
      }
    }
    return true;
  }

  private void preempt(Sequence sequence) {
    running.remove(sequence);
    sequence.keepDrafts(0);
    tree.release(sequence);
    waiting.addLast(sequence);
    preemptions++;
  }

  private int prefill(List<Entry> step, int budget) {
    int left = budget;
    for (int i = 0; i < running.size() && left > 0; i++) {
      Sequence sequence = running.get(i);
      if (sequence.pending() > 1) {
        left -= chunk(step, sequence, left);
      }
    }
    return left;
  }

  /// Adds the sequence's next chunk, what budget and pages allow, and returns its size.
  private int chunk(List<Entry> step, Sequence sequence, int budget) {
    int first = sequence.computed();
    int count = Math.min(sequence.pending(), budget);
    while (sequence.pageCount() * slots < first + count && tree.available() > 0) {
      tree.extend(sequence);
    }
    count = Math.min(count, sequence.pageCount() * slots - first);
    if (count > 0) {
      step.add(new Entry(sequence, first, count));
    }
    return count;
  }

  private void admit(List<Entry> step, int budget) {
    int left = budget;
    while (left > 0 && !waiting.isEmpty()) {
      int next = next();
      if (next < 0 || !admit(waiting.get(next), step)) {
        return;
      }
      left -= chunk(step, waiting.remove(next), left);
    }
  }

  /// Index of the waiting sequence whose turn it is; -1 when each of them waits for a prefix.
  private int next() {
    long now = clock.getAsLong();
    int best = -1;
    for (int i = 0; i < waiting.size(); i++) {
      Sequence sequence = waiting.get(i);
      if ((best < 0 || isBefore(sequence, waiting.get(best), now)) && !isComing(sequence)) {
        best = i;
      }
    }
    return best;
  }

  private boolean isBefore(Sequence a, Sequence b, long now) {
    int order = Integer.compare(priority(b, now), priority(a, now));
    if (order == 0) {
      order = Double.compare(shares.served(a.terms().user()), shares.served(b.terms().user()));
    }
    return order == 0 ? a.arrival() - b.arrival() < 0 : order < 0;
  }

  private static int priority(Sequence sequence, long now) {
    return sequence.terms().priority() + (int) ((now - sequence.arrival()) / PATIENCE);
  }

  /// Whether a running prompt is about to compute a page that the sequence could use.
  private boolean isComing(Sequence sequence) {
    for (Sequence other : running) {
      if (other.pending() > 1 && tree.agree(sequence, other, other.computed() / slots + 1)) {
        return true;
      }
    }
    return false;
  }

  /// Finds place and pages for the whole of a waiting sequence and one token more, driving out
  /// weaker ones where that suffices; false when it has to wait on.
  private boolean admit(Sequence sequence, List<Entry> step) {
    tree.attach(sequence);
    int pages = Math.min((sequence.length() + slots) / slots, tree.pages());
    int missing = pages - sequence.pageCount() - tree.available() + promised();
    if (!isPossible(sequence, missing)) {
      tree.release(sequence);
      return false;
    }
    while (running.size() == maxStreams
        || pages - sequence.pageCount() > tree.available() - promised()) {
      Sequence weakest = running.getLast();
      if (weakest.rank() >= sequence.terms().priority()) {
        tree.release(sequence);
        return false;
      }
      preempt(weakest);
      step.removeIf(entry -> entry.sequence() == weakest);
    }
    enterRunning(sequence);
    return true;
  }

  /// Whether there would be place and pages if all weaker ones were driven out.
  private boolean isPossible(Sequence sequence, int missing) {
    int weaker = 0;
    int theirs = 0;
    for (Sequence other : running) {
      if (other.rank() < sequence.terms().priority()) {
        weaker++;
        theirs += Math.max(other.pageCount(), pagesOf(other.length()));
      }
    }
    return running.size() - weaker < maxStreams && missing <= theirs;
  }

  private void enterRunning(Sequence sequence) {
    int rank = priority(sequence, clock.getAsLong());
    sequence.admitted(rank);
    reused += sequence.computed();
    int place = running.size();
    while (place > 0 && running.get(place - 1).rank() < rank) {
      place--;
    }
    running.add(place, sequence);
  }

  private int pagesOf(int tokens) {
    return (tokens + slots - 1) / slots;
  }

  /// Pages that running prompts will still need.
  private int promised() {
    int pages = 0;
    for (Sequence sequence : running) {
      pages += Math.max(0, pagesOf(sequence.length()) - sequence.pageCount());
    }
    return pages;
  }
}
