package dev.lathe.platform.gateway;

/// Tells thoughts from the answer in text that comes piece by piece: what stands between `<think>`
/// at the very beginning and `</think>`, without the blank lines around it. What may be part of a
/// mark is held back until it is clear.
final class ThoughtSplitter {
  private enum State {
    BEGINNING,
    THOUGHTS,
    AFTER_THOUGHTS,
    ANSWER
  }

  private final StringBuilder held = new StringBuilder();
  private final StringBuilder thoughts = new StringBuilder();
  private final StringBuilder answer = new StringBuilder();
  private boolean anyThought;
  private State state;

  /// What is certain after a piece.
  record Split(String thoughts, String answer) {}

  /// @param inside whether the prompt has begun the thoughts already
  ThoughtSplitter(boolean inside) {
    state = inside ? State.THOUGHTS : State.BEGINNING;
  }

  boolean isThinking() {
    return state == State.THOUGHTS;
  }

  Split push(String piece) {
    held.append(piece);
    while (advance()) {
      // one step leads to the next
    }
    return taken();
  }

  /// What was held back and no mark came of.
  Split finish() {
    switch (state) {
      case BEGINNING, ANSWER -> answer.append(held);
      case THOUGHTS -> think(held.toString().stripTrailing());
      case AFTER_THOUGHTS -> {}
    }
    held.setLength(0);
    return taken();
  }

  private Split taken() {
    Split split = new Split(thoughts.toString(), answer.toString());
    thoughts.setLength(0);
    answer.setLength(0);
    return split;
  }

  /// @return whether the state changed, so that there may be more to do
  private boolean advance() {
    return switch (state) {
      case BEGINNING -> begin();
      case THOUGHTS -> think();
      case AFTER_THOUGHTS -> rest();
      case ANSWER -> {
        answer.append(held);
        held.setLength(0);
        yield false;
      }
    };
  }

  private boolean begin() {
    String text = held.toString().stripLeading();
    if (text.startsWith(TextSide.THOUGHTS_BEGIN)) {
      held.setLength(0);
      held.append(text, TextSide.THOUGHTS_BEGIN.length(), text.length());
      state = State.THOUGHTS;
      return true;
    }
    if (TextSide.THOUGHTS_BEGIN.startsWith(text)) {
      return false;
    }
    state = State.ANSWER;
    return true;
  }

  private boolean think() {
    int end = held.indexOf(TextSide.THOUGHTS_END);
    if (end >= 0) {
      think(held.substring(0, end).stripTrailing());
      held.delete(0, end + TextSide.THOUGHTS_END.length());
      state = State.AFTER_THOUGHTS;
      return true;
    }
    int certain = held.length() - endThatMayGoOn();
    think(held.substring(0, certain));
    held.delete(0, certain);
    return false;
  }

  private void think(String text) {
    String more = anyThought ? text : text.stripLeading();
    anyThought |= !more.isEmpty();
    thoughts.append(more);
  }

  /// Length of the end that is blank or the beginning of the end mark.
  private int endThatMayGoOn() {
    int from = held.length();
    for (int length = Math.min(TextSide.THOUGHTS_END.length() - 1, from); length > 0; length--) {
      if (TextSide.THOUGHTS_END.startsWith(held.substring(from - length))) {
        from -= length;
        break;
      }
    }
    while (from > 0 && Character.isWhitespace(held.charAt(from - 1))) {
      from--;
    }
    return held.length() - from;
  }

  private boolean rest() {
    String text = held.toString().stripLeading();
    if (text.isEmpty()) {
      held.setLength(0);
      return false;
    }
    held.setLength(0);
    held.append(text);
    state = State.ANSWER;
    return true;
  }
}
