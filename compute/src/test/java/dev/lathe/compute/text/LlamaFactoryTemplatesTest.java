package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.text.LlamaFactoryTemplates.Match;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LlamaFactoryTemplatesTest {
  private static ChatTemplate model(String name) {
    for (JsonNode model : TinyTokenizer.json("chat-templates.json").path("models")) {
      if (model.path("name").asText().equals(name)) {
        return ChatTemplate.of(model.path("template").asText(), Map.of());
      }
    }
    throw new IllegalArgumentException(name);
  }

  @Test
  void aNameThatWritesTheSameIsEqual() {
    assertThat(LlamaFactoryTemplates.match("qwen", model("qwen2_5"))).isEqualTo(new Match.Equal());
  }

  @Test
  void anotherSystemMessageIsToldApartFromOtherTurns() {
    assertThat(LlamaFactoryTemplates.match("smollm2", model("smollm2")))
        .isEqualTo(
            new Match.OtherDefaultSystem(
                "You are a helpful AI assistant named SmolLM, trained by Hugging Face."));
    assertThat(LlamaFactoryTemplates.match("chatml", model("qwen2_5")))
        .isEqualTo(new Match.OtherDefaultSystem(""));
  }

  @Test
  void aNameWithOtherTurnsComesWithTheNamesThatFit() {
    assertThat(LlamaFactoryTemplates.match("default", model("smollm2")))
        .isInstanceOfSatisfying(
            Match.Different.class,
            different -> {
              assertThat(different.fitting())
                  .containsExactly("chatml", "qwen", "smollm", "smollm2");
              assertThat(different.theirs()).contains("Human: first question");
              assertThat(different.own()).contains("<|im_start|>user\nfirst question");
            });
  }

  @Test
  void anUnknownNameComesWithTheNamesThatFit() {
    assertThat(LlamaFactoryTemplates.match("llama9", model("smollm2")))
        .isInstanceOfSatisfying(
            Match.Unknown.class, unknown -> assertThat(unknown.fitting()).contains("smollm2"));
  }
}
