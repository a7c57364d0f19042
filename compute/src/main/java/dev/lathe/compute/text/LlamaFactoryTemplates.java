package dev.lathe.compute.text;

import dev.lathe.compute.LatheException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What the `template:` names of LLaMA-Factory stand for, as far as it matters here: whether a
/// model's own chat template writes the same.
///
/// Lathe always trains and answers with the model's own template. A name is accepted where both
/// write the same turns; the facts are those of LLaMA-Factory 0.9.5, `data/template.py`.
public final class LlamaFactoryTemplates {
  /// How a name relates to a model's own template.
  public sealed interface Match {
    /// The same, character for character.
    record Equal() implements Match {}

    /// The same turns; only the system message differs that is written where a conversation has
    /// none. Lathe writes the model's own.
    ///
    /// @param theirs the one of the name; empty for none
    record OtherDefaultSystem(String theirs) implements Match {}

    /// Other turns.
    ///
    /// @param theirs what the name makes of a short conversation
    /// @param own what the model's template makes of it
    /// @param fitting names that fit the model
    record Different(String theirs, String own, List<String> fitting) implements Match {
      public Different {
        fitting = List.copyOf(fitting);
      }
    }

    /// A name that is not described here.
    ///
    /// @param fitting names that fit the model
    record Unknown(List<String> fitting) implements Match {
      public Unknown {
        fitting = List.copyOf(fitting);
      }
    }
  }

  /// `{}` stands for the content, `{bos}` and `{eos}` for the model's tokens.
  private record Format(
      String prefix, String system, String user, String assistant, String defaultSystem) {}

  private static final String IM_SYSTEM = "<|im_start|>system\n{}<|im_end|>\n";
  private static final String IM_USER = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n";
  private static final String IM_ASSISTANT = "{}<|im_end|>\n";

  private static final Map<String, Format> FORMATS =
      new TreeMap<>(
          Map.of(
              "chatml", new Format("", IM_SYSTEM, IM_USER, IM_ASSISTANT, ""),
              "smollm", new Format("", IM_SYSTEM, IM_USER, IM_ASSISTANT, ""),
              "smollm2",
                  new Format(
                      "",
                      IM_SYSTEM,
                      IM_USER,
                      IM_ASSISTANT,
                      "You are a helpful AI assistant named SmolLM, trained by Hugging Face."),
              "qwen",
                  new Format(
                      "",
                      IM_SYSTEM,
                      IM_USER,
                      IM_ASSISTANT,
                      "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
              "default",
                  new Format(
                      "", "System: {}{eos}\n", "Human: {}{eos}\nAssistant:", "{}{eos}\n", ""),
              "llama3",
                  new Format(
                      "{bos}",
                      "<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
                      "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
                          + "<|start_header_id|>assistant<|end_header_id|>\n\n",
                      "{}<|eot_id|>",
                      ""),
              "phi",
                  new Format(
                      "",
                      "<|system|>\n{}<|end|>\n",
                      "<|user|>\n{}<|end|>\n<|assistant|>\n",
                      "{}<|end|>\n",
                      ""),
              "deepseek3", new Format("{bos}", "{}", "<｜User｜>{}<｜Assistant｜>", "{}{eos}", "")));

  private static final List<Message> TURNS =
      List.of(
          Message.user("first question"),
          Message.assistant("first answer"),
          Message.user("second question"),
          Message.assistant("second answer"));

  private LlamaFactoryTemplates() {}

  /// Compares a name with a model's own template by rendering short conversations.
  public static Match match(String name, ChatTemplate template) {
    Format format = FORMATS.get(name);
    if (format == null) {
      return new Match.Unknown(fitting(template));
    }
    String system = "the system message";
    String theirs = write(format, template, system);
    String own = own(template, system);
    if (!theirs.equals(own)) {
      return new Match.Different(theirs, own, fitting(template));
    }
    return write(format, template, format.defaultSystem()).equals(own(template, ""))
        ? new Match.Equal()
        : new Match.OtherDefaultSystem(format.defaultSystem());
  }

  /// The names whose turns are those of a model's own template.
  public static List<String> fitting(ChatTemplate template) {
    String system = "the system message";
    String own = own(template, system);
    return FORMATS.keySet().stream()
        .filter(name -> {
          Format format = FORMATS.get(name);
          return format != null && write(format, template, system).equals(own);
        })
        .toList();
  }

  private static String own(ChatTemplate template, String system) {
    List<Message> messages = new java.util.ArrayList<>(TURNS);
    if (!system.isEmpty()) {
      messages.addFirst(Message.system(system));
    }
    Clock anyClock = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
    try {
      return template.render(new Conversation(messages), new RenderOptions(false, anyClock));
    } catch (LatheException e) {
      return "(" + e.getMessage() + ")";
    }
  }

  private static String write(Format format, ChatTemplate template, String system) {
    StringBuilder text = new StringBuilder(format.prefix());
    if (!system.isEmpty()) {
      text.append(format.system().replace("{}", system));
    }
    for (Message message : TURNS) {
      String turn = message.role() == Message.Role.USER ? format.user() : format.assistant();
      text.append(turn.replace("{}", message.content()));
    }
    return text.toString()
        .replace("{bos}", template.specialToken("bos_token"))
        .replace("{eos}", template.specialToken("eos_token"));
  }
}
