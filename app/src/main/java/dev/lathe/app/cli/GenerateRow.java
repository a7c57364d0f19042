package dev.lathe.app.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.platform.evaluation.Question;
import dev.lathe.platform.evaluation.Questions;
import dev.lathe.platform.gateway.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/// One row to generate from.
///
/// @param fields what came in, handed through to the output
record GenerateRow(ObjectNode fields, Prompt prompt) {
  private static final JsonMapper JSON = new JsonMapper();

  /// One prompt without a row.
  static GenerateRow of(String text, boolean raw, Optional<String> system) {
    ObjectNode fields = JSON.createObjectNode().put("prompt", text);
    return new GenerateRow(fields, prompt(Question.of("", text, List.of()), raw, system));
  }

  /// The rows of a file or a pipe.
  ///
  /// @param source names them in messages
  /// @throws LatheException naming all bad rows at once
  static List<GenerateRow> of(
      String source, Questions.Read read, boolean raw, Optional<String> system) {
    List<GenerateRow> rows = new ArrayList<>();
    List<Integer> conversations = new ArrayList<>();
    for (int i = 0; i < read.lines().size(); i++) {
      ObjectNode fields = fields(read.lines().get(i));
      if (raw && fields.has("messages")) {
        conversations.add(i + 1);
      } else {
        rows.add(new GenerateRow(fields, prompt(read.questions().get(i), raw, system)));
      }
    }
    if (!conversations.isEmpty()) {
      throw LatheException.user(
          "rows of '"
              + source
              + "' have 'messages', and --raw takes plain prompts: "
              + conversations.stream().map(String::valueOf).collect(Collectors.joining(", ")),
          "leave --raw out or give 'prompt'");
    }
    return rows;
  }

  private static ObjectNode fields(String line) {
    try {
      return (ObjectNode) JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a line that was JSON before", e);
    }
  }

  /// A question as a prompt: the system message is added where the question has none of its own.
  static Prompt prompt(Question question, boolean raw, Optional<String> system) {
    if (raw) {
      return new Prompt.Raw(question.prompt());
    }
    List<Message> messages = new ArrayList<>();
    boolean hasOwn = question.turns().getFirst().role().equals("system");
    if (!hasOwn) {
      system.map(Message::system).ifPresent(messages::add);
    }
    question.turns().forEach(turn -> messages.add(message(turn)));
    return new Prompt.Chat(new Conversation(messages));
  }

  private static Message message(Question.Turn turn) {
    return switch (turn.role()) {
      case "system" -> Message.system(turn.text());
      case "assistant" -> Message.assistant(turn.text());
      default -> Message.user(turn.text());
    };
  }
}
