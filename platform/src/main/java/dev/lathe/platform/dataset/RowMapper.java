package dev.lathe.platform.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.StrictJson;
import dev.lathe.platform.dataset.Layout.Columns;
import dev.lathe.platform.dataset.Layout.Format;
import dev.lathe.platform.dataset.Turn.Role;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Turns one JSON object into the turns of a conversation, or says why not.
///
/// The rules are LLaMA-Factory's (`data/converter.py`): alpaca's user text is the instruction and
/// the input joined by a line feed, empty parts dropped; in chats a user's or a tool's turn and an
/// assistant's follow each other. Stricter than there: a message key that weighs a turn, a picture,
/// a missing answer are reasons, never dropped in silence.
final class RowMapper {
  /// Why a row cannot be used.
  static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    Unusable(String reason) {
      super(reason);
    }
  }

  private final Layout layout;
  private final Columns columns;
  private final Set<String> named;
  private final Set<String> unused = new LinkedHashSet<>();

  RowMapper(Layout layout) {
    this.layout = layout;
    this.columns = layout.columns();
    this.named = named(layout);
  }

  /// Keys seen in rows that no column names.
  Set<String> unusedColumns() {
    return unused;
  }

  Row map(RowSource source, ObjectNode row) throws Unusable {
    row.fieldNames()
        .forEachRemaining(key -> {
          if (!named.contains(key)) {
            unused.add(key);
          }
        });
    refuse(row, columns.images(), "images");
    refuse(row, columns.videos(), "videos");
    refuse(row, columns.audios(), "audios");
    refuse(row, columns.ktoTag(), "a kto label (stage kto)");
    if (layout.ranking()) {
      throw new Unusable("a chosen and a rejected answer (stage dpo or rm), not supported yet");
    }
    List<Turn> turns =
        layout.format() == Format.ALPACA
            ? alpaca(row)
            : new ChatMapper(layout).turns(row, text(row, columns.system()));
    return new Row(source, turns, tools(row));
  }

  private static Set<String> named(Layout layout) {
    Columns c = layout.columns();
    Set<String> named = new LinkedHashSet<>();
    List<@Nullable String> keys = new ArrayList<>();
    if (layout.format() == Format.ALPACA) {
      keys.add(c.prompt());
      keys.add(c.query());
      keys.add(c.response());
      keys.add(c.history());
    } else {
      keys.add(c.messages());
    }
    keys.add(c.system());
    keys.add(c.tools());
    keys.add(c.images());
    keys.add(c.videos());
    keys.add(c.audios());
    keys.add(c.ktoTag());
    for (String key : keys) {
      if (key != null) {
        named.add(key);
      }
    }
    return named;
  }

  private static void refuse(ObjectNode row, @Nullable String key, String what) throws Unusable {
    JsonNode node = key == null ? null : row.get(key);
    if (node != null && !node.isNull() && !(node.isContainerNode() && node.isEmpty())) {
      throw new Unusable("'" + key + "' holds " + what + ", not supported yet");
    }
  }

  private List<Turn> alpaca(ObjectNode row) throws Unusable {
    List<Turn> turns = new ArrayList<>();
    String system = text(row, columns.system());
    if (!system.isEmpty()) {
      turns.add(Turn.of(Role.SYSTEM, system));
    }
    history(row, turns);
    String prompt = text(row, columns.prompt());
    String query = text(row, columns.query());
    if (prompt.isBlank() && query.isBlank()) {
      throw new Unusable("neither " + quoted(columns.prompt(), columns.query()) + " holds text");
    }
    turns.add(
        Turn.of(
            Role.USER,
            prompt.isEmpty() || query.isEmpty() ? prompt + query : prompt + "\n" + query));
    if (columns.response() == null) {
      throw new Unusable("no column for the answer is named (plain text is for stage pt)");
    }
    if (!row.hasNonNull(columns.response())) {
      throw new Unusable("no answer in '" + columns.response() + "'");
    }
    turns.add(Turn.of(Role.ASSISTANT, text(row, columns.response())));
    return turns;
  }

  private void history(ObjectNode row, List<Turn> turns) throws Unusable {
    JsonNode history = columns.history() == null ? null : row.get(columns.history());
    if (history == null || history.isNull()) {
      return;
    }
    if (!history.isArray()) {
      throw new Unusable("'" + columns.history() + "' is no list of [question, answer] pairs");
    }
    for (JsonNode pair : history) {
      if (!pair.isArray() || pair.size() != 2 || !allText(pair)) {
        throw new Unusable(
            "'" + columns.history() + "' holds " + brief(pair) + ", no pair of texts");
      }
      turns.add(Turn.of(Role.USER, pair.get(0).textValue()));
      turns.add(Turn.of(Role.ASSISTANT, pair.get(1).textValue()));
    }
  }

  private static boolean allText(JsonNode pair) {
    return pair.get(0).isTextual() && pair.get(1).isTextual();
  }

  private List<String> tools(ObjectNode row) throws Unusable {
    JsonNode node = columns.tools() == null ? null : row.get(columns.tools());
    if (node == null || node.isNull() || (node.isTextual() && node.textValue().isBlank())) {
      return List.of();
    }
    JsonNode list = node;
    if (node.isTextual()) {
      try {
        list = StrictJson.parse(node.textValue());
      } catch (JsonProcessingException e) {
        throw new Unusable("'" + columns.tools() + "' is no JSON: " + StrictJson.explain(e));
      }
    }
    if (!list.isArray()) {
      throw new Unusable("'" + columns.tools() + "' is no list of tools: " + brief(list));
    }
    List<String> tools = new ArrayList<>();
    for (JsonNode tool : list) {
      if (!tool.isObject()) {
        throw new Unusable("'" + columns.tools() + "' holds " + brief(tool) + ", no object");
      }
      tools.add(tool.toString());
    }
    return tools;
  }

  /// The text under `key`; empty where there is none.
  private static String text(ObjectNode row, @Nullable String key) throws Unusable {
    JsonNode node = key == null ? null : row.get(key);
    if (node == null || node.isNull()) {
      return "";
    }
    if (!node.isTextual()) {
      throw new Unusable("'" + key + "' is " + kind(node) + ", not a text: " + brief(node));
    }
    return node.textValue();
  }

  static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "a list";
      case OBJECT -> "an object";
      case BOOLEAN -> "true or false";
      case NUMBER -> "a number";
      default -> "no text";
    };
  }

  static String brief(JsonNode node) {
    String text = node.toString();
    return text.length() <= 60 ? text : text.substring(0, 57) + "...";
  }

  private static String quoted(@Nullable String first, @Nullable String second) {
    return second == null ? "'" + first + "'" : "'" + first + "' nor '" + second + "'";
  }
}
