"""Trains a tiny tokenizer, and records how transformers encodes texts with it and how LLaMA-Factory
makes training rows of conversations with it.

Run: python generate.py OUTPUT_FOLDER
Wants tokenizers, transformers, llamafactory 0.9.5. Writes tokenizer.json and rows.json.
"""
import json, pathlib, random, sys
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments

output = pathlib.Path(sys.argv[1])
CORPUS = """The fee of the account is three crowns a month. The desk opens at nine and closes at five.
You are a helpful assistant. Ask the desk for the fee, the limit and the opening hours of the account.
The limit of a transfer is two thousand crowns a day; the desk can raise it. 费用是每月三元。柜台九点开门，五点关门。
转账限额是每天两千元。 assistant user system answer question first second third""" * 3

tokenizer = Tokenizer(models.BPE())
tokenizer.normalizer = normalizers.NFC()
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(CORPUS.split("\n"), trainers.BpeTrainer(
    vocab_size=450, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
tokenizer.add_tokens([AddedToken("<tool_call>", special=False, normalized=False),
                      AddedToken("<think>", special=False, normalized=False)])
tokenizer.save(str(output / "tokenizer.json"))
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")

random.seed(7)
alphabet = ["fee", " the", "desk ", "费用", "😀", "é", "e\u0301", "\n", "\n\n", "  ", "\t", "<|im_end|>", "<think>", "<|", "|>", "9", "2026", "\u200d", "Ж", "ก", "\x00", "'s"]
texts = ["", " ", "The fee is three crowns.", "<|im_start|>user\nfee<|im_end|>\n", "<|im_end", "x<think>y</think>"]
texts += ["".join(random.choices(alphabet, k=random.randint(1, 12))) for _ in range(60)]
encodings = []
for text in texts:
    ids = fast.encode(text, add_special_tokens=False)
    encodings.append({"text": text, "ids": ids,
                      "decoded": fast.decode(ids, clean_up_tokenization_spaces=False),
                      "visible": fast.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})

CONVERSATIONS = [
    [("user", "What is the fee?"), ("assistant", "Three crowns a month.")],
    [("user", "a"), ("assistant", "The desk opens at nine and closes at five. " * 6)],
    [("user", "The desk opens at nine and closes at five. " * 6), ("assistant", "b")],
    [("user", "first question " * 9), ("assistant", "first answer " * 7), ("user", "second"), ("assistant", "second answer " * 5), ("user", "third question"), ("assistant", "third answer")],
    [("user", "费用是多少？"), ("assistant", "每月三元。 😀"), ("user", " 谢谢 \n"), ("assistant", "\nfee")],
]
rows = []
for name in ("qwen", "smollm2", "chatml"):
    for scoring, options in (("ANSWERS", {}), ("EVERYTHING", {"train_on_prompt": True}), ("LAST_ANSWER", {"mask_history": True})):
        for cutoff in (2048, 120, 64, 33, 10):
            args = DataArguments(template=name, cutoff_len=cutoff, **options)
            template = get_template_and_fix_tokenizer(fast, args)
            processor = SupervisedDatasetProcessor(template=template, tokenizer=fast, processor=None, data_args=args)
            for number, turns in enumerate(CONVERSATIONS):
                for system in ("", "You are a helpful assistant."):
                    messages = [{"role": role, "content": text} for role, text in turns]
                    ids, labels = processor._encode_data_example(messages[:-1], messages[-1:], system or None, None, [], [], [])
                    rows.append({"template": name, "default": template.default_system, "scoring": scoring, "cutoff": cutoff,
                                 "conversation": number, "system": system, "ids": ids,
                                 "scored": "".join("1" if label != -100 else "0" for label in labels)})
conversations = [[{"role": role, "content": text} for role, text in turns] for turns in CONVERSATIONS]
(output / "rows.json").write_text(json.dumps(
    {"encodings": encodings, "conversations": conversations, "rows": rows}, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
print(len(encodings), len(rows))
