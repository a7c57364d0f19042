package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.Utf8;
import dev.lathe.compute.grammar.Grammar;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What replies are held to.
final class GrammarOptions {
  private static final long MAX_BYTES = 4 << 20;

  @Option(names = "--json", description = "Hold replies to a JSON object.")
  private boolean json;

  @Option(
      names = "--json-schema",
      paramLabel = "FILE",
      description = "Hold replies to JSON that is valid under the schema in FILE.")
  private @Nullable Path schema;

  @Option(
      names = "--regex",
      paramLabel = "PATTERN",
      description = "Hold replies to texts that PATTERN matches as a whole.")
  private @Nullable String regex;

  @Option(
      names = "--choice",
      paramLabel = "TEXT",
      split = ",",
      description = "Hold replies to one of these texts; several by commas or by repeating it.")
  private List<String> choices = new ArrayList<>();

  @Option(
      names = "--grammar",
      paramLabel = "FILE",
      description = "Hold replies to the grammar in FILE, in GBNF.")
  private @Nullable Path grammar;

  /// The grammar that is asked for, if any.
  ///
  /// @throws LatheException when several are, or it cannot be held to
  Optional<Grammar> grammar() {
    List<String> given =
        Stream.of(
                json ? "--json" : "",
                schema == null ? "" : "--json-schema",
                regex == null ? "" : "--regex",
                choices.isEmpty() ? "" : "--choice",
                grammar == null ? "" : "--grammar")
            .filter(name -> !name.isEmpty())
            .toList();
    if (given.size() > 1) {
      throw LatheException.user(
          String.join(" and ", given) + " are given", "a reply is held to one of them");
    }
    if (schema != null) {
      byte[] bytes = StrictJson.bytes(schema, MAX_BYTES);
      return Optional.of(Grammar.jsonSchema(StrictJson.value("'" + schema + "'", bytes)));
    }
    if (regex != null) {
      return Optional.of(Grammar.regex(regex));
    }
    if (!choices.isEmpty()) {
      return Optional.of(Grammar.choice(choices));
    }
    if (grammar != null) {
      return Optional.of(Grammar.ebnf(text(grammar)));
    }
    return json ? Optional.of(Grammar.json()) : Optional.empty();
  }

  private static String text(Path file) {
    try {
      return Utf8.text(StrictJson.bytes(file, MAX_BYTES));
    } catch (CharacterCodingException e) {
      throw new LatheException(
          LatheException.Kind.USER, "'" + file + "' is not valid UTF-8", "save it as UTF-8", e);
    }
  }
}
