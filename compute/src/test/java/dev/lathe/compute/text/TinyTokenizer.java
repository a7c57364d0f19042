package dev.lathe.compute.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;

/// A tokenizer of some 450 tokens, trained by `tools/row-fixtures/generate.py`, and ChatML
/// templates for it.
final class TinyTokenizer {
  static final Clock CLOCK = Clock.fixed(Instant.parse("2026-03-09T14:05:07Z"), ZoneOffset.UTC);

  private TinyTokenizer() {}

  static Tokenizer open() {
    return Tokenizer.of(json("tokenizer.json"), new byte[0]);
  }

  static JsonNode json(String resource) {
    try (InputStream in = TinyTokenizer.class.getResourceAsStream(resource)) {
      return new ObjectMapper().readTree(in);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /// ChatML with tools, and with a system message where the conversation has none.
  static ChatTemplate template(String defaultSystem) {
    String opening =
        defaultSystem.isEmpty()
            ? ""
            : "{% if messages[0].role != 'system' %}<|im_start|>system\n"
                + defaultSystem
                + "<|im_end|>\n{% endif %}";
    String body =
        "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
            + opening
            + "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' +"
            + " message.content + '<|im_end|>\\n' }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
    return ChatTemplate.of(body.replace("<|im_end|>\n{%", "<|im_end|>{{ '\\n' }}{%"), Map.of());
  }

  static ChatEncoder encoder(Tokenizer tokenizer, String defaultSystem) {
    return ChatEncoder.of(
        tokenizer, template(defaultSystem), new RenderOptions(false, CLOCK), List.of(2));
  }
}
