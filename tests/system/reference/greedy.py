#!/usr/bin/env python3
"""Greedy tokens and losses of the folders here by transformers, for tests/system/test_greedy.c.

    python3 tests/system/reference/greedy.py

Writes greedy.json: for each folder the most probable tokens one after another that follow the first
tokens of tokens.bin, what separates the nearest of them from the second, and the loss over the first
tokens in windows that overlap (docs/generation.md says which targets count).
Needs torch, transformers and numpy.
"""
import json
import os

import numpy as np
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("tied", "untied", "llama", "llama-biased", "mistral", "qwen2", "qwen3")
PROMPT, COUNT = 9, 15
TOKENS, SEQ, STRIDE = 101, 16, 4


def read_tokens():
    with open(os.path.join(HERE, "tokens.bin"), "rb") as file:
        return torch.from_numpy(np.frombuffer(file.read()[1024:], "<u2").astype(np.int64))


def greedy(model, tokens):
    ids, margin = tokens[:PROMPT], float("inf")
    for _ in range(COUNT):
        best, token = model(ids[None]).logits[0, -1].topk(2)
        margin = min(margin, float(best[0] - best[1]))
        ids = torch.cat([ids, token[:1]])
    # By its own cache, too.
    by_cache = model.generate(tokens[None, :PROMPT], do_sample=False, max_new_tokens=COUNT, eos_token_id=None,
                              pad_token_id=0, attention_mask=torch.ones(1, PROMPT, dtype=torch.long))
    assert ids.tolist() == by_cache[0].tolist()
    return ids[PROMPT:].tolist(), margin


def loss(model, tokens):
    nats, counted, begin = 0.0, 0, 0
    while counted < TOKENS - 1:
        window = tokens[begin:min(begin + SEQ + 1, TOKENS)]
        terms = torch.nn.functional.cross_entropy(model(window[None, :-1]).logits[0], window[1:], reduction="none")
        new = begin + len(window) - 1 - counted
        nats += float(terms[-new:].double().sum())
        counted += new
        begin += STRIDE
    return nats / counted


def main():
    tokens, out = read_tokens(), {"torch": torch.__version__, "transformers": transformers.__version__}
    out |= {"prompt": PROMPT, "tokens": TOKENS, "seq": SEQ, "stride": STRIDE}
    for name in FOLDERS:
        model = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(HERE, name), dtype=torch.float32).eval()
        with torch.no_grad():
            ids, margin = greedy(model, tokens)
            out[name] = {"ids": ids, "margin": margin, "loss": loss(model, tokens)}
    with open(os.path.join(HERE, "greedy.json"), "w", encoding="utf-8") as file:
        text = json.dumps(out, indent=1)
        file.write(text + "\n")
    print(text)


main()
