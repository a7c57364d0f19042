package dev.lathe.platform.evaluation;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.gateway.Until;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How well a model foretells a text: e to the mean negative log-probability of its tokens, the
/// less the better. The text is cut into windows that share nothing; of each the second half is
/// scored, so that every token scored has at least half a window before it (as llama.cpp's
/// perplexity tool does it).
///
/// @param logprobs natural logarithms, one for each token scored, in the order of the text
public record Perplexity(double[] logprobs) {
  private static final double NORMAL_95 = 1.96;

  public Perplexity {
    if (logprobs.length == 0) {
      throw new IllegalArgumentException("no tokens");
    }
  }

  /// Told of the windows that are done.
  @FunctionalInterface
  public interface Watch {
    void scored(int windows, int of);
  }

  /// A quotient and what it is within at 95 %.
  ///
  /// @param margin half the width of the interval
  public record Ratio(double value, double margin) {}

  /// Whole windows in a text of so many tokens.
  public static int windows(int tokens, int window) {
    return tokens / window;
  }

  /// Scores a text.
  ///
  /// @param tokens of the text; what is left behind the last whole window is not looked at
  /// @param window tokens of one window, at least 2 and less than the generator's context
  /// @throws LatheException when the text is shorter than a window
  public static Perplexity of(Generator generator, int[] tokens, int window, Watch watch)
      throws InterruptedException {
    int count = windows(tokens.length, window);
    if (count == 0) {
      throw LatheException.user(
          "the text has %d tokens, less than a window of %d".formatted(tokens.length, window),
          "give a longer text or a smaller window");
    }
    Logprobs wanted = new Logprobs(-1, 0, window / 2);
    List<Ask> asks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] ids = Arrays.copyOfRange(tokens, i * window, (i + 1) * window);
      Until end = Until.of(0, List.of());
      Prompt prompt = new Prompt.Tokens(ids);
      asks.add(new Ask(prompt, null, Sampling.GREEDY, end, null, wanted, Terms.PLAIN));
    }
    List<Reply> replies =
        generator.askAll(asks, (index, _) -> watch.scored(index + 1, asks.size()));
    return new Perplexity(
        replies.stream()
            .flatMap(reply -> reply.promptLikelihoods().stream())
            .mapToDouble(Likelihood::logprob)
            .toArray());
  }

  /// The perplexity.
  public double value() {
    return Math.exp(-Arrays.stream(logprobs).sum() / logprobs.length);
  }

  /// This perplexity by that of another model of the same tokens. The interval is that of the mean
  /// of the differences token by token, which is far narrower than that of either perplexity.
  public Ratio ratio(Perplexity other) {
    int count = logprobs.length;
    if (other.logprobs.length != count) {
      throw new IllegalArgumentException(count + " tokens and " + other.logprobs.length);
    }
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < count; i++) {
      double difference = other.logprobs[i] - logprobs[i];
      sum += difference;
      squares += difference * difference;
    }
    double mean = sum / count;
    double variance = Math.max(0, squares / count - mean * mean);
    double value = Math.exp(mean);
    return new Ratio(value, value * NORMAL_95 * Math.sqrt(variance / count));
  }
}
