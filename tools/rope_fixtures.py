"""Writes rope.json: config.json files with every kind of rotary scaling, and the frequencies transformers computes. Needs transformers."""
import json
import pathlib
import sys

from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "compute/src/test/resources/dev/lathe/compute")
SHAPE = dict(model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=256, num_hidden_layers=1,
             num_attention_heads=4, num_key_value_heads=2, intermediate_size=64, vocab_size=32,
             max_position_embeddings=131072, rms_norm_eps=1e-5)
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
YARN = dict(factor=4.0, original_max_position_embeddings=32768)
CASES = {
    "plain": dict(rope_theta=10000.0),
    "default theta": dict(),
    "head width of its own": dict(rope_theta=500000.0, head_dim=128),
    "linear, old key": dict(rope_theta=10000.0, rope_scaling=dict(type="linear", factor=2.0)),
    "linear": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="linear", factor=2.0)),
    "llama3": dict(rope_theta=500000.0, rope_scaling=dict(rope_type="llama3", **LLAMA3)),
    "llama3, new style": dict(rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, **LLAMA3)),
    "yarn": dict(rope_theta=1000000.0, rope_scaling=dict(type="yarn", **YARN)),
    "yarn, new style": dict(rope_parameters=dict(rope_type="yarn", rope_theta=1000000.0, **YARN)),
    "yarn without truncation": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", truncate=False, **YARN)),
    "yarn with betas": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", beta_fast=16.0, beta_slow=2.0, **YARN)),
    "yarn with attention factor": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", attention_factor=1.5, **YARN)),
    "yarn with mscale": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", mscale=0.7, mscale_all_dim=1.3, **YARN)),
    "yarn from the full context": dict(rope_theta=10000.0, rope_scaling=dict(rope_type="yarn", factor=2.0, original_max_position_embeddings=131072)),
}
out = {}
for name, extra in CASES.items():
    raw = {**SHAPE, **extra}
    config = AutoConfig.for_model(**json.loads(json.dumps(raw)))
    embedding = LlamaRotaryEmbedding(config)
    kind = config.rope_parameters["rope_type"]
    assert kind == "default" or kind in ROPE_INIT_FUNCTIONS
    out[name] = dict(config=raw, frequencies=[float(x) for x in embedding.inv_freq.double()], attention=float(embedding.attention_scaling))
(root / "model/rope.json").write_text(json.dumps(out, indent=1))
