package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;
import java.time.Clock;
import java.util.List;
import java.util.Map;

/// A parsed template. Immutable; any number of threads may render it.
///
/// The language is that of Jinja 3 as Hugging Face's `apply_chat_template` sets it up
/// (`transformers/utils/chat_template_utils.py`): `trim_blocks`, `lstrip_blocks`, loop controls,
/// `generation` blocks, `raise_exception`, `strftime_now`, its own `tojson`; and, as in its
/// sandbox, nothing can be changed but a `namespace`.
public final class Template {
  private final List<Node.Statement> body;

  private Template(List<Node.Statement> body) {
    this.body = body;
  }

  /// @throws LatheException naming the line and what is wrong or not supported there
  public static Template parse(String source) {
    return new Template(Parser.parse(source));
  }

  /// Renders with the given variables.
  ///
  /// @param clock what `strftime_now` reads
  /// @throws LatheException when the template refuses its input, uses what is not supported, or
  ///   goes beyond the limits
  public Rendered render(Map<String, Value> variables, Clock clock, Limits limits) {
    try {
      return new Interpreter(variables, clock, limits).render(body);
    } catch (StackOverflowError e) {
      throw new LatheException(
          LatheException.Kind.CAPACITY, "chat template: nesting is too deep", "", e);
    }
  }

  /// What one rendering may use at most.
  ///
  /// @param steps nodes evaluated, plus one for each 16 characters of every text made
  /// @param depth nesting of expressions, blocks and macro calls
  public record Limits(long steps, int depth) {
    public static final Limits USUAL = new Limits(50_000_000, 600);
  }

  /// The result.
  ///
  /// @param text the characters with their origins
  /// @param scopes stretches of the text and the scope they were written in: the scope number of
  ///   the innermost loop item that has one ([Value.Mapping#scope]), 0 outside; in order, without
  ///   gaps
  /// @param generations stretches written inside `generation` blocks, in order
  public record Rendered(Text text, List<Scoped> scopes, List<Span> generations) {
    public Rendered {
      scopes = List.copyOf(scopes);
      generations = List.copyOf(generations);
    }
  }

  /// Characters `[start, end)`, written in one scope.
  public record Scoped(int start, int end, int scope) {}

  /// Characters `[start, end)`.
  public record Span(int start, int end) {}
}
