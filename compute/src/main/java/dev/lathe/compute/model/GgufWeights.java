package dev.lathe.compute.model;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Gguf;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/// The tensors of a GGUF file under Hugging Face names and in Hugging Face row order.
///
/// llama.cpp rotates neighbouring rows where Hugging Face rotates halves, so its converter permutes
/// the rows of q and k of the llama architecture (`LlamaModel.permute` in `convert_hf_to_gguf.py`):
/// row `2i + j` of a head there is row `j D/2 + i` here. Blocks lie along rows, so rows are moved
/// as they are, into a copy that is made when first asked for and freed on close. Qwen2 is not
/// permuted.
final class GgufWeights implements WeightSource {
  private static final Map<String, String> MODULES =
      Map.of(
          "attn_norm", "input_layernorm",
          "ffn_norm", "post_attention_layernorm",
          "attn_q", "self_attn.q_proj",
          "attn_k", "self_attn.k_proj",
          "attn_v", "self_attn.v_proj",
          "attn_output", "self_attn.o_proj",
          "ffn_gate", "mlp.gate_proj",
          "ffn_up", "mlp.up_proj",
          "ffn_down", "mlp.down_proj");

  private final Gguf gguf;
  private final ModelConfig config;
  private final Map<String, String> stored;
  private final Map<String, WeightTensor> permuted = new ConcurrentHashMap<>();
  private final Arena arena = Arena.ofShared();

  GgufWeights(Gguf gguf, ModelConfig config) {
    this.gguf = gguf;
    this.config = config;
    this.stored = Collections.unmodifiableMap(canonicalNames(gguf));
  }

  private static Map<String, String> canonicalNames(Gguf gguf) {
    Map<String, String> stored = new TreeMap<>();
    for (String name : gguf.names()) {
      if (!name.equals("rope_freqs.weight")) {
        stored.put(canonical(name), name);
      }
    }
    return stored;
  }

  /// A name without a Hugging Face counterpart stays as it is, for [Checkpoint] to refuse.
  private static String canonical(String name) {
    return switch (name) {
      case "token_embd.weight" -> WeightNames.EMBEDDING;
      case "output_norm.weight" -> WeightNames.FINAL_NORM;
      case "output.weight" -> WeightNames.HEAD;
      default -> inLayer(name);
    };
  }

  private static String inLayer(String name) {
    String[] parts = name.split("\\.", -1);
    if (parts.length == 4 && parts[0].equals("blk") && MODULES.containsKey(parts[2])) {
      return "model.layers." + parts[1] + "." + MODULES.get(parts[2]) + "." + parts[3];
    }
    return name;
  }

  @Override
  public Set<String> names() {
    return stored.keySet();
  }

  /// The shape alone, without moving rows.
  List<Long> shape(String name) {
    return gguf.tensor(stored.getOrDefault(name, name)).shape();
  }

  @Override
  public WeightTensor tensor(String name) {
    String storedName = stored.get(name);
    if (storedName == null) {
      throw LatheException.notFound("tensor '" + name + "' is not in '" + gguf.path() + "'", "");
    }
    WeightTensor tensor = gguf.tensor(storedName);
    if (config.family() == Family.LLAMA && name.contains(".self_attn.q_proj.")) {
      return permuted.computeIfAbsent(name, key -> permute(key, tensor, config.heads()));
    }
    if (config.family() == Family.LLAMA && name.contains(".self_attn.k_proj.")) {
      return permuted.computeIfAbsent(name, key -> permute(key, tensor, config.kvHeads()));
    }
    return new WeightTensor(name, tensor.type(), tensor.shape(), tensor.data());
  }

  private WeightTensor permute(String name, WeightTensor tensor, int heads) {
    DType type = tensor.type();
    int row = Math.toIntExact(type.bytes(tensor.columns()));
    int half = config.headWidth() / 2;
    MemorySegment copy = arena.allocate(tensor.data().byteSize(), 64);
    // Through the heap: few long copies between, and many short ones inside of it, which cost
    // least.
    byte[] stored = new byte[Math.multiplyExact(config.headWidth(), row)];
    byte[] moved = new byte[stored.length];
    for (int head = 0; head < heads; head++) {
      long at = (long) head * stored.length;
      MemorySegment.copy(tensor.data(), ValueLayout.JAVA_BYTE, at, stored, 0, stored.length);
      for (int i = 0; i < config.headWidth(); i++) {
        int source = 2 * (i % half) + i / half;
        System.arraycopy(stored, source * row, moved, i * row, row);
      }
      MemorySegment.copy(moved, 0, copy, ValueLayout.JAVA_BYTE, at, moved.length);
    }
    return new WeightTensor(name, type, List.copyOf(tensor.shape()), copy.asReadOnly());
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    gguf.close();
  }
}
