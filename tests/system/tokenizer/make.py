#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make.py -- makes tokenizer.json, a byte-level BPE of 640 tokens with GPT-2's pattern, from this
repository's documents, and ids.txt, what the `tokenizers` library makes of hard.txt with it. Run in
this folder; by hand, as it needs `tokenizers`.
"""
import glob

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=640, special_tokens=["<|endoftext|>"],
                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
tokenizer.train(sorted(glob.glob("../../../docs/*.md")), trainer)
tokenizer.save("tokenizer.json", pretty=False)
with open("hard.txt", encoding="utf-8", newline="") as file:
    ids = tokenizer.encode(file.read(), add_special_tokens=False).ids
with open("ids.txt", "w") as file:
    file.write(" ".join(map(str, ids)) + "\n")
