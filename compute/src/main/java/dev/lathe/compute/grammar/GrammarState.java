package dev.lathe.compute.grammar;

/// One output under way. Copying it is cheap, so that a way that was only tried can be taken back.
/// For one thread at a time.
public final class GrammarState {
  private final CompiledGrammar grammar;
  private State state;
  private boolean atStart = true;

  GrammarState(CompiledGrammar grammar) {
    this.grammar = grammar;
    this.state = grammar.first();
  }

  /// Clears the bits of tokens that may not come next; sets none.
  ///
  /// @param allowed token `id` is bit `id % 64` of word `id / 64`
  /// @throws dev.lathe.compute.LatheException when the grammar is too ambiguous
  public void restrict(long[] allowed) {
    mask().restrict(allowed);
  }

  private TokenMask mask() {
    return atStart ? grammar.firstMask() : grammar.mask(state);
  }

  /// Whether a token may come next.
  public boolean allows(int token) {
    return mask().contains(token);
  }

  /// Adds a token to the output.
  ///
  /// @throws IllegalArgumentException when it may not come
  public void accept(int token) {
    byte[] bytes = grammar.vocabulary().token(token);
    State at = state;
    int first = atStart ? grammar.vocabulary().dropped(token) : 0;
    for (int i = first; i < bytes.length && !at.dead; i++) {
      at = grammar.after(at, bytes[i]);
    }
    if (at.dead || first == bytes.length) {
      throw new IllegalArgumentException("token " + token + " may not come here");
    }
    state = at;
    atStart = false;
  }

  /// Whether the output is complete and may end here.
  public boolean isComplete() {
    return state.complete;
  }

  /// Whether nothing may follow.
  public boolean isOver() {
    return state.positions.length == 0;
  }

  /// An output that is as far as this one.
  public GrammarState copy() {
    GrammarState copy = new GrammarState(grammar);
    copy.become(this);
    return copy;
  }

  /// Goes to where another output of the same grammar is.
  public void become(GrammarState other) {
    if (other.grammar != grammar) {
      throw new IllegalArgumentException("an output of another grammar");
    }
    state = other.state;
    atStart = other.atStart;
  }
}
