package dev.lathe.compute.grammar;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// All that an output may be in the middle of: positions, each with the stack of places to return
/// to. States of equal content are mostly, not always, the same object. Immutable but for what it
/// remembers of states that follow and of its mask; those are found again when lost.
final class State {
  final int[] positions;
  final @Nullable Frame[] frames;

  /// Whether the output may end here.
  final boolean complete;

  /// Whether the rule that a mask is made for may have ended here.
  final boolean returns;

  /// Whether something was left out because the stack would have become too high.
  final boolean cut;

  /// The highest that the stack is or will at least become.
  final int height;

  /// Whether nothing has led here.
  final boolean dead;

  /// By class of byte; null where it was not looked for yet, dead where nothing follows.
  final @Nullable State[] next;

  @Nullable TokenMask mask;
  private final int hash;

  /// @param positions ascending
  /// @param frames of the positions; null for an empty stack
  State(
      int[] positions,
      @Nullable Frame[] frames,
      boolean complete,
      boolean returns,
      boolean cut,
      int height,
      int classes) {
    this.positions = positions;
    this.frames = frames;
    this.complete = complete;
    this.returns = returns;
    this.cut = cut;
    this.height = height;
    this.dead = positions.length == 0 && !complete && !returns;
    this.next = new State[classes];
    this.hash =
        31 * (31 * Arrays.hashCode(positions) + Arrays.hashCode(frames))
            + (complete ? 4 : 0)
            + (returns ? 2 : 0)
            + (cut ? 1 : 0);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof State state
        && hash == state.hash
        && complete == state.complete
        && returns == state.returns
        && cut == state.cut
        && Arrays.equals(positions, state.positions)
        && Arrays.equals(frames, state.frames);
  }
}
