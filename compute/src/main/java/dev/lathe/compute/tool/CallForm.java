package dev.lathe.compute.tool;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Message.Role;
import dev.lathe.compute.text.RenderOptions;
import dev.lathe.compute.text.ToolCall;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// How a model writes calls of tools: `begin call end`, or `begin call between call end` and so on.
///
/// @param begin what stands before the first slot of the first call, without white space at its
///   beginning
/// @param call the slots of one call and the texts between them
/// @param between what stands between two calls; empty when the model makes one call at most
/// @param end what stands after the last slot of the last call
/// @param tokens spellings of control tokens that occur in these texts
public record CallForm(
    String begin, List<Part> call, Optional<String> between, String end, Set<String> tokens) {
  /// Part of a call.
  public sealed interface Part {
    /// A text that never changes.
    record Fixed(String text) implements Part {}

    /// The tool's name.
    record Name() implements Part {}

    /// The arguments, a JSON object.
    record Arguments() implements Part {}

    /// An identifier, nine letters and digits.
    record Id() implements Part {}
  }

  /// For models whose template knows no tools: the form that most open models were trained on.
  public static final CallForm GENERIC =
      new CallForm(
          "<tool_call>\n{\"name\": \"",
          List.of(new Part.Name(), new Part.Fixed("\", \"arguments\": "), new Part.Arguments()),
          Optional.of("}\n</tool_call>\n<tool_call>\n{\"name\": \""),
          "}\n</tool_call>",
          Set.of());

  private static final int MOST_CALLS = 64;
  private static final String QUESTION = "zqquestion";
  private static final String ANSWER = "zqanswer";
  private static final String KEY = "zqkey";
  private static final String ARGUMENTS = "{\"" + KEY + "\": \"zqvalue\"}";
  private static final Pattern SLOT =
      Pattern.compile(
          "(?<name>zqtool[ab])|(?<id>zqid000\\d\\d)"
              + "|(?<arguments>\\{\\s*\"zqkey\"\\s*:\\s*\"zqvalue\"\\s*\\})");

  public CallForm {
    call = List.copyOf(call);
    tokens = Set.copyOf(tokens);
  }

  /// Finds the form out by having the template write calls; [#GENERIC] where it knows no tools, or
  /// writes calls otherwise than with the arguments as one JSON object.
  ///
  /// @param controlTokens spellings of the tokenizer's control tokens
  public static CallForm of(
      ChatTemplate template, RenderOptions options, Collection<String> controlTokens) {
    return new Probe(template, options, controlTokens).form().orElse(GENERIC);
  }

  /// Asks a template for calls whose parts can be told apart.
  private record Probe(
      ChatTemplate template, RenderOptions options, Collection<String> controlTokens) {
    private static final String TOOL =
        "{\"type\": \"function\", \"function\": {\"name\": \"zqtoola\", \"description\": \"zq\","
            + " \"parameters\": {\"type\": \"object\", \"properties\": {\""
            + KEY
            + "\": {\"type\": \"string\"}}}}}";

    Optional<CallForm> form() {
      Optional<Written> one = written(1);
      if (one.isEmpty()) {
        return Optional.empty();
      }
      Written single = one.get();
      Optional<String> between = written(2).flatMap(two -> between(single, two));
      return Optional.of(
          new CallForm(
              single.begin(),
              single.parts(),
              between,
              single.end(),
              tokens(single, between.orElse(""))));
    }

    private Set<String> tokens(Written written, String between) {
      return controlTokens.stream()
          .filter(token ->
              !token.isEmpty() && (written.whole().contains(token) || between.contains(token)))
          .collect(Collectors.toSet());
    }

    private Optional<Written> written(int calls) {
      List<ToolCall> made = new ArrayList<>();
      for (int i = 0; i < calls; i++) {
        made.add(new ToolCall("zqid0000" + i, i == 0 ? "zqtoola" : "zqtoolb", ARGUMENTS));
      }
      Optional<String> calling = rendered(new Message(Role.ASSISTANT, "", made));
      Optional<String> plain = rendered(Message.assistant(ANSWER));
      if (calling.isEmpty() || plain.isEmpty()) {
        return Optional.empty();
      }
      int answer = plain.get().lastIndexOf(ANSWER);
      if (answer < 0 || !calling.get().startsWith(plain.get().substring(0, answer))) {
        return Optional.empty();
      }
      String after = plain.get().substring(answer + ANSWER.length());
      return Written.of(calling.get().substring(answer), stop(after));
    }

    private Optional<String> rendered(Message answer) {
      List<Message> messages = List.of(Message.user(QUESTION), answer);
      try {
        RenderOptions told = new RenderOptions(false, options.clock(), options.variables());
        return Optional.of(template.render(new Conversation(messages, List.of(TOOL)), told));
      } catch (LatheException e) {
        return Optional.empty();
      }
    }

    /// What ends an answer: the first control token after it, or all that follows.
    private String stop(String after) {
      return controlTokens.stream()
          .filter(token -> !token.isEmpty() && after.contains(token))
          .min(
              Comparator.comparingInt((String token) -> after.indexOf(token))
                  .thenComparing(Comparator.comparingInt(String::length).reversed()))
          .orElse(after);
    }

    /// What stands between the calls, when otherwise each is written as a single one is.
    private static Optional<String> between(Written one, Written two) {
      int slots = slots(one.parts());
      int seen = 0;
      for (int i = 0; i < two.parts().size(); i++) {
        seen += two.parts().get(i) instanceof Part.Fixed ? 0 : 1;
        if (seen == slots
            && i + 1 < two.parts().size()
            && two.parts().get(i + 1) instanceof Part.Fixed(String text)) {
          boolean alike =
              one.parts().equals(two.parts().subList(0, i + 1))
                  && one.parts().equals(two.parts().subList(i + 2, two.parts().size()))
                  && one.begin().equals(two.begin())
                  && one.end().equals(two.end());
          return alike ? Optional.of(text) : Optional.empty();
        }
      }
      return Optional.empty();
    }

    private static int slots(List<Part> parts) {
      return (int) parts.stream().filter(part -> !(part instanceof Part.Fixed)).count();
    }
  }

  /// What a template wrote, cut at the slots.
  private record Written(String whole, String begin, List<Part> parts, String end) {
    static Optional<Written> of(String text, String stop) {
      List<Part> parts = new ArrayList<>();
      Matcher slot = SLOT.matcher(text);
      int last = -1;
      int first = 0;
      while (slot.find()) {
        if (last >= 0 && slot.start() > last) {
          parts.add(new Part.Fixed(text.substring(last, slot.start())));
        }
        first = parts.isEmpty() ? slot.start() : first;
        parts.add(
            slot.group("name") != null
                ? new Part.Name()
                : slot.group("id") != null ? new Part.Id() : new Part.Arguments());
        last = slot.end();
      }
      int end = last < 0 ? -1 : stop.isEmpty() ? text.length() : text.indexOf(stop, last);
      boolean complete =
          parts.contains(new Part.Name())
              && parts.contains(new Part.Arguments())
              && !text.substring(0, first).isBlank();
      return complete && end >= 0
          ? Optional.of(
              new Written(
                  text.substring(0, end),
                  text.substring(0, first).stripLeading(),
                  List.copyOf(parts),
                  text.substring(last, end)))
          : Optional.empty();
    }
  }

  /// What marks the beginning of calls inside other text; empty when calls can only be told at the
  /// very beginning of an output.
  public Optional<String> trigger() {
    Optional<String> token =
        tokens.stream().filter(begin::startsWith).max(Comparator.comparingInt(String::length));
    if (token.isPresent()) {
      return token;
    }
    Matcher mark = Pattern.compile("[^\\s{\\[\"][^\\n{\\[\"]+").matcher(begin);
    boolean marked = mark.lookingAt() && mark.group().strip().length() > 2;
    return marked ? Optional.of(mark.group().stripTrailing()) : Optional.empty();
  }

  /// The outputs that a choice allows, empty when that is any; every call of one of the tools with
  /// arguments that are valid under its schema.
  ///
  /// @param parallel whether several calls are allowed, where the model knows that
  /// @throws LatheException naming the tool whose schema cannot be held to, and why
  public Optional<Grammar> grammar(List<Tool> tools, ToolChoice choice, boolean parallel) {
    return switch (choice) {
      case ToolChoice.None _ -> Optional.empty();
      case ToolChoice.Required _ -> Optional.of(calls(tools, parallel));
      case ToolChoice.Named(String name) ->
          Optional.of(
              calls(tools.stream().filter(tool -> tool.name().equals(name)).toList(), false));
      case ToolChoice.Auto _ -> Optional.of(textOr(calls(tools, parallel)));
    };
  }

  private Grammar calls(List<Tool> tools, boolean parallel) {
    Grammar one = Grammar.anyOf(tools.stream().map(this::call).toList());
    List<Grammar> parts = new ArrayList<>(List.of(Grammar.text(begin, tokens), one));
    if (parallel && between.isPresent()) {
      Grammar next = Grammar.sequence(List.of(Grammar.text(between.get(), tokens), one));
      parts.add(next.repeated(0, MOST_CALLS - 1));
    }
    parts.add(Grammar.text(end, tokens));
    return Grammar.sequence(parts);
  }

  private Grammar call(Tool tool) {
    try {
      Grammar arguments = Grammar.jsonSchema(tool.parameters());
      return Grammar.sequence(
          call.stream()
              .map(part ->
                  switch (part) {
                    case Part.Fixed(String text) -> Grammar.text(text, tokens);
                    case Part.Name _ -> Grammar.text(tool.name(), Set.of());
                    case Part.Arguments _ -> arguments;
                    case Part.Id _ -> Grammar.regex("[a-zA-Z0-9]{9}");
                  })
              .toList());
    } catch (LatheException e) {
      throw new LatheException(e.kind(), "tool '" + tool.name() + "': " + e.getMessage(), "", e);
    }
  }

  private Grammar textOr(Grammar calls) {
    Optional<String> trigger = trigger();
    if (trigger.isEmpty()) {
      return Grammar.anyOf(List.of(calls, Grammar.textNotBeginning(begin)));
    }
    return Grammar.sequence(List.of(Grammar.textWithout(trigger.get()), calls.repeated(0, 1)));
  }

  /// A conversation in which tools are offered, as the model's template can write it down: where it
  /// knows no tools, they are described in the system message, and calls and results are told as
  /// text.
  ///
  /// @param tools none where those of before are not offered any more
  public Conversation offering(List<Tool> tools, Conversation conversation) {
    List<Message> messages = conversation.messages();
    if (!equals(GENERIC)) {
      return new Conversation(messages, tools.stream().map(Tool::json).toList());
    }
    List<Message> told = new ArrayList<>();
    boolean hasSystem = messages.getFirst().role() == Role.SYSTEM;
    if (!tools.isEmpty()) {
      String before = hasSystem ? messages.getFirst().content() + "\n\n" : "";
      told.add(Message.system(before + instructions(tools)));
    }
    List<String> results = new ArrayList<>();
    for (Message each : messages.subList(hasSystem && !tools.isEmpty() ? 1 : 0, messages.size())) {
      if (each.role() == Role.TOOL) {
        results.add("<tool_response>\n" + each.content() + "\n</tool_response>");
        continue;
      }
      tell(results, told);
      told.add(asText(each));
    }
    tell(results, told);
    return new Conversation(told);
  }

  /// Results of calls made together make one message, as many templates want questions and answers
  /// to alternate.
  private static void tell(List<String> results, List<Message> told) {
    if (!results.isEmpty()) {
      told.add(Message.user(String.join("\n", results)));
      results.clear();
    }
  }

  private static String instructions(List<Tool> tools) {
    return "You may call these functions to help with the user's query:\n<tools>\n"
        + tools.stream().map(Tool::json).collect(Collectors.joining("\n"))
        + "\n</tools>\nFor each call write a JSON object with the function's name and its arguments"
        + " within <tool_call></tool_call> tags:\n<tool_call>\n"
        + "{\"name\": <name>, \"arguments\": <arguments object>}\n</tool_call>";
  }

  private Message asText(Message message) {
    if (message.toolCalls().isEmpty()) {
      return message;
    }
    StringBuilder text = new StringBuilder(message.content());
    for (ToolCall each : message.toolCalls()) {
      text.append(text.isEmpty() ? "" : "\n").append(begin);
      for (Part part : call) {
        text.append(
            switch (part) {
              case Part.Fixed(String fixed) -> fixed;
              case Part.Name _ -> each.name();
              case Part.Arguments _ -> each.argumentsJson();
              case Part.Id _ -> each.id();
            });
      }
      text.append(end);
    }
    return Message.assistant(text.toString());
  }

  /// A parser of one output in this form.
  public CallParser parser() {
    return new CallParser(this);
  }
}
