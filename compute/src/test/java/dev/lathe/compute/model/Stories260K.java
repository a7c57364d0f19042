package dev.lathe.compute.model;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Safetensors;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// stories260K, a real trained Llama in the first format of llama2.c (`export.py`,
/// `legacy_export`), for golden tests: 260,032 parameters, 5 layers, 512 tokens. It lies outside
/// the repository; a test that asks for it is skipped where it is absent.
///
/// The format: seven 32-bit integers (width, feed-forward width, layers, heads, key/value heads,
/// vocabulary, positions), then fp32 tensors, each kind stacked over the layers. llama2.c rotates
/// neighbouring rows of q and k; they are moved to the halves of Hugging Face.
public final class Stories260K {
  private static final int HEADER = 28;

  /// One prompt and what transformers generates greedily from it in fp32.
  ///
  /// @param prompt token ids, from the start-of-text token on
  /// @param generated the tokens after the prompt, no stop token honoured
  /// @param logits position in prompt and generated together, to the `[V]` logits there
  public record Golden(int[] prompt, int[] generated, Map<Integer, float[]> logits) {
    public Golden {
      logits = new TreeMap<>(logits);
    }

    /// Prompt and generated tokens.
    public int[] all() {
      int[] all = Arrays.copyOf(prompt, prompt.length + generated.length);
      System.arraycopy(generated, 0, all, prompt.length, generated.length);
      return all;
    }
  }

  private Stories260K() {}

  /// Writes the model as a Hugging Face directory without tokenizer; the calling test is skipped
  /// where the file is absent.
  public static Path directory(Path directory) {
    Path file = file();
    assumeTrue(Files.exists(file), "stories260K is not beside the repository: '" + file + "'");
    try {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      Files.createDirectories(directory);
      write(directory, bytes);
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path file() {
    String root = System.getProperty("lathe.root", "..");
    return Path.of(root).resolve("../shared/data/models/stories260K/stories260K.bin").normalize();
  }

  /// The recorded generations of `tools/stories260k_golden.py`.
  public static List<Golden> golden() {
    try (InputStream in = Stories260K.class.getResourceAsStream("stories260k.json")) {
      List<Golden> cases = new ArrayList<>();
      for (JsonNode json : new ObjectMapper().readTree(Objects.requireNonNull(in))) {
        Map<Integer, float[]> logits = new TreeMap<>();
        for (var entry : json.get("logits").properties()) {
          logits.put(Integer.valueOf(entry.getKey()), floats(entry.getValue()));
        }
        cases.add(new Golden(ints(json.get("prompt")), ints(json.get("generated")), logits));
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    Arrays.setAll(values, i -> array.get(i).intValue());
    return values;
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).floatValue();
    }
    return values;
  }

  private static void write(Path directory, ByteBuffer bytes) throws IOException {
    int[] sizes = new int[HEADER / 4];
    bytes.asIntBuffer().get(sizes);
    int width = sizes[0];
    int layers = sizes[2];
    int heads = sizes[3];
    int kvHeads = sizes[4];
    var shape =
        new TinyModels.Shape(
            ModelConfig.Family.LLAMA,
            width,
            layers,
            heads,
            kvHeads,
            sizes[1],
            sizes[5],
            true,
            DType.F32);
    var config = TinyModels.config(shape);
    config.put("max_position_embeddings", sizes[6]).put("bos_token_id", 1).put("eos_token_id", 2);
    new ObjectMapper().writeValue(directory.resolve("config.json").toFile(), config);
    Map<String, float[]> values =
        tensors(
            bytes.position(HEADER).slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer(),
            HuggingFaceConfig.read(directory));
    var outputs = new LinkedHashMap<String, Safetensors.Output>();
    Checkpoint.expectedShapes(HuggingFaceConfig.read(directory))
        .forEach((name, dimensions) ->
            outputs.put(
                name,
                Safetensors.Output.of(
                    DType.F32, dimensions, Objects.requireNonNull(values.get(name)))));
    Safetensors.write(directory.resolve(Safetensors.SINGLE), outputs, Map.of("format", "pt"));
  }

  private static Map<String, float[]> tensors(FloatBuffer in, ModelConfig config) {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    int width = config.width();
    tensors.put(WeightNames.EMBEDDING, take(in, config.vocabulary() * width));
    for (int layer = 0; layer < config.layers(); layer++) {
      tensors.put(WeightNames.attentionNorm(layer), take(in, width));
    }
    projections(in, config, tensors, Projection.Q, Projection.K, Projection.V, Projection.O);
    for (int layer = 0; layer < config.layers(); layer++) {
      tensors.put(WeightNames.mlpNorm(layer), take(in, width));
    }
    projections(in, config, tensors, Projection.GATE, Projection.DOWN, Projection.UP);
    tensors.put(WeightNames.FINAL_NORM, take(in, width));
    return tensors;
  }

  private static void projections(
      FloatBuffer in, ModelConfig config, Map<String, float[]> tensors, Projection... order) {
    for (Projection projection : order) {
      for (int layer = 0; layer < config.layers(); layer++) {
        float[] values = take(in, config.out(projection) * config.in(projection));
        boolean rotated = projection == Projection.Q || projection == Projection.K;
        tensors.put(
            WeightNames.weight(layer, projection),
            rotated ? halves(values, config.headWidth(), config.width()) : values);
      }
    }
  }

  private static float[] halves(float[] values, int headWidth, int columns) {
    float[] moved = new float[values.length];
    for (int row = 0; row < values.length / columns; row++) {
      int inHead = row % headWidth;
      int source = row - inHead + 2 * (inHead % (headWidth / 2)) + inHead / (headWidth / 2);
      System.arraycopy(values, source * columns, moved, row * columns, columns);
    }
    return moved;
  }

  private static float[] take(FloatBuffer in, int count) {
    float[] values = new float[count];
    in.get(values);
    return values;
  }
}
