package dev.lathe.app.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.platform.evaluation.Question;
import dev.lathe.platform.evaluation.Questions;
import dev.lathe.platform.gateway.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// One row to generate from.
///
/// @param fields what came in, handed through to the output
/// @param decoding how its replies are made
record GenerateRow(ObjectNode fields, Prompt prompt, Decoding decoding) {
  /// Keys that mean nothing to a reply and are handed through.
  private static final Set<String> HANDED_THROUGH = Set.of("id", "metadata", "expected", "answer");

  private static final Set<String> WRITTEN =
      Set.of("index", "output", "tool_calls", "finish", "prompt_tokens", "output_tokens");

  private static final Set<String> PROMPTS = Set.of("prompt", "messages");
  private static final int PROBLEMS_SHOWN = 20;

  private static final JsonMapper JSON = new JsonMapper();

  /// One prompt without a row.
  static GenerateRow of(String text, boolean raw, Optional<String> system, Decoding decoding) {
    ObjectNode fields = JSON.createObjectNode().put("prompt", text);
    return new GenerateRow(fields, prompt(Question.of("", text, List.of()), raw, system), decoding);
  }

  /// The rows of a file or a pipe.
  ///
  /// @param source names them in messages
  /// @param usual how replies are made where a row says nothing else
  /// @param kept further keys that are handed through
  /// @throws LatheException naming all bad rows or keys at once
  static List<GenerateRow> of(
      String source,
      Questions.Read read,
      boolean raw,
      Optional<String> system,
      Decoding usual,
      Set<String> kept) {
    requireKnown(source, read, kept);
    List<GenerateRow> rows = new ArrayList<>();
    List<Integer> conversations = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < read.lines().size(); i++) {
      ObjectNode fields = fields(read.lines().get(i));
      if (raw && fields.has("messages")) {
        conversations.add(i + 1);
        continue;
      }
      try {
        Prompt prompt = prompt(read.questions().get(i), raw, system);
        rows.add(new GenerateRow(fields, prompt, usual.with(fields)));
      } catch (LatheException e) {
        problems.add("row " + (i + 1) + ": " + e.getMessage());
      }
    }
    if (!problems.isEmpty()) {
      throw LatheException.user(
          problems.size()
              + " rows of '"
              + source
              + "' cannot be used\n  "
              + FirstFew.of(problems, PROBLEMS_SHOWN, "\n  ", "\n  and "),
          "correct or remove these rows");
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

  private static void requireKnown(String source, Questions.Read read, Set<String> kept) {
    List<String> taken = kept.stream().filter(WRITTEN::contains).sorted().toList();
    if (!taken.isEmpty()) {
      throw LatheException.user(
          "--keep names keys that replies are written under: " + String.join(", ", taken),
          "rename them in '" + source + "'");
    }
    Set<String> known = new TreeSet<>(Decoding.KEYS);
    known.addAll(PROMPTS);
    known.addAll(HANDED_THROUGH);
    known.addAll(kept);
    List<String> unknown =
        read.unusedKeys().stream().filter(key -> !known.contains(key)).sorted().toList();
    if (!unknown.isEmpty()) {
      throw LatheException.user(
          "rows of '"
              + source
              + "' have keys that mean nothing here: "
              + String.join(", ", unknown),
          "remove them, or hand them through with --keep "
              + String.join(",", unknown)
              + Nearest.hint(unknown.getFirst(), known));
    }
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
