"""Fixtures that tie our adapter directories to PEFT. Needs peft, torch, transformers.

peft_fixtures.py make BASE OUT      BASE: what TinyModels.llama(directory, 1) writes; puts adapters that PEFT makes of it into OUT
peft_fixtures.py check BASE ADAPTER loads an adapter with PEFT and prints rank, scaling and sum of every module as JSON
"""
import json
import pathlib
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "plain": dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"]),
    "patterns": dict(r=4, lora_alpha=8, target_modules=ALL, use_rslora=True,
                     rank_pattern={"layers.1.self_attn.q_proj": 3, "o_proj": 1, r".*\.0\.mlp\..*": 2, "down_proj": 1},
                     alpha_pattern={"^model.layers.0.self_attn.k_proj": 5, "q_proj": 6.5}),
    "all-linear": dict(r=1, lora_alpha=3, target_modules="all-linear"),
    "expression": dict(r=2, lora_alpha=2, target_modules=r".*\.(0|7)\..*\.(up|down)_proj"),
    "layers": dict(r=2, lora_alpha=2, target_modules=["k_proj", "gate_proj"], layers_to_transform=[1], layers_pattern="layers"),
    "excluded": dict(r=2, lora_alpha=2, target_modules=["q_proj", "k_proj"], exclude_modules=["layers.0.self_attn.q_proj"]),
    "bf16": dict(r=2, lora_alpha=2, target_modules=["o_proj"]),
    "refused-dora": dict(r=2, target_modules=["q_proj"], use_dora=True),
    "refused-bias": dict(r=2, target_modules=["q_proj"], lora_bias=True),
    "refused-saved": dict(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "refused-embedding": dict(r=2, target_modules=["q_proj", "embed_tokens"]),
    "refused-head": dict(r=2, target_modules=["q_proj", "lm_head"]),
    "refused-pissa": dict(r=2, target_modules=["q_proj"], init_lora_weights="pissa"),
    "refused-tokens": dict(r=2, target_modules=["q_proj"], trainable_token_indices=[1, 2]),
}


def base(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def settings(model):
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            found[name.removeprefix("base_model.model.")] = dict(
                rank=module.r["default"], scaling=module.scaling["default"],
                a=float(a.double().sum()), b=float(b.double().sum()))
    return found


def cast(model, dtype):  # the factors alone
    for key, value in model.named_parameters():
        if "lora_" in key:
            value.data = value.data.to(dtype)


def logits(model):
    with torch.no_grad():
        return [float(f"{x:.7g}") for x in model(torch.tensor([[1, 5, 9, 2, 7]])).logits[0, -1].tolist()]


def make(path, out):
    expected = {}
    for index, (name, options) in enumerate(CASES.items()):
        torch.manual_seed(index)
        model = get_peft_model(base(path), LoraConfig(task_type="CAUSAL_LM", **options))
        for key, value in model.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(value, std=0.3)
        if name == "bf16":
            cast(model, torch.bfloat16)
        model.save_pretrained(out / name)
        if name == "bf16":
            cast(model, torch.float32)
        (out / name / "README.md").unlink()
        config = json.loads((out / name / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = "tiny"
        (out / name / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
        (out / name / "adapter_model.safetensors").chmod(0o644)
        if not name.startswith("refused"):
            expected[name] = dict(modules=settings(model), logits=logits(model))
            merged = model.merge_and_unload().state_dict()
            key = "model.layers.1.self_attn.o_proj.weight"
            expected[name]["merged"] = [float(x) for x in merged[key].flatten().tolist()[:64]]
    (out / "peft.json").write_text(json.dumps(expected, indent=1))


def check(path, adapter):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base(path), adapter).eval()
    print(json.dumps(dict(modules=settings(model), logits=logits(model), warnings=[str(w.message) for w in heard])))


mode, first, second = sys.argv[1:4]
make(first, pathlib.Path(second)) if mode == "make" else check(first, second)
