package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Likelihood;
import java.util.List;

/// Part of a reply.
///
/// @param text whole characters; empty only where tokens without text are at the end
/// @param tokens how likely the tokens were whose text begins in this one, where log-probabilities
///   were asked for
public record Piece(String text, List<Scored> tokens) {
  public Piece {
    tokens = List.copyOf(tokens);
  }

  /// A token and where it stands.
  ///
  /// @param offset characters of the reply before its text
  public record Scored(Likelihood likelihood, int offset) {}
}
