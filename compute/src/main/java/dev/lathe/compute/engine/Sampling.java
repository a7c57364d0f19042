package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import java.util.Map;

/// How the next token is chosen. The order: bias, penalties, temperature, top-k, top-p, min-p.
///
/// @param temperature 0 is greedy; otherwise logits are divided by it, `(0, 100]`
/// @param topK keep the k likeliest tokens; 0 keeps all
/// @param topP keep the smallest set whose probability reaches this, `(0, 1]`
/// @param minP drop tokens less likely than this times the likeliest, `[0, 1]`
/// @param repetitionPenalty divides positive and multiplies negative logits of tokens seen in
///   prompt and output; 1 is off
/// @param frequencyPenalty taken from a token's logit for each time it is in the output, `[-2, 2]`
/// @param presencePenalty taken from a token's logit once it is in the output, `[-2, 2]`
/// @param logitBias added to the logits of tokens by id, `[-100, 100]`
/// @param seed same seed, same text, whatever else is in the batch
public record Sampling(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double frequencyPenalty,
    double presencePenalty,
    Map<Integer, Float> logitBias,
    long seed) {
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1, 0);

  public Sampling {
    logitBias = Map.copyOf(logitBias);
    require(temperature >= 0 && temperature <= 100, "temperature", temperature, "[0, 100]");
    require(topK >= 0, "top_k", topK, "[0, ...)");
    require(topP > 0 && topP <= 1, "top_p", topP, "(0, 1]");
    require(minP >= 0 && minP <= 1, "min_p", minP, "[0, 1]");
    require(
        repetitionPenalty > 0 && repetitionPenalty <= 100,
        "repetition_penalty",
        repetitionPenalty,
        "(0, 100]");
    require(Math.abs(frequencyPenalty) <= 2, "frequency_penalty", frequencyPenalty, "[-2, 2]");
    require(Math.abs(presencePenalty) <= 2, "presence_penalty", presencePenalty, "[-2, 2]");
    for (float bias : logitBias.values()) {
      require(Math.abs(bias) <= 100, "logit_bias", bias, "[-100, 100]");
    }
  }

  /// Without frequency and presence penalties and bias.
  public Sampling(
      double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
    this(temperature, topK, topP, minP, repetitionPenalty, 0, 0, Map.of(), seed);
  }

  private static void require(boolean holds, String name, double value, String range) {
    if (!holds) {
      throw LatheException.user(
          name + " " + value + " is outside " + range, "choose a value in that range");
    }
  }
}
