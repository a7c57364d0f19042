package dev.lathe.compute.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Safetensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Writes random tiny models as Hugging Face directories: config.json, generation_config.json,
/// model.safetensors and a byte-level tokenizer.json. The same shape and seed give the same bytes.
public final class TinyModels {
  /// Shape of a tiny model. Head width is `width / heads`.
  ///
  /// @param vocabulary at least [#BYTE_VOCABULARY] when the tokenizer is to be used
  /// @param type F32 or BF16
  public record Shape(
      Family family,
      int width,
      int layers,
      int heads,
      int kvHeads,
      int feedForward,
      int vocabulary,
      boolean tied,
      DType type) {
    /// Width 32, 2 layers, 4 heads on 2, feed-forward 48, tied, F32.
    public static Shape llama() {
      return new Shape(Family.LLAMA, 32, 2, 4, 2, 48, BYTE_VOCABULARY, true, DType.F32);
    }

    /// As [#llama], with biases and a head of its own.
    public static Shape qwen2() {
      return new Shape(Family.QWEN2, 32, 2, 4, 2, 48, BYTE_VOCABULARY, false, DType.F32);
    }
  }

  /// 256 bytes and the control tokens `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`.
  public static final int BYTE_VOCABULARY = 259;

  public static final int END_OF_TEXT = 256;
  public static final int TURN_START = 257;
  public static final int TURN_END = 258;
  private static final ObjectMapper JSON = new ObjectMapper();

  private TinyModels() {}

  /// A tiny Llama in `directory`, which is made.
  public static Path llama(Path directory, long seed) {
    return write(directory, Shape.llama(), seed);
  }

  /// A tiny Qwen2 in `directory`, which is made.
  public static Path qwen2(Path directory, long seed) {
    return write(directory, Shape.qwen2(), seed);
  }

  /// A model of any shape in `directory`, which is made.
  public static Path write(Path directory, Shape shape, long seed) {
    try {
      Files.createDirectories(directory);
      ObjectNode config = config(shape);
      JSON.writeValue(directory.resolve("config.json").toFile(), config);
      JSON.writeValue(
          directory.resolve("generation_config.json").toFile(),
          JSON.createObjectNode().put("eos_token_id", TURN_END));
      JSON.writeValue(directory.resolve("tokenizer.json").toFile(), tokenizer());
      Files.writeString(
          directory.resolve("tokenizer_config.json"),
          "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"eos_token\": \"<|im_end|>\"}");
      Files.writeString(
          directory.resolve("chat_template.jinja"),
          "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' +"
              + " message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if"
              + " add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
      writeWeights(directory, shape, seed);
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The config.json of a shape, for tests that change it.
  public static ObjectNode config(Shape shape) {
    boolean llama = shape.family == Family.LLAMA;
    ObjectNode config = JSON.createObjectNode();
    config.put("model_type", llama ? "llama" : "qwen2");
    config.putArray("architectures").add(llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM");
    config.put("hidden_size", shape.width);
    config.put("num_hidden_layers", shape.layers);
    config.put("num_attention_heads", shape.heads);
    config.put("num_key_value_heads", shape.kvHeads);
    config.put("intermediate_size", shape.feedForward);
    config.put("vocab_size", shape.vocabulary);
    config.put("max_position_embeddings", 512);
    config.put("rms_norm_eps", 1e-5);
    config.put("rope_theta", 10000.0);
    config.put("hidden_act", "silu");
    config.put("tie_word_embeddings", shape.tied);
    config.put("bos_token_id", END_OF_TEXT);
    config.put("eos_token_id", END_OF_TEXT);
    return config;
  }

  private static void writeWeights(Path directory, Shape shape, long seed) {
    ModelConfig config = HuggingFaceConfig.read(directory);
    var random = new Random(seed);
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    for (var entry : Checkpoint.expectedShapes(config).entrySet()) {
      tensors.put(
          entry.getKey(),
          Safetensors.Output.of(
              shape.type, entry.getValue(), values(random, entry.getKey(), entry.getValue())));
    }
    Safetensors.write(directory.resolve(Safetensors.SINGLE), tensors, Map.of("format", "pt"));
  }

  /// Norms around one, the rest around zero, of a size that keeps activations near one.
  private static float[] values(Random random, String name, List<Long> shape) {
    float[] values = new float[Math.toIntExact(shape.stream().reduce(1L, (a, b) -> a * b))];
    boolean norm = name.endsWith("norm.weight");
    double spread = shape.size() == 2 ? 1 / Math.sqrt(shape.get(1)) : 0.1;
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((norm ? 1 : 0) + spread * random.nextGaussian());
    }
    return values;
  }

  private static ObjectNode tokenizer() {
    ObjectNode json = JSON.createObjectNode().put("version", "1.0");
    json.putNull("truncation").putNull("padding");
    var added = json.putArray("added_tokens");
    List<String> control = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");
    for (int i = 0; i < control.size(); i++) {
      added
          .addObject()
          .put("id", END_OF_TEXT + i)
          .put("content", control.get(i))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    json.putNull("normalizer");
    byteLevel(json.putObject("pre_tokenizer"));
    json.putNull("post_processor");
    byteLevel(json.putObject("decoder"));
    ObjectNode model = json.putObject("model").put("type", "BPE").putNull("dropout");
    model.putNull("unk_token").putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", false);
    ObjectNode vocabulary = model.putObject("vocab");
    for (int value = 0; value < 256; value++) {
      vocabulary.put(Character.toString(byteCharacter(value)), value);
    }
    model.putArray("merges");
    return json;
  }

  private static void byteLevel(ObjectNode node) {
    node.put("type", "ByteLevel").put("add_prefix_space", false);
    node.put("trim_offsets", true).put("use_regex", false);
  }

  /// The printable stand-in of a byte in byte-level vocabularies (`bytes_to_unicode` of GPT-2).
  private static int byteCharacter(int value) {
    int next = 256;
    for (int i = 0; i < 256; i++) {
      boolean itself = (i >= '!' && i <= '~') || (i >= 0xA1 && i <= 0xAC) || i >= 0xAE;
      if (i == value) {
        return itself ? i : next;
      }
      next += itself ? 0 : 1;
    }
    throw new IllegalArgumentException(value + " is no byte");
  }
}
