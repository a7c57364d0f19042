package dev.lathe.compute.grammar;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A deterministic automaton over ranges of symbols: at most one transition of a state for a
/// symbol, none where the text cannot go on. State 0 is the start; there is always one. Immutable.
final class Dfa {
  private final int[] first;
  private final int[] low;
  private final int[] high;
  private final int[] target;
  private final BitSet accepting;

  private Dfa(int[] first, int[] low, int[] high, int[] target, BitSet accepting) {
    this.first = first;
    this.low = low;
    this.high = high;
    this.target = target;
    this.accepting = accepting;
  }

  /// Collects states in order, and the transitions of one state after those of the one before,
  /// symbols ascending.
  static final class Builder {
    private final Work work;
    private final BitSet accepting = new BitSet();
    private int states;
    private int[] first = new int[64];
    private int[] low = new int[64];
    private int[] high = new int[64];
    private int[] target = new int[64];
    private int current;
    private int transitions;

    Builder(Work work) {
      this.work = work;
    }

    int state(boolean accepts) {
      work.states(1);
      accepting.set(states, accepts);
      return states++;
    }

    void transition(int from, int lowest, int highest, int to) {
      work.steps(1);
      seek(from);
      int before = transitions - 1;
      if (before >= first[from] && target[before] == to && high[before] == lowest - 1) {
        high[before] = highest;
        return;
      }
      if (transitions == low.length) {
        low = Arrays.copyOf(low, 2 * transitions);
        high = Arrays.copyOf(high, 2 * transitions);
        target = Arrays.copyOf(target, 2 * transitions);
      }
      low[transitions] = lowest;
      high[transitions] = highest;
      target[transitions++] = to;
    }

    private void seek(int state) {
      if (first.length < state + 2) {
        first = Arrays.copyOf(first, Math.max(2 * first.length, state + 2));
      }
      while (current < state) {
        first[++current] = transitions;
      }
    }

    Dfa build() {
      seek(states);
      return new Dfa(
          Arrays.copyOf(first, states + 1),
          Arrays.copyOf(low, transitions),
          Arrays.copyOf(high, transitions),
          Arrays.copyOf(target, transitions),
          accepting);
    }
  }

  int states() {
    return first.length - 1;
  }

  boolean accepts(int state) {
    return accepting.get(state);
  }

  /// The transitions of a state are `[from(state), to(state))`, symbols ascending.
  int from(int state) {
    return first[state];
  }

  int to(int state) {
    return first[state + 1];
  }

  int low(int transition) {
    return low[transition];
  }

  int high(int transition) {
    return high[transition];
  }

  int target(int transition) {
    return target[transition];
  }

  /// The state after a symbol, or -1.
  int next(int state, int symbol) {
    for (int t = first[state]; t < first[state + 1] && low[t] <= symbol; t++) {
      if (symbol <= high[t]) {
        return target[t];
      }
    }
    return -1;
  }

  boolean matches(String text) {
    int state = 0;
    for (int i = 0;
        i < text.length() && state >= 0;
        i += Character.charCount(text.codePointAt(i))) {
      state = next(state, text.codePointAt(i));
    }
    return state >= 0 && accepting.get(state);
  }

  /// Whether no text is accepted; of a minimal automaton.
  boolean isEmpty() {
    return accepting.isEmpty();
  }

  /// Symbols of the longest text, or -1 when there is no longest; of a minimal automaton.
  int longest() {
    int[] length = new int[states()];
    int[] open = new int[states()];
    for (int s = 0; s < states(); s++) {
      for (int t = first[s]; t < first[s + 1]; t++) {
        open[target[t]]++;
      }
    }
    if (open[0] > 0) {
      return -1;
    }
    Deque<Integer> ready = new ArrayDeque<>();
    ready.add(0);
    int done = 0;
    int longest = 0;
    while (!ready.isEmpty()) {
      int state = ready.remove();
      done++;
      longest = Math.max(longest, length[state]);
      for (int t = first[state]; t < first[state + 1]; t++) {
        length[target[t]] = Math.max(length[target[t]], length[state] + 1);
        if (--open[target[t]] == 0) {
          ready.add(target[t]);
        }
      }
    }
    return done == states() ? longest : -1;
  }

