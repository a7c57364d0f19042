package dev.lathe.compute.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.Expression.Choice;
import dev.lathe.compute.grammar.Expression.Language;
import dev.lathe.compute.grammar.Expression.Literal;
import dev.lathe.compute.grammar.Expression.Spelling;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// What a whole output may be: named rules, one of which is the root. Immutable, and knows no
/// vocabulary; [GrammarCompiler] makes it usable with a model.
///
/// Whatever its kind, an output is always valid UTF-8, and every beginning that is allowed can be
/// finished. Each factory refuses what it cannot hold to, and what goes beyond
/// [GrammarLimits#USUAL], with the place in its input.
public final class Grammar {
  private static final String ROOT = "root";

  private final Map<String, Expression> rules;
  private final String identity;

  /// @param identity equal for grammars that allow the same, and for no others
  Grammar(Map<String, Expression> rules, String identity) {
    this.rules = rules;
    this.identity = identity;
  }

  /// A JSON object of any content. White space and numbers are bounded, see [JsonRules].
  public static Grammar json() {
    Map<String, Expression> rules = new LinkedHashMap<>(JsonRules.rules());
    rules.put(ROOT, JsonRules.OBJECT);
    return new Grammar(rules, "json");
  }

  /// The JSON values that a schema describes, see [JsonSchema] for what is supported and how.
  ///
  /// @throws LatheException naming all keywords that are not supported or cannot be fulfilled, with
  ///   the JSON pointer of each
  public static Grammar jsonSchema(JsonNode schema) {
    return new Grammar(
        JsonSchema.rules(schema, ROOT, new Work(GrammarLimits.USUAL)), "schema " + schema);
  }

  /// The texts that a regular expression matches as a whole.
  ///
  /// @throws LatheException naming what is wrong or not supported, and where
  public static Grammar regex(String pattern) {
    Dfa texts = RegexParser.whole(pattern, new Work(GrammarLimits.USUAL));
    return new Grammar(Map.of(ROOT, new Language(texts, Spelling.PLAIN)), "regex " + pattern);
  }

  /// One of these texts.
  ///
  /// @throws LatheException when there is none, or an empty one
  public static Grammar choice(List<String> texts) {
    if (texts.isEmpty() || texts.contains("")) {
      throw LatheException.user(
          texts.isEmpty() ? "there is nothing to choose from" : "a choice is an empty text",
          "give at least one text, each with at least one character");
    }
    String identity =
        texts.stream().map(TextNode::new).map(String::valueOf).collect(Collectors.joining(","));
    List<Expression> options = texts.stream().<Expression>map(Literal::new).toList();
    return new Grammar(Map.of(ROOT, new Choice(options)), "choice " + identity);
  }

  /// What a grammar in GBNF describes, llama.cpp's notation, see [EbnfParser].
  ///
  /// @throws LatheException naming line and column of what is wrong or not supported
  public static Grammar ebnf(String source) {
    return new Grammar(EbnfParser.parse(source, GrammarLimits.USUAL), "ebnf " + source);
  }

  Map<String, Expression> rules() {
    return rules;
  }

  String root() {
    return ROOT;
  }

  String identity() {
    return identity;
  }
}
