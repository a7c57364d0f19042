package dev.lathe.compute.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.weights.Gguf;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Writes the `tokenizer.json` that a GGUF file's metadata describes.
///
/// The metadata names the way a text is cut before merging (`tokenizer.ggml.pre`); the patterns
/// below are those of the models' own `tokenizer.json` files [1], and are checked against the token
/// ids that llama.cpp ships for its own vocabularies [2].
///
/// A SentencePiece vocabulary (`llama`) has scores but no merges; every way to put a piece together
/// from two others becomes a merge, the best score first, as in [3].
///
/// [1] `src/llama-vocab.cpp` of llama.cpp lists the names. [2] its `models/ggml-vocab-*.gguf.inp`.
/// [3] `generate_merges` in `convert_slow_tokenizer.py` of transformers.
final class GgufTokenizer {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final int NORMAL = 1;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String AFTER_DIGITS =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String WORDS = "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";

  private final Gguf gguf;
  private final List<String> tokens;
  private final long[] types;

  private GgufTokenizer(Gguf gguf) {
    this.gguf = gguf;
    this.tokens = gguf.strings("tokenizer.ggml.tokens");
    long[] stored = gguf.integers("tokenizer.ggml.token_type");
    this.types = stored.length == 0 ? ordinary(tokens.size()) : stored;
  }

  private static long[] ordinary(int count) {
    long[] types = new long[count];
    java.util.Arrays.fill(types, NORMAL);
    return types;
  }

  static ObjectNode json(Gguf gguf) {
    GgufTokenizer tokenizer = new GgufTokenizer(gguf);
    if (tokenizer.tokens.isEmpty() || tokenizer.types.length != tokenizer.tokens.size()) {
      throw LatheException.user(
          "'" + gguf.path() + "' holds no complete tokenizer", "fetch the model again");
    }
    String model = gguf.string("tokenizer.ggml.model").orElse("");
    return switch (model) {
      case "gpt2" -> tokenizer.byteLevel();
      case "llama" -> tokenizer.sentencePiece();
      default ->
          throw LatheException.user(
              "the tokenizer model '" + model + "' of '" + gguf.path() + "' is not supported",
              "supported are 'gpt2' and 'llama'");
    };
  }

  private ObjectNode byteLevel() {
    String pre = gguf.string("tokenizer.ggml.pre").orElse("");
    ObjectNode json = JSON.objectNode();
    json.putNull("normalizer");
    if (pre.equals("qwen2") || pre.equals("deepseek-r1-qwen")) {
      json.set("normalizer", JSON.objectNode().put("type", "NFC"));
    }
    json.set("pre_tokenizer", preTokenizer(pre));
    json.set("decoder", byteLevelStep(true));
    ArrayNode merges = JSON.arrayNode();
    for (String merge : gguf.strings("tokenizer.ggml.merges")) {
      int blank = merge.indexOf(' ', 1);
      if (blank < 0) {
        throw LatheException.user(
            "merge '" + merge + "' of '" + gguf.path() + "' has one part", "fetch the model again");
      }
      merges.add(JSON.arrayNode().add(merge.substring(0, blank)).add(merge.substring(blank + 1)));
    }
    boolean wholeWordsFirst = pre.equals("llama-bpe") || pre.equals("llama3");
    return withModel(json, merges, false, wholeWordsFirst, "");
  }

  private ObjectNode preTokenizer(String pre) {
    return switch (pre) {
      case "gpt-2" -> byteLevelStep(true);
      case "smollm" -> sequence(digits(), byteLevelStep(true));
      case "llama-bpe", "llama3", "llama-v3" ->
          sequence(
              split(CONTRACTIONS + WORDS + "\\p{N}{1,3}" + AFTER_DIGITS), byteLevelStep(false));
      case "qwen2", "deepseek-r1-qwen" ->
          sequence(split(CONTRACTIONS + WORDS + "\\p{N}" + AFTER_DIGITS), byteLevelStep(false));
      case "deepseek-llm" ->
          sequence(
              split("[\\r\\n]"),
              split("\\s?\\p{L}+"),
              split("\\s?\\p{P}+"),
              split("[一-龥ࠀ-一가-퟿]+"),
              digits(),
              byteLevelStep(false));
      default ->
          throw LatheException.user(
              "the pre-tokenizer '" + pre + "' of '" + gguf.path() + "' is not supported",
              "supported are 'gpt-2', 'smollm', 'llama-bpe', 'qwen2' and 'deepseek-llm'; or use the"
                  + " model's Hugging Face directory");
    };
  }

  private static ObjectNode byteLevelStep(boolean useRegex) {
    return JSON.objectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", useRegex);
  }

  private static ObjectNode digits() {
    return JSON.objectNode().put("type", "Digits").put("individual_digits", true);
  }

  private static ObjectNode split(String regex) {
    ObjectNode step =
        JSON.objectNode().put("type", "Split").put("behavior", "Isolated").put("invert", false);
    step.set("pattern", JSON.objectNode().put("Regex", regex));
    return step;
  }

  private static ObjectNode sequence(ObjectNode... steps) {
    ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
    sequence.putArray("pretokenizers").addAll(List.of(steps));
    return sequence;
  }

