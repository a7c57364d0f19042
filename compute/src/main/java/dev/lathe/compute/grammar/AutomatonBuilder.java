package dev.lathe.compute.grammar;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.Expression.Characters;
import dev.lathe.compute.grammar.Expression.Choice;
import dev.lathe.compute.grammar.Expression.Language;
import dev.lathe.compute.grammar.Expression.Literal;
import dev.lathe.compute.grammar.Expression.Member;
import dev.lathe.compute.grammar.Expression.Members;
import dev.lathe.compute.grammar.Expression.Repeat;
import dev.lathe.compute.grammar.Expression.Rule;
import dev.lathe.compute.grammar.Expression.Sequence;
import dev.lathe.compute.grammar.Expression.Token;
import dev.lathe.compute.grammar.Expression.TokenId;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Compiles the rules of a grammar, each to a minimal deterministic automaton whose symbols are
/// bytes and other rules. No rule matches the empty text any more: where one did, its calls became
/// optional. Small rules that call no large one are written into their callers.
final class AutomatonBuilder {
  /// Symbols from here on are rules, those below are bytes.
  static final int FIRST_RULE = 256;

  private static final int LARGEST_INLINE = 12;
  private static final int LARGEST_REPEAT = 8192;
  private static final int CHUNK = 256;
  private static final long HUGE = 1L << 40;

  private final Grammar grammar;
  private final Vocabulary vocabulary;
  private final Work work;
  private final Map<String, Integer> sizes = new HashMap<>();
  private final Set<String> nullable = new HashSet<>();
  private final Map<String, Integer> ids = new LinkedHashMap<>();
  private final List<Expression> bodies = new ArrayList<>();
  private final List<Dfa> automata = new ArrayList<>();

  AutomatonBuilder(Grammar grammar, Vocabulary vocabulary, Work work) {
    this.grammar = grammar;
    this.vocabulary = vocabulary;
    this.work = work;
  }

  Automaton build() {
    findNullable();
    findInlined();
    id(grammar.root(), rule(grammar.root()));
    for (int i = 0; i < bodies.size(); i++) {
      automata.add(compiled(bodies.get(i)));
    }
    return Automaton.of(
        automata, List.copyOf(ids.keySet()), nullable.contains(grammar.root()), work);
  }

  private Expression rule(String name) {
    Expression body = grammar.rules().get(name);
    if (body == null) {
      throw LatheException.user(
          "the grammar uses the rule '" + name + "', which it does not have", "define it");
    }
    return body;
  }

  private int id(String name, Expression body) {
    return ids.computeIfAbsent(
        name,
        key -> {
          bodies.add(body);
          return bodies.size() - 1;
        });
  }

