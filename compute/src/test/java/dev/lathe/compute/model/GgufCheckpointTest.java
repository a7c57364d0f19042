package dev.lathe.compute.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.GgufFile;
import dev.lathe.compute.weights.Resources;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufCheckpointTest {
  @TempDir Path temp;

  private static Path tiny() {
    return Resources.file(GgufCheckpointTest.class, "tiny-llama.gguf");
  }

  @Test
  void tensorsEqualWhatTransformersReadsFromTheSameFile() {
    Path expected = Resources.file(GgufCheckpointTest.class, "tiny-llama.safetensors");
    try (Checkpoint checkpoint = Checkpoint.open(tiny());
        WeightSource wanted = Safetensors.open(List.of(expected))) {
      assertThat(checkpoint.weights().names()).isEqualTo(wanted.names());
      for (String name : wanted.names()) {
        WeightTensor found = checkpoint.weights().tensor(name);
        assertThat(found.name()).isEqualTo(name);
        assertThat(found.shape()).isEqualTo(wanted.tensor(name).shape());
        assertThat(Dequantize.toF32(found))
            .as(name)
            .isEqualTo(Dequantize.toF32(wanted.tensor(name)));
      }
    }
  }

  @Test
  void rowsAreMovedWithoutDequantisingAndOnce() {
    try (Checkpoint checkpoint = Checkpoint.open(tiny())) {
      WeightTensor q = checkpoint.weights().tensor(WeightNames.weight(0, ModelConfig.Projection.Q));

      assertThat(q.type()).isEqualTo(DType.Q4_0);
      assertThat(checkpoint.weights().tensor(q.name())).isSameAs(q);
    }
  }

  @Test
  void theConfigComesFromTheMetadata() {
    try (Checkpoint checkpoint = Checkpoint.open(tiny())) {
      ModelConfig config = checkpoint.config();

      assertThat(config.family()).isEqualTo(ModelConfig.Family.LLAMA);
      assertThat(config.width()).isEqualTo(64);
      assertThat(config.kvHeads()).isEqualTo(2);
      assertThat(config.vocabulary()).isEqualTo(20);
      assertThat(config.tiedEmbeddings()).isTrue();
      assertThat(config.bosTokenId()).isEqualTo(1);
      assertThat(config.eosTokenIds()).containsExactly(2, 3);
      assertThat(config.rope().inverseFrequencies().get(7))
          .isCloseTo(Math.pow(500_000, -14.0 / 16) / 8, within(1e-12));
      assertThat(checkpoint.gguf()).isPresent();
    }
  }

  @Test
  void closingFreesTheMovedRowsToo() {
    Checkpoint checkpoint = Checkpoint.open(tiny());
    WeightTensor q = checkpoint.weights().tensor(WeightNames.weight(0, ModelConfig.Projection.Q));

    checkpoint.close();
    checkpoint.close();

    assertThat(q.data().scope().isAlive()).isFalse();
    assertThatThrownBy(() -> checkpoint.weights().tensor(q.name()))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void theOnlyGgufFileOfADirectoryIsTheModel() throws IOException {
    Files.copy(tiny(), temp.resolve("a.gguf"));
    try (Checkpoint checkpoint = Checkpoint.open(temp)) {
      assertThat(checkpoint.path()).isEqualTo(temp.resolve("a.gguf"));
    }

    Files.copy(tiny(), temp.resolve("b.gguf"));
    assertThatThrownBy(() -> Checkpoint.open(temp)).hasMessageContaining("2 GGUF files");
  }

  private static GgufFile qwen() {
    GgufFile file = new GgufFile().string("general.architecture", "qwen2");
    file.uint32("qwen2.block_count", 1).uint32("qwen2.context_length", 64);
    file.uint32("qwen2.embedding_length", 4).uint32("qwen2.feed_forward_length", 2);
    file.uint32("qwen2.attention.head_count", 1).uint32("qwen2.attention.head_count_kv", 1);
    file.float32("qwen2.attention.layer_norm_rms_epsilon", 1e-6f);
    file.float32("qwen2.rope.freq_base", 10000);
    tensor(file, "token_embd.weight", 3, 4);
    tensor(file, "output.weight", 3, 4);
    tensor(file, "output_norm.weight", 4);
    for (String name : List.of("attn_norm", "ffn_norm")) {
      tensor(file, "blk.0." + name + ".weight", 4);
    }
    for (String name : List.of("attn_q", "attn_k", "attn_v")) {
      tensor(file, "blk.0." + name + ".weight", 4, 4);
      tensor(file, "blk.0." + name + ".bias", 4);
    }
    tensor(file, "blk.0.attn_output.weight", 4, 4);
    tensor(file, "blk.0.ffn_gate.weight", 2, 4);
    tensor(file, "blk.0.ffn_up.weight", 2, 4);
    return tensor(file, "blk.0.ffn_down.weight", 4, 2);
  }

  private static GgufFile tensor(GgufFile file, String name, long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return file.tensor(name, java.util.Arrays.stream(shape).boxed().toList(), values);
  }

  @Test
  void qwenKeepsItsRowsItsBiasesAndItsHead() {
    try (Checkpoint checkpoint = Checkpoint.open(qwen().write(temp.resolve("q.gguf")))) {
      float[] q =
          Dequantize.toF32(
              checkpoint.weights().tensor(WeightNames.weight(0, ModelConfig.Projection.Q)));

      assertThat(q).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      assertThat(
              Dequantize.toF32(
                  checkpoint.weights().tensor(WeightNames.bias(0, ModelConfig.Projection.K))))
          .containsExactly(0, 1, 2, 3);
      assertThat(checkpoint.config().tiedEmbeddings()).isFalse();
      assertThat(checkpoint.head().name()).isEqualTo(WeightNames.HEAD);
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "general.architecture, gemma3, 'gemma3': supported are llama, qwen2",
        "qwen2.rope.scaling.type, longrope, qwen2.rope.scaling.type 'longrope'",
      })
  void stringsThatAreNotComputedAreRefused(String key, String value, String message) {
    assertRefused(qwen().string(key, value), message);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "qwen2.expert_count, 8, qwen2.expert_count 8",
        "qwen2.attention.sliding_window, 16, qwen2.attention.sliding_window 16",
        "qwen2.rope.dimension_count, 2, qwen2.rope.dimension_count 2 of 4",
        "qwen2.attention.value_length, 8, keys of width 4 with values of width 8",
        "qwen2.attention.head_count_kv, 0, qwen2.attention.head_count_kv 0",
        "qwen2.attention.head_count, 0, qwen2.attention.head_count 0",
        "qwen2.block_count, 2, 'model.layers.1.input_layernorm.weight' is missing",
        "qwen2.feed_forward_length, 3, 'model.layers.0.mlp.gate_proj.weight' is [2",
        "qwen2.block_count, 1000000000, qwen2.block_count 1000000000",
      })
  void numbersThatAreNotComputedAreRefused(String key, int value, String message) {
    assertRefused(qwen().uint32(key, value), message);
  }

  @Test
  void tensorsThatTheDecoderDoesNotUseAreRefused() {
    assertRefused(
        tensor(qwen(), "blk.0.attn_q_norm.weight", 4),
        "'blk.0.attn_q_norm.weight' is not part of the decoder");
    assertRefused(new GgufFile().string("general.architecture", "llama"), "no llama.block_count");
  }

  private void assertRefused(GgufFile file, String message) {
    assertThatThrownBy(() -> Checkpoint.open(file.write(temp.resolve("bad.gguf"))))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("bad.gguf")
        .hasMessageContaining(message);
  }
}
