package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One generation.
///
/// @param prompt token ids, at least one; owned by the request
/// @param adapter applied to prompt and output, or none
/// @param maxTokens most tokens to generate, at least 1
/// @param stopTokens tokens that end the generation; they are not part of the output
public record Request(
    int[] prompt,
    @Nullable Adapter adapter,
    Sampling sampling,
    int maxTokens,
    Set<Integer> stopTokens) {
  public Request {
    stopTokens = Set.copyOf(stopTokens);
    if (prompt.length == 0) {
      throw new IllegalArgumentException("an empty prompt");
    }
    if (maxTokens < 1) {
      throw new IllegalArgumentException("max tokens " + maxTokens + " is less than 1");
    }
  }
}