  private ObjectNode sentencePiece() {
    boolean prefix = gguf.bool("tokenizer.ggml.add_space_prefix").orElse(true);
    ObjectNode json = JSON.objectNode();
    ObjectNode normalizer = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = normalizer.putArray("normalizers");
    if (prefix) {
      steps.add(JSON.objectNode().put("type", "Prepend").put("prepend", "▁"));
    }
    steps.add(replace(" ", "▁"));
    json.set("normalizer", normalizer);
    json.putNull("pre_tokenizer");
    ObjectNode decoder = JSON.objectNode().put("type", "Sequence");
    ArrayNode decoders = decoder.putArray("decoders");
    decoders.add(replace("▁", " "));
    decoders.add(JSON.objectNode().put("type", "ByteFallback"));
    decoders.add(JSON.objectNode().put("type", "Fuse"));
    if (prefix) {
      decoders.add(
          JSON.objectNode()
              .put("type", "Strip")
              .put("content", " ")
              .put("start", 1)
              .put("stop", 0));
    }
    json.set("decoder", decoder);
    int unknown = (int) gguf.integer("tokenizer.ggml.unknown_token_id").orElse(0);
    return withModel(json, mergesFromScores(), true, false, tokens.get(unknown));
  }

  private static ObjectNode replace(String from, String to) {
    ObjectNode step = JSON.objectNode().put("type", "Replace").put("content", to);
    step.set("pattern", JSON.objectNode().put("String", from));
    return step;
  }

  private record Merge(String left, String right, double score) {}

  private ArrayNode mergesFromScores() {
    double[] scores = gguf.reals("tokenizer.ggml.scores");
    if (scores.length != tokens.size()) {
      throw LatheException.user(
          "'" + gguf.path() + "' has " + scores.length + " scores for " + tokens.size() + " tokens",
          "fetch the model again");
    }
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (types[id] == NORMAL) {
        ids.put(tokens.get(id), id);
      }
    }
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (types[id] == NORMAL) {
        merges.addAll(waysToMake(tokens.get(id), scores[id], ids));
      }
    }
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(merge -> merge.left().length())
            .thenComparingInt(merge -> merge.right().length())
            .reversed());
    ArrayNode list = JSON.arrayNode();
    merges.forEach(merge -> list.add(JSON.arrayNode().add(merge.left()).add(merge.right())));
    return list;
  }

  private static List<Merge> waysToMake(String piece, double score, Map<String, Integer> ids) {
    List<Merge> ways = new ArrayList<>();
    for (int cut = 1; cut < piece.length(); cut++) {
      String left = piece.substring(0, cut);
      String right = piece.substring(cut);
      if (ids.containsKey(left) && ids.containsKey(right)) {
        ways.add(new Merge(left, right, score));
      }
    }
    ways.sort(
        Comparator.comparingInt((Merge way) -> ids.getOrDefault(way.left(), 0))
            .thenComparingInt(way -> ids.getOrDefault(way.right(), 0)));
    return ways;
  }

  private ObjectNode withModel(
      ObjectNode json,
      ArrayNode merges,
      boolean fallback,
      boolean wholeWordsFirst,
      String unknown) {
    ObjectNode vocabulary = JSON.objectNode();
    ArrayNode added = JSON.arrayNode();
    for (int id = 0; id < tokens.size(); id++) {
      vocabulary.put(tokens.get(id), id);
      if (types[id] == CONTROL || types[id] == USER_DEFINED) {
        added.add(
            JSON.objectNode()
                .put("id", id)
                .put("content", tokens.get(id))
                .put("special", types[id] == CONTROL));
      }
    }
    if (vocabulary.size() != tokens.size()) {
      throw LatheException.user(
          "the tokenizer of '"
              + gguf.path()
              + "' names "
              + (tokens.size() - vocabulary.size())
              + " tokens twice",
          "fetch the model again");
    }
    ObjectNode model = JSON.objectNode().put("type", "BPE");
    model.put("byte_fallback", fallback);
    model.put("fuse_unk", fallback);
    model.put("ignore_merges", wholeWordsFirst);
    if (unknown.isEmpty()) {
      model.putNull("unk_token");
    } else {
      model.put("unk_token", unknown);
    }
    model.set("vocab", vocabulary);
    model.set("merges", merges);
    json.set("added_tokens", added);
    json.set("model", model);
    return json;
  }

  /// What the chat template knows as `bos_token` and so on.
  static Map<String, String> specialTokens(Gguf gguf) {
    List<String> tokens = gguf.strings("tokenizer.ggml.tokens");
    Map<String, String> special = new LinkedHashMap<>();
    Map<String, String> keys =
        Map.of(
            "bos_token", "tokenizer.ggml.bos_token_id",
            "eos_token", "tokenizer.ggml.eos_token_id",
            "unk_token", "tokenizer.ggml.unknown_token_id",
            "pad_token", "tokenizer.ggml.padding_token_id");
    keys.forEach((name, key) ->
        gguf.integer(key)
            .ifPresent(id -> {
              if (id >= 0 && id < tokens.size()) {
                special.put(name, tokens.get((int) id));
              }
            }));
    return special;
  }
}