  private void findNullable() {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (var rule : grammar.rules().entrySet()) {
        work.steps(16);
        if (!nullable.contains(rule.getKey()) && isNullable(rule.getValue())) {
          nullable.add(rule.getKey());
          changed = true;
        }
      }
    }
  }

  private boolean isNullable(Expression expression) {
    work.steps(1);
    return switch (expression) {
      case Literal(String text) -> text.isEmpty();
      case Characters _, Token _, TokenId _ -> false;
      case Language(Dfa texts, _) -> texts.accepts(0);
      case Sequence(var parts) -> parts.stream().allMatch(this::isNullable);
      case Choice(var options) -> options.stream().anyMatch(this::isNullable);
      case Repeat(var body, int least, _) -> least == 0 || isNullable(body);
      case Rule(String name) -> nullable.contains(name);
      case Members members ->
          members.least() == 0 && members.members().stream().noneMatch(Member::required);
    };
  }

  /// Rules without large parts, and rules of such rules; none of them can be recursive.
  private void findInlined() {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (var rule : grammar.rules().entrySet()) {
        work.steps(16);
        if (!sizes.containsKey(rule.getKey())) {
          long size = size(rule.getValue());
          if (size <= LARGEST_INLINE) {
            sizes.put(rule.getKey(), (int) size);
            changed = true;
          }
        }
      }
    }
  }

  /// About how many states it takes; a rule that is not written into its callers counts as large,
  /// and one that is counts for more than its body, so that none is written into others too deeply.
  private long size(Expression expression) {
    work.steps(1);
    return switch (expression) {
      case Literal(String text) -> text.length();
      case Characters(var set, _) -> set.ranges() == 0 || set.last(set.ranges() - 1) < 128 ? 1 : 10;
      case Language(Dfa texts, _) -> 2L * texts.states();
      case Token _, TokenId _ -> 8;
      case Sequence(var parts) -> parts.stream().mapToLong(this::size).sum();
      case Choice(var options) -> options.stream().mapToLong(this::size).sum();
      case Repeat(var body, int least, int most) ->
          Math.min(HUGE, Math.max(1, most == Repeat.UNBOUNDED ? least : most) * size(body));
      case Rule(String name) -> 1 + sizes.getOrDefault(name, LARGEST_INLINE);
      case Members _ -> LARGEST_INLINE + 1;
    };
  }

  private Dfa compiled(Expression body) {
    Writer writer = new Writer();
    int start = writer.nfa.state();
    int end = writer.write(body, start);
    Dfa automaton = spellable(writer.nfa.determinised(start, end));
    return automaton.accepts(0) ? withoutEmpty(automaton) : automaton;
  }

  /// Without the bytes that no token holds.
  private Dfa spellable(Dfa automaton) {
    if (vocabulary.hasAllBytes()) {
      return automaton;
    }
    Dfa.Builder kept = new Dfa.Builder(work);
    for (int s = 0; s < automaton.states(); s++) {
      kept.state(automaton.accepts(s));
      for (int t = automaton.from(s); t < automaton.to(s); t++) {
        if (automaton.low(t) >= FIRST_RULE) {
          kept.transition(s, automaton.low(t), automaton.high(t), automaton.target(t));
          continue;
        }
        for (int value = automaton.low(t); value <= automaton.high(t); value++) {
          if (vocabulary.hasByte(value)) {
            kept.transition(s, value, value, automaton.target(t));
          }
        }
      }
    }
    return kept.build().minimised(work);
  }

  private Dfa withoutEmpty(Dfa automaton) {
    Dfa.Builder shifted = new Dfa.Builder(work);
    for (int s = -1; s < automaton.states(); s++) {
      int source = Math.max(s, 0);
      int state = shifted.state(s >= 0 && automaton.accepts(s));
      for (int t = automaton.from(source); t < automaton.to(source); t++) {
        shifted.transition(state, automaton.low(t), automaton.high(t), automaton.target(t) + 1);
      }
    }
    return shifted.build().minimised(work);
  }

  /// Writes one rule.
  private final class Writer {
    private final Nfa nfa = new Nfa(work);
    private final ByteEdges bytes = new ByteEdges(nfa);

    /// Adds what matches the expression after `from` and returns the state where it ends. No edge
    /// leads back into `from`, and none out of the returned state.
    int write(Expression expression, int from) {
      work.steps(1);
      return switch (expression) {
        case Literal(String text) -> spelled(text.getBytes(StandardCharsets.UTF_8), from);
        case Characters(var set, var spelling) -> characters(set, spelling, from);
        case Language(Dfa texts, var spelling) -> language(texts, spelling, from);
        case Token(String spelling) -> spelled(vocabulary.marked(spelling), from);
        case TokenId(int id) -> spelled(vocabulary.marked(id), from);
        case Sequence(var parts) -> {
          int at = from;
          for (Expression part : parts) {
            at = write(part, at);
          }
          yield at;
        }
        case Choice(var options) -> {
          int end = nfa.state();
          for (Expression option : options) {
            int start = nfa.state();
            nfa.empty(from, start);
            nfa.empty(write(option, start), end);
          }
          yield end;
        }
        case Repeat repeat -> repeat(repeat, from);
        case Rule(String name) ->
            sizes.containsKey(name) ? write(rule(name), from) : call(name, rule(name), from);
        case Members members -> members(members, from);
      };
    }

    private int spelled(byte[] text, int from) {
      int end = nfa.state();
      if (text.length == 0) {
        nfa.empty(from, end);
        return end;
      }
      int[] values = new int[text.length];
      for (int i = 0; i < text.length; i++) {
        values[i] = text[i] & 0xff;
      }
      bytes.bytes(from, end, values);
      return end;
    }

    private int characters(CharacterSet set, Expression.Spelling spelling, int from) {
      int end = nfa.state();
      for (int i = 0; i < set.ranges(); i++) {
        bytes.add(from, set.first(i), set.last(i), spelling, end);
      }
      return end;
    }

    private int language(Dfa texts, Expression.Spelling spelling, int from) {
      int[] states = new int[texts.states()];
      for (int s = 0; s < states.length; s++) {
        states[s] = nfa.state();
      }
      int end = nfa.state();
      nfa.empty(from, states[0]);
      for (int s = 0; s < states.length; s++) {
        for (int t = texts.from(s); t < texts.to(s); t++) {
          bytes.add(states[s], texts.low(t), texts.high(t), spelling, states[texts.target(t)]);
        }
        if (texts.accepts(s)) {
          nfa.empty(states[s], end);
        }
      }
      return end;
    }

    private int call(String name, Expression body, int from) {
      int end = nfa.state();
      int symbol = FIRST_RULE + id(name, body);
      nfa.edge(from, symbol, symbol, end);
      if (nullable.contains(name)) {
        nfa.empty(from, end);
      }
      return end;
    }

    private int repeat(Repeat repeat, int from) {
      boolean unbounded = repeat.most() == Repeat.UNBOUNDED;
      long bodySize = size(repeat.body());
      int at = times(repeat.body(), repeat.least(), bodySize, from);
      if (unbounded) {
        int loop = nfa.state();
        nfa.empty(at, loop);
        nfa.empty(write(repeat.body(), loop), loop);
        int end = nfa.state();
        nfa.empty(loop, end);
        return end;
      }
      return upTo(repeat.body(), repeat.most() - repeat.least(), bodySize, at);
    }

    private int times(Expression body, int count, long bodySize, int from) {
      int at = from;
      int left = count;
      if (count * bodySize > LARGEST_REPEAT && !isNullable(body)) {
        for (; left >= CHUNK; left -= CHUNK) {
          at = chunk(body, at);
        }
      }
      for (; left > 0; left--) {
        at = write(body, at);
      }
      return at;
    }

    /* x{0,n} with n = 256 a + r, where x{256} is a rule of its own, is
     * x{256}{0,a-1} x{0,255} | x{256}{a} x{0,r}. */
    private int upTo(Expression body, int count, long bodySize, int from) {
      int end = nfa.state();
      if (count * bodySize <= LARGEST_REPEAT || count < CHUNK || isNullable(body)) {
        optional(body, count, from, end);
        return end;
      }
      int at = from;
      int some = nfa.state();
      for (int i = 0; i < count / CHUNK; i++) {
        nfa.empty(at, some);
        at = chunk(body, at);
      }
      optional(body, CHUNK - 1, some, end);
      optional(body, count % CHUNK, at, end);
      return end;
    }

    private void optional(Expression body, int count, int from, int end) {
      int at = from;
      for (int i = 0; i < count; i++) {
        nfa.empty(at, end);
        at = write(body, at);
      }
      nfa.empty(at, end);
    }

    private int chunk(Expression body, int from) {
      Expression many = new Repeat(body, CHUNK, CHUNK);
      int end = nfa.state();
      int symbol = FIRST_RULE + chunkId(many);
      nfa.edge(from, symbol, symbol, end);
      return end;
    }

    private int members(Members members, int from) {
      return new MembersWriter(members, from).write();
    }

    /// States know how many members there are so far, up to where more make no difference, and
    /// which of the named ones may still come.
    private final class MembersWriter {
      private final Members members;
      private final int from;
      private final int layers;
      private final boolean bounded;
      private final int[] entries;

      MembersWriter(Members members, int from) {
        this.members = members;
        this.from = from;
        this.bounded = members.most() != Repeat.UNBOUNDED;
        this.layers = (bounded ? members.most() : Math.max(1, members.least())) + 1;
        this.entries = new int[layers];
      }

      int write() {
        int end = nfa.state();
        int[] at = new int[layers];
        for (int c = 0; c < layers; c++) {
          at[c] = nfa.state();
        }
        nfa.empty(from, at[0]);
        for (Member member : members.members()) {
          at = member(at, member);
        }
        if (!members.more().equals(Expression.NOTHING)) {
          further(at, members.more());
        }
        int last = nfa.state();
        for (int c = Math.max(1, members.least()); c < layers; c++) {
          nfa.empty(at[c], last);
        }
        nfa.empty(Writer.this.write(members.after(), last), end);
        if (members.least() == 0) {
          nfa.empty(at[0], end);
        }
        return end;
      }

      private int[] member(int[] at, Member member) {
        int[] next = new int[layers];
        for (int c = 0; c < layers; c++) {
          next[c] = nfa.state();
          if (!member.required()) {
            nfa.empty(at[c], next[c]);
          }
        }
        enter(at);
        for (int c = 1; c < layers; c++) {
          nfa.empty(Writer.this.write(member.body(), entries[c]), next[c]);
        }
        return next;
      }

      private void further(int[] at, Expression more) {
        enter(at);
        for (int c = 1; c < layers; c++) {
          nfa.empty(Writer.this.write(more, entries[c]), at[c]);
        }
      }

      /// Makes the states from which a member follows, by the layer it leads to.
      private void enter(int[] at) {
        for (int c = 1; c < layers; c++) {
          entries[c] = nfa.state();
        }
        for (int c = 0; c < layers; c++) {
          int to = bounded ? c + 1 : Math.min(c + 1, layers - 1);
          if (to < layers) {
            int start = nfa.state();
            nfa.empty(at[c], start);
            Expression separator = c == 0 ? members.before() : members.between();
            nfa.empty(Writer.this.write(separator, start), entries[to]);
          }
        }
      }
    }
  }

  private final Map<Expression, Integer> chunks = new HashMap<>();

  private int chunkId(Expression many) {
    return chunks.computeIfAbsent(many, key -> id("(repetition " + chunks.size() + ")", key));
  }
}
