package dev.lathe.platform.gateway;

import java.util.List;

/// Finds the first stop text in text that comes piece by piece, holding back what may be the
/// beginning of one.
final class StopScanner {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean hit;

  StopScanner(List<String> stops) {
    this.stops = stops;
  }

  /// The text that is certainly before any stop text.
  String push(String piece) {
    if (hit) {
      return "";
    }
    held.append(piece);
    int end = firstStop();
    if (end >= 0) {
      hit = true;
      String text = held.substring(0, end);
      held.setLength(0);
      return text;
    }
    int safe = held.length() - possibleBeginning();
    String text = held.substring(0, safe);
    held.delete(0, safe);
    return text;
  }

  /// What was held back and turned out to be no stop text.
  String finish() {
    String text = held.toString();
    held.setLength(0);
    return text;
  }

  /// Whether a stop text was found; everything after it is dropped.
  boolean isHit() {
    return hit;
  }

  private int firstStop() {
    return stops.stream().mapToInt(held::indexOf).filter(at -> at >= 0).min().orElse(-1);
  }

  /// Length of the longest end of the held text with which a stop text begins.
  private int possibleBeginning() {
    int longest = stops.stream().mapToInt(String::length).max().orElse(1) - 1;
    for (int length = Math.min(longest, held.length()); length > 0; length--) {
      String end = held.substring(held.length() - length);
      if (stops.stream().anyMatch(stop -> stop.startsWith(end))) {
        return length;
      }
    }
    return 0;
  }
}
