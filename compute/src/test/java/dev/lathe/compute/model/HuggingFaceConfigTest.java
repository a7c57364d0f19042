package dev.lathe.compute.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.TinyModels.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HuggingFaceConfigTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  @TempDir Path temp;

  private ModelConfig read(ObjectNode config) throws IOException {
    JSON.writeValue(temp.resolve("config.json").toFile(), config);
    return HuggingFaceConfig.read(temp);
  }

  private static ObjectNode with(Shape shape, String changes) throws IOException {
    ObjectNode config = TinyModels.config(shape);
    config.setAll((ObjectNode) JSON.readTree(changes.replace('\'', '"')));
    return config;
  }

  @Test
  void absentKeysTakeTheDefaultsOfTransformers() throws IOException {
    ObjectNode config = TinyModels.config(Shape.llama());
    config.remove(
        java.util.List.of(
            "num_key_value_heads",
            "max_position_embeddings",
            "rms_norm_eps",
            "rope_theta",
            "hidden_act",
            "tie_word_embeddings",
            "bos_token_id",
            "eos_token_id"));

    ModelConfig read = read(config);

    assertThat(read.kvHeads()).isEqualTo(4);
    assertThat(read.headWidth()).isEqualTo(8);
    assertThat(read.maxPositions()).isEqualTo(2048);
    assertThat(read.normEpsilon()).isEqualTo(1e-6f);
    assertThat(read.rope().theta()).isEqualTo(10_000);
    assertThat(read.tiedEmbeddings()).isFalse();
    assertThat(read.bosTokenId()).isEqualTo(1);
    assertThat(read.eosTokenIds()).containsExactly(2);
  }

  @Test
  void endTokensAreTheUnionOfBothFiles() throws IOException {
    Files.writeString(temp.resolve("generation_config.json"), "{\"eos_token_id\": [7, 5]}");

    assertThat(read(with(Shape.llama(), "{'eos_token_id': [5, 6]}")).eosTokenIds())
        .containsExactly(5, 6, 7);
    assertThat(read(with(Shape.llama(), "{'eos_token_id': null}")).eosTokenIds())
        .containsExactly(7, 5);
  }

  @Test
  void aHeadWidthOfItsOwnIsHonoured() throws IOException {
    ModelConfig read = read(with(Shape.llama(), "{'head_dim': 16}"));

    assertThat(read.headWidth()).isEqualTo(16);
    assertThat(read.out(ModelConfig.Projection.Q)).isEqualTo(64);
    assertThat(read.rope().inverseFrequencies()).hasSize(8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'hidden_act': 'gelu'} | hidden_act 'gelu'",
        "{'attention_bias': true} | attention_bias true",
        "{'mlp_bias': true} | mlp_bias true",
        "{'attention_dropout': 0.1} | attention_dropout 0.1",
        "{'quantization_config': {'bits': 4}} | quantization_config",
        "{'auto_map': {'AutoModelForCausalLM': 'x.Y'}} | auto_map",
        "{'partial_rotary_factor': 0.5} | partial_rotary_factor 0.5",
        "{'rope_scaling': {'type': 'dynamic', 'factor': 2.0}} | rope type 'dynamic'",
        "{'rope_scaling': {'rope_type': 'longrope'}} | rope type 'longrope'",
        "{'rope_parameters': {'rope_type': 'proportional'}} | rope type 'proportional'",
        "{'rope_parameters': {'rope_type': 'default', 'partial_rotary_factor': 0.5}} | rope partial_rotary_factor",
        "{'rope_scaling': {'rope_type': 'linear'}} | without factor",
        "{'rope_scaling': 3} | rope parameters 3",
        "{'sliding_window': 128} | sliding_window 128",
        "{'layer_types': ['full_attention', 'sliding_attention']} | layer_types [sliding_attention]",
        "{'num_key_value_heads': 3} | num_key_value_heads 3",
        "{'head_dim': 7} | head_dim 7",
        "{'hidden_size': null} | hidden_size null",
        "{'hidden_size': -4} | hidden_size -4",
        "{'vocab_size': 1e9} | vocab_size",
        "{'num_hidden_layers': '2'} | num_hidden_layers",
        "{'rms_norm_eps': 'x'} | rms_norm_eps",
        "{'tie_word_embeddings': 'yes'} | tie_word_embeddings",
        "{'eos_token_id': 'x'} | eos_token_id",
        "{'eos_token_id': [1, 'x']} | eos_token_id",
        "{'model_type': 'mistral'} | of type 'mistral': supported are llama, qwen2",
        "{'architectures': ['LlamaForSequenceClassification']} | 'LlamaForSequenceClassification'",
        "{'architectures': ['Qwen2ForCausalLM']} | 'Qwen2ForCausalLM'",
      })
  void whatIsNotComputedIsRefusedByName(String changes, String message) throws IOException {
    ObjectNode config = with(Shape.llama(), changes);

    assertThatThrownBy(() -> read(config))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining(message);
  }

  @Test
  void allProblemsAreReportedAtOnce() throws IOException {
    ObjectNode config =
        with(Shape.llama(), "{'hidden_act': 'relu', 'mlp_bias': true, 'vocab_size': 0}");

    assertThatThrownBy(() -> read(config))
        .hasMessageContaining("hidden_act 'relu'")
        .hasMessageContaining("mlp_bias true")
        .hasMessageContaining("vocab_size 0");
  }

  @Test
  void aWindowThatNoLayerUsesChangesNothing() throws IOException {
    String window = "'sliding_window': 16, 'max_window_layers': ";

    read(with(Shape.qwen2(), "{'use_sliding_window': false, " + window + "0}"));
    read(with(Shape.qwen2(), "{'use_sliding_window': true, " + window + "2}"));
    read(with(Shape.qwen2(), "{'use_sliding_window': true, 'sliding_window': 512}"));
    ObjectNode used = with(Shape.qwen2(), "{'use_sliding_window': true, " + window + "1}");
    assertThatThrownBy(() -> read(used)).hasMessageContaining("sliding_window 16");
  }

  @ParameterizedTest
  @CsvSource({"''", "'[]'", "'{'", "'{} {}'", "'{\"a\": 1, \"a\": 2}'"})
  void aConfigThatIsNoCleanObjectIsRefused(String text) throws IOException {
    Files.writeString(temp.resolve("config.json"), text);

    assertThatThrownBy(() -> HuggingFaceConfig.read(temp))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("config.json");
  }
}
