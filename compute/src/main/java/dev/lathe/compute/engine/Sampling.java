package dev.lathe.compute.engine;

/// How the next token is chosen.
///
/// @param temperature 0 is greedy; otherwise logits are divided by it, `(0, 100]`
/// @param topK keep the k likeliest tokens; 0 keeps all
/// @param topP keep the smallest set whose probability reaches this, `(0, 1]`
/// @param minP drop tokens less likely than this times the likeliest, `[0, 1]`
/// @param repetitionPenalty divides positive and multiplies negative logits of tokens seen in
///   prompt and output; 1 is off
/// @param seed same seed, same text, whatever else is in the batch
public record Sampling(
    double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1, 0);

  public Sampling {
    require(temperature >= 0 && temperature <= 100, "temperature", temperature, "[0, 100]");
    require(topK >= 0, "top_k", topK, "[0, ...)");
    require(topP > 0 && topP <= 1, "top_p", topP, "(0, 1]");
    require(minP >= 0 && minP <= 1, "min_p", minP, "[0, 1]");
    require(
        repetitionPenalty > 0 && repetitionPenalty <= 100,
        "repetition_penalty",
        repetitionPenalty,
        "(0, 100]");
  }

  private static void require(boolean holds, String name, double value, String range) {
    if (!holds) {
      throw dev.lathe.compute.LatheException.user(
          name + " " + value + " is outside " + range, "choose a value in that range");
    }
  }
}
