#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_tokenizers.py -- trains the small tokenizers of this folder with the `tokenizers` library, and
writes the ids that it gives the strings of hard_texts.py: expected.txt, which test_encode.c reads.

    python3 make_tokenizers.py TEXT...   train on these files, then write expected.txt
    python3 make_tokenizers.py           only write expected.txt, from the tokenizers that are here
"""
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from hard_texts import TEXTS

HERE = pathlib.Path(__file__).resolve().parent
LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3, QWEN2 = LETTERS + r"\p{N}{1,3}|" + REST, LETTERS + r"\p{N}|" + REST
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def split(*patterns):
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns] +
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train(made, size, files, specials=()):
    made.decoder = decoders.ByteLevel()
    made.train(files, trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=list(specials),
                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return made


def gpt2(files):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = train(made, 2000, files)
    made.add_special_tokens([AddedToken("<|endoftext|>", normalized=True)])
    return made


def llama3(files):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = split(LLAMA3)
    made = train(made, 2500, files)
    made.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eot_id|><|eot_id|>"])
    made.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B",
                                      special_tokens=[("<|begin_of_text|>", made.token_to_id("<|begin_of_text|>"))])])
    # As Llama 3's: words that are tokens, and that no merges lead to.
    made = json.loads(made.to_str())
    made["model"]["ignore_merges"] = True
    del made["model"]["merges"][1800:]
    return Tokenizer.from_str(json.dumps(made))


def qwen2(files):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = split(QWEN2)
    made = train(made, 2000, files)
    made.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    made.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("caf\u00e9 <x>", normalized=True)])
    return made


def added(files):
    """Every flag of added tokens, and a space in front."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.NFC()])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made = train(made, 1000, files)
    made.add_special_tokens([AddedToken("<mask>", lstrip=True), AddedToken("<sep>", rstrip=True),
                             AddedToken("<both>", lstrip=True, rstrip=True), "[X]", "[XY]", "\n\n\n"])
    made.add_tokens([AddedToken("word", single_word=True), AddedToken("ord", single_word=True, normalized=False),
                     AddedToken("ing ", normalized=True, rstrip=True), AddedToken("\u00e9t\u00e9", single_word=True)])
    made.post_processor = processors.TemplateProcessing(
        single="[X] $A [XY]", special_tokens=[("[X]", made.token_to_id("[X]")), ("[XY]", made.token_to_id("[XY]"))])
    return made


def sequence(files):
    """Patterns one after another, one of them a text, and o200k's."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("=", "isolated"), pre_tokenizers.Split(Regex(O200K), "isolated"),
         pre_tokenizers.Split(Regex("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return train(made, 1500, files, ["<|end|>"])


def digits(files):
    """As SmolLM's: digits one by one, then GPT-2's pattern."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                  pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return train(made, 800, files, ["<|endoftext|>"])


KINDS = {kind.__name__: kind for kind in (gpt2, llama3, qwen2, added, sequence, digits)}


def lines_of(merges):
    return [" ".join(pair) for pair in merges]


def make(files):
    for name, kind in KINDS.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        made = json.loads(kind(files).to_str())
        if name == "llama3":  # as older files have them
            made["model"]["merges"] = lines_of(made["model"]["merges"])
        text = json.dumps(made, ensure_ascii=False, indent=None, separators=(",", ":"))
        (folder / "tokenizer.json").write_text(text + "\n")
    model = json.loads((HERE / "gpt2" / "tokenizer.json").read_text())["model"]
    folder = HERE / "vocab_json"
    folder.mkdir(exist_ok=True)
    end = {"<|endoftext|>": len(model["vocab"])}
    (folder / "vocab.json").write_text(json.dumps({**model["vocab"], **end}, ensure_ascii=False, separators=(",", ":")) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines_of(model["merges"])) + "\n")


def expected():
    lines = [f"# Made by make_tokenizers.py with tokenizers {tokenizers.__version__}: kind, number of the text, ids."]
    for name in sorted(KINDS):
        made = Tokenizer.from_file(str(HERE / name / "tokenizer.json"))
        for number, text in enumerate(TEXTS):
            ids = made.encode(text, add_special_tokens=False).ids
            lines.append(f"{name} {number} {runs(ids)}")
    (HERE / "expected.txt").write_text("\n".join(lines) + "\n")


def runs(ids):
    """Ids, of which equal ones are counted: "7*3" for 7 7 7."""
    parts, at = [], 0
    while at < len(ids):
        end = at
        while end < len(ids) and ids[end] == ids[at]:
            end += 1
        parts.append(str(ids[at]) + (f"*{end - at}" if end - at > 1 else ""))
        at = end
    return " ".join(parts)


def texts():
    """texts.txt: the strings, as hexadecimal bytes; "HEX*N" for N times the same."""
    lines = ["# Made by make_tokenizers.py from hard_texts.py: bytes, as hexadecimal numbers."]
    for text in TEXTS:
        raw = text.encode()
        same = len(raw) > 1000 and len(set(text)) == 1
        lines.append(f"{text[0].encode().hex()}*{len(text)}" if same else raw.hex() + "*1")
    (HERE / "texts.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(sys.argv[1:])
    texts()
    expected()
