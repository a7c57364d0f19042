package dev.lathe.platform.gateway;

import java.util.List;
import java.util.Set;

/// When a reply ends.
///
/// @param maxTokens most tokens; 0 only where the prompt is scored
/// @param minTokens tokens before which it does not end, `[0, maxTokens]`
/// @param stops texts that end it where they appear first behind these; they are not part of it
/// @param stopTokens tokens that end it, beside the model's own
/// @param ignoresEnd whether the model's own end tokens are taken as any other
public record Until(
    int maxTokens, int minTokens, List<String> stops, Set<Integer> stopTokens, boolean ignoresEnd) {
  public Until {
    stops = List.copyOf(stops);
    stopTokens = Set.copyOf(stopTokens);
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw new IllegalArgumentException("an empty stop text");
    }
    if (minTokens < 0 || minTokens > maxTokens) {
      throw new IllegalArgumentException(minTokens + " to " + maxTokens + " tokens");
    }
  }

  /// At the model's own end, at one of these texts, or after so many tokens.
  public static Until of(int maxTokens, List<String> stops) {
    return new Until(maxTokens, 0, stops, Set.of(), false);
  }
}
