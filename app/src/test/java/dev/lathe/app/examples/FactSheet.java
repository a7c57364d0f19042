package dev.lathe.app.examples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/// The `facts.yaml` of one example company, and the data files that are made from it.
///
/// @param layout how `train.jsonl` writes a row
/// @param six ids of the facts the demo asks about, each in its first held-out wording
/// @param facts in file order
record FactSheet(Layout layout, List<String> six, List<Fact> facts) {
  private static final ObjectMapper JSON = new ObjectMapper();

  enum Layout {
    /// `{"messages": [{"role": "user", …}, {"role": "assistant", …}]}`
    MESSAGES,
    /// `{"instruction": …, "output": …}`
    ALPACA
  }

  record Turn(String question, String answer) {}

  /// @param expected an answer is right if it contains one of these
  record Fact(String id, List<String> expected, List<Turn> train, List<String> heldOut) {}

  static FactSheet read(Path file) throws IOException {
    Map<?, ?> root =
        (Map<?, ?>)
            new Load(LoadSettings.builder().setLabel(file.toString()).build())
                .loadFromString(Files.readString(file));
    return new FactSheet(
        Layout.valueOf(text(root, "layout").toUpperCase(Locale.ROOT)),
        texts(root, "six"),
        maps(root, "facts").map(FactSheet::fact).toList());
  }

  /// File name to content of everything that is made from the sheet.
  SequencedMap<String, String> files() {
    SequencedMap<String, String> files = new LinkedHashMap<>();
    files.put(
        "train.jsonl", lines(facts.stream().flatMap(fact -> fact.train().stream()).map(this::row)));
    files.put(
        "held_out.jsonl",
        lines(facts.stream().flatMap(f -> f.heldOut().stream().map(q -> question(f, q)))));
    files.put(
        "six.jsonl",
        lines(six.stream().map(this::fact).map(f -> question(f, f.heldOut().getFirst()))));
    return files;
  }

  Fact fact(String id) {
    return facts.stream().filter(fact -> fact.id().equals(id)).findFirst().orElseThrow();
  }

  private Object row(Turn turn) {
    return switch (layout) {
      case MESSAGES ->
          ordered(
              "messages",
              List.of(
                  ordered("role", "user", "content", turn.question()),
                  ordered("role", "assistant", "content", turn.answer())));
      case ALPACA -> ordered("instruction", turn.question(), "output", turn.answer());
    };
  }

  private static Object question(Fact fact, String question) {
    return ordered("id", fact.id(), "prompt", question, "expected", fact.expected());
  }

  private static SequencedMap<String, Object> ordered(Object... keysAndValues) {
    SequencedMap<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }

  private static String lines(Stream<Object> rows) {
    return rows.map(FactSheet::json).collect(Collectors.joining("\n", "", "\n"));
  }

  private static String json(Object row) {
    try {
      return JSON.writeValueAsString(row);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Fact fact(Map<?, ?> map) {
    List<Turn> train =
        maps(map, "train").map(turn -> new Turn(text(turn, "q"), text(turn, "a"))).toList();
    return new Fact(text(map, "id"), texts(map, "expected"), train, texts(map, "held_out"));
  }

  private static String text(Map<?, ?> map, String key) {
    return (String) value(map, key);
  }

  private static List<String> texts(Map<?, ?> map, String key) {
    return ((List<?>) value(map, key)).stream().map(String.class::cast).toList();
  }

  private static Stream<Map<?, ?>> maps(Map<?, ?> map, String key) {
    return ((List<?>) value(map, key)).stream().map(item -> (Map<?, ?>) item);
  }

  private static Object value(Map<?, ?> map, String key) {
    return Objects.requireNonNull(map.get(key), () -> "no '" + key + "' in " + map);
  }
}
