#!/usr/bin/env python3
"""Make the reference that tests/system/test_pytorch.c reproduces: two tiny GPT-2s, tied and untied,
and a tiny model of each other family, trained for 10 steps by PyTorch with Hugging Face's own classes.

    python3 tests/system/reference/make.py tokens                 writes tokens.bin
    build/dev/tests/reference_windows tests/system/reference/tokens.bin 16 4 20 1 > tests/system/reference/windows.json
    python3 tests/system/reference/make.py train                  writes the GPT-2s and reference.json
    python3 tests/system/reference/make.py families               writes the others and families.json
    python3 tests/system/reference/make.py bf16                   writes bf16.json: all of them again, in bf16

Needs torch, transformers, safetensors and numpy.
"""
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, POSITIONS, WIDTH, LAYERS, HEADS = 80, 24, 32, 2, 4
SEQ, BATCH, STEPS, BF16_STEPS, SEED = 16, 4, 10, 20, 1
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


def read_batches(steps):
    import torch
    with open(path("tokens.bin"), "rb") as file:
        tokens = np.frombuffer(file.read()[1024:], "<u2").astype(np.int64)
    with open(path("windows.json")) as file:
        for windows in json.load(file)[:steps]:
            rows = torch.tensor(np.stack([tokens[w * SEQ:w * SEQ + SEQ + 1] for w in windows]))
            yield rows[:, :-1], rows[:, 1:]


def make_model(tied):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel
    torch.manual_seed(SEED)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=WIDTH, n_layer=LAYERS,
                        n_head=HEADS, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0,
                        tie_word_embeddings=tied, attn_implementation="eager")
    return randomize(GPT2LMHeadModel(config).float().train())


def randomize(model):
    import torch
    with torch.no_grad():  # nothing at its usual initial value: gains off 1, biases off 0
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            is_gain = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(1 + 0.1 * noise if is_gain else
                            0.05 * noise if parameter.ndim == 1 else 0.15 * noise)
    return model


def make_optimizer(model):
    import torch
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY},
                              {"params": vectors, "weight_decay": 0.0}],
                             lr=LR, betas=BETAS, eps=EPSILON)


def train(model):
    import torch
    optimizer = make_optimizer(model)
    losses, norms = [], []
    for inputs, targets in read_batches(STEPS):
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


def describe_run():
    import torch
    import transformers
    torch.set_num_threads(1)
    return {"torch": torch.__version__, "transformers": transformers.__version__, "seq": SEQ,
            "batch": BATCH, "steps": STEPS, "seed": SEED, "lr": LR, "betas": BETAS,
            "weight_decay": DECAY, "clip": CLIP}


def write_json(name, value):
    with open(path(name), "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def write_reference():
    from safetensors.torch import save_file
    result = describe_run()
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
    write_json("reference.json", result)


# ---- the other families: as small as their files, which are of several types and in shards ----

LLAMA3 = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}  # of each range one
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}
FAMILIES = {  # the names of their classes, what differs, the type of the file, bytes of a shard
    "llama": ("Llama", dict(rope_parameters=LLAMA3, max_position_embeddings=128,
                            tie_word_embeddings=True), "bfloat16", "5GB"),
    "llama-biased": ("Llama", dict(rope_parameters=LINEAR, attention_bias=True, mlp_bias=True,
                                   rms_norm_eps=1e-3), "bfloat16", "5GB"),
    "mistral": ("Mistral", dict(sliding_window=None), "float16", "12KB"),
    "qwen2": ("Qwen2", dict(tie_word_embeddings=True), "bfloat16", "5GB"),
    "qwen3": ("Qwen3", dict(head_dim=10), "bfloat16", "5GB"),
}


def make_family(words, more):
    import torch
    import transformers
    torch.manual_seed(SEED)
    config = getattr(transformers, words + "Config")(
        vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, attn_implementation="eager",
        **{"max_position_embeddings": 48, **more})
    return randomize(getattr(transformers, words + "ForCausalLM")(config).float().train())


def write_families():
    import torch
    result = describe_run()
    for name, (words, more, kind, shard) in FAMILIES.items():
        model = make_family(words, more).to(getattr(torch, kind))
        model.save_pretrained(path(name), max_shard_size=shard)
        os.remove(path(f"{name}/generation_config.json"))
        model = type(model).from_pretrained(path(name), dtype=torch.float32,  # frequencies, too
                                            attn_implementation="eager")
        result[name] = train(model.train())
    write_json("families.json", result)


# ---- the same in bf16: copies of fp32 masters compute, and their gradients change the masters ----


def copy_parameters(to, source):
    import torch
    with torch.no_grad():
        for a, b in zip(to.parameters(), source.parameters()):
            a.copy_(b)


def train_in_bf16(masters):
    """As train(), by a model whose parameters, activations and their gradients are bf16."""
    import copy
    import torch
    model = copy.deepcopy(masters).to(torch.bfloat16)
    for buffer, exact in zip(model.buffers(), masters.buffers()):
        buffer.data = exact.clone()  # frequencies of rotary positions stay fp32, as where a model is loaded in bf16
    optimizer = make_optimizer(masters)
    losses, norms = [], []
    for inputs, targets in read_batches(BF16_STEPS):
        copy_parameters(model, masters)
        logits = model(inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.float().reshape(-1, VOCABULARY), targets.reshape(-1))
        model.zero_grad()
        loss.backward()
        for master, small in zip(masters.parameters(), model.parameters()):
            master.grad = small.grad.float()
        norm = torch.nn.utils.clip_grad_norm_(masters.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return {"loss": losses, "norm": norms}


def write_bf16():
    import torch
    import transformers
    result = {**describe_run(), "steps": BF16_STEPS}
    for name in ("tied", "untied", *FAMILIES):
        model = transformers.AutoModelForCausalLM.from_pretrained(path(name), dtype=torch.float32,
                                                                  attn_implementation="eager")
        result[name] = train_in_bf16(model.train())
    write_json("bf16.json", result)


{"tokens": write_tokens, "train": write_reference, "families": write_families,
 "bf16": write_bf16}[sys.argv[1]]()
