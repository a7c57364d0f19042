package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A grammar compiled for one vocabulary. Any number of outputs may be under way at the same time,
/// in any threads; what one of them finds out about states and masks serves the others.
/* A pushdown automaton made deterministic as it is used: a state is the set of all positions and
 * stacks that the bytes so far can mean, and remembers the states that follow it, so that a known
 * byte costs one look into an array.
 *
 * The mask of a state is put together from parts by position, as in [1]: which tokens are read
 * within the position's rule does not depend on the stack and is kept by position (and shared by
 * positions that no token can tell apart). Tokens that run over the end of the rule are known by the
 * nodes of the token tree at which the rule ended; only what lies below those nodes, and the few
 * tokens of more than 16 bytes, are looked at with the real stack. Everything kept is bounded in bytes: when it grows beyond, all is
 * forgotten at once and made anew as needed, as in RE2's lazy automaton [2]. Outputs under way hold
 * on to what they use themselves.
 *
 * [1] Dong et al., XGrammar: flexible and efficient structured generation engine (2024).
 * [2] Cox, Regular expression matching in the wild (2010). */
public final class CompiledGrammar {
  /// Most frames on a stack; how deep structures may nest.
  static final int MAX_DEPTH = 128;

  private static final int MAX_POSITIONS_AT_ONCE = 2000;

  /// Most positions compared for one mask, which takes about a tenth of a second; others wait for
  /// it.
  private static final long MAX_COMPARED = 50_000_000;

  private final Automaton automaton;
  private final Vocabulary vocabulary;
  private final int[] alike;
  private final long maxBytes;
  private volatile Memory memory;

  /// All that may be forgotten.
  private final class Memory {
    final ConcurrentHashMap<State, State> states = new ConcurrentHashMap<>();
    final ConcurrentHashMap<Frame, Frame> frames = new ConcurrentHashMap<>();
    final @Nullable PositionMask[] masks = new PositionMask[automaton.positions()];
    final AtomicLong bytes = new AtomicLong();
    @Nullable State start;
    @Nullable TokenMask startMask;

    void add(long size) {
      if (bytes.addAndGet(size) > maxBytes) {
        forget(this);
      }
    }
  }

  /// What is known about a position whatever the stack.
  ///
  /// @param tokens short ones that are read within the rule, or up to its very end
  /// @param ends nodes of the token tree at which the rule may have ended and which have
  ///   descendants
  /// @param height of the stack above the position that this takes
  private record PositionMask(TokenMask tokens, int[] ends, int height) {}

  /// What has been compared for one mask. For one thread.
  private static final class Effort {
    private long compared;

    void add(int count) {
      compared += count;
      if (compared > MAX_COMPARED) {
        throw LatheException.user(
            "the grammar can read what may come next in too many ways",
            "make its alternatives begin differently");
      }
    }
  }

  CompiledGrammar(Automaton automaton, Vocabulary vocabulary, Work work) {
    this.automaton = automaton;
    this.vocabulary = vocabulary;
    this.alike = automaton.alikeWithin(Vocabulary.SHORT, work);
    this.maxBytes = work.limits().maskBytes();
    this.memory = new Memory();
  }

  /// A new output, empty so far.
  public GrammarState start() {
    return new GrammarState(this);
  }

  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /// Memory that the automaton and what is kept of masks and states take now, in bytes.
  public long bytes() {
    return automaton.bytes() + memory.bytes.get();
  }

  /// Makes masks ahead of their use, until that time is over: those first that go on by most bytes,
  /// because they take longest.
  ///
  /// @throws LatheException when the grammar is too ambiguous
  void prepare(Duration time) {
    long began = System.nanoTime();
    firstMask();
    int[] order =
        IntStream.range(0, automaton.positions())
            .filter(p -> alike[p] == p && automaton.readsBytes(p))
            .boxed()
            .sorted(Comparator.comparingInt(p -> -automaton.choices(p)))
            .mapToInt(Integer::intValue)
            .toArray();
    for (int i = 0; i < order.length && System.nanoTime() - began < time.toNanos(); i++) {
      positionMask(order[i], new Effort());
    }
  }

  private synchronized void forget(Memory full) {
    if (memory == full) {
      memory = new Memory();
    }
  }

  /// Where every output starts.
  State first() {
    Memory now = memory;
    State start = now.start;
    if (start == null) {
      Closure closure = new Closure(now, new Effort());
      closure.add(automaton.start(0), null);
      closure.complete |= automaton.rootMayBeEmpty();
      start = closure.state();
      now.start = start;
    }
    return start;
  }

  /// The state after a byte; dead when the byte may not come.
  State after(State state, byte value) {
    return after(state, value, new Effort());
  }

