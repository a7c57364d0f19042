package dev.lathe.compute.tool;

import dev.lathe.compute.text.ToolCall;
import dev.lathe.compute.tool.CallForm.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Tells text from calls in an output that comes piece by piece. What begins like a call and does
/// not go on like one is text. For one output and one thread.
///
/// Names and identifiers are given as they were written; an API that hands out identifiers of its
/// own does so when a call begins.
public final class CallParser {
  /// What was found.
  public sealed interface Event {
    /// Text outside of calls, never empty.
    record Text(String text) implements Event {}

    /// The call of a tool begins.
    ///
    /// @param index counts the calls of the output, from 0
    record Began(int index, String name) implements Event {}

    /// More of a call's arguments, never empty.
    record Arguments(int index, String json) implements Event {}

    /// A call's arguments are complete.
    record Ended(int index) implements Event {}
  }

  private enum State {
    /// Before anything else: calls that have no mark may begin here only.
    START,
    TEXT,
    /// Inside `begin`.
    BEGIN,
    /// At a part of a call.
    PART,
    /// Between `between` and `end`.
    AFTER
  }

  private static final int LONGEST_WORD = 256;

  private final CallForm form;
  private final Optional<String> trigger;
  private final StringBuilder held = new StringBuilder();

  /// All since the call's beginning and the white space before it, until its name is known.
  private final StringBuilder since = new StringBuilder();

  private final List<Event> events = new ArrayList<>();

  /// Text or arguments that make up the next event.
  private final StringBuilder run = new StringBuilder();

  private boolean runIsText;
  private State state = State.START;
  private int part;
  private int calls;
  private boolean began;
  private int complete;
  private int depth;
  private boolean inString;
  private boolean escaped;

  CallParser(CallForm form) {
    this.form = form;
    this.trigger = form.trigger();
  }

  /// What a piece of the output adds.
  public List<Event> push(String piece) {
    for (int i = 0; i < piece.length(); i++) {
      next(piece.charAt(i));
    }
    return taken();
  }

  /// What is left at the end of the output: text that was held back.
  public List<Event> finish() {
    boolean inText = state == State.START || state == State.TEXT;
    text(inText ? held.toString() : since.toString());
    held.setLength(0);
    since.setLength(0);
    state = State.TEXT;
    return taken();
  }

  /// A whole output: its text without calls, and the calls.
  public record Parsed(String text, List<ToolCall> calls) {}

  /// Reads a whole output.
  ///
  /// @return calls with the identifiers `call_0`, `call_1` and so on; a call that was cut off is
  ///   left out
  public Parsed parse(String output) {
    StringBuilder text = new StringBuilder();
    List<String> names = new ArrayList<>();
    List<StringBuilder> arguments = new ArrayList<>();
    List<ToolCall> ended = new ArrayList<>();
    List<Event> all = new ArrayList<>(push(output));
    all.addAll(finish());
    for (Event event : all) {
      switch (event) {
        case Event.Text(String more) -> text.append(more);
        case Event.Began(_, String called) -> {
          names.add(called);
          arguments.add(new StringBuilder());
        }
        case Event.Arguments(int index, String json) -> arguments.get(index).append(json);
        case Event.Ended(int index) ->
            ended.add(
                new ToolCall("call_" + index, names.get(index), arguments.get(index).toString()));
      }
    }
    return new Parsed(text.toString(), ended);
  }

  private List<Event> taken() {
    flush();
    List<Event> taken = List.copyOf(events);
    events.clear();
    return taken;
  }

  private void flush() {
    if (!run.isEmpty()) {
      String all = run.toString();
      events.add(runIsText ? new Event.Text(all) : new Event.Arguments(calls, all));
      run.setLength(0);
    }
  }

  private void text(String text) {
    if (!runIsText) {
      flush();
    }
    runIsText = true;
    run.append(text);
  }

  private void next(char c) {
    switch (state) {
      case START, TEXT -> inText(c);
      case BEGIN -> inBegin(c);
      case PART -> inPart(c);
      case AFTER -> after(c);
    }
  }