  /// Texts that both accept.
  Dfa and(Dfa other, Work work) {
    return product(other, false, work);
  }

  /// Texts that this accepts and the other does not.
  Dfa minus(Dfa other, Work work) {
    return product(other, true, work);
  }

  /// @param without whether the other's texts are taken away, or required
  private Dfa product(Dfa other, boolean without, Work work) {
    Builder builder = new Builder(work);
    Map<Long, Integer> ids = new HashMap<>();
    Deque<Long> open = new ArrayDeque<>();
    pair(0, 0, other, without, ids, open, builder);
    int id = 0;
    while (!open.isEmpty()) {
      long pair = open.remove();
      work.steps(16);
      int mine = (int) (pair >> 32);
      int theirs = (int) pair;
      int u = theirs < 0 ? 0 : other.first[theirs];
      int end = theirs < 0 ? 0 : other.first[theirs + 1];
      for (int t = first[mine]; t < first[mine + 1]; t++) {
        int symbol = low[t];
        while (symbol <= high[t]) {
          while (u < end && other.high[u] < symbol) {
            u++;
          }
          boolean shared = u < end && other.low[u] <= symbol;
          int last = high[t];
          if (u < end) {
            last = Math.min(last, shared ? other.high[u] : other.low[u] - 1);
          }
          if (shared || without) {
            int their = shared ? other.target[u] : -1;
            int to = pair(target[t], their, other, without, ids, open, builder);
            builder.transition(id, symbol, last, to);
          }
          symbol = last + 1;
        }
      }
      id++;
    }
    return builder.build().minimised(work);
  }

  private int pair(
      int mine,
      int theirs,
      Dfa other,
      boolean without,
      Map<Long, Integer> ids,
      Deque<Long> open,
      Builder builder) {
    long pair = (long) mine << 32 | theirs & 0xffffffffL;
    return ids.computeIfAbsent(
        pair,
        key -> {
          open.add(key);
          boolean both = theirs >= 0 && other.accepting.get(theirs);
          return builder.state(accepting.get(mine) && both != without);
        });
  }

  /// The smallest automaton of the same texts; states are numbered in the order in which they are
  /// reached, so that equal languages give equal automata.
  Dfa minimised(Work work) {
    work.steps(8L * (states() + low.length));
    BitSet useful = useful();
    if (!useful.get(0)) {
      Builder none = new Builder(work);
      none.state(false);
      return none.build();
    }
    int[] cuts = cuts(useful);
    int[] block = new Partition(useful, cuts, work).blocks();
    return quotient(block, useful, work);
  }

  /// States that are reached and from which a text can be finished.
  private BitSet useful() {
    int count = states();
    BitSet reached = new BitSet(count);
    int[] stack = new int[count];
    int depth = 0;
    stack[depth++] = 0;
    reached.set(0);
    int[] incoming = new int[count + 1];
    while (depth > 0) {
      int state = stack[--depth];
      for (int t = first[state]; t < first[state + 1]; t++) {
        incoming[target[t] + 1]++;
        if (!reached.get(target[t])) {
          reached.set(target[t]);
          stack[depth++] = target[t];
        }
      }
    }
    for (int s = 0; s < count; s++) {
      incoming[s + 1] += incoming[s];
    }
    int[] sources = new int[incoming[count]];
    int[] at = incoming.clone();
    for (int s = reached.nextSetBit(0); s >= 0; s = reached.nextSetBit(s + 1)) {
      for (int t = first[s]; t < first[s + 1]; t++) {
        sources[at[target[t]]++] = s;
      }
    }
    BitSet useful = new BitSet(count);
    for (int s = reached.nextSetBit(0); s >= 0; s = reached.nextSetBit(s + 1)) {
      if (accepting.get(s)) {
        useful.set(s);
        stack[depth++] = s;
      }
    }
    while (depth > 0) {
      int state = stack[--depth];
      for (int i = incoming[state]; i < incoming[state + 1]; i++) {
        if (!useful.get(sources[i])) {
          useful.set(sources[i]);
          stack[depth++] = sources[i];
        }
      }
    }
    return useful;
  }

