package dev.lathe.compute.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.Expression.Choice;
import dev.lathe.compute.grammar.Expression.Language;
import dev.lathe.compute.grammar.Expression.Literal;
import dev.lathe.compute.grammar.Expression.Spelling;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
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
        JsonSchema.rules(schema, ROOT, new Work(GrammarLimits.USUAL)), schemaIdentity(schema));
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
    List<Expression> options = texts.stream().<Expression>map(Literal::new).toList();
    return new Grammar(Map.of(ROOT, new Choice(options)), choiceIdentity(texts));
  }

  static String schemaIdentity(JsonNode schema) {
    return "schema " + schema;
  }

  static String choiceIdentity(List<String> texts) {
    return texts.stream()
        .map(TextNode::new)
        .map(String::valueOf)
        .collect(Collectors.joining(",", "choice ", ""));
  }

  /// What a grammar in GBNF describes, llama.cpp's notation, see [EbnfParser].
  ///
  /// @throws LatheException naming line and column of what is wrong or not supported
  public static Grammar ebnf(String source) {
    return new Grammar(EbnfParser.parse(source, GrammarLimits.USUAL), "ebnf " + source);
  }

  /// Exactly this text.
  ///
  /// @param tokens spellings of tokens; where one stands in the text, that token is meant
  public static Grammar text(String text, Collection<String> tokens) {
    List<Expression> parts = new ArrayList<>();
    int plain = 0;
    int at = 0;
    while (at < text.length()) {
      int here = at;
      Optional<String> token =
          tokens.stream()
              .filter(each -> !each.isEmpty() && text.startsWith(each, here))
              .max(Comparator.comparingInt(String::length));
      if (token.isPresent()) {
        parts.add(new Literal(text.substring(plain, at)));
        parts.add(new Expression.Token(token.get()));
        plain = at + token.get().length();
      }
      at = token.isPresent() ? plain : at + 1;
    }
    parts.add(new Literal(text.substring(plain)));
    Expression root = new Expression.Sequence(parts);
    return new Grammar(Map.of(ROOT, root), "text " + TextNode.valueOf(text) + tokens);
  }

  /// Any text, the empty one included, in which one does not occur.
  public static Grammar textWithout(String excluded) {
    Work work = new Work(GrammarLimits.USUAL);
    Dfa all = RegexParser.somewhere("", work);
    Dfa texts = all.minus(RegexParser.somewhere(RegexParser.quoted(excluded), work), work);
    return new Grammar(
        Map.of(ROOT, new Language(texts, Spelling.PLAIN)), "without " + TextNode.valueOf(excluded));
  }

  /// Any text, the empty one included, that does not begin so.
  public static Grammar textNotBeginning(String excluded) {
    Work work = new Work(GrammarLimits.USUAL);
    Dfa all = RegexParser.somewhere("", work);
    Dfa texts = all.minus(RegexParser.somewhere("^" + RegexParser.quoted(excluded), work), work);
    return new Grammar(
        Map.of(ROOT, new Language(texts, Spelling.PLAIN)),
        "not beginning " + TextNode.valueOf(excluded));
  }

  /// One after the other.
  public static Grammar sequence(List<Grammar> parts) {
    return composed("sequence", parts, Expression.Sequence::new);
  }

  /// What any of these allows.
  public static Grammar anyOf(List<Grammar> options) {
    return composed("any", options, Choice::new);
  }

  /// This again and again.
  ///
  /// @param least smallest count, from 0
  /// @param most largest count
  public Grammar repeated(int least, int most) {
    return composed(
        "repeat " + least + " " + most,
        List.of(this),
        body -> new Expression.Repeat(body.getFirst(), least, most));
  }

  /// A grammar over others. Their rules get names of their own, but for those of [JsonRules], which
  /// all share.
  private static Grammar composed(
      String kind, List<Grammar> parts, Function<List<Expression>, Expression> made) {
    Map<String, Expression> rules = new LinkedHashMap<>();
    List<Expression> bodies = new ArrayList<>();
    StringBuilder identity = new StringBuilder(kind).append('(');
    for (int i = 0; i < parts.size(); i++) {
      Map<String, Expression> own = parts.get(i).rules();
      Set<String> shared =
          own.entrySet().containsAll(JsonRules.rules().entrySet())
              ? JsonRules.rules().keySet()
              : Set.of();
      String prefix = i + ".";
      UnaryOperator<String> names = name -> shared.contains(name) ? name : prefix + name;
      own.forEach((name, body) -> rules.put(names.apply(name), Expression.renamed(body, names)));
      bodies.add(new Expression.Rule(names.apply(ROOT)));
      identity.append(parts.get(i).identity()).append(';');
    }
    rules.put(ROOT, made.apply(bodies));
    return new Grammar(rules, identity.append(')').toString());
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
