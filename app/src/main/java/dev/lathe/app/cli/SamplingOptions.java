package dev.lathe.app.cli;

import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Prompt;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How replies are chosen and where they end.
final class SamplingOptions {
  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of one reply (default: ${DEFAULT-VALUE}).")
  private int maxTokens = 512;

  @Option(
      names = "--min-tokens",
      paramLabel = "N",
      description = "Tokens before which a reply does not end (default: ${DEFAULT-VALUE}).")
  private int minTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description =
          "0 takes the likeliest token each time, more is livelier (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Choose among the likeliest tokens that make up P (default: ${DEFAULT-VALUE}).")
  private double topP = 1;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Choose among the K likeliest tokens; 0: all (default: ${DEFAULT-VALUE}).")
  private int topK;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Drop tokens less likely than P times the likeliest (default: ${DEFAULT-VALUE}).")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      description = "More than 1 makes repeating less likely (default: ${DEFAULT-VALUE}).")
  private double repetitionPenalty = 1;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "F",
      description =
          "Taken from a token's logit for each time it is in the reply, -2 to 2 (default:"
              + " ${DEFAULT-VALUE}).")
  private double frequencyPenalty;

  @Option(
      names = "--presence-penalty",
      paramLabel = "F",
      description =
          "Taken from a token's logit once it is in the reply, -2 to 2 (default:"
              + " ${DEFAULT-VALUE}).")
  private double presencePenalty;

  @Option(
      names = "--logit-bias",
      paramLabel = "ID=BIAS",
      split = ",",
      description = "Add BIAS, -100 to 100, to a token's logit; may be given several times.")
  private Map<Integer, Float> logitBias = new LinkedHashMap<>();

  @Option(
      names = "--seed",
      paramLabel = "SEED",
      description = "Same seed, same text (default: ${DEFAULT-VALUE}).")
  private long seed = 42;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End the reply where TEXT appears; may be given several times.")
  private List<String> stops = new ArrayList<>();

  @Option(
      names = "--stop-token",
      paramLabel = "ID",
      split = ",",
      description = "End the reply at this token too; may be given several times.")
  private List<Integer> stopTokens = new ArrayList<>();

  @Option(names = "--ignore-eos", description = "Go on where the model would end the reply.")
  private boolean ignoreEos;

  /// What these options say, for one reply to each prompt.
  ///
  /// @throws dev.lathe.compute.LatheException when an option is outside its range
  Decoding decoding() {
    return decoding(Logprobs.NONE, 1);
  }

  /// What these options say.
  ///
  /// @param n replies to each prompt
  /// @throws dev.lathe.compute.LatheException when an option is outside its range
  Decoding decoding(Logprobs logprobs, int n) {
    Sampling sampling =
        new Sampling(
            temperature,
            topK,
            topP,
            minP,
            repetitionPenalty,
            frequencyPenalty,
            presencePenalty,
            logitBias,
            seed);
    return new Decoding(
        sampling,
        Decoding.until(maxTokens, minTokens, stops, Set.copyOf(stopTokens), ignoreEos, logprobs),
        logprobs,
        n);
  }

  /// Refuses what is outside its range.
  void check() {
    var _ = decoding();
  }

  /// A request with these options.
  Ask ask(Prompt prompt, @Nullable AdapterVersion adapter) {
    return decoding().ask(prompt, adapter == null ? null : adapter.id(), 0);
  }
}