  /// First symbols of the classes of symbols that no transition tells apart, ascending.
  private int[] cuts(BitSet useful) {
    int[] cuts = new int[2 * low.length];
    int count = 0;
    for (int s = useful.nextSetBit(0); s >= 0; s = useful.nextSetBit(s + 1)) {
      for (int t = first[s]; t < first[s + 1]; t++) {
        cuts[count++] = low[t];
        cuts[count++] = high[t] + 1;
      }
    }
    return Arrays.stream(cuts, 0, count).sorted().distinct().toArray();
  }

  private Dfa quotient(int[] block, BitSet useful, Work work) {
    int[] member = new int[states()];
    for (int s = useful.nextSetBit(0); s >= 0; s = useful.nextSetBit(s + 1)) {
      member[block[s]] = s;
    }
    int[] id = new int[states()];
    Arrays.fill(id, -1);
    int[] order = new int[states()];
    Builder builder = new Builder(work);
    int known = 0;
    order[known++] = block[0];
    id[block[0]] = builder.state(accepting.get(0));
    for (int i = 0; i < known; i++) {
      int state = member[order[i]];
      for (int t = first[state]; t < first[state + 1]; t++) {
        if (!useful.get(target[t])) {
          continue;
        }
        int to = block[target[t]];
        if (id[to] < 0) {
          order[known++] = to;
          id[to] = builder.state(accepting.get(target[t]));
        }
        builder.transition(i, low[t], high[t], id[to]);
      }
    }
    return builder.build();
  }

  /* Splits states into blocks until no transition tells two of a block apart: Hopcroft's algorithm
   * in the form of [1], in which transitions are kept in a partition of their own ("cords"), for
   * automata whose states need not have a transition for each symbol.
   *
   * [1] A. Valmari, Fast brief practical DFA minimization, Information Processing Letters 112
   * (2012). */
  private final class Partition {
    private final Work work;
    private final int[] tail;
    private final int[] label;
    private final int[] head;
    private final Refinable blocks;
    private final Refinable cords;

    Partition(BitSet useful, int[] cuts, Work work) {
      this.work = work;
      int count = 0;
      for (int s = useful.nextSetBit(0); s >= 0; s = useful.nextSetBit(s + 1)) {
        for (int t = first[s]; t < first[s + 1]; t++) {
          if (useful.get(target[t])) {
            int labels = index(cuts, high[t] + 1) - index(cuts, low[t]);
            work.steps(8L * labels);
            count += labels;
          }
        }
      }
      work.states(count / 8);
      tail = new int[count];
      label = new int[count];
      head = new int[count];
      int at = 0;
      for (int s = useful.nextSetBit(0); s >= 0; s = useful.nextSetBit(s + 1)) {
        for (int t = first[s]; t < first[s + 1]; t++) {
          if (useful.get(target[t])) {
            int last = index(cuts, high[t] + 1);
            for (int c = index(cuts, low[t]); c < last; c++) {
              tail[at] = s;
              label[at] = c;
              head[at++] = target[t];
            }
          }
        }
      }
      blocks = new Refinable(states());
      cords = new Refinable(count);
      blocks.start(useful);
      refine();
    }

    private static int index(int[] cuts, int symbol) {
      return Arrays.binarySearch(cuts, symbol);
    }

