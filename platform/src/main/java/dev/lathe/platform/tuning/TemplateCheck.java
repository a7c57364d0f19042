package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.RenderOptions;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// Compares the template that a recipe names with the model's own, which is the one used: what is
/// trained is rendered as what will be asked.
///
/// LLaMA-Factory brings its own templates under names; here they are known by the text that they
/// make of a system message, a question and an answer. A name whose text is not what the model's
/// template makes is refused.
final class TemplateCheck {
  /// @param conversation text for system `S`, user `U`, assistant `A`
  /// @param system default system text; empty for none
  private record Known(String conversation, String system) {}

  private static final String CHATML =
      """
      <|im_start|>system
      S<|im_end|>
      <|im_start|>user
      U<|im_end|>
      <|im_start|>assistant
      A<|im_end|>
      """;
  private static final Map<String, Known> KNOWN =
      Map.of(
          "chatml", new Known(CHATML, ""),
          "smollm", new Known(CHATML, ""),
          "smollm2",
              new Known(
                  CHATML, "You are a helpful AI assistant named SmolLM, trained by Hugging Face."),
          "qwen",
              new Known(
                  CHATML, "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
          "llama3",
              new Known(
                  "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
                      + "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
                      + "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>",
                  ""));

  private TemplateCheck() {}

  /// A note where the two differ in the default system text.
  ///
  /// @throws LatheException when they differ in more, or the name is not known
  static Optional<String> check(String name, ChatTemplate template) {
    Known known = KNOWN.get(name);
    if (known == null) {
      throw LatheException.user(
          "template '" + name + "' is not supported; known are " + new TreeSet<>(KNOWN.keySet()),
          "leave template out: the model's own is used");
    }
    String own = render(template, Message.system("S"), Message.user("U"), Message.assistant("A"));
    if (!own.stripTrailing().equals(known.conversation().stripTrailing())) {
      throw LatheException.user(
          "template '" + name + "' is not that of the model, which writes '" + brief(own) + "'",
          "leave template out: the model's own is used");
    }
    String without = render(template, Message.user("U"), Message.assistant("A"));
    String expected =
        known.system().isEmpty()
            ? known.conversation().replaceFirst("(?s)^.*?S(<\\|im_end\\|>\n|<\\|eot_id\\|>)", "")
            : known.conversation().replaceFirst("S", known.system());
    return without.stripTrailing().equals(expected.stripTrailing())
        ? Optional.empty()
        : Optional.of(
            "'template' "
                + name
                + ": the model's own template is used; where a row has no system text it begins '"
                + brief(without)
                + "'");
  }

  private static String render(ChatTemplate template, Message... messages) {
    return template.render(Conversation.of(messages), new RenderOptions(false, Clock.systemUTC()));
  }

  private static String brief(String text) {
    String line = text.replace("\n", "\\n");
    return line.length() <= 120 ? line : line.substring(0, 117) + "...";
  }
}
