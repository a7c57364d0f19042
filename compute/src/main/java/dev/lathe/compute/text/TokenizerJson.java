package dev.lathe.compute.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
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
  private static final JsonFactory JSON = new JsonFactory();

  /// @param json is taken over: the vocabulary in it is changed
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
    model.set("merges", withoutHidden(model.path("merges"), hidden));
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

  private static JsonNode hide(JsonNode vocabulary, Set<String> hidden) {
    ObjectNode renamed = (ObjectNode) vocabulary;
    for (String name : hidden) {
      renamed.set(hiddenName(name), renamed.remove(name));
    }
    return renamed;
  }

  /// Drops the merges that take part in a hidden piece.
  private static JsonNode withoutHidden(JsonNode merges, Set<String> hidden) {
    BitSet lengths = new BitSet();
    hidden.forEach(name -> lengths.set(name.length()));
    ArrayNode kept = JsonNodeFactory.instance.arrayNode(merges.size());
    for (JsonNode merge : merges) {
      String text = merge.asText();
      int blank = text.indexOf(' ');
      String left =
          merge.isArray() ? merge.path(0).asText() : text.substring(0, Math.max(blank, 0));
      String right = merge.isArray() ? merge.path(1).asText() : text.substring(blank + 1);
      boolean takesPart =
          lengths.get(left.length() + right.length()) && hidden.contains(left + right)
              || hidden.contains(left)
              || hidden.contains(right);
      if (!takesPart) {
        kept.add(merge);
      }
    }
    return kept;
  }

  /// Metaspace with `prepend_scheme: first` puts a blank before a text only where it starts the
  /// document.
  private static Optional<String> continuation(ObjectNode plain) {
    boolean differs =
        plain.path("pre_tokenizer").findValuesAsText("prepend_scheme").contains("first");
    if (!differs) {
      return Optional.empty();
    }
    ObjectNode continuation = plain.objectNode();
    continuation.setAll(plain);
    continuation.set("pre_tokenizer", neverPrepending(plain.path("pre_tokenizer")));
    return Optional.of(write(continuation));
  }

  private static JsonNode neverPrepending(JsonNode preTokenizer) {
    JsonNode copy = preTokenizer.deepCopy();
    for (JsonNode holder : copy.findParents("prepend_scheme")) {
      ((ObjectNode) holder).put("prepend_scheme", "never");
    }
    return copy;
  }

  /// As text; by hand, because the first use of Jackson's mapper costs a program's start 0.2 s.
  private static String write(JsonNode json) {
    StringWriter text = new StringWriter(1 << 20);
    try (JsonGenerator generator = JSON.createGenerator(text)) {
      write(json, generator);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private static void write(JsonNode node, JsonGenerator out) throws IOException {
    switch (node.getNodeType()) {
      case OBJECT -> {
        out.writeStartObject();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
          out.writeFieldName(entry.getKey());
          write(entry.getValue(), out);
        }
        out.writeEndObject();
      }
      case ARRAY -> {
        out.writeStartArray();
        for (JsonNode item : node) {
          write(item, out);
        }
        out.writeEndArray();
      }
      case STRING -> out.writeString(node.textValue());
      case BOOLEAN -> out.writeBoolean(node.booleanValue());
      case NUMBER -> {
        if (node.isIntegralNumber()) {
          out.writeNumber(node.longValue());
        } else {
          out.writeNumber(node.doubleValue());
        }
      }
      case NULL -> out.writeNull();
      case MISSING, BINARY, POJO ->
          throw new IllegalStateException("a tokenizer.json holds " + node.getNodeType());
    }
  }
}
