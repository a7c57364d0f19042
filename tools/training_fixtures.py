"""Writes the numbers that the tests of `training` compare with: loss, logits and LoRA gradients of
transformers + PEFT on tiny random models, torch's AdamW, transformers' learning-rate schedules.

Needs torch, transformers, peft. Run from the root of the repository:
    python tools/training_fixtures.py
"""

import json
import pathlib

import numpy
import torch
import transformers
from peft import LoraConfig, get_peft_model

TARGET = pathlib.Path("training/src/test/resources/dev/lathe/training")
GAMMA = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1
PROJECTIONS = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
]
RANK, ALPHA = 3, 6
EVERY = 7


class Splittable:
    """java.util.SplittableRandom, whose nextLong() is SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def long(self):
        self.state = (self.state + GAMMA) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self):
        """[-1, 1) in steps of 2^-23."""
        return (self.long() >> 40) * 2.0**-23 - 1

    def tensor(self, mean, deviation, *shape):
        scale = deviation * 3.0**0.5
        count = int(numpy.prod(shape))
        values = [mean + scale * self.uniform() for _ in range(count)]
        return torch.tensor(numpy.array(values).astype(numpy.float32).reshape(shape))


def tiny(family):
    kwargs = dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, vocab_size=61, max_position_embeddings=64, rms_norm_eps=1e-5,
        rope_theta=10000.0, tie_word_embeddings=family == "LLAMA", attn_implementation="eager",
    )
    if family == "LLAMA":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**kwargs))
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**kwargs))


def weights(model, family, seed):
    random = Splittable(seed)
    state = {"model.embed_tokens.weight": random.tensor(0, 0.5, 61, 32)}
    if family == "QWEN2":
        state["lm_head.weight"] = random.tensor(0, 0.3, 61, 32)
    state["model.norm.weight"] = random.tensor(1, 0.2, 32)
    named = dict(model.named_parameters())
    for layer in range(2):
        prefix = f"model.layers.{layer}."
        state[prefix + "input_layernorm.weight"] = random.tensor(1, 0.2, 32)
        state[prefix + "post_attention_layernorm.weight"] = random.tensor(1, 0.2, 32)
        for projection in PROJECTIONS:
            out, width = named[prefix + projection + ".weight"].shape
            state[prefix + projection + ".weight"] = random.tensor(0, 1 / width**0.5, out, width)
            if prefix + projection + ".bias" in named:
                state[prefix + projection + ".bias"] = random.tensor(0, 0.3, out)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    return model


def rounded(values):
    return [float(f"{float(value):.7g}") for value in values]


def decoder(family):
    model = weights(tiny(family), family, 1)
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0,
        target_modules=[path.split(".")[1] for path in PROJECTIONS], task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    named = dict(model.named_parameters())
    random = Splittable(2)
    order = []
    for layer in range(2):
        for projection in PROJECTIONS:
            for factor in ("A", "B"):
                name = f"base_model.model.model.layers.{layer}.{projection}.lora_{factor}.default.weight"
                named[name].data = random.tensor(0, 0.2, *named[name].shape)
                order.append(name)
    rows = [[(7 * i * i + 3 * i + 5) % 61 for i in range(11)], [(5 * i + 40) % 61 for i in range(6)]]
    first_scored = [4, 2]
    loss = 0
    for row, first in zip(rows, first_scored):
        ids = torch.tensor([row])
        labels = ids.clone()
        labels[0, :first] = -100
        loss = loss + model(input_ids=ids, labels=labels).loss * (len(row) - first)
    loss.backward()
    gradient = torch.cat([named[name].grad.flatten() for name in order])
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([rows[0]])).logits[0, -1]
    return {
        "rows": rows, "first_scored": first_scored, "loss": float(loss.detach()),
        "logits": rounded(logits), "gradient_norm": float(gradient.norm()),
        "gradient_size": gradient.numel(), "every": EVERY, "gradient": rounded(gradient[::EVERY]),
    }


def adamw():
    cases = []
    for decay in (0.0, 0.1):
        start = [0.5, -0.25, 1.0, 0.0, -2.0, 0.125]
        values = torch.tensor(start, requires_grad=True)
        optimizer = torch.optim.AdamW(
            [values], lr=0.02, betas=(0.9, 0.95), eps=1e-6, weight_decay=decay)
        trace = []
        for step in range(6):
            values.grad = torch.tensor([numpy.sin(1 + step * 6 + i) * 10.0 ** (i - 4) for i in range(6)],
                                       dtype=torch.float32)
            optimizer.step()
            trace.append(rounded(values.detach()))
        cases.append({"weight_decay": decay, "start": start, "values": trace})
    return cases


def clipping():
    gradient = torch.tensor([3.0, -4.0, 12.0])
    parameter = torch.zeros(3, requires_grad=True)
    parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_([parameter], 1.0)
    return {"gradient": gradient.tolist(), "norm": float(norm), "clipped": rounded(parameter.grad)}


def schedules():
    cases = []
    for name in ("cosine", "linear", "constant", "constant_with_warmup"):
        for warmup, total in ((0, 9), (3, 10), (5, 5)):
            if name == "constant" and warmup:
                continue
            parameter = torch.zeros(1, requires_grad=True)
            optimizer = torch.optim.SGD([parameter], lr=1.0)
            schedule = transformers.get_scheduler(name, optimizer, warmup, total)
            rates = []
            for _ in range(total):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            cases.append({"name": name, "warmup": warmup, "total": total, "rates": rates})
    return cases


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    for family in ("LLAMA", "QWEN2"):
        text = json.dumps(decoder(family)) + "\n"
        (TARGET / f"decoder-{family.lower()}.json").write_text(text)
    numbers = {"adamw": adamw(), "clipping": clipping(), "schedules": schedules()}
    (TARGET / "optimizer.json").write_text(json.dumps(numbers) + "\n")


main()
