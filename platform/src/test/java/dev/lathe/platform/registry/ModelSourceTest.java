package dev.lathe.platform.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelSourceTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "hf:org/repo",
        "hf:org/repo@v1.0",
        "hf:org/repo@refs/pr/3:q4.gguf",
        "modelscope:org/repo:sub/q4.gguf",
        "pip:a==1",
        "pip:a==1,b==2!*/x.bin#sha256=" + HASH,
        "file:/models/x.gguf"
      })
  void theTextFormIsReadAndWrittenTheSame(String text) {
    assertThat(ModelSource.parse(text)).hasToString(text);
  }

  private static final String HASH =
      "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "hf:repo",
        "hf:org/../repo",
        "hf:org/repo:model.bin",
        "hf:org/repo@../x",
        "pip:a",
        "pip:a>=1",
        "pip:-r==1",
        "pip:a==1#sha256=12",
        "file:",
        "ftp:x"
      })
  void whatIsNoSourceIsRefusedWithAnExample(String text) {
    assertThatThrownBy(() -> ModelSource.parse(text))
        .hasMessageContaining("'" + text + "' is not a source of models")
        .hasMessageContaining("write for example hf:");
  }

  @Test
  void namesInTheStoreFollowFromTheSource() {
    assertThat(ModelSource.parse("hf:org/repo@v1:a.gguf").defaultName())
        .isEqualTo("org/repo@v1:a.gguf");
    assertThat(ModelSource.parse("file:/x/Model.Q4.gguf").defaultName()).isEqualTo("Model.Q4");
    assertThat(
            new ModelSource.PipPackages(
                    List.of("a==1", "b==1"),
                    "*",
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty())
                .defaultName())
        .isEqualTo("a");
  }
}