  /// Holds back what may be the beginning of a call, and white space before it.
  private void inText(char c) {
    held.append(c);
    if (trigger.isPresent()) {
      String mark = trigger.get();
      int at = held.indexOf(mark);
      if (at >= 0) {
        int blanks = held.substring(0, at).stripTrailing().length();
        text(held.substring(0, blanks));
        since.append(held, blanks, held.length());
        held.delete(0, at);
        state = State.BEGIN;
        checkBegin();
        return;
      }
      int kept = held.length() - possibleBeginning(mark);
      while (kept > 0 && Character.isWhitespace(held.charAt(kept - 1))) {
        kept--;
      }
      text(held.substring(0, kept));
      held.delete(0, kept);
      state = State.TEXT;
      return;
    }
    if (state == State.START && form.begin().startsWith(held.toString())) {
      state = State.BEGIN;
      since.append(held);
      checkBegin();
      return;
    }
    text(held.toString());
    held.setLength(0);
    state = State.TEXT;
  }

  /// Length of the longest end of what is held with which the mark begins.
  private int possibleBeginning(String mark) {
    for (int length = Math.min(mark.length() - 1, held.length()); length > 0; length--) {
      if (mark.startsWith(held.substring(held.length() - length))) {
        return length;
      }
    }
    return 0;
  }

  private void inBegin(char c) {
    held.append(c);
    since.append(c);
    checkBegin();
  }

  private void checkBegin() {
    String so = held.toString();
    if (so.equals(form.begin())) {
      held.setLength(0);
      beginCall();
    } else if (!form.begin().startsWith(so)) {
      abandon();
    }
  }

  private void beginCall() {
    part = 0;
    began = false;
    state = State.PART;
  }

  /// A call is none after all, or stops being one in the middle: what is not told yet is text, all
  /// of it but its first character looked at again.
  private void abandon() {
    flush();
    calls += began ? 1 : 0;
    String all = began ? held.toString() : since.toString();
    held.setLength(0);
    since.setLength(0);
    began = false;
    state = State.TEXT;
    text(all.substring(0, 1));
    for (int i = 1; i < all.length(); i++) {
      next(all.charAt(i));
    }
  }

  private void inPart(char c) {
    if (!began) {
      since.append(c);
    }
    switch (form.call().get(part)) {
      case Part.Fixed(String text) -> {
        held.append(c);
        if (!text.startsWith(held.toString())) {
          abandon();
        } else if (held.length() == text.length()) {
          nextPart();
        }
      }
      case Part.Name _ -> word(c, true);
      case Part.Id _ -> word(c, false);
      case Part.Arguments _ -> argument(c);
    }
  }

  private void nextPart() {
    held.setLength(0);
    part++;
    depth = 0;
    inString = false;
    escaped = false;
    if (part == form.call().size()) {
      calls++;
      began = false;
      complete = 0;
      state = State.AFTER;
    }
  }

  /// A name or an identifier ends before the first character that belongs to none.
  private void word(char c, boolean isName) {
    boolean belongs = c < 128 && (Character.isLetterOrDigit(c) || "_.-".indexOf(c) >= 0);
    if (belongs && held.length() < LONGEST_WORD) {
      held.append(c);
      return;
    }
    if (belongs || held.isEmpty()) {
      held.append(c);
      abandon();
      return;
    }
    if (isName) {
      began = true;
      since.setLength(0);
      flush();
      events.add(new Event.Began(calls, held.toString()));
    }
    if (!began) {
      since.setLength(since.length() - 1);
    }
    nextPart();
    next(c);
  }

  private void argument(char c) {
    if (depth == 0 && c != '{') {
      held.append(c);
      abandon();
      return;
    }
    if (runIsText) {
      flush();
    }
    runIsText = false;
    run.append(c);
    if (inString) {
      inString = escaped || c != '"';
      escaped = !escaped && c == '\\';
      return;
    }
    inString = c == '"';
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    if (depth == 0) {
      flush();
      events.add(new Event.Ended(calls));
      nextPart();
    }
  }

  /// Both the way to another call and the end may still be possible, one may begin the other.
  private void after(char c) {
    held.append(c);
    String so = held.toString();
    if (so.equals(form.end())) {
      complete = so.length();
    }
    if (form.between().isPresent() && so.equals(form.between().get())) {
      since.append(held);
      held.setLength(0);
      beginCall();
      return;
    }
    boolean goesOn =
        form.end().startsWith(so) || form.between().filter(text -> text.startsWith(so)).isPresent();
    if (goesOn) {
      return;
    }
    String left = so.substring(complete);
    held.setLength(0);
    state = State.TEXT;
    for (int i = 0; i < left.length(); i++) {
      next(left.charAt(i));
    }
  }
}
