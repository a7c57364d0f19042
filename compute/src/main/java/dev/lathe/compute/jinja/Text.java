package dev.lathe.compute.jinja;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/// A string in which every character has an origin: a number that the caller chose for its own
/// inputs, and [#TEMPLATE] for what the template itself wrote. Slices, joins and replacements keep
/// origins. Two texts are equal when their characters are, whatever the origins.
public final class Text implements Value, Comparable<Text> {
  /// The origin of characters that the template wrote.
  public static final int TEMPLATE = 0;

  public static final Text EMPTY = Text.of("");

  private final String characters;
  // Run i covers [ends[i - 1], ends[i]) and comes from origins[i]; adjacent runs differ.
  private final int[] ends;
  private final int[] origins;

  private Text(String characters, int[] ends, int[] origins) {
    this.characters = characters;
    this.ends = ends;
    this.origins = origins;
  }

  /// Text that the template wrote.
  public static Text of(String characters) {
    return of(characters, TEMPLATE);
  }

  /// Text of one origin.
  public static Text of(String characters, int origin) {
    return characters.isEmpty()
        ? new Text("", new int[0], new int[0])
        : new Text(characters, new int[] {characters.length()}, new int[] {origin});
  }

  /// The characters alone.
  public String characters() {
    return characters;
  }

  /// UTF-16 length.
  public int length() {
    return characters.length();
  }

  public boolean isEmpty() {
    return characters.isEmpty();
  }

  /// Origin of the character at `index`.
  public int originAt(int index) {
    return origins[runAt(index)];
  }

  /// The stretches of one origin, in order.
  public List<Run> runs() {
    List<Run> runs = new ArrayList<>(ends.length);
    for (int run = 0; run < ends.length; run++) {
      runs.add(new Run(run == 0 ? 0 : ends[run - 1], ends[run], origins[run]));
    }
    return runs;
  }

  /// Characters `[start, end)` of one origin.
  public record Run(int start, int end, int origin) {}

  /// Characters `[start, end)`.
  public Text slice(int start, int end) {
    if (start == 0 && end == length()) {
      return this;
    }
    if (start >= end) {
      return EMPTY;
    }
    int first = runAt(start);
    int last = runAt(end - 1);
    int[] newEnds = new int[last - first + 1];
    for (int run = first; run <= last; run++) {
      newEnds[run - first] = Math.min(ends[run], end) - start;
    }
    return new Text(
        characters.substring(start, end), newEnds, Arrays.copyOfRange(origins, first, last + 1));
  }

  /// This text with `change` applied to each stretch of one origin.
  Text mapRuns(UnaryOperator<String> change) {
    Builder result = new Builder();
    for (Run run : runs()) {
      result.append(change.apply(characters.substring(run.start(), run.end())), run.origin());
    }
    return result.build();
  }

  Text plus(Text other) {
    return new Builder().append(this).append(other).build();
  }

  private int runAt(int index) {
    int found = Arrays.binarySearch(ends, index + 1);
    return found >= 0 ? found : -found - 1;
  }

  @Override
  public int compareTo(Text other) {
    return characters.compareTo(other.characters);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Text text && characters.equals(text.characters);
  }

  @Override
  public int hashCode() {
    return characters.hashCode();
  }

  @Override
  public String toString() {
    return characters;
  }

  /// Collects texts one after another.
  static final class Builder {
    private final StringBuilder characters = new StringBuilder();
    private int[] ends = new int[4];
    private int[] origins = new int[4];
    private int runs;

    Builder append(Text text) {
      int base = characters.length();
      characters.append(text.characters);
      for (int run = 0; run < text.ends.length; run++) {
        addRun(base + text.ends[run], text.origins[run]);
      }
      return this;
    }

    Builder append(String added, int origin) {
      if (!added.isEmpty()) {
        characters.append(added);
        addRun(characters.length(), origin);
      }
      return this;
    }

    Builder append(String added) {
      return append(added, TEMPLATE);
    }

    int length() {
      return characters.length();
    }

    private void addRun(int end, int origin) {
      if (runs > 0 && origins[runs - 1] == origin) {
        ends[runs - 1] = end;
        return;
      }
      if (runs == ends.length) {
        ends = Arrays.copyOf(ends, 2 * runs);
        origins = Arrays.copyOf(origins, 2 * runs);
      }
      ends[runs] = end;
      origins[runs++] = origin;
    }

    Text build() {
      return new Text(
          characters.toString(), Arrays.copyOf(ends, runs), Arrays.copyOf(origins, runs));
    }
  }
}
