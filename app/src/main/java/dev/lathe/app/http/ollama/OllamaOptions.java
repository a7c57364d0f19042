package dev.lathe.app.http.ollama;

import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.Refusal;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.platform.gateway.Until;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// `options`: how tokens are chosen and where an answer ends, by Ollama's names and with its
/// defaults, but without its penalty of repetitions.
///
/// @param most most tokens; 0 or less: as many as there is room for
/// @param seed null: another one each time
/// @param context most tokens of prompt and answer together; null: the server's
record OllamaOptions(
    int most,
    double temperature,
    int topK,
    double topP,
    double minP,
    List<String> stops,
    @Nullable Long seed,
    double repeatPenalty,
    double presencePenalty,
    double frequencyPenalty,
    @Nullable Integer context) {
  private static final String OF_THE_SERVER = "it is settled when the server starts";
  private static final String SAMPLER = "choose by temperature, top_k, top_p and min_p";
  private static final Range PENALTY = Range.of(-2, 2);
  private static final int MOST_STOPS = 16;

  /// Where there are none.
  static final OllamaOptions USUAL =
      new OllamaOptions(-1, 0.8, 40, 0.9, 0, List.of(), null, 1, 0, 0, null);

  static OllamaOptions read(Fields in) {
    OllamaOptions options =
        new OllamaOptions(
            in.field("num_predict", "most tokens of the answer; -1 or -2: as many as fit")
                .whole(Range.from(-2), USUAL.most),
            in.field("temperature", "0 takes the likeliest token each time, more is livelier")
                .number(Range.of(0, 100), USUAL.temperature),
            in.field("top_k", "choose among so many of the likeliest tokens; 0: all")
                .whole(Range.from(0), USUAL.topK),
            in.field("top_p", "choose among the likeliest that make up this probability")
                .number(Range.above(0, 1), USUAL.topP),
            in.field("min_p", "drop tokens less likely than this times the likeliest")
                .number(Range.of(0, 1), USUAL.minP),
            stops(in),
            in.field("seed", "same seed and request, same answer; absent: another each time")
                .longOrNull(),
            in.field("repeat_penalty", "more than 1 makes what was said already less likely")
                .number(Range.above(0, 100), USUAL.repeatPenalty),
            in.field("presence_penalty", "taken from a token's logit once it was chosen")
                .number(PENALTY, USUAL.presencePenalty),
            in.field("frequency_penalty", "taken from a token's logit each time it was chosen")
                .number(PENALTY, USUAL.frequencyPenalty),
            in.field("num_ctx", "most tokens of prompt and answer; more than the server's: those")
                .wholeOrNull(Range.from(1)));
    in.refused("repeat_last_n", "penalties look at the whole prompt and answer", "-1");
    in.refused("typical_p", SAMPLER, "1", "1.0");
    in.refused("tfs_z", SAMPLER, "1", "1.0");
    in.refused("mirostat", SAMPLER, "0");
    in.refused("mirostat_tau", SAMPLER);
    in.refused("mirostat_eta", SAMPLER);
    in.refused("penalize_newline", "all tokens are penalised alike", "true");
    in.refused("num_keep", "a prompt that does not fit is refused, not cut");
    for (String name :
        List.of(
            "num_batch",
            "num_gpu",
            "main_gpu",
            "num_thread",
            "numa",
            "low_vram",
            "f16_kv",
            "vocab_only",
            "use_mmap",
            "use_mlock")) {
      in.refused(name, OF_THE_SERVER);
    }
    return options;
  }

  private static List<String> stops(Fields in) {
    List<String> stops = in.field("stop", "texts that end the answer").textOrTexts();
    if (stops.size() > MOST_STOPS || stops.stream().anyMatch(String::isEmpty)) {
      in.problem("stop", "'stop' has at most " + MOST_STOPS + " texts, none of them empty");
      return List.of();
    }
    return stops;
  }

  Sampling sampling() {
    return new Sampling(
        temperature,
        topK,
        topP,
        minP,
        repeatPenalty,
        frequencyPenalty,
        presencePenalty,
        Map.of(),
        seed == null ? ThreadLocalRandom.current().nextLong() : seed);
  }

  /// Most tokens of prompt and answer together.
  ///
  /// @param server the server's context
  int room(int server) {
    return context == null ? server : Math.min(context, server);
  }

  /// @throws Refusal when a prompt leaves no room for an answer
  static void requireRoom(int prompt, int room) {
    if (prompt >= room) {
      throw new Refusal(
          Fault.CONTEXT_LENGTH_EXCEEDED,
          "the prompt has %d tokens, 'options.num_ctx' is %d: shorten it or ask for more"
              .formatted(prompt, room),
          "options.num_ctx");
    }
  }

  /// @param prompt tokens of the prompt
  /// @param server the server's context
  /// @throws Refusal when the context wanted is less than the prompt
  Until until(int prompt, int server) {
    int room = room(server);
    requireRoom(prompt, room);
    int left = room - prompt;
    return new Until(most <= 0 ? left : Math.min(most, left), 0, stops, Set.of(), false);
  }
}
