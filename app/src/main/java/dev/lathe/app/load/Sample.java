package dev.lathe.app.load;

import java.util.Optional;

/// What became of one request. Times are seconds from the start of the run.
///
/// @param model asked for
/// @param scheduled when the plan sends it
/// @param sent when it was sent
/// @param first when the first piece of the answer came
/// @param last when the answer ended
/// @param promptTokens as the server counted them; 0 where it does not say
/// @param outputTokens as the server counted them, else the pieces that came
/// @param gaps seconds between one piece and the next
/// @param error what failed, such as `HTTP 429`
public record Sample(
    String model,
    double scheduled,
    double sent,
    double first,
    double last,
    int promptTokens,
    int outputTokens,
    double[] gaps,
    Optional<String> error) {
  /// Whether it was answered.
  public boolean isAnswered() {
    return error.isEmpty();
  }

  /// Time to first token, in seconds, from when the plan meant it to be sent.
  double timeToFirst() {
    return first - scheduled;
  }

  /// From when the plan meant it to be sent to the end, in seconds.
  double endToEnd() {
    return last - scheduled;
  }

  /// Mean time per output token after the first, in seconds; NaN for an answer of one token.
  double timePerToken() {
    return outputTokens > 1 ? (last - first) / (outputTokens - 1) : Double.NaN;
  }
}
