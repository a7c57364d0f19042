package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// A compiled grammar: the states of all its rules in one numbering, called positions. A position
/// goes on by a byte, by calling a rule, or by returning from its own. Immutable.
///
/// Every position can be finished, and no rule calls itself without a byte before.
final class Automaton {
  static final int NONE = -1;
  private static final int[] NO_CALLS = {};
  private static final int ENDLESS = 1 << 28;

  private final int classes;
  private final byte[] classOfByte = new byte[256];
  private final int[] next;
  private final int[][] calls;
  private final boolean[] accepting;
  private final boolean[] spent;
  private final boolean[] readsBytes;
  private final int[] starts;
  private final int[] need;
  private final boolean rootMayBeEmpty;

  private Automaton(int positions, int rules, int classes, boolean rootMayBeEmpty) {
    this.classes = classes;
    this.next = new int[positions * classes];
    this.calls = new int[positions][];
    this.accepting = new boolean[positions];
    this.spent = new boolean[positions];
    this.readsBytes = new boolean[positions];
    this.starts = new int[rules];
    this.need = new int[positions];
    this.rootMayBeEmpty = rootMayBeEmpty;
    Arrays.fill(next, NONE);
  }

  /// @param rules automata whose symbols are bytes and rules, none matching the empty text; the
  ///   first is the root
  /// @throws LatheException when the root can never end, a rule calls itself first, or the
  ///   positions are too many
  static Automaton of(List<Dfa> rules, List<String> names, boolean rootMayBeEmpty, Work work) {
    long count = rules.stream().mapToLong(Dfa::states).sum();
    if (count > work.limits().positions()) {
      throw LatheException.user(
          "the grammar compiles to "
              + count
              + " states, at most "
              + work.limits().positions()
              + " are kept",
          "use smaller repetitions, lengths and lists of choices");
    }
    int[] firstOfClass = byteClasses(rules);
    Automaton automaton =
        new Automaton((int) count, rules.size(), firstOfClass.length, rootMayBeEmpty);
    automaton.fillClasses(firstOfClass);
    automaton.fillPositions(rules, firstOfClass, work);
    automaton.findNeeds(work);
    automaton.requireAnEnd();
    automaton.dropEndless();
    automaton.refuseLeftRecursion(names);
    return automaton;
  }

  /// First bytes of the ranges of bytes that no rule tells apart.
  private static int[] byteClasses(List<Dfa> rules) {
    boolean[] cut = new boolean[257];
    cut[0] = true;
    for (Dfa rule : rules) {
      for (int t = 0; t < rule.to(rule.states() - 1); t++) {
        if (rule.low(t) < AutomatonBuilder.FIRST_RULE) {
          cut[rule.low(t)] = true;
          cut[rule.high(t) + 1] = true;
        }
      }
    }
    int[] first = new int[256];
    int count = 0;
    for (int b = 0; b < 256; b++) {
      if (cut[b]) {
        first[count++] = b;
      }
    }
    return Arrays.copyOf(first, count);
  }

  private void fillClasses(int[] firstOfClass) {
    for (int c = 0; c < classes; c++) {
      int end = c + 1 < classes ? firstOfClass[c + 1] : 256;
      Arrays.fill(classOfByte, firstOfClass[c], end, (byte) c);
    }
  }

  private void fillPositions(List<Dfa> rules, int[] firstOfClass, Work work) {
    int offset = 0;
    for (int r = 0; r < rules.size(); r++) {
      starts[r] = offset;
      offset += rules.get(r).states();
    }
    for (int r = 0; r < rules.size(); r++) {
      Dfa rule = rules.get(r);
      for (int s = 0; s < rule.states(); s++) {
        fillPosition(rule, s, starts[r], firstOfClass);
        work.steps(classes);
      }
    }
  }

