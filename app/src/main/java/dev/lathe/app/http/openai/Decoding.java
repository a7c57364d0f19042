package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Schemas;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.platform.gateway.Until;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// How the tokens of an answer are chosen and where it ends: the parameters that chat, completions
/// and responses share, by OpenAI's and vLLM's names.
///
/// @param seed null: another one each time
/// @param n answers to the same prompt
record Decoding(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double frequencyPenalty,
    double presencePenalty,
    Map<Integer, Float> logitBias,
    @Nullable Long seed,
    int minTokens,
    List<String> stops,
    List<Integer> stopTokens,
    boolean ignoreEos,
    int n) {
  private static final int MOST_STOPS = 16;
  private static final int MOST_BIASES = 1024;
  private static final int MOST_ANSWERS = 128;
  private static final Range PENALTY = Range.of(-2, 2);

  static Decoding read(Fields in) {
    int n = in.field("n", "answers to the same prompt").whole(Range.of(1, MOST_ANSWERS), 1);
    return read(in, n);
  }

  /// For one answer.
  static Decoding readOne(Fields in) {
    in.refused("n", "there is one answer", "1");
    return read(in, 1);
  }

  private static Decoding read(Fields in, int n) {
    return new Decoding(
        temperature(in),
        in.field("top_k", "choose among so many of the likeliest tokens; 0 or -1: all")
            .whole(Range.from(-1), 0),
        topP(in),
        in.field("min_p", "drop tokens less likely than this times the likeliest")
            .number(Range.of(0, 1), 0),
        in.field("repetition_penalty", "more than 1 makes what was said already less likely")
            .number(Range.above(0, 100), 1),
        in.field("frequency_penalty", "taken from a token's logit for each time it was chosen")
            .number(PENALTY, 0),
        in.field("presence_penalty", "taken from a token's logit once it was chosen")
            .number(PENALTY, 0),
        in.field("logit_bias", "added to the logits of tokens, by id")
            .any(Decoding::biasSchema, Map.of(), Decoding::biases),
        in.field("seed", "same seed and request, same answer; absent: another each time")
            .longOrNull(),
        in.field("min_tokens", "tokens before which the answer does not end")
            .whole(Range.from(0), 0),
        stops(in),
        in.field("stop_token_ids", "tokens that end the answer, beside the model's own")
            .wholes(Range.from(0)),
        in.field("ignore_eos", "go on where the model would end").flag(false),
        n);
  }

  static double temperature(Fields in) {
    return in.field("temperature", "0 takes the likeliest token each time, more is livelier")
        .number(Range.of(0, 100), 1);
  }

  static double topP(Fields in) {
    return in.field("top_p", "choose among the likeliest tokens that make up this probability")
        .number(Range.above(0, 1), 1);
  }

  private static List<String> stops(Fields in) {
    List<String> stops =
        in.field("stop", "texts that end the answer; they are not part of it").textOrTexts();
    if (stops.size() > MOST_STOPS || stops.stream().anyMatch(String::isEmpty)) {
      in.problem("stop", "'stop' has at most " + MOST_STOPS + " texts, none of them empty");
      return List.of();
    }
    return stops;
  }

  private static ObjectNode biasSchema() {
    ObjectNode schema = Schemas.object();
    schema.set("additionalProperties", Schemas.number().put("minimum", -100).put("maximum", 100));
    return schema;
  }

  private static Map<Integer, Float> biases(JsonNode found) {
    if (!found.isObject() || found.size() > MOST_BIASES) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "'logit_bias' is no object with at most " + MOST_BIASES + " token ids");
    }
    Map<Integer, Float> biases = new HashMap<>();
    for (Map.Entry<String, JsonNode> each : found.properties()) {
      boolean isId = each.getKey().matches("\\d{1,9}");
      boolean inRange = each.getValue().isNumber() && Math.abs(each.getValue().asDouble()) <= 100;
      if (!isId || !inRange) {
        throw new Refusal(
            Fault.INVALID_VALUE,
            "'logit_bias' has token ids and numbers in [-100, 100], found "
                + each.getKey()
                + ": "
                + each.getValue());
      }
      biases.put(Integer.valueOf(each.getKey()), each.getValue().floatValue());
    }
    return biases;
  }

  /// @param index of the answer, from 0: answers of one request differ
  Sampling sampling(int index) {
    long first = seed == null ? ThreadLocalRandom.current().nextLong() : seed;
    return new Sampling(
        temperature,
        Math.max(0, topK),
        topP,
        minP,
        repetitionPenalty,
        frequencyPenalty,
        presencePenalty,
        logitBias,
        first + index);
  }

  /// @throws Refusal when a token is named that the model does not have
  void requireTokens(int vocabulary) {
    for (int id : logitBias.keySet()) {
      requireToken(id, vocabulary, "logit_bias");
    }
    for (int id : stopTokens) {
      requireToken(id, vocabulary, "stop_token_ids");
    }
  }

  private static void requireToken(int id, int vocabulary, String parameter) {
    if (id >= vocabulary) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "'%s' names the token %d, the model has %d".formatted(parameter, id, vocabulary),
          parameter);
    }
  }

  /// @param maxTokens most tokens
  Until until(int maxTokens) {
    return new Until(
        maxTokens, Math.min(minTokens, maxTokens), stops, Set.copyOf(stopTokens), ignoreEos);
  }
}
