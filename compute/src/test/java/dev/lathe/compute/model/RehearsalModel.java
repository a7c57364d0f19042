package dev.lathe.compute.model;

import dev.lathe.compute.weights.GgufFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// Writes a GGUF file with random weights in the shape of a small real model, for the launcher: at
/// build time it lets verbs answer with it and keeps the classes that were loaded meanwhile. As in
/// most such files, the embedding has more bits than the layers.
public final class RehearsalModel {
  private static final int WIDTH = 576;
  private static final int KV_WIDTH = 192;
  private static final int FEED_FORWARD = 1536;
  private static final int LAYERS = 4;
  private static final int F32 = 0;
  private static final int Q4_1 = 3;
  private static final int Q8_0 = 8;
  private static final int BF16 = 30;
  private static final List<String> CONTROL =
      List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");
  private static final String TEMPLATE =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
          + " + '<|im_end|>' + '\n'}}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

  private final SplittableRandom random = new SplittableRandom(1);
  private final GgufFile file = new GgufFile();

  private final boolean wide;

  private RehearsalModel(boolean wide) {
    this.wide = wide;
  }

  /// @param arguments the file to write
  public static void main(String[] arguments) {
    new RehearsalModel(false).write(Path.of(arguments[0]));
  }

  /// The same model with the weights of its layers as bf16: rounded, otherwise equal.
  public static void wide(Path target) {
    new RehearsalModel(true).write(target);
  }

  private void write(Path target) {
    List<String> tokens = tokens();
    file.string("general.architecture", "llama")
        .uint32("llama.block_count", LAYERS)
        .uint32("llama.context_length", 2048)
        .uint32("llama.embedding_length", WIDTH)
        .uint32("llama.feed_forward_length", FEED_FORWARD)
        .uint32("llama.attention.head_count", WIDTH / 64)
        .uint32("llama.attention.head_count_kv", KV_WIDTH / 64)
        .uint32("llama.rope.dimension_count", 64)
        .uint32("llama.vocab_size", tokens.size())
        .float32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .float32("llama.rope.freq_base", 100_000)
        .string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "smollm")
        .strings("tokenizer.ggml.tokens", tokens)
        .raw("tokenizer.ggml.token_type", 9, types(tokens.size()))
        .strings("tokenizer.ggml.merges", List.of("t h", "th e", "i n"))
        .uint32("tokenizer.ggml.bos_token_id", 1)
        .uint32("tokenizer.ggml.eos_token_id", 2)
        .string("tokenizer.chat_template", TEMPLATE);
    bytes("token_embd.weight", WIDTH, tokens.size());
    ones("output_norm.weight");
    for (int layer = 0; layer < LAYERS; layer++) {
      String block = "blk." + layer + ".";
      ones(block + "attn_norm.weight");
      ones(block + "ffn_norm.weight");
      quantized(block + "attn_q.weight", WIDTH, WIDTH);
      quantized(block + "attn_k.weight", WIDTH, KV_WIDTH);
      quantized(block + "attn_v.weight", WIDTH, KV_WIDTH);
      quantized(block + "attn_output.weight", WIDTH, WIDTH);
      quantized(block + "ffn_gate.weight", WIDTH, FEED_FORWARD);
      quantized(block + "ffn_up.weight", WIDTH, FEED_FORWARD);
      quantized(block + "ffn_down.weight", FEED_FORWARD, WIDTH);
    }
    file.write(target);
  }

  /// Control tokens, the letters of byte-level BPE (as in GPT-2), and what its merges give.
  private static List<String> tokens() {
    List<String> tokens = new ArrayList<>(CONTROL);
    int moved = 0;
    for (int value = 0; value < 256; value++) {
      boolean plain =
          value >= '!' && value <= '~' || value >= 0xA1 && value <= 0xAC || value >= 0xAE;
      tokens.add(Character.toString(plain ? value : 256 + moved));
      moved += plain ? 0 : 1;
    }
    tokens.addAll(List.of("th", "the", "in"));
    return tokens;
  }

  private static byte[] types(int count) {
    ByteBuffer types = ByteBuffer.allocate(12 + 4 * count).order(ByteOrder.LITTLE_ENDIAN);
    types.putInt(5).putLong(count);
    for (int i = 0; i < count; i++) {
      types.putInt(i < CONTROL.size() ? 3 : 1);
    }
    return types.array();
  }

  private void ones(String name) {
    ByteBuffer data = ByteBuffer.allocate(4 * WIDTH).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < WIDTH; i++) {
      data.putFloat(1);
    }
    file.tensor(name, F32, new long[] {WIDTH}, data.array());
  }

  /// Blocks of 32 values: scale and minimum as fp16, then 16 bytes of codes.
  private void quantized(String name, int in, int out) {
    ByteBuffer data = ByteBuffer.allocate(in / 32 * out * 20).order(ByteOrder.LITTLE_ENDIAN);
    byte[] codes = new byte[16];
    while (data.hasRemaining()) {
      random.nextBytes(codes);
      data.putShort(Float.floatToFloat16(0.01f)).putShort(Float.floatToFloat16(-0.075f)).put(codes);
    }
    byte[] blocks = data.array();
    file.tensor(name, wide ? BF16 : Q4_1, new long[] {in, out}, wide ? widened(blocks) : blocks);
  }

  /// Low halves of the codes are a block's first 16 values, high halves the others.
  private static byte[] widened(byte[] blocks) {
    ByteBuffer data = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer wide = ByteBuffer.allocate(blocks.length / 20 * 64).order(ByteOrder.LITTLE_ENDIAN);
    byte[] codes = new byte[16];
    while (data.hasRemaining()) {
      float scale = Float.float16ToFloat(data.getShort());
      float least = Float.float16ToFloat(data.getShort());
      data.get(codes);
      for (int i = 0; i < 32; i++) {
        int code = i < 16 ? codes[i] & 15 : codes[i - 16] >> 4 & 15;
        wide.putShort((short) (Float.floatToRawIntBits(Math.fma(code, scale, least)) >>> 16));
      }
    }
    return wide.array();
  }

  /// Blocks of 32 values: scale as fp16, then 32 signed bytes.
  private void bytes(String name, int in, int out) {
    ByteBuffer data = ByteBuffer.allocate(in / 32 * out * 34).order(ByteOrder.LITTLE_ENDIAN);
    byte[] values = new byte[32];
    while (data.hasRemaining()) {
      random.nextBytes(values);
      data.putShort(Float.floatToFloat16(0.0006f)).put(values);
    }
    file.tensor(name, Q8_0, new long[] {in, out}, data.array());
  }
}