  private void fillPosition(Dfa rule, int state, int offset, int[] firstOfClass) {
    int p = offset + state;
    accepting[p] = rule.accepts(state);
    int[] called = NO_CALLS;
    for (int t = rule.from(state); t < rule.to(state); t++) {
      int to = offset + rule.target(t);
      if (rule.low(t) < AutomatonBuilder.FIRST_RULE) {
        int first = Arrays.binarySearch(firstOfClass, rule.low(t));
        for (int c = first; c < classes && firstOfClass[c] <= rule.high(t); c++) {
          next[p * classes + c] = to;
        }
      } else {
        for (int symbol = rule.low(t); symbol <= rule.high(t); symbol++) {
          called = Arrays.copyOf(called, called.length + 2);
          called[called.length - 2] = symbol - AutomatonBuilder.FIRST_RULE;
          called[called.length - 1] = to;
        }
      }
    }
    calls[p] = called;
    spent[p] = accepting[p] && rule.from(state) == rule.to(state);
  }

  /// The least number of frames that must be put on the stack, all at the same time, to finish the
  /// rule from each position; the least fixed point.
  private void findNeeds(Work work) {
    Arrays.fill(need, ENDLESS);
    boolean changed = true;
    while (changed) {
      changed = false;
      for (int p = need.length - 1; p >= 0; p--) {
        int least = leastNeed(p);
        if (least < need[p]) {
          need[p] = least;
          changed = true;
        }
      }
      work.steps(need.length);
    }
  }

  private int leastNeed(int p) {
    int least = accepting[p] ? 0 : need[p];
    for (int c = 0; c < classes && least > 0; c++) {
      int to = next[p * classes + c];
      if (to != NONE) {
        least = Math.min(least, need[to]);
      }
    }
    int[] called = calls[p];
    for (int i = 0; i < called.length && least > 0; i += 2) {
      int inside = need[starts[called[i]]] + (spent[called[i + 1]] ? 0 : 1);
      least = Math.min(least, Math.min(ENDLESS, Math.max(inside, need[called[i + 1]])));
    }
    return least;
  }

  private void requireAnEnd() {
    if (need[starts[0]] >= ENDLESS && !rootMayBeEmpty) {
      throw LatheException.user(
          "the grammar allows no text at all",
          "look for rules that only lead to themselves, for conditions that exclude each other, and"
              + " for characters that the model has no token for");
    }
  }

  /// Takes out every way that can never be finished.
  private void dropEndless() {
    for (int p = 0; p < need.length; p++) {
      for (int c = 0; c < classes; c++) {
        int to = next[p * classes + c];
        if (to != NONE && need[to] >= ENDLESS) {
          next[p * classes + c] = NONE;
        }
        readsBytes[p] |= next[p * classes + c] != NONE;
      }
      int[] called = calls[p];
      int kept = 0;
      for (int i = 0; i < called.length; i += 2) {
        if (need[starts[called[i]]] < ENDLESS && need[called[i + 1]] < ENDLESS) {
          called[kept++] = called[i];
          called[kept++] = called[i + 1];
        }
      }
      calls[p] = Arrays.copyOf(called, kept);
    }
  }

  private void refuseLeftRecursion(List<String> names) {
    int[] seen = new int[starts.length];
    for (int rule = 0; rule < starts.length; rule++) {
      if (seen[rule] == 0 && need[starts[rule]] < ENDLESS) {
        descend(rule, seen, names);
      }
    }
  }

  /// Follows the calls that rules begin with; `seen` is 1 on the way down, 2 when done.
  private void descend(int from, int[] seen, List<String> names) {
    Deque<int[]> path = new ArrayDeque<>();
    path.push(new int[] {from, 0});
    seen[from] = 1;
    while (!path.isEmpty()) {
      int[] top = path.element();
      int[] called = calls[starts[top[0]]];
      if (top[1] == called.length) {
        seen[top[0]] = 2;
        path.pop();
        continue;
      }
      int rule = called[top[1]];
      top[1] += 2;
      if (seen[rule] == 1) {
        List<String> cycle = new ArrayList<>(List.of(names.get(rule)));
        for (int[] step : path) {
          cycle.addFirst(names.get(step[0]));
          if (step[0] == rule) {
            break;
          }
        }
        throw LatheException.user(
            "the grammar's rule '"
                + names.get(rule)
                + "' begins with itself ("
                + cycle.stream().collect(Collectors.joining(" → "))
                + ")",
            "write it as a repetition, or put something before the recursion");
      }
      if (seen[rule] == 0) {
        seen[rule] = 1;
        path.push(new int[] {rule, 0});
      }
    }
  }

