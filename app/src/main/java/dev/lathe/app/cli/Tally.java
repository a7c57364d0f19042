package dev.lathe.app.cli;

import dev.lathe.compute.engine.EngineStatus;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Reply;
import java.util.Locale;

/// What answering took, for `--stats`.
final class Tally {
  private final long began = System.nanoTime();
  private long replies;
  private long promptTokens;
  private long outputTokens;

  void add(Reply reply) {
    replies++;
    promptTokens += reply.promptTokens();
    outputTokens += reply.outputTokens();
  }

  /// Tokens generated for each second so far.
  double tokensPerSecond() {
    return outputTokens / ((System.nanoTime() - began) / 1e9);
  }

  /// One line on what computed, one on how much.
  ///
  /// @param speculates whether tokens were guessed ahead
  String text(Generator generator, boolean speculates) throws InterruptedException {
    double seconds = (System.nanoTime() - began) / 1e9;
    EngineStatus status = generator.status();
    String guesses =
        speculates
            ? String.format(
                Locale.ROOT,
                ", %,d of %,d guesses right",
                status.acceptedTokens(),
                status.draftedTokens())
            : "";
    return generator.description()
        + "\n"
        + String.format(
            Locale.ROOT,
            "%,d %s, %,d prompt tokens, %,d output tokens in %.2f s, %.1f tokens/s%s",
            replies,
            replies == 1 ? "reply" : "replies",
            promptTokens,
            outputTokens,
            seconds,
            outputTokens / seconds,
            guesses);
  }
}
