package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The JSON beside a model, as somebody with bad intentions might write it.
class HostileFilesTest {
  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void makeModel() {
    model = TinyModels.llama(directory.resolve("model"), 1);
  }

  private void change(String name, String from, String to) throws IOException {
    Path file = model.resolve(name);
    String text = Files.readString(file);
    if (!text.contains(from)) {
      throw new IllegalArgumentException(name + " has no " + from);
    }
    Files.writeString(file, text.replaceFirst(java.util.regex.Pattern.quote(from), to));
  }

  @Test
  void aTokenizerThatSaysAThingTwiceIsRefused() throws IOException {
    change("tokenizer.json", "{", "{\"model\":{},");

    assertThatThrownBy(() -> Tokenizer.ofDirectory(model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("tokenizer.json' is not the JSON that was expected in line")
        .hasMessageContaining("Duplicate field 'model'");
  }

  @Test
  void aTokenizerThatIsMissingIsNamed() throws IOException {
    Files.delete(model.resolve("tokenizer.json"));

    assertThatThrownBy(() -> Tokenizer.ofDirectory(model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("tokenizer.json");
  }

  @Test
  void aTemplateThatStandsTwiceIsRefused() throws IOException {
    change("tokenizer_config.json", "{", "{\"chat_template\":\"x\",\"chat_template\":\"y\",");

    assertThatThrownBy(() -> ChatTemplate.ofDirectory(model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("Duplicate field 'chat_template'");
  }

  @Test
  void textAfterTheConfigurationIsRefused() throws IOException {
    Path file = model.resolve("tokenizer_config.json");
    Files.writeString(file, Files.readString(file) + "{}");

    assertThatThrownBy(() -> ChatTemplate.ofDirectory(model))
        .hasMessageContaining("something follows the end");
  }
}
