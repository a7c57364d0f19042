package dev.lathe.app.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Until;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// How the tokens of a reply are chosen, where it ends and what is told about it.
///
/// @param n replies to the same prompt, at least 1
record Decoding(Sampling sampling, Until until, Logprobs logprobs, int n) {
  /// What a row may say by itself, by the names of OpenAI's API and vLLM.
  static final Set<String> KEYS =
      Set.of(
          "max_tokens",
          "temperature",
          "top_p",
          "top_k",
          "min_p",
          "repetition_penalty",
          "frequency_penalty",
          "presence_penalty",
          "logit_bias",
          "seed",
          "stop",
          "stop_token_ids",
          "min_tokens",
          "ignore_eos",
          "n",
          "logprobs",
          "top_logprobs",
          "prompt_logprobs");

  Decoding {
    if (n < 1 || n > 128) {
      throw LatheException.user("n " + n + " is outside [1, 128]", "choose a value in that range");
    }
  }

  /// A request for one of the replies.
  ///
  /// @param adapter id of an adapter, or null
  /// @param index of the reply, from 0: replies to the same prompt differ in their seed
  Ask ask(Prompt prompt, @Nullable String adapter, int index) {
    Sampling own =
        new Sampling(
            sampling.temperature(),
            sampling.topK(),
            sampling.topP(),
            sampling.minP(),
            sampling.repetitionPenalty(),
            sampling.frequencyPenalty(),
            sampling.presencePenalty(),
            sampling.logitBias(),
            sampling.seed() + index);
    return new Ask(prompt, adapter, own, until, null, logprobs, Terms.PLAIN);
  }

  /// Requires that all tokens named are the model's.
  ///
  /// @throws LatheException when one is not
  void requireTokens(int vocabulary) {
    requireTokens("logit bias", sampling.logitBias().keySet(), vocabulary);
    requireTokens("stop token", until.stopTokens(), vocabulary);
  }

  private static void requireTokens(String what, Set<Integer> ids, int vocabulary) {
    for (int id : ids) {
      if (id < 0 || id >= vocabulary) {
        throw LatheException.user(
            what + " " + id + " is no token", "the model has tokens 0 to " + (vocabulary - 1));
      }
    }
  }

  /// When a reply ends.
  ///
  /// @throws LatheException when it cannot, or would without a token though nothing is asked of the
  ///   prompt
  static Until until(
      int maxTokens,
      int minTokens,
      List<String> stops,
      Set<Integer> stopTokens,
      boolean ignoresEnd,
      Logprobs logprobs) {
    int least = logprobs.prompt() >= 0 ? 0 : 1;
    if (maxTokens < least) {
      throw LatheException.user(
          "max tokens " + maxTokens + " is less than " + least, "give at least " + least);
    }
    if (minTokens < 0 || minTokens > maxTokens) {
      throw LatheException.user(
          "min tokens " + minTokens + " is outside [0, " + maxTokens + "]",
          "give at most as many as max tokens");
    }
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw LatheException.user("a stop text is empty", "give the text that ends the reply");
    }
    return new Until(maxTokens, minTokens, stops, stopTokens, ignoresEnd);
  }

  /// With what a row says about its own reply.
  ///
  /// @throws LatheException when a value cannot be used
  Decoding with(ObjectNode row) {
    Row in = new Row(row);
    Logprobs told = in.logprobs(logprobs);
    return new Decoding(
        new Sampling(
            in.number("temperature", sampling.temperature()),
            in.whole("top_k", sampling.topK()),
            in.number("top_p", sampling.topP()),
            in.number("min_p", sampling.minP()),
            in.number("repetition_penalty", sampling.repetitionPenalty()),
            in.number("frequency_penalty", sampling.frequencyPenalty()),
            in.number("presence_penalty", sampling.presencePenalty()),
            in.biases(sampling.logitBias()),
            in.seed(sampling.seed())),
        until(
            in.whole("max_tokens", until.maxTokens()),
            in.whole("min_tokens", until.minTokens()),
            in.stops(until.stops()),
            in.stopTokens(until.stopTokens()),
            in.flag("ignore_eos", until.ignoresEnd()),
            told),
        told,
        in.whole("n", n));
  }

  /// The values of a row, each checked for its kind.
  private record Row(ObjectNode fields) {
    private JsonNode take(String key, Predicate<JsonNode> kind, String wanted) {
      JsonNode value = fields.get(key);
      if (!kind.test(value)) {
        throw LatheException.user("'" + key + "' is " + value, "give " + wanted);
      }
      return value;
    }

    double number(String key, double usual) {
      return fields.has(key) ? take(key, JsonNode::isNumber, "a number").asDouble() : usual;
    }

    int whole(String key, int usual) {
      return fields.has(key) ? take(key, JsonNode::isInt, "a whole number").asInt() : usual;
    }

    boolean flag(String key, boolean usual) {
      return fields.has(key) ? take(key, JsonNode::isBoolean, "true or false").asBoolean() : usual;
    }

    long seed(long usual) {
      return fields.has("seed")
          ? take("seed", JsonNode::canConvertToExactIntegral, "a whole number").asLong()
          : usual;
    }

    List<String> stops(List<String> usual) {
      if (!fields.has("stop")) {
        return usual;
      }
      JsonNode value = fields.get("stop");
      List<String> stops = new ArrayList<>();
      for (JsonNode each : value.isArray() ? value : List.of(value)) {
        if (!each.isTextual()) {
          throw LatheException.user("'stop' is " + value, "give a text or a list of texts");
        }
        stops.add(each.asText());
      }
      return stops;
    }

    Set<Integer> stopTokens(Set<Integer> usual) {
      if (!fields.has("stop_token_ids")) {
        return usual;
      }
      Set<Integer> ids = new HashSet<>();
      JsonNode list = take("stop_token_ids", JsonNode::isArray, "a list of token ids");
      for (JsonNode each : list) {
        if (!each.isInt()) {
          throw LatheException.user("'stop_token_ids' is " + list, "give a list of token ids");
        }
        ids.add(each.asInt());
      }
      return ids;
    }

    Map<Integer, Float> biases(Map<Integer, Float> usual) {
      if (!fields.has("logit_bias")) {
        return usual;
      }
      Map<Integer, Float> biases = new HashMap<>();
      JsonNode object = take("logit_bias", JsonNode::isObject, "an object of token ids");
      for (Map.Entry<String, JsonNode> each : object.properties()) {
        if (!each.getKey().matches("\\d{1,9}") || !each.getValue().isNumber()) {
          throw LatheException.user(
              "'logit_bias' is " + object, "give token ids and what is added to their logits");
        }
        biases.put(Integer.valueOf(each.getKey()), each.getValue().floatValue());
      }
      return biases;
    }

    Logprobs logprobs(Logprobs usual) {
      boolean output = flag("logprobs", usual.output() >= 0 || fields.has("top_logprobs"));
      boolean prompt = flag("prompt_logprobs", usual.prompt() >= 0);
      int likeliest = whole("top_logprobs", Math.max(0, Math.max(usual.output(), usual.prompt())));
      return Decoding.logprobs(output, prompt, likeliest);
    }
  }

  /// @param likeliest how many of the likeliest tokens are given at each place
  static Logprobs logprobs(boolean output, boolean prompt, int likeliest) {
    return new Logprobs(output ? likeliest : -1, prompt ? likeliest : -1, 1);
  }
}
