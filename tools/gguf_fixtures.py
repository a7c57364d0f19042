"""Writes the GGUF fixtures of compute's tests. Needs gguf, torch, transformers.

blocks.gguf      random blocks of every format, each beside the fp32 values that gguf.quants reads from them
tiny-llama.gguf  a random one-layer Llama with rope_freqs, q and k permuted as convert_hf_to_gguf.py does
tiny-llama.safetensors  the same as transformers reads it from the GGUF file
"""
import pathlib
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from gguf import GGUFWriter
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "compute/src/test/resources/dev/lathe/compute")
random = np.random.default_rng(20250101)

# bytes of one block, positions of its half-precision scales
LAYOUT = {
    Q.Q4_0: (18, [0]), Q.Q4_1: (20, [0, 2]), Q.Q5_0: (22, [0]), Q.Q5_1: (24, [0, 2]), Q.Q8_0: (34, [0]),
    Q.Q4_K: (144, [0, 2]), Q.Q5_K: (176, [0, 2]), Q.Q6_K: (210, [208]),
}


def blocks():
    writer = GGUFWriter(root / "weights/blocks.gguf", "none")
    writer.add_string("a.string", "grüße")
    writer.add_uint8("a.uint8", 200)
    writer.add_int8("a.int8", -7)
    writer.add_uint16("a.uint16", 60000)
    writer.add_int16("a.int16", -300)
    writer.add_uint32("a.uint32", 4_000_000_000)
    writer.add_int32("a.int32", -70000)
    writer.add_uint64("a.uint64", 1 << 40)
    writer.add_int64("a.int64", -(1 << 40))
    writer.add_float32("a.float32", 0.1)
    writer.add_float64("a.float64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_array("some.strings", ["a", "", "ü"])
    writer.add_array("some.integers", [1, -2, 3])
    writer.add_array("some.reals", [0.5, -1.25])
    writer.add_array("some.bools", [True, False])
    for kind, (size, halves) in LAYOUT.items():
        count = 3 if size > 100 else 12
        data = random.integers(0, 256, (count, size), dtype=np.uint8)
        for at in halves:
            data[:, at:at + 2] = random.normal(size=(count, 1)).astype(np.float16).view(np.uint8)
        write(writer, kind, data)
    plain = random.normal(size=(1, 96)).astype(np.float32)
    plain[0, :6] = [0.0, -0.0, 65504.0, 1e-7, -6e-8, np.inf]
    write(writer, Q.F16, plain.astype(np.float16).view(np.uint8))
    write(writer, Q.BF16, quantize(plain, Q.BF16).view(np.uint8))
    finish(writer)


def write(writer, kind, data):
    stored = data.view(np.float16) if kind == Q.F16 else data
    writer.add_tensor(kind.name, stored, raw_dtype=None if kind == Q.F16 else kind)
    values = stored.astype(np.float32) if kind == Q.F16 else dequantize(data, kind)
    writer.add_tensor(kind.name + ".expected", np.ascontiguousarray(values, dtype=np.float32))


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permute(weights, heads):  # LlamaModel.permute of convert_hf_to_gguf.py
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def tiny_llama():
    width, heads, kv_heads, forward, vocabulary = 64, 4, 2, 96, 20
    path = root / "model/tiny-llama.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(500000.0)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(3)
    writer.add_tokenizer_model("gpt2")
    kv = width // heads * kv_heads

    def matrix(name, rows, columns, kind, permuted=0):
        values = random.normal(size=(rows, columns)).astype(np.float32)
        values = permute(values, permuted) if permuted else values
        writer.add_tensor(name, quantize(values, kind), raw_dtype=None if kind == Q.F32 else kind)

    matrix("token_embd.weight", vocabulary, width, Q.Q8_0)
    matrix("blk.0.attn_q.weight", width, width, Q.Q4_0, heads)
    matrix("blk.0.attn_k.weight", kv, width, Q.Q5_1, kv_heads)
    matrix("blk.0.attn_v.weight", kv, width, Q.Q4_1)
    matrix("blk.0.attn_output.weight", width, width, Q.Q5_0)
    matrix("blk.0.ffn_gate.weight", forward, width, Q.Q4_0)
    matrix("blk.0.ffn_up.weight", forward, width, Q.Q4_0)
    matrix("blk.0.ffn_down.weight", width, forward, Q.F32)
    for name in ("blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight"):
        writer.add_tensor(name, random.normal(1, 0.1, width).astype(np.float32))
    writer.add_tensor("rope_freqs.weight", np.linspace(1, 8, width // heads // 2, dtype=np.float32))
    finish(writer)
    model = AutoModelForCausalLM.from_pretrained(root / "model", gguf_file="tiny-llama.gguf", dtype=torch.float32)
    state = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    save_file(state, root / "model/tiny-llama.safetensors", metadata={"format": "pt"})


blocks()
tiny_llama()
