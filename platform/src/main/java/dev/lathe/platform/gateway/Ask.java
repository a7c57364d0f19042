package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.TokenConstraint;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One request.
///
/// @param adapter applied to prompt and reply, id or alias of an adapter of the generator; or none
/// @param maxTokens most tokens of the reply, at least 1
/// @param stops texts that end the reply where they appear first; they are not part of it
/// @param constraint gives what the reply is held to, see [Generator#constraint]; null when it is
///   free
public record Ask(
    Prompt prompt,
    @Nullable String adapter,
    Sampling sampling,
    int maxTokens,
    List<String> stops,
    @Nullable Supplier<? extends TokenConstraint> constraint) {
  public Ask {
    stops = List.copyOf(stops);
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw new IllegalArgumentException("an empty stop text");
    }
  }

  /// A free one.
  public Ask(
      Prompt prompt,
      @Nullable String adapter,
      Sampling sampling,
      int maxTokens,
      List<String> stops) {
    this(prompt, adapter, sampling, maxTokens, stops, null);
  }

  /// The same, held to a constraint.
  public Ask withConstraint(Supplier<? extends TokenConstraint> source) {
    return new Ask(prompt, adapter, sampling, maxTokens, stops, source);
  }
}
