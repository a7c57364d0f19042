package dev.lathe.compute.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;

/// Decides what each step computes: continuous batching with chunked prefill.
///
/// A step holds one token of every stream that generates, then chunks of prompts up to a budget, so
/// that a long prompt never holds up running streams for more than one chunk. A stream is admitted
/// when the pages of its whole prompt are free. When a running stream needs a page and none is
/// free, the youngest running stream gives up its pages, goes back to the head of the queue and is
/// computed again later; the oldest always gets on. Knows numbers of tokens and pages, no weights.
/// Not thread-safe.
final class Scheduler {
  /// Part of a step: tokens `[first, first + count)` of a sequence.
  record Entry(Sequence sequence, int first, int count) {
    int end() {
      return first + count;
    }
  }

  private static final Comparator<Entry> BY_ADAPTER =
      Comparator.comparingInt(entry -> entry.sequence().adapterGroup());

  private final PagePool pool;
  private final int slots;
  private final int maxStreams;
  private final int prefillChunk;
  private final Deque<Sequence> waiting = new ArrayDeque<>();
  private final List<Sequence> running = new ArrayList<>();

  /// @param slots tokens of one page
  /// @param maxStreams most running sequences
  /// @param prefillChunk most prompt tokens in one step
  Scheduler(PagePool pool, int slots, int maxStreams, int prefillChunk) {
    this.pool = pool;
    this.slots = slots;
    this.maxStreams = maxStreams;
    this.prefillChunk = prefillChunk;
  }

  /// Tokens that one sequence can ever hold.
  int capacity() {
    return Math.multiplyExact(pool.pages(), slots);
  }

  int running() {
    return running.size();
  }

  int waiting() {
    return waiting.size();
  }

  boolean isIdle() {
    return running.isEmpty() && waiting.isEmpty();
  }

  /// Queues a sequence. Its limit must not exceed [#capacity].
  void add(Sequence sequence) {
    if (sequence.limit() > capacity()) {
      throw new IllegalArgumentException(sequence.limit() + " tokens can never fit " + capacity());
    }
    waiting.addLast(sequence);
  }

  /// Takes a sequence out, whatever its state, and frees its pages.
  void remove(Sequence sequence) {
    if (!running.remove(sequence)) {
      waiting.remove(sequence);
    }
    sequence.releaseInto(pool);
  }

  /// The next step, ordered by adapter; empty only when nothing runs or waits. The caller computes
  /// all entries and then calls [Sequence#advance] and [Sequence#append].
  List<Entry> plan() {
    List<Entry> step = new ArrayList<>();
    decode(step);
    int budget = prefill(step, prefillChunk);
    admit(step, budget);
    if (step.isEmpty() && !running.isEmpty()) {
      Sequence oldest = running.getFirst();
      makeRoom(oldest, oldest.computed() + 1);
      chunk(step, oldest, prefillChunk);
    }
    step.sort(BY_ADAPTER);
    return step;
  }

  private void decode(List<Entry> step) {
    for (int i = 0; i < running.size(); i++) {
      Sequence sequence = running.get(i);
      if (sequence.pending() == 1 && makeRoom(sequence, sequence.length())) {
        step.add(new Entry(sequence, sequence.computed(), 1));
      }
    }
  }

  /// Gives the sequence pages for `tokens`, taking them from younger ones if need be; false when
  /// the sequence itself had to give way.
  private boolean makeRoom(Sequence sequence, int tokens) {
    while (sequence.pageCount() * slots < tokens) {
      if (pool.free() > 0) {
        sequence.addPage(pool.take());
      } else {
        Sequence victim = running.removeLast();
        victim.releaseInto(pool);
        waiting.addFirst(victim);
        if (victim == sequence) {
          return false;
        }
      }
    }
    return true;
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

  /// Adds the sequence's next chunk, what budget and free pages allow, and returns its size.
  private int chunk(List<Entry> step, Sequence sequence, int budget) {
    int first = sequence.computed();
    int count = Math.min(sequence.pending(), budget);
    while (sequence.pageCount() * slots < first + count && pool.free() > 0) {
      sequence.addPage(pool.take());
    }
    count = Math.min(count, sequence.pageCount() * slots - first);
    if (count > 0) {
      step.add(new Entry(sequence, first, count));
    }
    return count;
  }

  private void admit(List<Entry> step, int budget) {
    int left = budget;
    while (left > 0 && running.size() < maxStreams && !waiting.isEmpty()) {
      Sequence next = waiting.getFirst();
      int pages = (next.length() + 1 + slots - 1) / slots;
      if (Math.min(pages, pool.pages()) > pool.free() - promised()) {
        return;
      }
      running.add(waiting.removeFirst());
      left -= chunk(step, next, left);
    }
  }

  /// Pages that running prompts will still need.
  private int promised() {
    int pages = 0;
    for (Sequence sequence : running) {
      pages += Math.max(0, (sequence.length() + slots - 1) / slots - sequence.pageCount());
    }
    return pages;
  }
}
