package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Sampling;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One request.
///
/// @param adapter applied to prompt and reply, id or alias of an adapter of the generator; or none
/// @param maxTokens most tokens of the reply, at least 1
/// @param stops texts that end the reply where they appear first; they are not part of it
public record Ask(
    Prompt prompt, @Nullable String adapter, Sampling sampling, int maxTokens, List<String> stops) {
  public Ask {
    stops = List.copyOf(stops);
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw new IllegalArgumentException("an empty stop text");
    }
  }
}
