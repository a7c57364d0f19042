package dev.lathe.compute.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What Lathe takes from a `tokenizer.json`.
///
/// @param plain the same tokenizer without any added token, so that nothing in a text can become
///   one: control tokens that the vocabulary holds under their own spelling are renamed to what no
///   text can spell
/// @param continuation [#plain] for text that does not start its document; empty where that makes
///   no difference
/// @param missingBytes bytes that the vocabulary cannot spell
/// @param unknownId the token that stands for what cannot be spelt, or -1
record TokenizerJson(
    String plain,
    Optional<String> continuation,
    List<AddedToken> added,
    Pieces pieces,
    BitSet missingBytes,
    int unknownId) {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  static TokenizerJson of(JsonNode json) {
    JsonNode model = json.path("model");
    String type = model.path("type").asText("BPE");
    if (!type.equals("BPE") || !model.path("vocab").isObject()) {
      throw LatheException.user(
          "the tokenizer's model is '" + type + "', supported is 'BPE'", "use another base model");
    }
    List<AddedToken> added = added(json.path("added_tokens"));
    String[] spellings = spellings(model.path("vocab"), added);
    boolean byteLevel = mentions(json.path("pre_tokenizer"), "ByteLevel");
    boolean fallback = model.path("byte_fallback").asBoolean(false);
    checkDecoder(json.path("decoder"), byteLevel);
    Pieces pieces =
        new Pieces(
            spellings,
            added,
            byteLevel ? Pieces.Spelling.BYTE_LEVEL : Pieces.Spelling.SENTENCE_PIECE,
            !byteLevel && stripsFirstBlank(json.path("decoder")));
    ObjectNode plain = plain(json, added, byteLevel);
    return new TokenizerJson(
        write(plain),
        continuation(plain),
        added,
        pieces,
        byteLevel ? missingBytes(model.path("vocab")) : new BitSet(),
        byteLevel || fallback && hasAllBytes(model.path("vocab")) ? -1 : unknown(model));
  }

  private static List<AddedToken> added(JsonNode list) {
    List<AddedToken> added = new ArrayList<>();
    for (JsonNode token : list) {
      added.add(
          new AddedToken(
              token.path("id").asInt(-1),
              token.path("content").asText(),
              token.path("special").asBoolean(),
              token.path("lstrip").asBoolean(),
              token.path("rstrip").asBoolean(),
              token.path("single_word").asBoolean()));
    }
    return List.copyOf(added);
  }

  private static String[] spellings(JsonNode vocabulary, List<AddedToken> added) {
    int size = vocabulary.size();
    for (JsonNode id : vocabulary) {
      size = Math.max(size, id.asInt() + 1);
    }
    for (AddedToken token : added) {
      size = Math.max(size, token.id() + 1);
    }
    if (size > 4 * (vocabulary.size() + added.size()) + 1024) {
      throw LatheException.user(
          "the tokenizer's ids go up to " + size + ", but it has only " + vocabulary.size(), "");
    }
    String[] spellings = new String[size];
    java.util.Arrays.fill(spellings, "");
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      int id = entry.getValue().asInt(-1);
      if (id < 0) {
        throw LatheException.user(
            "token '" + entry.getKey() + "' of the tokenizer has the id " + id, "");
      }
      spellings[id] = entry.getKey();
    }
    return spellings;
  }

  private static boolean mentions(JsonNode part, String type) {
    if (part.path("type").asText().equals(type)) {
      return true;
    }
    for (JsonNode inner : part.isArray() ? part : part.path("pretokenizers")) {
      if (mentions(inner, type)) {
        return true;
      }
    }
    for (JsonNode inner : part.path("decoders")) {
      if (mentions(inner, type)) {
        return true;
      }
    }
    return false;
  }

  private static void checkDecoder(JsonNode decoder, boolean byteLevel) {
    List<JsonNode> steps = new ArrayList<>();
    if (decoder.path("type").asText().equals("Sequence")) {
      decoder.path("decoders").forEach(steps::add);
    } else if (decoder.isObject()) {
      steps.add(decoder);
    }
    Set<String> known =
        Set.of("ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace");
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      if (!known.contains(type)) {
        throw LatheException.user(
            "the tokenizer's decoder '" + type + "' is not supported", "use another base model");
      }
    }
    if (byteLevel && !mentions(decoder, "ByteLevel")) {
      throw LatheException.user(
          "the tokenizer encodes bytes ('ByteLevel') but does not decode them", "");
    }
  }

  private static boolean stripsFirstBlank(JsonNode decoder) {
    if (decoder.path("type").asText().equals("Metaspace")) {
      return !decoder.path("prepend_scheme").asText("always").equals("never");
    }
    for (JsonNode step : decoder.path("decoders")) {
      if (step.path("type").asText().equals("Strip") && step.path("start").asInt() > 0
          || step.path("type").asText().equals("Metaspace") && stripsFirstBlank(step)) {
        return true;
      }
    }
    return false;
  }

  private static BitSet missingBytes(JsonNode vocabulary) {
    BitSet missing = new BitSet();
    char[] alphabet = Pieces.alphabet();
    for (int value = 0; value < 256; value++) {
      missing.set(value, !vocabulary.has(String.valueOf(alphabet[value])));
    }
    return missing;
  }

  private static boolean hasAllBytes(JsonNode vocabulary) {
    for (int value = 0; value < 256; value++) {
      if (!vocabulary.has(String.format("<0x%02X>", value))) {
        return false;
      }
    }
    return true;
  }

  private static int unknown(JsonNode model) {
    JsonNode unknown = model.path("unk_token");
    return unknown.isTextual() ? model.path("vocab").path(unknown.asText()).asInt(-1) : -1;
  }

  private static ObjectNode plain(JsonNode json, List<AddedToken> added, boolean byteLevel) {
    ObjectNode plain = ((ObjectNode) json).objectNode();
    plain.setAll((ObjectNode) json);
    plain.putArray("added_tokens");
    plain.putNull("post_processor");
    plain.putNull("truncation");
    plain.putNull("padding");
    ObjectNode model = plain.objectNode();
    model.setAll((ObjectNode) json.path("model"));
    Set<String> hidden = new HashSet<>();
    for (AddedToken token : added) {
      if (token.needs() != AddedTokens.Trust.PLAIN && model.path("vocab").has(token.content())) {
        hidden.add(token.content());
      }
    }
    model.set("vocab", hide(model.path("vocab"), hidden));
    model.set("merges", withoutProducts(model.path("merges"), hidden));
    String unknown = model.path("unk_token").asText("");
    if (byteLevel) {
      model.putNull("unk_token");
    } else if (hidden.contains(unknown)) {
      model.put("unk_token", hiddenName(unknown));
    }
    plain.set("model", model);
    return plain;
  }

  private static String hiddenName(String content) {
    return "\uE000lathe:" + content;
  }

  private static ObjectNode hide(JsonNode vocabulary, Set<String> hidden) {
    ObjectNode renamed = ((ObjectNode) vocabulary).objectNode();
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      String name = entry.getKey();
      renamed.set(hidden.contains(name) ? hiddenName(name) : name, entry.getValue());
    }
    return renamed;
  }

  private static JsonNode withoutProducts(JsonNode merges, Set<String> hidden) {
    ArrayNode kept = MAPPER.createArrayNode();
    for (JsonNode merge : merges) {
      String product;
      String text = merge.asText();
      int blank = text.indexOf(' ');
      if (merge.isArray()) {
        product = merge.path(0).asText() + merge.path(1).asText();
        if (hidden.contains(merge.path(0).asText()) || hidden.contains(merge.path(1).asText())) {
          continue;
        }
      } else {
        product = text.substring(0, Math.max(blank, 0)) + text.substring(blank + 1);
      }
      if (!hidden.contains(product)) {
        kept.add(merge);
      }
    }
    return kept;
  }

  /// Metaspace with `prepend_scheme: first` puts a blank before a text only where it starts the
  /// document.
  private static Optional<String> continuation(ObjectNode plain) {
    String json = plain.path("pre_tokenizer").toString();
    if (!json.contains("\"prepend_scheme\":\"first\"")) {
      return Optional.empty();
    }
    ObjectNode continuation = plain.objectNode();
    continuation.setAll(plain);
    try {
      continuation.set(
          "pre_tokenizer",
          MAPPER.readTree(
              json.replace("\"prepend_scheme\":\"first\"", "\"prepend_scheme\":\"never\"")));
      return Optional.of(write(continuation));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String write(ObjectNode json) {
    try {
      return MAPPER.writeValueAsString(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
