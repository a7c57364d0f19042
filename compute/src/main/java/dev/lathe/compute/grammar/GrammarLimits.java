package dev.lathe.compute.grammar;

/// What reading and compiling one grammar may use at most; more is refused and named.
///
/// @param sourceCharacters length of a grammar's, schema's or expression's text
/// @param nesting depth of groups in a text, of schemas in a schema
/// @param repetition largest count in a repetition, a length, a number of items or properties
/// @param states states made on the way, of all automata together
/// @param positions states of the finished automaton
/// @param steps looks at states and edges on the way; sixty million take about a second
/// @param maskBytes memory of the masks and states kept; beyond it they are forgotten and made anew
public record GrammarLimits(
    int sourceCharacters,
    int nesting,
    int repetition,
    int states,
    int positions,
    long steps,
    long maskBytes) {
  public static final GrammarLimits USUAL =
      new GrammarLimits(1_000_000, 64, 100_000, 2_000_000, 200_000, 60_000_000, 24L << 20);
}
