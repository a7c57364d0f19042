package dev.lathe.compute.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path temp;

  @Test
  void opensWhatTinyModelsWrites() {
    try (Checkpoint llama = Checkpoint.open(TinyModels.llama(temp.resolve("l"), 1));
        Checkpoint qwen = Checkpoint.open(TinyModels.qwen2(temp.resolve("q"), 1))) {
      assertThat(llama.config().tiedEmbeddings()).isTrue();
      assertThat(llama.config().eosTokenIds())
          .containsExactly(TinyModels.END_OF_TEXT, TinyModels.TURN_END);
      assertThat(llama.head().name()).isEqualTo(WeightNames.EMBEDDING);
      assertThat(qwen.config().attentionBias()).isTrue();
      assertThat(qwen.weights().tensor("model.layers.1.self_attn.k_proj.bias").shape())
          .containsExactly(16L);
    }
  }

  @Test
  void theSameSeedGivesTheSameBytes() throws Exception {
    TinyModels.llama(temp.resolve("a"), 7);
    TinyModels.llama(temp.resolve("b"), 7);
    TinyModels.llama(temp.resolve("c"), 8);

    byte[] a = Files.readAllBytes(temp.resolve("a/model.safetensors"));

    assertThat(Files.readAllBytes(temp.resolve("b/model.safetensors"))).isEqualTo(a);
    assertThat(Files.readAllBytes(temp.resolve("c/model.safetensors"))).isNotEqualTo(a);
  }

  @Test
  void anAbsentPathIsNamed() {
    assertThatThrownBy(() -> Checkpoint.open(temp.resolve("nothing")))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("nothing");
  }
}
