#!/usr/bin/env python3
"""By hand: what Sluice saves opens in transformers, which then computes the same logits.

    python3 tests/system/reference/logits.py build/release [FOLDER...]

Trains each folder here (or those named) for 10 steps, saved as float32 and as bfloat16, opens what is
saved with AutoModelForCausalLM, and prints the largest difference of logits to those that Sluice
computes from the same folder.
Needs torch, transformers and numpy. Fails if logits differ by more than 1e-5 of the largest.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = os.path.join(HERE, "tokens.bin")
SEQ, LIMIT = 16, 1e-5
BUILD = sys.argv[1]
RUN = ("--seq 16 --batch 4 --steps 10 --lr 1e-3 --decay none --warmup 0 --weight-decay 0.1 --betas 0.9,0.95 "
       "--clip 2 --seed 1 --threads 1 --ranks 2 --microbatches 4 --quiet").split()


def window():
    with open(TOKENS, "rb") as file:
        return torch.from_numpy(np.frombuffer(file.read()[1024:], "<u2")[:SEQ].astype(np.int64))[None]


def open_folder(folder):
    model, about = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True,
                                                        attn_implementation="eager")
    problems = {key: value for key, value in about.items() if value}
    if problems:
        sys.exit(f"{folder}: {problems}")
    return model.eval()


def logits_of(folder):
    with torch.no_grad():
        return open_folder(folder)(window()).logits[0].numpy()


def sluice_logits(folder):
    run = subprocess.run([f"{BUILD}/tests/reference_logits", folder, TOKENS, str(SEQ)], check=True,
                         capture_output=True)
    return np.frombuffer(run.stdout, "<f4").reshape(SEQ, -1)


def train(folder, out, kind):
    subprocess.run([f"{BUILD}/sluice", "train", "--data", TOKENS, "--model", folder, "--init", folder, "--out", out,
                    "--save-type", kind, *RUN], check=True, capture_output=True)


def compare(name, folder):
    print(f"{name}:")
    with tempfile.TemporaryDirectory() as temporary:
        for kind in "f32", "bf16":
            out = os.path.join(temporary, kind)
            train(folder, out, kind)
            with open(os.path.join(out, "config.json")) as file:
                config = json.load(file)
            theirs, own = logits_of(out), sluice_logits(out)
            difference = np.abs(theirs - own).max() / np.abs(theirs).max()
            print(f"  {kind:5}{config['architectures'][0]:20}{config['torch_dtype']:10}"
                  f"largest logit {np.abs(theirs).max():.4f}, largest difference {difference:.2e} of it")
            if difference > LIMIT:
                sys.exit("more than 1e-5")


for each in sys.argv[2:] or [os.path.join(HERE, name) for name in sorted(os.listdir(HERE))]:
    if os.path.exists(os.path.join(each, "config.json")):
        compare(os.path.basename(os.path.normpath(each)), each)
