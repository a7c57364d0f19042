package dev.lathe.compute.model;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.Resources;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  @Test
  void theHashIsThatOfTheLinesOfSha256sum() throws Exception {
    Path model = TinyModels.llama(temp.resolve("m"), 1);
    String lines =
        digest(Files.readAllBytes(model.resolve("config.json")))
            + "  config.json\n"
            + digest(Files.readAllBytes(model.resolve("model.safetensors")))
            + "  model.safetensors\n";

    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.sha256()).isEqualTo(digest(lines.getBytes(UTF_8)));
    }
  }

  @Test
  void aManifestStandsForAFileUntilTheFileChanges() throws Exception {
    Path file = Files.copy(tinyGguf(), temp.resolve("a.gguf"));
    String manifest =
        "{\"files\": [{\"path\": \"a.gguf\", \"bytes\": %d, \"sha256\": \"%s\"}]}"
            .formatted(Files.size(file), "ab".repeat(32));
    Files.writeString(temp.resolve("manifest.json"), manifest);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.sha256()).isEqualTo("ab".repeat(32));
    }

    Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(60)));
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.sha256()).isEqualTo(digest(Files.readAllBytes(file)));
    }
  }

  private static Path tinyGguf() {
    return Resources.file(CheckpointTest.class, "tiny-llama.gguf");
  }

  private static String digest(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void missingSurplusAndWrongTensorsAreRefusedTogether() throws Exception {
    Path model = TinyModels.llama(temp.resolve("m"), 1);
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put(WeightNames.FINAL_NORM, Safetensors.Output.of(DType.F32, List.of(3L), 1, 2, 3));
    tensors.put("model.layers.0.extra", Safetensors.Output.of(DType.F32, List.of(1L), 1));
    Safetensors.write(model.resolve("model.safetensors"), tensors, Map.of());

    assertThatThrownBy(() -> Checkpoint.open(model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'model.embed_tokens.weight' is missing")
        .hasMessageContaining("more");
  }

  @Test
  void aTiedHeadMayBeStoredOnceMoreButNotAnotherOne() {
    Path model = TinyModels.llama(temp.resolve("m"), 1);
    storeHead(model, 0);
    Checkpoint.open(model).close();

    storeHead(model, 1);

    assertThatThrownBy(() -> Checkpoint.open(model))
        .hasMessageContaining("'lm_head.weight' is not part of the decoder");
  }

  private static void storeHead(Path model, float change) {
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    try (WeightSource source = Safetensors.openDirectory(model)) {
      for (String name : source.names()) {
        WeightTensor tensor = source.tensor(name);
        tensors.put(
            name, Safetensors.Output.of(DType.F32, tensor.shape(), Dequantize.toF32(tensor)));
      }
      WeightTensor embedding = source.tensor(WeightNames.EMBEDDING);
      float[] head = Dequantize.toF32(embedding);
      head[5] += change;
      tensors.put(WeightNames.HEAD, Safetensors.Output.of(DType.F32, embedding.shape(), head));
    }
    Safetensors.write(model.resolve(Safetensors.SINGLE), tensors, Map.of());
  }
}
