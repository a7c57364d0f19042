package dev.lathe.compute.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A nondeterministic automaton under construction: states, edges over ranges of symbols, and edges
/// that need no symbol, some of them only at the beginning or the end of the text. Symbols are
/// whatever non-negative integers the builder means: characters, or bytes and rules.
final class Nfa {
  /// What an edge without a symbol asks for.
  enum Place {
    ANYWHERE,
    BEGINNING,
    END
  }

  private static final int EMPTY = -1;

  private final Work work;
  private int[] firstEdge = new int[64];
  private int states;
  private int[] nextEdge = new int[64];
  private int[] low = new int[64];
  private int[] high = new int[64];
  private int[] target = new int[64];
  private int edges;
  private boolean endMatters;

  Nfa(Work work) {
    this.work = work;
  }

  int state() {
    work.states(1);
    if (states == firstEdge.length) {
      firstEdge = Arrays.copyOf(firstEdge, 2 * states);
    }
    firstEdge[states] = EMPTY;
    return states++;
  }

  void edge(int from, int lowest, int highest, int to) {
    work.steps(1);
    if (edges == low.length) {
      nextEdge = Arrays.copyOf(nextEdge, 2 * edges);
      low = Arrays.copyOf(low, 2 * edges);
      high = Arrays.copyOf(high, 2 * edges);
      target = Arrays.copyOf(target, 2 * edges);
    }
    low[edges] = lowest;
    high[edges] = highest;
    target[edges] = to;
    nextEdge[edges] = firstEdge[from];
    firstEdge[from] = edges++;
  }

  void empty(int from, int to) {
    empty(from, to, Place.ANYWHERE);
  }

  void empty(int from, int to, Place place) {
    edge(from, EMPTY, place.ordinal(), to);
    endMatters |= place == Place.END;
  }

  /// The minimal deterministic automaton of the texts that lead from one state to another.
  /* The subset construction, with ranges of symbols cut where the edges of a subset begin and end.
   * Edges that ask for the beginning are followed from the start only; edges that ask for the end
   * only decide whether a subset accepts. */
  Dfa determinised(int start, int end) {
    return new Subsets(start, end).build().minimised(work);
  }

  private record Key(int[] states) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Key key && Arrays.equals(states, key.states);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(states);
    }
  }

  private final class Subsets {
    private final int start;
    private final int end;
    private final int[] mark = new int[states];
    private int stamp;
    private int[] stack = new int[64];
    private int[] reached = new int[64];
    private int reachedCount;
    private final Map<Key, Integer> ids = new HashMap<>();
    private final List<int[]> subsets = new ArrayList<>();
    private final Dfa.Builder dfa = new Dfa.Builder(work);

    Subsets(int start, int end) {
      this.start = start;
      this.end = end;
    }

    Dfa build() {
      id(closure(new int[] {start}, 1, true, false));
      for (int i = 0; i < subsets.size(); i++) {
        expand(i, subsets.get(i));
      }
      return dfa.build();
    }

    private int id(int[] subset) {
      return ids.computeIfAbsent(
          new Key(subset),
          key -> {
            subsets.add(subset);
            return dfa.state(accepts(subset));
          });
    }

    private boolean accepts(int[] subset) {
      if (!endMatters) {
        return Arrays.binarySearch(subset, end) >= 0;
      }
      for (int state : closure(subset, subset.length, false, true)) {
        if (state == end) {
          return true;
        }
      }
      return false;
    }

    /// The states that are reached without a symbol, sorted.
    private int[] closure(int[] from, int count, boolean atBeginning, boolean atEnd) {
      stamp++;
      reachedCount = 0;
      int depth = 0;
      for (int i = 0; i < count; i++) {
        depth = visit(from[i], depth);
      }
      while (depth > 0) {
        int state = stack[--depth];
        for (int edge = firstEdge[state]; edge != EMPTY; edge = nextEdge[edge]) {
          if (low[edge] == EMPTY
              && (high[edge] == Place.ANYWHERE.ordinal()
                  || atBeginning && high[edge] == Place.BEGINNING.ordinal()
                  || atEnd && high[edge] == Place.END.ordinal())) {
            depth = visit(target[edge], depth);
          }
        }
      }
      work.steps(4 + 4L * reachedCount);
      int[] sorted = Arrays.copyOf(reached, reachedCount);
      Arrays.sort(sorted);
      return sorted;
    }

    private int visit(int state, int depth) {
      if (mark[state] == stamp) {
        return depth;
      }
      mark[state] = stamp;
      if (depth == stack.length) {
        stack = Arrays.copyOf(stack, 2 * depth);
      }
      stack[depth] = state;
      if (reachedCount == reached.length) {
        reached = Arrays.copyOf(reached, 2 * reachedCount);
      }
      reached[reachedCount++] = state;
      return depth + 1;
    }

    private void expand(int id, int[] subset) {
      int count = 0;
      for (int state : subset) {
        for (int edge = firstEdge[state]; edge != EMPTY; edge = nextEdge[edge]) {
          count += low[edge] == EMPTY ? 0 : 1;
        }
      }
      work.steps(subset.length + 4L * count);
      long[] byLow = new long[count];
      int at = 0;
      for (int state : subset) {
        for (int edge = firstEdge[state]; edge != EMPTY; edge = nextEdge[edge]) {
          if (low[edge] != EMPTY) {
            byLow[at++] = (long) low[edge] << 32 | edge;
          }
        }
      }
      Arrays.sort(byLow);
      sweep(id, byLow);
    }

    /// Walks over the symbols from low to high; between two cuts the active edges are the same.
    private void sweep(int id, long[] byLow) {
      int[] active = new int[byLow.length];
      int activeCount = 0;
      int next = 0;
      int symbol = 0;
      int[] before = {};
      int to = 0;
      while (next < byLow.length || activeCount > 0) {
        if (activeCount == 0) {
          symbol = (int) (byLow[next] >> 32);
        }
        while (next < byLow.length && (int) (byLow[next] >> 32) == symbol) {
          active[activeCount++] = (int) byLow[next++];
        }
        int last = next < byLow.length ? (int) (byLow[next] >> 32) - 1 : Integer.MAX_VALUE;
        int[] targets = new int[activeCount];
        for (int i = 0; i < activeCount; i++) {
          last = Math.min(last, high[active[i]]);
          targets[i] = target[active[i]];
        }
        work.steps(activeCount);
        if (!Arrays.equals(targets, before)) {
          before = targets;
          to = id(closure(targets, activeCount, false, false));
        }
        dfa.transition(id, symbol, last, to);
        int kept = 0;
        for (int i = 0; i < activeCount; i++) {
          if (high[active[i]] > last) {
            active[kept++] = active[i];
          }
        }
        activeCount = kept;
        symbol = last + 1;
      }
    }
  }
}