  /// For each position the smallest one that nothing tells apart from it within so many bytes. A
  /// token of that length fares equally at both until the rule ends.
  /* Moore's refinement of partitions, stopped after as many rounds as a token has bytes. Classes
   * are told apart by 64-bit hashes of what follows. */
  int[] alikeWithin(int bytes, Work work) {
    int count = need.length;
    long[] colour = new long[count];
    for (int p = 0; p < count; p++) {
      colour[p] = mix(need[p] * 4L + (accepting[p] ? 2 : 0) + (spent[p] ? 1 : 0));
    }
    int[] changes = changes();
    int distinct = 0;
    for (int round = 0; round < bytes; round++) {
      long[] refined = new long[count];
      for (int p = 0; p < count; p++) {
        refined[p] = refined(p, colour, changes);
      }
      work.steps(count + changes.length);
      colour = refined;
      int found = (int) Arrays.stream(colour).distinct().count();
      if (found == distinct) {
        break;
      }
      distinct = found;
    }
    Map<Long, Integer> first = new HashMap<>();
    int[] alike = new int[count];
    for (int p = 0; p < count; p++) {
      int position = p;
      alike[p] = first.computeIfAbsent(colour[p], key -> position);
    }
    return alike;
  }

  /// Where a position's transitions change from one class of bytes to the next: positions follow
  /// each other, each begins with the index after its last entry.
  private int[] changes() {
    int[] changes = new int[need.length * 4];
    int size = need.length;
    for (int p = 0; p < need.length; p++) {
      int before = NONE;
      for (int c = 0; c < classes; c++) {
        int to = next[p * classes + c];
        if (to != before) {
          if (size == changes.length) {
            changes = Arrays.copyOf(changes, 2 * size);
          }
          changes[size++] = p * classes + c;
          before = to;
        }
      }
      changes[p] = size;
    }
    return Arrays.copyOf(changes, size);
  }

  private long refined(int p, long[] colour, int[] changes) {
    long hash = colour[p];
    for (int i = p == 0 ? need.length : changes[p - 1]; i < changes[p]; i++) {
      int to = next[changes[i]];
      hash = mix(hash * 31 + changes[i] % classes);
      hash = mix(hash * 31 + (to == NONE ? 7 : colour[to]));
    }
    long called = 0;
    for (int i = 0; i < calls[p].length; i += 2) {
      called += mix(mix(calls[p][i] + 11L) ^ colour[calls[p][i + 1]]);
    }
    return mix(hash + 3 * called);
  }

  /// The finalizer of SplittableRandom.
  private static long mix(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  int positions() {
    return need.length;
  }

  int classes() {
    return classes;
  }

  int classOf(byte value) {
    return classOfByte[value & 0xff] & 0xff;
  }

  /// The position after a byte of that class, or [#NONE].
  int next(int position, int byteClass) {
    return next[position * classes + byteClass];
  }

  /// Called rules and the positions to return to, in turn. Not to be changed.
  int[] calls(int position) {
    return calls[position];
  }

  int start(int rule) {
    return starts[rule];
  }

  /// Whether the rule may end here.
  boolean isAccepting(int position) {
    return accepting[position];
  }

  /// Whether the rule can only end here.
  boolean isSpent(int position) {
    return spent[position];
  }

  boolean readsBytes(int position) {
    return readsBytes[position];
  }

  /// Bytes by which a position goes on.
  int choices(int position) {
    int choices = 0;
    for (int value = 0; value < 256; value++) {
      choices += next(position, classOf((byte) value)) == NONE ? 0 : 1;
    }
    return choices;
  }

  /// Frames that finishing the rule from here takes at least.
  int need(int position) {
    return need[position];
  }

  boolean rootMayBeEmpty() {
    return rootMayBeEmpty;
  }

  long bytes() {
    return 4L * next.length + 48L * need.length;
  }
}
