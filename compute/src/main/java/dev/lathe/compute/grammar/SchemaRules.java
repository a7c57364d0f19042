package dev.lathe.compute.grammar;

import dev.lathe.compute.grammar.Expression.Choice;
import dev.lathe.compute.grammar.Expression.Language;
import dev.lathe.compute.grammar.Expression.Member;
import dev.lathe.compute.grammar.Expression.Repeat;
import dev.lathe.compute.grammar.Expression.Rule;
import dev.lathe.compute.grammar.Expression.Spelling;
import dev.lathe.compute.grammar.Schema.Items;
import dev.lathe.compute.grammar.Schema.Numbers;
import dev.lathe.compute.grammar.Schema.Properties;
import dev.lathe.compute.grammar.Schema.Region;
import dev.lathe.compute.grammar.Schema.Strings;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Writes the rules of a schema, one for each object, array, kind of string and kind of number.
final class SchemaRules {
  private final SchemaAlgebra algebra;
  private final Map<String, Expression> rules;
  private final Work work;
  private final NumberTexts numberTexts;
  private final Map<Key, Rule> known = new HashMap<>();
  private final Deque<Schema> open = new ArrayDeque<>();

  /// @param rules is added to
  SchemaRules(SchemaAlgebra algebra, Map<String, Expression> rules, Work work) {
    this.algebra = algebra;
    this.rules = rules;
    this.work = work;
    this.numberTexts = new NumberTexts(work);
  }

  /// Adds a rule of that name, and those that it needs.
  void add(String name, Schema schema) {
    rules.put(name, expression(schema));
    while (!open.isEmpty()) {
      Schema next = open.remove();
      rules.put(rule(next).name(), body(next));
    }
  }

  private Expression expression(Schema schema) {
    return switch (schema) {
      case Schema.Anything _ -> JsonRules.VALUE;
      case Schema.Nothing _ -> Expression.NOTHING;
      case Schema.Constant(var value) -> JsonRules.constant(value);
      case Schema.Options(var options) ->
          new Choice(options.stream().map(this::expression).toList());
      case Strings strings when strings.equals(new Strings(null, 0, Repeat.UNBOUNDED)) ->
          JsonRules.STRING;
      case Numbers numbers when numbers.equals(new Numbers(false, null, null, Set.of())) ->
          JsonRules.NUMBER;
      case Numbers _, Strings _, Items _, Properties _, Schema.Reference _, Schema.Both _ ->
          rule(schema);
    };
  }

  private Rule rule(Schema schema) {
    return known.computeIfAbsent(
        new Key(schema),
        key -> {
          open.add(schema);
          return new Rule("#" + known.size());
        });
  }

  /// A schema to look up; comparisons are counted, because a stranger can give schemas equal
  /// hashes.
  private final class Key {
    private final Schema schema;

    Key(Schema schema) {
      this.schema = schema;
    }

    @Override
    public boolean equals(Object other) {
      work.steps(20);
      return other instanceof Key key && schema.equals(key.schema);
    }

    @Override
    public int hashCode() {
      return schema.hashCode();
    }
  }

  private Expression body(Schema schema) {
    work.states(1);
    return switch (schema) {
      case Numbers numbers -> new Language(numberTexts.of(numbers), Spelling.PLAIN);
      case Strings(Dfa language, int least, int most) ->
          JsonRules.quoted(
              language == null
                  ? new Repeat(JsonRules.CHARACTER, least, most)
                  : new Language(language, Spelling.JSON));
      case Items items -> array(items);
      case Properties properties -> object(properties);
      case Schema.Reference _, Schema.Both _ -> expression(algebra.followed(schema));
      case Schema.Anything _, Schema.Nothing _, Schema.Constant _, Schema.Options _ ->
          expression(schema);
    };
  }

  private Expression array(Items items) {
    List<Expression> prefix = items.prefix().stream().map(this::expression).toList();
    return JsonRules.array(prefix, expression(items.more()), items.least(), items.most());
  }

  private Expression object(Properties properties) {
    List<Member> members = new ArrayList<>();
    properties
        .named()
        .forEach((name, schema) -> {
          if (!(schema instanceof Schema.Nothing)) {
            members.add(
                new Member(
                    JsonRules.member(JsonRules.text(name), expression(schema)),
                    properties.required().contains(name)));
          }
        });
    return JsonRules.object(members, further(properties), properties.least(), properties.most());
  }

  /// Members whose names are not in the schema.
  private Expression further(Properties properties) {
    List<Expression> options = new ArrayList<>();
    boolean closed = properties.closesItself() || properties.more() instanceof Schema.Nothing;
    Schema values = properties.more() == null ? Schema.ANYTHING : properties.more();
    if (properties.named().isEmpty() && properties.regions().isEmpty()) {
      return closed ? Expression.NOTHING : JsonRules.member(JsonRules.STRING, expression(values));
    }
    if (closed && properties.regions().isEmpty()) {
      return Expression.NOTHING;
    }
    Dfa names = RegexParser.somewhere("", work).minus(oneOf(properties.named().keySet()), work);
    for (Region region : properties.regions()) {
      addFurther(options, region.names().and(names, work), region.values());
      names = names.minus(region.names(), work);
    }
    if (!closed) {
      addFurther(options, names, values);
    }
    return options.isEmpty() ? Expression.NOTHING : new Choice(options);
  }

  private void addFurther(List<Expression> options, Dfa names, Schema values) {
    if (!names.isEmpty() && !(values instanceof Schema.Nothing)) {
      Expression name = expression(new Strings(names, 0, Repeat.UNBOUNDED));
      options.add(JsonRules.member(name, expression(values)));
    }
  }

  private Dfa oneOf(Set<String> texts) {
    Nfa nfa = new Nfa(work);
    int start = nfa.state();
    int end = nfa.state();
    for (String text : texts) {
      int at = start;
      for (int c : text.codePoints().toArray()) {
        int next = nfa.state();
        nfa.edge(at, c, c, next);
        at = next;
      }
      nfa.empty(at, end);
    }
    return nfa.determinised(start, end);
  }
}
