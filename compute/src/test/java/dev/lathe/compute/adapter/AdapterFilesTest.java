package dev.lathe.compute.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Resources;
import dev.lathe.compute.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The fixtures are made by `tools/peft_fixtures.py` with PEFT 0.18.1 over the model that
/// `TinyModels.llama(…, 1)` writes.
class AdapterFilesTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  @TempDir static Path base;
  private static ModelConfig model;
  @TempDir Path temp;

  @BeforeAll
  static void openBase() {
    try (Checkpoint checkpoint = Checkpoint.open(TinyModels.llama(base, 1))) {
      model = checkpoint.config();
    }
  }

  private static Path fixture(String name) {
    return Resources.file(AdapterFilesTest.class, name);
  }

  static Stream<Map.Entry<String, JsonNode>> readable() throws IOException {
    return JSON.readTree(fixture("peft.json").toFile()).properties().stream();
  }

  @ParameterizedTest
  @MethodSource("readable")
  void whatPeftWritesIsReadAsPeftAppliesIt(Map.Entry<String, JsonNode> entry) {
    Adapter adapter = AdapterFiles.read(fixture(entry.getKey()), model);

    JsonNode modules = entry.getValue().get("modules");
    assertThat(adapter.name()).isEqualTo(entry.getKey());
    assertThat(adapter.factors()).hasSize(modules.size());
    for (Adapter.Factor factor : adapter.factors()) {
      String module = WeightNames.module(factor.layer(), factor.projection());
      JsonNode expected = modules.get(module);
      assertThat(expected).as(module).isNotNull();
      assertThat(factor.rank()).as(module).isEqualTo(expected.get("rank").asInt());
      assertThat(factor.scaling()).isEqualTo((float) expected.get("scaling").asDouble());
      assertThat(sum(factor.a())).isCloseTo(expected.get("a").asDouble(), within(1e-5));
      assertThat(sum(factor.b())).isCloseTo(expected.get("b").asDouble(), within(1e-5));
    }
  }

  @ParameterizedTest
  @MethodSource("readable")
  void mergingGivesTheWeightThatPeftMerges(Map.Entry<String, JsonNode> entry) {
    Adapter adapter = AdapterFiles.read(fixture(entry.getKey()), model);
    try (Checkpoint checkpoint = Checkpoint.open(base)) {
      for (Adapter.Factor factor : adapter.factors()) {
        if (factor.layer() != 1 || factor.projection() != Projection.O) {
          continue;
        }
        float[] merged =
            Merge.merged(checkpoint.weights().tensor(WeightNames.weight(1, Projection.O)), factor);

        for (int i = 0; i < 64; i++) {
          double expected = entry.getValue().get("merged").get(i).asDouble();
          assertThat((double) merged[i]).isCloseTo(expected, within(1e-6));
        }
      }
    }
  }

  private static double sum(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "refused-dora, use_dora, lora_magnitude_vector",
    "refused-bias, lora_bias, lora_B.bias",
    "refused-saved, modules_to_save, lm_head",
    "refused-embedding, 'model.embed_tokens', lora_embedding_A",
    "refused-head, 'lm_head', base_model.model.lm_head.lora_A",
    "refused-pissa, init_lora_weights, pissa",
    "refused-tokens, trainable_token_indices, 'token_adapter'",
  })
  void whatCannotBeAppliedIsRefusedByKeyAndTensor(String name, String key, String tensor) {
    assertThatThrownBy(() -> AdapterFiles.read(fixture(name), model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(name)
        .hasMessageContaining(key)
        .hasMessageContaining(tensor);
  }

  /// A copy of the plain fixture with a changed config.
  private Path changed(String changes) throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(fixture("plain/adapter_config.json").toFile());
    config.setAll((ObjectNode) JSON.readTree(changes.replace('\'', '"')));
    JSON.writeValue(temp.resolve(AdapterFiles.CONFIG).toFile(), config);
    Files.write(
        temp.resolve(AdapterFiles.WEIGHTS),
        Files.readAllBytes(fixture("plain/adapter_model.safetensors")));
    return temp;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'peft_type': 'IA3'} | peft_type is 'IA3'",
        "{'task_type': 'SEQ_CLS'} | task_type is 'SEQ_CLS'",
        "{'bias': 'all'} | bias is \"all\"",
        "{'fan_in_fan_out': true} | fan_in_fan_out is true",
        "{'layer_replication': [[0, 2]]} | layer_replication",
        "{'target_parameters': ['x']} | target_parameters",
        "{'use_bdlora': {'a': 1}} | use_bdlora",
        "{'velora_config': {'a': 1}} | velora_config",
        "{'use_new_kind': true} | use_new_kind",
        "{'target_modules': ['q_proj', 'v_proj', 'c_attn']} | names \"c_attn\", which this model",
        "{'target_modules': ['q_proj', 'v_proj', 7]} | names 7",
        "{'target_modules': ['input_layernorm']} | no projection of a layer",
        "{'target_modules': []} | names no module",
        "{'target_modules': null} | names no module",
        "{'target_modules': '('} | target_modules has a regular expression that cannot be read",
        "{'target_modules': '(([^Z]+)+)+Z'} | takes too long",
        "{'target_modules': ['q_proj']} | v_proj.lora_A.weight' belongs to no target",
        "{'target_modules': ['q_proj', 'v_proj', 'o_proj']} | o_proj.lora_B.weight' is missing",
        "{'r': 3} | [3, 32] was wanted",
        "{'r': 0} | is less than 1",
        "{'r': 'x'} | r is \"x\"",
        "{'lora_alpha': null} | lora_alpha is null",
        "{'rank_pattern': {'q_proj': 5}} | [5, 32] was wanted",
        "{'alpha_pattern': {'q_proj': 'x'}} | lora_alpha is \"x\"",
      })
  void aConfigThatDoesNotFitIsRefused(String changes, String message) throws IOException {
    Path directory = changed(changes);

    assertThatThrownBy(() -> AdapterFiles.read(directory, model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'target_modules': '.*(q|v)_proj'}",
        "{'target_modules': ['self_attn.q_proj', 'v_proj']}",
        "{'layers_to_transform': [0, 1], 'layers_pattern': ['h', 'layers']}",
        "{'init_lora_weights': 'gaussian', 'loftq_config': {}, 'unknown_key': 3}",
        "{'eva_config': {'rho': 2.0}, 'init_lora_weights': 'eva'}",
      })
  void whatMeansTheSameIsReadTheSame(String changes) throws IOException {
    Adapter plain = AdapterFiles.read(fixture("plain"), model);

    Adapter read = AdapterFiles.read(changed(changes), model);

    assertThat(read.factors()).usingRecursiveComparison().isEqualTo(plain.factors());
  }

  @Test
  void allLinearMeansEveryProjection() throws IOException {
    ObjectNode config =
        (ObjectNode) JSON.readTree(fixture("all-linear/adapter_config.json").toFile());
    JSON.writeValue(
        temp.resolve(AdapterFiles.CONFIG).toFile(), config.put("target_modules", "all-linear"));
    Files.copy(fixture("all-linear/adapter_model.safetensors"), temp.resolve(AdapterFiles.WEIGHTS));

    assertThat(AdapterFiles.read(temp, model).factors()).hasSize(14);
  }

  @Test
  void allProblemsAreReportedAtOnce() throws IOException {
    Path directory = changed("{'use_dora': true, 'bias': 'all', 'r': 4}");

    assertThatThrownBy(() -> AdapterFiles.read(directory, model))
        .hasMessageContaining("use_dora")
        .hasMessageContaining("bias")
        .hasMessageContaining("layers.0.self_attn.q_proj.lora_A.weight")
        .hasMessageContaining("layers.1.self_attn.v_proj.lora_B.weight");
  }

  @Test
  void anAdapterForAnotherShapeIsRefused() {
    try (Checkpoint other =
        Checkpoint.open(
            TinyModels.write(
                temp,
                new TinyModels.Shape(
                    ModelConfig.Family.LLAMA, 64, 1, 4, 2, 48, 259, true, DType.F32),
                1))) {
      assertThatThrownBy(() -> AdapterFiles.read(fixture("plain"), other.config()))
          .hasMessageContaining("is [2, 32], [2, 64] was wanted")
          .hasMessageContaining("layers.1.self_attn.q_proj.lora_A.weight' belongs to no target");
    }
  }

  @Test
  void picklesAndAbsentFilesAreNamed() throws IOException {
    assertThatThrownBy(() -> AdapterFiles.read(temp, model))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("adapter_config.json");

    Files.copy(fixture("plain/adapter_config.json"), temp.resolve(AdapterFiles.CONFIG));
    assertThatThrownBy(() -> AdapterFiles.read(temp, model))
        .hasMessageContaining("no 'adapter_model.safetensors'");

    Files.writeString(temp.resolve("adapter_model.bin"), "x");
    assertThatThrownBy(() -> AdapterFiles.read(temp, model))
        .hasMessageContaining("'adapter_model.bin', a pickle");
  }

  @Test
  void valuesThatAreNoNumbersAreRefused() {
    AdapterSpec spec = new AdapterSpec(1, 1, 0, false, EnumSet.of(Projection.Q));
    Adapter adapter = random(spec, 1);
    adapter.factors().getFirst().a()[3] = Float.NaN;
    AdapterFiles.write(temp, adapter, spec, "tiny");

    assertThatThrownBy(() -> AdapterFiles.read(temp, model))
        .hasMessageContaining("layers.0.self_attn.q_proj.lora_A.weight' contains NaN");
  }

  private static Adapter random(AdapterSpec spec, long seed) {
    var random = new Random(seed);
    List<Adapter.Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < model.layers(); layer++) {
      for (Projection projection : spec.targets()) {
        float[] a = new float[spec.rank() * model.in(projection)];
        float[] b = new float[spec.rank() * model.out(projection)];
        for (float[] values : List.of(a, b)) {
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
          }
        }
        factors.add(
            new Adapter.Factor(layer, projection, spec.rank(), (float) spec.scaling(), a, b));
      }
    }
    return new Adapter("random", factors);
  }

  @Test
  void whatIsWrittenIsReadAndTheBytesAreTheSameEachTime() throws IOException {
    AdapterSpec spec = new AdapterSpec(3, 7.5, 0.05, true, EnumSet.allOf(Projection.class));
    Adapter adapter = random(spec, 4);

    AdapterFiles.write(temp.resolve("random"), adapter, spec, "some/base");
    AdapterFiles.write(temp.resolve("again"), adapter, spec, "some/base");

    Adapter read = AdapterFiles.read(temp.resolve("random"), model);
    assertThat(read).usingRecursiveComparison().isEqualTo(adapter);
    for (String file : List.of(AdapterFiles.CONFIG, AdapterFiles.WEIGHTS, "README.md")) {
      assertThat(temp.resolve("again").resolve(file))
          .hasSameBinaryContentAs(temp.resolve("random").resolve(file));
    }
  }

  @Test
  void theConfigIsTheStableSubsetSortedAndIndentedByTwo() throws IOException {
    AdapterSpec spec = new AdapterSpec(2, 4, 0.1, false, EnumSet.of(Projection.V, Projection.DOWN));

    AdapterFiles.write(temp, random(spec, 1), spec, "org/name");

    assertThat(Files.readString(temp.resolve(AdapterFiles.CONFIG)))
        .isEqualTo(
            """
            {
              "alpha_pattern": {},
              "auto_mapping": null,
              "base_model_name_or_path": "org/name",
              "bias": "none",
              "fan_in_fan_out": false,
              "inference_mode": true,
              "init_lora_weights": true,
              "layers_pattern": null,
              "layers_to_transform": null,
              "lora_alpha": 4,
              "lora_bias": false,
              "lora_dropout": 0.1,
              "modules_to_save": null,
              "peft_type": "LORA",
              "r": 2,
              "rank_pattern": {},
              "revision": null,
              "target_modules": [
                "down_proj",
                "v_proj"
              ],
              "task_type": "CAUSAL_LM",
              "use_dora": false,
              "use_rslora": false
            }
            """);
    assertThat(Files.readString(temp.resolve("README.md"))).contains("base_model: \"org/name\"");
  }

  @Test
  void factorsThatAreNotThoseOfTheSpecAreAMistakeOfTheCaller() {
    AdapterSpec spec = new AdapterSpec(2, 4, 0, false, EnumSet.of(Projection.Q));
    AdapterSpec other = new AdapterSpec(2, 8, 0, false, EnumSet.of(Projection.Q));

    assertThatThrownBy(() -> AdapterFiles.write(temp, random(spec, 1), other, "tiny"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aMissingHalfIsRefusedByName() {
    AdapterSpec spec = new AdapterSpec(1, 1, 0, false, EnumSet.of(Projection.Q));
    AdapterFiles.write(temp, random(spec, 1), spec, "tiny");
    var half = new LinkedHashMap<String, Safetensors.Output>();
    for (int layer = 0; layer < model.layers(); layer++) {
      half.put(
          "base_model.model.model.layers." + layer + ".self_attn.q_proj.lora_A.weight",
          Safetensors.Output.of(DType.F32, List.of(1L, 32L), new float[32]));
    }
    Safetensors.write(temp.resolve(AdapterFiles.WEIGHTS), half, Map.of());

    assertThatThrownBy(() -> AdapterFiles.read(temp, model))
        .hasMessageContaining("layers.0.self_attn.q_proj.lora_B.weight' is missing");
  }

  @ParameterizedTest
  @CsvSource({
    "/srv/demo/quillmere/adapter, quillmere/adapter",
    "/srv/runs/mine, mine",
    "/srv/runs/mine/checkpoint-40, mine/checkpoint-40",
    "/srv/runs/mine/../yours/./adapter/, yours/adapter",
    "/adapter, adapter",
    "/, adapter"
  })
  void anAdapterIsCalledByWhatSaysMostInItsPath(Path directory, String name) {
    assertThat(AdapterFiles.name(directory)).isEqualTo(name);
  }
}
