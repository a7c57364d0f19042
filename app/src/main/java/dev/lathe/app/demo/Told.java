package dev.lathe.app.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.platform.evaluation.Comparison.Answer;
import dev.lathe.platform.evaluation.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/// What one candidate answered, by question.
///
/// @param of identity of who answered; answers of another do not count
/// @param answers question text to answer
public record Told(String of, SequencedMap<String, Text> answers) {
  private static final JsonMapper JSON = new JsonMapper();

  public Told {
    answers = new LinkedHashMap<>(answers);
  }

  /// @param cut whether the limit of tokens ended it
  public record Text(String text, boolean cut) {}

  /// The answers kept in a file, when they are of that candidate and hold every question.
  public static Optional<Told> read(Path file, String of, List<Question> questions) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      JsonNode json = JSON.readTree(Files.readAllBytes(file));
      Told told = new Told(json.path("of").asText(), answers(json.path("answers")));
      boolean whole =
          questions.stream().map(Question::prompt).allMatch(told.answers()::containsKey);
      return told.of().equals(of) && whole ? Optional.of(told) : Optional.empty();
    } catch (IOException damaged) {
      return Optional.empty();
    }
  }

  private static SequencedMap<String, Text> answers(JsonNode json) {
    SequencedMap<String, Text> answers = new LinkedHashMap<>();
    for (JsonNode answer : json) {
      answers.put(
          answer.path("question").asText(),
          new Text(answer.path("text").asText(), answer.path("cut").asBoolean()));
    }
    return answers;
  }

  /// As the file keeps it.
  public String json() {
    ObjectNode json = JSON.createObjectNode().put("of", of);
    ArrayNode list = json.putArray("answers");
    for (Map.Entry<String, Text> answer : answers.entrySet()) {
      list.addObject()
          .put("question", answer.getKey())
          .put("text", answer.getValue().text())
          .put("cut", answer.getValue().cut());
    }
    return json.toPrettyString() + "\n";
  }

  /// The judged answer to a question.
  public Answer answer(Question question) {
    Text text = answers.get(question.prompt());
    if (text == null) {
      throw new IllegalArgumentException("nobody asked '" + question.prompt() + "'");
    }
    return Answer.to(question, text.text(), text.cut());
  }
}
