package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Prompt;
import java.util.ArrayList;
import java.util.List;
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
      names = "--seed",
      paramLabel = "SEED",
      description = "Same seed, same text (default: ${DEFAULT-VALUE}).")
  private long seed = 42;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End the reply where TEXT appears; may be given several times.")
  private List<String> stops = new ArrayList<>();

  /// A request with these options.
  ///
  /// @throws LatheException when an option is outside its range
  Ask ask(Prompt prompt, @Nullable AdapterVersion adapter) {
    check();
    Sampling sampling = new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
    return new Ask(prompt, adapter == null ? null : adapter.id(), sampling, maxTokens, stops);
  }

  /// Refuses what is outside its range.
  void check() {
    if (maxTokens < 1) {
      throw LatheException.user("--max-tokens " + maxTokens + " is less than 1", "give at least 1");
    }
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw LatheException.user("--stop is empty", "give the text that ends the reply");
    }
    var _ = new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed);
  }
}
