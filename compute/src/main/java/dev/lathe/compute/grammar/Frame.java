package dev.lathe.compute.grammar;

import org.jspecify.annotations.Nullable;

/// A place to return to, and those below it. Immutable but for a remembered state; shared by all
/// stacks that have it.
final class Frame {
  /// What lies below the rule that a mask is made for, before it is known.
  static final Frame UNKNOWN = new Frame(Automaton.NONE, null);

  final int position;
  final @Nullable Frame below;
  final int depth;
  private final int hash;

  /// The state after returning here; remembered by whoever finds it.
  @Nullable State returned;

  Frame(int position, @Nullable Frame below) {
    this.position = position;
    this.below = below;
    this.depth = position == Automaton.NONE ? 0 : depthOf(below) + 1;
    this.hash = (below == null ? 17 : below.hash) * 0x9e3779b1 + position;
  }

  boolean isUnknown() {
    return position == Automaton.NONE;
  }

  /// Frames on the stack; 0 for none.
  static int depthOf(@Nullable Frame frame) {
    return frame == null ? 0 : frame.depth;
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    Frame mine = this;
    Frame theirs = other instanceof Frame frame ? frame : null;
    while (mine != theirs) {
      if (mine == null
          || theirs == null
          || mine.hash != theirs.hash
          || mine.position != theirs.position
          || mine.depth != theirs.depth) {
        return false;
      }
      mine = mine.below;
      theirs = theirs.below;
    }
    return true;
  }
}