  private State after(State state, byte value, Effort effort) {
    int byteClass = automaton.classOf(value);
    State known = state.next[byteClass];
    return known != null ? known : find(state, byteClass, effort);
  }

  private State find(State state, int byteClass, Effort effort) {
    Closure closure = new Closure(memory, effort);
    for (int i = 0; i < state.positions.length; i++) {
      int to = automaton.next(state.positions[i], byteClass);
      if (to != Automaton.NONE) {
        closure.add(to, state.frames[i]);
      }
    }
    State found = closure.state();
    state.next[byteClass] = found;
    return found;
  }

  private State returned(Frame frame, Effort effort) {
    State known = frame.returned;
    if (known == null) {
      Closure closure = new Closure(memory, effort);
      closure.add(frame.position, frame.below);
      known = closure.state();
      frame.returned = known;
    }
    return known;
  }

  /// The tokens that may come at the very beginning.
  TokenMask firstMask() {
    Memory now = memory;
    TokenMask mask = now.startMask;
    if (mask == null) {
      State start = first();
      mask =
          vocabulary
              .firstTokens()
              .map(tree -> walk(start, tree, new Effort()))
              .orElseGet(() -> mask(start));
      now.startMask = mask;
    }
    return mask;
  }

  /// The tokens that may come.
  TokenMask mask(State state) {
    TokenMask known = state.mask;
    if (known == null) {
      Effort effort = new Effort();
      TokenMask longTokens = walk(state, vocabulary.longTokens(), effort);
      known = TokenMask.of(shortMask(state, effort), longTokens, words());
      memory.add(known.bytes());
      state.mask = known;
    }
    return known;
  }

  private TokenMask shortMask(State state, Effort effort) {
    PositionMask[] parts = new PositionMask[state.positions.length];
    boolean alone = parts.length == 1;
    for (int i = 0; i < parts.length; i++) {
      parts[i] = positionMask(alike[state.positions[i]], effort);
      if (Frame.depthOf(state.frames[i]) + parts[i].height() > MAX_DEPTH) {
        return walk(state, vocabulary.shortTokens(), effort);
      }
      alone &= parts[i].ends().length == 0;
    }
    if (alone) {
      return parts[0].tokens();
    }
    long[] bits = new long[words()];
    State[] path = new State[Vocabulary.SHORT + 1];
    for (int i = 0; i < parts.length; i++) {
      parts[i].tokens().addTo(bits);
      Frame frame = state.frames[i];
      if (frame != null) {
        State after = returned(frame, effort);
        for (int node : parts[i].ends()) {
          walkBelow(node, after, path, bits, effort);
        }
      }
    }
    return TokenMask.of(bits);
  }

  private int words() {
    return (vocabulary.size() + 63) / 64;
  }

  /// The tokens of a tree that may come, each looked at.
  private TokenMask walk(State from, TokenTree tree, Effort effort) {
    long[] bits = new long[words()];
    State[] path = new State[tree.height() + 1];
    path[0] = from;
    walk(tree, 0, tree.nodes(), 0, path, bits, effort);
    return TokenMask.of(bits);
  }

  private void walkBelow(int node, State from, State[] path, long[] bits, Effort effort) {
    TokenTree tree = vocabulary.shortTokens();
    path[0] = from;
    walk(tree, node + 1, tree.end(node), tree.depth(node) + 1, path, bits, effort);
  }

  /// Follows the nodes `[node, end)` of a tree.
  ///
  /// @param base depth of the first
  /// @param path `path[0]` is the state before the first
  private void walk(
      TokenTree tree, int node, int end, int base, State[] path, long[] bits, Effort effort) {
    int at = node;
    while (at < end) {
      int depth = tree.depth(at) - base;
      State after = after(path[depth], tree.value(at), effort);
      if (after.dead) {
        at = tree.end(at);
        continue;
      }
      tree.collect(at, bits);
      path[depth + 1] = after;
      at++;
    }
  }

  private PositionMask positionMask(int position, Effort effort) {
    Memory now = memory;
    PositionMask known = now.masks[position];
    if (known == null) {
      known = findMask(position, effort);
      now.masks[position] = known;
      now.add(known.tokens().bytes() + 4L * known.ends().length + 48);
    }
    return known;
  }

