package dev.lathe.compute.grammar;

import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/// What a part of the output may be.
sealed interface Expression {
  /// How characters stand in the output.
  enum Spelling {
    /// As they are.
    PLAIN,
    /// As inside a JSON string: what must be escaped is, nothing else.
    JSON
  }

  Expression EMPTY = new Sequence(List.of());
  Expression NOTHING = new Choice(List.of());

  /// Exactly this text.
  record Literal(String text) implements Expression {}

  /// One character of a set.
  record Characters(CharacterSet set, Spelling spelling) implements Expression {}

  /// A text of a regular language over characters.
  record Language(Dfa texts, Spelling spelling) implements Expression {}

  /// One token of the vocabulary, by its spelling.
  record Token(String spelling) implements Expression {}

  /// One token of the vocabulary.
  record TokenId(int id) implements Expression {}

  /// One after the other.
  record Sequence(List<Expression> parts) implements Expression {
    public Sequence {
      parts = List.copyOf(parts);
    }
  }

  /// One of these; none of them: nothing at all matches.
  record Choice(List<Expression> options) implements Expression {
    public Choice {
      options = List.copyOf(options);
    }
  }

  /// The body again and again.
  ///
  /// @param most largest count, or [#UNBOUNDED]
  record Repeat(Expression body, int least, int most) implements Expression {
    static final int UNBOUNDED = Integer.MAX_VALUE;
  }

  /// What the grammar's rule of that name says.
  record Rule(String name) implements Expression {}

  /// The members of an object or array: some of those named, in their order, then more of one kind.
  ///
  /// @param more the further ones, or [#NOTHING]
  /// @param before written before the first, unless there is none
  /// @param between written between two
  /// @param after written after the last, unless there is none
  record Members(
      List<Member> members,
      Expression more,
      int least,
      int most,
      Expression before,
      Expression between,
      Expression after)
      implements Expression {
    public Members {
      members = List.copyOf(members);
    }
  }

  /// One of [Members].
  record Member(Expression body, boolean required) {}

  /// The same with other names for the rules it calls.
  static Expression renamed(Expression expression, UnaryOperator<String> names) {
    return switch (expression) {
      case Literal _, Characters _, Language _, Token _, TokenId _ -> expression;
      case Sequence(var parts) -> new Sequence(renamed(parts, names));
      case Choice(var options) -> new Choice(renamed(options, names));
      case Repeat(var body, int least, int most) -> new Repeat(renamed(body, names), least, most);
      case Rule(String name) -> new Rule(names.apply(name));
      case Members(
              var members,
              var more,
              int least,
              int most,
              var before,
              var between,
              var after) ->
          new Members(
              members.stream()
                  .map(member -> new Member(renamed(member.body(), names), member.required()))
                  .toList(),
              renamed(more, names),
              least,
              most,
              renamed(before, names),
              renamed(between, names),
              renamed(after, names));
    };
  }

  private static List<Expression> renamed(List<Expression> all, UnaryOperator<String> names) {
    return all.stream().map(each -> renamed(each, names)).toList();
  }

  static Expression sequence(Expression... parts) {
    return parts.length == 1 ? parts[0] : new Sequence(Arrays.asList(parts));
  }

  static Expression choice(Expression... options) {
    return new Choice(Arrays.asList(options));
  }

  static Expression optional(Expression body) {
    return new Repeat(body, 0, 1);
  }

  static Expression characters(int... bounds) {
    return new Characters(CharacterSet.of(bounds), Spelling.PLAIN);
  }
}
