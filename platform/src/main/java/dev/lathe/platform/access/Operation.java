package dev.lathe.platform.access;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// What a caller asks for. Every route states one, and a key allows those in its scopes.
public enum Operation {
  /// See that the server is there, and what its routes are. Everybody may.
  LOOK("look", "see that the server is there and what its routes are"),
  /// See which models and adapters answer.
  LIST("models", "list models and adapters"),
  /// Have text generated.
  GENERATE("generate", "generate text"),
  /// Have vectors of texts computed.
  EMBED("embed", "compute embeddings"),
  /// See the tokens of a text.
  TOKENIZE("tokenize", "turn text into tokens and back"),
  /// Load, unload and rename adapters.
  MANAGE_ADAPTERS("adapters", "load, unload and alias adapters"),
  /// Read the server's figures.
  READ_METRICS("metrics", "read metrics");

  /// What a key allows when nobody says otherwise: everything that changes nothing and shows
  /// nothing of other callers.
  public static final Set<Operation> USUAL = Set.of(LIST, GENERATE, EMBED, TOKENIZE);

  private final String scope;
  private final String meaning;

  Operation(String scope, String meaning) {
    this.scope = scope;
    this.meaning = meaning;
  }

  /// Its name in keys and on the command line.
  public String scope() {
    return scope;
  }

  /// What it allows, for help and docs.
  public String meaning() {
    return meaning;
  }

  /// Whether it needs no key.
  public boolean isOpen() {
    return this == LOOK;
  }

  /// The operations by their scopes.
  ///
  /// @throws LatheException when one is not known; all of them are named
  public static Set<Operation> ofScopes(List<String> scopes) {
    EnumSet<Operation> found = EnumSet.noneOf(Operation.class);
    Set<String> unknown = new TreeSet<>();
    for (String scope : scopes) {
      Arrays.stream(values())
          .filter(each -> each.scope.equals(scope) && !each.isOpen())
          .findFirst()
          .ifPresentOrElse(found::add, () -> unknown.add(scope));
    }
    if (!unknown.isEmpty()) {
      String first = unknown.iterator().next();
      throw LatheException.user(
          "there is no scope '" + String.join("', '", unknown) + "'",
          "choose among " + String.join(", ", scopes()) + Nearest.hint(first, scopes()));
    }
    return found;
  }

  /// The names of all scopes that a key can have.
  public static List<String> scopes() {
    return Arrays.stream(values()).filter(each -> !each.isOpen()).map(Operation::scope).toList();
  }
}
