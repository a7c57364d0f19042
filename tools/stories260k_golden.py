"""Writes stories260k.json: greedy tokens and logits of stories260K by transformers in fp32. Needs torch, transformers.

Usage: stories260k_golden.py STORIES260K.BIN [RESOURCES]
"""
import json
import pathlib
import struct
import sys

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

source = pathlib.Path(sys.argv[1])
root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "compute/src/test/resources/dev/lathe/compute")
raw = source.read_bytes()
width, forward, layers, heads, kv_heads, vocabulary, positions = struct.unpack("<7i", raw[:28])
assert vocabulary > 0  # shared head
values = np.frombuffer(raw, "<f4", offset=28)
at = 0


def take(*shape):
    global at
    size = int(np.prod(shape))
    at += size
    return torch.from_numpy(values[at - size:at].reshape(shape).copy())


def halves(weights, n):  # neighbouring rows to halves of a head
    return weights.reshape(n, -1, 2, width).transpose(1, 2).reshape(weights.shape)


kv = width // heads * kv_heads
state = {"model.embed_tokens.weight": take(vocabulary, width)}
parts = {
    "input_layernorm": take(layers, width),
    "self_attn.q_proj": take(layers, width, width),
    "self_attn.k_proj": take(layers, kv, width),
    "self_attn.v_proj": take(layers, kv, width),
    "self_attn.o_proj": take(layers, width, width),
    "post_attention_layernorm": take(layers, width),
    "mlp.gate_proj": take(layers, forward, width),
    "mlp.down_proj": take(layers, width, forward),
    "mlp.up_proj": take(layers, forward, width),
}
for name, stacked in parts.items():
    for layer in range(layers):
        part = stacked[layer]
        part = halves(part, heads) if "q_proj" in name else halves(part, kv_heads) if "k_proj" in name else part
        state[f"model.layers.{layer}.{name}.weight"] = part
state["model.norm.weight"] = take(width)
config = LlamaConfig(hidden_size=width, intermediate_size=forward, num_hidden_layers=layers, num_attention_heads=heads,
                     num_key_value_heads=kv_heads, vocab_size=vocabulary, max_position_embeddings=positions,
                     rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
                     rope_parameters=dict(rope_type="default", rope_theta=10000.0))
model = LlamaForCausalLM(config).eval()
missing, unexpected = model.load_state_dict(state, strict=False)
assert missing == ["lm_head.weight"] and not unexpected
model.tie_weights()

cases = []
for prompt, count in (([1], 200), ([1, 403, 407, 261, 378], 120)):
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < len(prompt) + count:
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        logits = model(torch.tensor([ids])).logits[0]
    margin = min(float(v[0] - v[1]) for v in (row.topk(2).values for row in logits[len(prompt) - 1:-1]))
    where = sorted({0, len(prompt) - 1, 10, 60, len(ids) - 1})
    cases.append(dict(prompt=prompt, generated=ids[len(prompt):], least_margin=margin,
                      logits={str(p): [float(f"{x:.7g}") for x in logits[p].tolist()] for p in where}))
    print(prompt, margin)
(root / "model/stories260k.json").write_text(json.dumps(cases))
