package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.GrammarState;

/// Holds one reply to a grammar.
final class GrammarConstraint implements TokenConstraint {
  private final GrammarState state;

  GrammarConstraint(GrammarState state) {
    this.state = state;
  }

  @Override
  public void mask(long[] allowed) {
    state.restrict(allowed);
  }

  @Override
  public void accept(int token) {
    state.accept(token);
  }

  @Override
  public boolean mayStop() {
    return state.isComplete();
  }
}
