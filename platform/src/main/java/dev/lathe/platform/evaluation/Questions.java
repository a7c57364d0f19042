package dev.lathe.platform.evaluation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.Utf8;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// Reads questions from JSON lines: `{"prompt": "…"}` or `{"messages": [{"role": "user", "content":
/// "…"}]}`, each with an optional `id` and an optional `expected` (or `answer`), a text or a list
/// of texts of which a right answer contains one.
public final class Questions {
  private static final Set<String> KEYS = Set.of("id", "prompt", "messages", "expected", "answer");
  private static final Set<String> ROLES = Set.of("system", "user", "assistant");
  private static final int PROBLEMS_SHOWN = 20;

  private final List<Question> questions = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();
  private final Set<String> unused = new TreeSet<>();

  private Questions() {}

  /// What a file holds.
  ///
  /// @param questions in file order, at least one
  /// @param lines the line of each question as it stands
  /// @param unusedKeys keys of the rows that mean nothing here
  public record Read(List<Question> questions, List<String> lines, Set<String> unusedKeys) {
    public Read {
      lines = List.copyOf(lines);
      questions = List.copyOf(questions);
      unusedKeys = Set.copyOf(unusedKeys);
    }
  }

  /// The questions of a file.
  ///
  /// @throws LatheException when it is not there, holds no question, or any row is bad; all bad
  ///   rows are named at once
  public static Read read(Path file) {
    return parse(file.toString(), bytes(file));
  }

  /// The questions in lines of JSON; blank lines are passed over.
  ///
  /// @param source names the lines in messages
  public static Read parse(String source, List<String> lines) {
    Questions reading = new Questions();
    for (int i = 0; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        reading.row(i + 1, lines.get(i));
      }
    }
    if (!reading.problems.isEmpty()) {
      throw reading.refusal(source);
    }
    if (reading.questions.isEmpty()) {
      throw LatheException.user(
          "'" + source + "' holds no questions",
          "give one JSON object a line: {\"prompt\": \"…\"}");
    }
    return new Read(
        reading.questions, lines.stream().filter(line -> !line.isBlank()).toList(), reading.unused);
  }

  /// The questions in the bytes of a file or a pipe.
  ///
  /// @param source names them in messages
  public static Read parse(String source, byte[] utf8) {
    try {
      return parse(source, Utf8.text(utf8).lines().toList());
    } catch (CharacterCodingException encoding) {
      throw LatheException.user("'" + source + "' is not UTF-8", "convert it: iconv -t utf-8");
    }
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (NoSuchFileException missing) {
      throw LatheException.notFound("there is no file '" + file + "'", "check the path");
    } catch (IOException failure) {
      throw LatheException.environment(
          "'" + file + "' cannot be read (" + failure.getMessage() + ")",
          "give a readable file",
          failure);
    }
  }

  private LatheException refusal(String source) {
    return LatheException.user(
        problems.size()
            + (problems.size() == 1 ? " row of '" : " rows of '")
            + source
            + "' cannot be used\n  "
            + FirstFew.of(problems, PROBLEMS_SHOWN, "\n  ", "\n  and "),
        "correct or remove these rows");
  }

  private void row(int line, String text) {
    try {
      JsonNode row = StrictJson.parse(text);
      if (!row.isObject()) {
        problems.add("line " + line + ": a JSON object was wanted, found " + kind(row));
        return;
      }
      int before = problems.size();
      List<Question.Turn> turns = turns(line, row);
      List<String> expected = expected(line, row);
      String id = row.path("id").isMissingNode() ? "line " + line : row.get("id").asText();
      row.fieldNames().forEachRemaining(this::noteUnused);
      if (problems.size() == before) {
        questions.add(new Question(id, turns, expected));
      }
    } catch (JsonProcessingException broken) {
      problems.add("line " + line + ": not JSON (" + StrictJson.explain(broken) + ")");
    }
  }

  private void noteUnused(String key) {
    if (!KEYS.contains(key)) {
      unused.add(key);
    }
  }

  private List<Question.Turn> turns(int line, JsonNode row) {
    JsonNode prompt = row.path("prompt");
    JsonNode messages = row.path("messages");
    if (prompt.isMissingNode() == messages.isMissingNode()) {
      problems.add("line " + line + ": exactly one of 'prompt' and 'messages' is needed");
      return List.of();
    }
    if (messages.isMissingNode()) {
      if (!prompt.isTextual() || prompt.asText().isBlank()) {
        problems.add("line " + line + ": 'prompt' must be a text that is not empty");
      }
      return List.of(new Question.Turn("user", prompt.asText()));
    }
    return messages(line, messages);
  }

  private List<Question.Turn> messages(int line, JsonNode messages) {
    List<Question.Turn> turns = new ArrayList<>();
    for (JsonNode message : messages) {
      String role = message.path("role").asText();
      if (!ROLES.contains(role) || !message.path("content").isTextual()) {
        problems.add(
            "line "
                + line
                + ": message "
                + (turns.size() + 1)
                + " needs a 'role' of system, user or assistant and a text 'content'");
        return turns;
      }
      turns.add(new Question.Turn(role, message.get("content").asText()));
    }
    if (turns.isEmpty() || !turns.getLast().role().equals("user")) {
      problems.add("line " + line + ": the last of 'messages' must be the user's");
    }
    return turns;
  }

  private List<String> expected(int line, JsonNode row) {
    if (row.has("expected") && row.has("answer")) {
      problems.add("line " + line + ": give 'expected' or 'answer', not both");
      return List.of();
    }
    JsonNode value = row.has("expected") ? row.get("expected") : row.path("answer");
    if (value.isMissingNode()) {
      return List.of();
    }
    List<String> wordings = new ArrayList<>();
    for (JsonNode wording : value.isArray() ? value : List.of(value)) {
      if (!wording.isValueNode() || wording.isNull() || wording.asText().isBlank()) {
        problems.add("line " + line + ": 'expected' must be a text or a list of texts");
        return List.of();
      }
      wordings.add(wording.asText());
    }
    return wordings;
  }

  private static String kind(JsonNode node) {
    return node.isMissingNode()
        ? "nothing"
        : "a JSON " + node.getNodeType().toString().toLowerCase(java.util.Locale.ROOT);
  }
}
