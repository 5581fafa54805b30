#!/usr/bin/env python3
"""Make the reference that tests/system/test_pytorch.c reproduces: two tiny GPT-2s, tied and untied,
trained for 10 steps by PyTorch with Hugging Face's own model class.

    python3 tests/system/reference/make.py tokens                 writes tokens.bin
    build/dev/tests/reference_windows tests/system/reference/tokens.bin 16 4 10 1 > tests/system/reference/windows.json
    python3 tests/system/reference/make.py train                  writes the rest

Needs torch, transformers, safetensors and numpy.
"""
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, POSITIONS, WIDTH, LAYERS, HEADS = 80, 24, 32, 2, 4
SEQ, BATCH, STEPS, SEED = 16, 4, 10, 1
LR, BETAS, EPSILON, DECAY, CLIP = 1e-3, (0.9, 0.95), 1e-8, 0.1, 2.0


def path(name):
    return os.path.join(HERE, name)


def write_tokens():
    """60 windows of a noisy counting sequence, in llm.c's format."""
    rng = np.random.default_rng(SEED)
    steps = rng.choice([1, 2, 7], p=[0.7, 0.2, 0.1], size=60 * SEQ + 1)
    tokens = (np.cumsum(steps) % VOCABULARY).astype("<u2")
    header = np.zeros(256, "<i4")
    header[:3] = 20240520, 1, len(tokens)
    with open(path("tokens.bin"), "wb") as file:
        file.write(header.tobytes() + tokens.tobytes())


def read_batches():
    import torch
    with open(path("tokens.bin"), "rb") as file:
        tokens = np.frombuffer(file.read()[1024:], "<u2").astype(np.int64)
    with open(path("windows.json")) as file:
        for windows in json.load(file):
            rows = torch.tensor(np.stack([tokens[w * SEQ:w * SEQ + SEQ + 1] for w in windows]))
            yield rows[:, :-1], rows[:, 1:]


def make_model(tied):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel
    torch.manual_seed(SEED)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=WIDTH, n_layer=LAYERS,
                        n_head=HEADS, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0,
                        tie_word_embeddings=tied, attn_implementation="eager")
    model = GPT2LMHeadModel(config).float().train()
    with torch.no_grad():  # nothing at its usual initial value: gains off 1, biases off 0
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            is_gain = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_gain else
                            0.05 * noise if parameter.ndim == 1 else 0.15 * noise)
    return model


def train(model):
    import torch
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY},
                                   {"params": vectors, "weight_decay": 0.0}],
                                  lr=LR, betas=BETAS, eps=EPSILON)
    losses, norms = [], []
    for inputs, targets in read_batches():
        logits = model(inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY),
                                                 targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return {"loss": losses, "norm": norms}


def write_reference():
    import torch
    import transformers
    from safetensors.torch import save_file
    torch.set_num_threads(1)
    result = {"torch": torch.__version__, "transformers": transformers.__version__, "seq": SEQ,
              "batch": BATCH, "steps": STEPS, "seed": SEED, "lr": LR, "betas": BETAS,
              "weight_decay": DECAY, "clip": CLIP}
    for kind in "tied", "untied":
        model = make_model(kind == "tied")
        state = {name: value.clone().contiguous() for name, value in model.state_dict().items()}
        if kind == "tied":
            del state["lm_head.weight"]
        os.makedirs(path(kind), exist_ok=True)
        save_file(state, path(f"{kind}/model.safetensors"), metadata={"format": "pt"})
        with open(path(f"{kind}/config.json"), "w") as file:
            json.dump(json.loads(model.config.to_json_string(use_diff=False)), file, indent=1,
                      sort_keys=True)
            file.write("\n")
        result[kind] = train(model)
    with open(path("reference.json"), "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


{"tokens": write_tokens, "train": write_reference}[sys.argv[1]]()