  private PositionMask findMask(int position, Effort effort) {
    TokenTree tree = vocabulary.shortTokens();
    State[] path = new State[tree.height() + 1];
    path[0] =
        new State(
            new int[] {position},
            new Frame[] {Frame.UNKNOWN},
            false,
            false,
            false,
            automaton.need(position),
            automaton.classes());
    long[] bits = new long[words()];
    int[] ends = new int[16];
    int endCount = 0;
    int height = path[0].height;
    int at = 0;
    while (at < tree.nodes()) {
      int depth = tree.depth(at);
      State after = after(path[depth], tree.value(at), effort);
      height = Math.max(height, after.cut ? MAX_DEPTH + 1 : after.height);
      if (after.dead) {
        at = tree.end(at);
        continue;
      }
      tree.collect(at, bits);
      if (after.returns && tree.end(at) > at + 1) {
        if (endCount == ends.length) {
          ends = Arrays.copyOf(ends, 2 * endCount);
        }
        ends[endCount++] = at;
      }
      path[depth + 1] = after;
      at++;
    }
    return new PositionMask(TokenMask.of(bits), Arrays.copyOf(ends, endCount), height);
  }

  /// Collects what is reached without a byte: called rules are entered, finished ones left.
  private final class Closure {
    private final Memory now;
    private final Effort effort;
    private int[] positions = new int[8];
    private @Nullable Frame[] frames = new Frame[8];
    private int count;
    private boolean complete;
    private boolean returns;
    private boolean cut;
    private int height;

    Closure(Memory now, Effort effort) {
      this.now = now;
      this.effort = effort;
    }

    void add(int position, @Nullable Frame frame) {
      int needed = Frame.depthOf(frame) + automaton.need(position);
      if (needed > MAX_DEPTH) {
        cut = true;
        return;
      }
      effort.add(1 + count);
      for (int i = 0; i < count; i++) {
        if (positions[i] == position && Objects.equals(frames[i], frame)) {
          return;
        }
      }
      if (count == MAX_POSITIONS_AT_ONCE) {
        throw LatheException.user(
            "the grammar can read this output in more than " + count + " ways at the same time",
            "make its alternatives begin differently");
      }
      if (count == positions.length) {
        positions = Arrays.copyOf(positions, 2 * count);
        frames = Arrays.copyOf(frames, 2 * count);
      }
      positions[count] = position;
      frames[count++] = frame;
      height = Math.max(height, needed);
    }

    State state() {
      for (int i = 0; i < count; i++) {
        leave(positions[i], frames[i]);
        enter(positions[i], frames[i]);
      }
      State found = sorted();
      State known = now.states.putIfAbsent(found, found);
      if (known != null) {
        return known;
      }
      now.add(96 + 8L * found.positions.length + 4L * automaton.classes());
      return found;
    }

    private void leave(int position, @Nullable Frame frame) {
      if (!automaton.isAccepting(position)) {
        return;
      }
      if (frame == null) {
        complete = true;
      } else if (frame.isUnknown()) {
        returns = true;
      } else {
        add(frame.position, frame.below);
      }
    }

    private void enter(int position, @Nullable Frame frame) {
      int[] calls = automaton.calls(position);
      for (int i = 0; i < calls.length; i += 2) {
        int back = calls[i + 1];
        if (automaton.isSpent(back)) {
          add(automaton.start(calls[i]), frame);
        } else if (Frame.depthOf(frame) + automaton.need(back) <= MAX_DEPTH) {
          add(automaton.start(calls[i]), pushed(back, frame));
        } else {
          cut = true;
        }
      }
    }

    private Frame pushed(int position, @Nullable Frame below) {
      Frame made = new Frame(position, below);
      Frame known = now.frames.putIfAbsent(made, made);
      if (known != null) {
        return known;
      }
      now.add(64);
      return made;
    }

    /// Those that read a byte, in an order that does not depend on how they were found.
    private State sorted() {
      int kept = 0;
      for (int i = 0; i < count; i++) {
        if (automaton.readsBytes(positions[i])) {
          positions[kept] = positions[i];
          frames[kept++] = frames[i];
        }
      }
      for (int i = 1; i < kept; i++) {
        int position = positions[i];
        Frame frame = frames[i];
        int at = i;
        while (at > 0 && isAfter(at - 1, position, frame)) {
          positions[at] = positions[at - 1];
          frames[at] = frames[at - 1];
          at--;
        }
        positions[at] = position;
        frames[at] = frame;
      }
      return new State(
          Arrays.copyOf(positions, kept),
          Arrays.copyOf(frames, kept),
          complete,
          returns,
          cut,
          height,
          automaton.classes());
    }

    private boolean isAfter(int i, int position, @Nullable Frame frame) {
      if (positions[i] != position) {
        return positions[i] > position;
      }
      Frame mine = frames[i];
      return (mine == null ? 0 : mine.hashCode()) > (frame == null ? 0 : frame.hashCode());
    }
  }
}
