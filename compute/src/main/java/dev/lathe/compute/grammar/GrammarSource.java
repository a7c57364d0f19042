package dev.lathe.compute.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.Supplier;

/// A grammar as it was asked for. To read it can take seconds, and fails where it cannot be held
/// to; whoever knows its identity may not have to.
///
/// @param identity equal for what is read to the same grammar, and for nothing else
/// @param reading as the factories of [Grammar]
public record GrammarSource(String identity, Supplier<Grammar> reading) {
  public static GrammarSource json() {
    return new GrammarSource("json", Grammar::json);
  }

  public static GrammarSource jsonSchema(JsonNode schema) {
    return new GrammarSource(Grammar.schemaIdentity(schema), () -> Grammar.jsonSchema(schema));
  }

  public static GrammarSource regex(String pattern) {
    return new GrammarSource("regex " + pattern, () -> Grammar.regex(pattern));
  }

  public static GrammarSource choice(List<String> texts) {
    List<String> copy = List.copyOf(texts);
    return new GrammarSource(Grammar.choiceIdentity(copy), () -> Grammar.choice(copy));
  }

  public static GrammarSource ebnf(String source) {
    return new GrammarSource("ebnf " + source, () -> Grammar.ebnf(source));
  }

  /// The grammar, read anew each time.
  ///
  /// @throws dev.lathe.compute.LatheException when it cannot be held to
  /// @throws java.util.concurrent.CancellationException when the thread is interrupted
  public Grammar read() {
    return reading.get();
  }
}