    private void refine() {
      for (int s = 0; s < states(); s++) {
        if (accepting.get(s) && blocks.isIn(s)) {
          blocks.mark(s);
        }
      }
      blocks.split();
      cords.group(label);
      int[] into = new int[states() + 1];
      for (int h : head) {
        into[h + 1]++;
      }
      for (int s = 0; s < states(); s++) {
        into[s + 1] += into[s];
      }
      int[] incoming = new int[head.length];
      int[] at = into.clone();
      for (int t = 0; t < head.length; t++) {
        incoming[at[head[t]]++] = t;
      }
      int doneBlocks = 1;
      for (int cord = 0; cord < cords.count; cord++) {
        for (int i = cords.begin[cord]; i < cords.end[cord]; i++) {
          blocks.mark(tail[cords.element[i]]);
        }
        work.steps(cords.end[cord] - cords.begin[cord] + 1);
        blocks.split();
        for (; doneBlocks < blocks.count; doneBlocks++) {
          for (int i = blocks.begin[doneBlocks]; i < blocks.end[doneBlocks]; i++) {
            int state = blocks.element[i];
            for (int j = into[state]; j < into[state + 1]; j++) {
              cords.mark(incoming[j]);
            }
            work.steps(into[state + 1] - into[state]);
          }
          cords.split();
        }
      }
    }

    int[] blocks() {
      return blocks.set;
    }
  }

  /// A partition of `0 … n-1` into sets that only ever get smaller.
  private static final class Refinable {
    private final int[] element;
    private final int[] location;
    private final int[] set;
    private final int[] begin;
    private final int[] end;
    private final int[] marked;
    private final int[] touched;
    private int touchedCount;
    private int count;

    Refinable(int size) {
      element = new int[size];
      location = new int[size];
      set = new int[size];
      begin = new int[size + 1];
      end = new int[size + 1];
      marked = new int[size + 1];
      touched = new int[size + 1];
    }

    /// One set of the given elements; the others belong to none.
    void start(BitSet members) {
      Arrays.fill(set, -1);
      int at = 0;
      for (int e = members.nextSetBit(0); e >= 0; e = members.nextSetBit(e + 1)) {
        element[at] = e;
        location[e] = at++;
        set[e] = 0;
      }
      end[0] = at;
      count = at == 0 ? 0 : 1;
    }

    /// One set for each label.
    void group(int[] labels) {
      int size = labels.length;
      long[] keys = new long[size];
      for (int e = 0; e < size; e++) {
        keys[e] = (long) labels[e] << 32 | e;
      }
      Arrays.sort(keys);
      for (int i = 0; i < size; i++) {
        int e = (int) keys[i];
        if (i > 0 && labels[e] != labels[element[i - 1]]) {
          end[count] = i;
          begin[++count] = i;
        }
        element[i] = e;
        location[e] = i;
        set[e] = count;
      }
      if (size > 0) {
        end[count++] = size;
      }
    }

    boolean isIn(int e) {
      return set[e] >= 0;
    }

    void mark(int e) {
      int s = set[e];
      int i = location[e];
      int j = begin[s] + marked[s];
      if (i < j) {
        return;
      }
      element[i] = element[j];
      location[element[i]] = i;
      element[j] = e;
      location[e] = j;
      if (marked[s]++ == 0) {
        touched[touchedCount++] = s;
      }
    }

    /// Makes the smaller part of each set that has marked and unmarked elements a set of its own.
    void split() {
      while (touchedCount > 0) {
        int s = touched[--touchedCount];
        int middle = begin[s] + marked[s];
        if (middle == end[s]) {
          marked[s] = 0;
          continue;
        }
        if (marked[s] <= end[s] - middle) {
          begin[count] = begin[s];
          end[count] = begin[s] = middle;
        } else {
          end[count] = end[s];
          begin[count] = end[s] = middle;
        }
        for (int i = begin[count]; i < end[count]; i++) {
          set[element[i]] = count;
        }
        marked[s] = 0;
        marked[count++] = 0;
      }
    }
  }

  /// Whether the two are the same automaton; minimal ones are when they accept the same texts.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Dfa dfa
        && Arrays.equals(first, dfa.first)
        && Arrays.equals(low, dfa.low)
        && Arrays.equals(high, dfa.high)
        && Arrays.equals(target, dfa.target)
        && accepting.equals(dfa.accepting);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(target) + Arrays.hashCode(low);
  }
}
