#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""arrows.py -- which module may include which, checked from the #include lines of
include/, partition/ and runtime/. Run in the repository's root; prints FILE:LINE of each include
against an arrow, and each exception that is no longer needed.

    include <- base <- {partition, schedule, model, optimizer} <- program <- planner <- executor
            <- {measure, train, inference} <- cli;  device and transport below the executor; draw reads time lines;
    io above base, tokenizer above io, tokenize above both, and a model's family reads its config.json through a door of io
"""
import os
import re
import sys

# The modules that each module may include besides itself. Its public headers belong to it.
BELOW = {
    "base": "",
    "partition": "base",
    "schedule": "base",
    "device": "base",
    "transport": "base device",
    "model": "base device io",
    "optimizer": "base device",
    "program": "base device partition schedule model optimizer",
    "planner": "base device partition schedule model optimizer program",
    "executor": "base device partition schedule model optimizer program planner transport "
                "timeline",
    "measure": "base device partition schedule model optimizer program planner executor "
               "transport timeline",
    "train": "base device partition schedule model optimizer program planner executor "
             "timeline io tokenizer",
    "tokenizer": "base io",
    "tokenize": "base io tokenizer",
    "inference": "base device partition schedule model optimizer program planner executor "
                 "timeline io tokenizer",
    "io": "base device partition schedule model optimizer program planner",
    "timeline": "base program",
    "draw": "base timeline",
    "cli": "public",
}
# The module of each public header; sluice.h is the front page, and may include all of them.
PUBLIC = {
    "allocator": "base", "export": "base", "status": "base", "tensor": "base", "version": "base",
    "queues": "base",
    "cost_table": "partition", "partition": "partition", "schedule": "schedule", "transports": "transport",
    "device": "device", "blas": "device", "operations": "device", "layer": "model", "model": "model",
    "family": "model", "gpt2": "model",
    "optimizer": "optimizer",
    "gaps": "program", "ledger": "program", "bars": "draw", "program": "program", "timeline": "timeline", "plan": "planner",
    "pipeline": "executor", "virtual": "executor", "run": "train", "save": "train", "tokenizer": "tokenizer", "tokenize": "tokenize", "train": "train",
    "weights": "train",
    "evaluation": "inference", "generation": "inference", "data": "io", "file": "io", "profile": "planner", "device_list": "planner", "split_search": "planner", "plan_search": "planner", "plan_advice": "planner",
    "plan_file": "planner",
    "sluice": "public",
}
# Modules whose private headers are for themselves alone, except for these doors.
DOORS = {"device": set(), "transport": {"runtime/transport/transport.h", "runtime/transport/registry.h"}, "schedule": {"runtime/schedule/action_kinds.h"},
         "model": set(), "io": {"runtime/io/config_file.h", "runtime/io/corpus.h", "runtime/io/fields.h", "runtime/io/folders.h", "runtime/io/input_file.h", "runtime/io/json.h",
                "runtime/io/output.h", "runtime/io/safetensors_head.h", "runtime/io/token_file.h", "runtime/io/weight_names.h"}, "draw": set(), "train": set(),
         "tokenizer": {"runtime/tokenizer/bpe.h", "runtime/tokenizer/characters.h", "runtime/tokenizer/tokenizer_files.h"}, "cli": set()}
# Backends: folders in a module that know the module's own headers and not each other.
BACKENDS = ("runtime/device/cpu", "runtime/device/cuda", "runtime/device/virtual",
            "runtime/transport/local", "runtime/transport/nccl", "runtime/transport/mpi")

EXCEPTIONS = {  # (file, included): why
    ("runtime/device/cuda/portable.h", "simt.h"):
        "belongs to the emulation, which compiles the kernels with its own folder in the include path",
    ("runtime/program/simulate/spans.c", "sluice/timeline.h"):
        "makes the time line of a simulation; timeline.h is about both",
    ("runtime/device/plugin.h", "runtime/transport/transport.h"):
        "a plug-in offers lists of devices and of transports",
    ("runtime/device/cuda/transport.h", "runtime/transport/transport.h"):
        "a plug-in offers lists of devices and of transports",
    ("runtime/transport/nccl/internal.h", "runtime/device/cuda/cuda.h"):
        "NCCL enqueues on this device's streams",
    ("runtime/transport/nccl/transport.c", "runtime/device/cuda/transport.h"):
        "a plug-in offers lists of devices and of transports",
    ("runtime/transport/registry.c", "runtime/device/plugin.h"):
        "a plug-in offers lists of devices and of transports",
}

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def module_of(path):
    """The module of a file of the repository; None: it is in none."""
    parts = path.split("/")
    if parts[0] == "partition":
        return "partition"
    if parts[0] == "include":
        return PUBLIC.get(os.path.splitext(parts[-1])[0])
    return parts[1] if parts[0] == "runtime" and parts[1] in BELOW else None


def backend_of(path):
    return next((folder for folder in BACKENDS if path.startswith(folder + "/")), None)


def resolve(path, name):
    """The repository's file that `name` means in `path`; None: there is none."""
    for folder in ("include", "", os.path.dirname(path)):
        candidate = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(candidate):
            return candidate
    return None


def objection(path, target):
    """What is wrong with `path` including `target`, or None."""
    here, there = module_of(path), target and module_of(target)
    public = target and target.startswith("include/")
    if here is None:
        return "is in no module; add it to one in cmake/arrows.py"
    if there is None:
        return "is in no module"
    if here == "public":  # the front page
        return None if public else "is private"
    if here == "cli" and there != "cli":
        return None if public else "is private, and the command uses public headers only"
    if here != there and there not in BELOW[here].split():
        return f"belongs to {there}, which {here} may not include"
    if here != there and not public and target not in DOORS.get(there, {target}):
        return f"is private to {there}"
    if backend_of(target) not in (None, backend_of(path)):
        # The module's list of backends names them; another backend does not.
        if backend_of(path) or not os.path.basename(path).startswith(there):
            return f"is inside {backend_of(target)}"
    return None


def includes():
    for top in ("include", "partition", "runtime"):
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".c", ".h", ".cu", ".cuh")):
                    continue
                with open(path, encoding="utf-8") as file:
                    for number, line in enumerate(file, 1):
                        match = INCLUDE.match(line)
                        if match:
                            yield path, number, match[1]


def main():
    failed, unused = 0, dict(EXCEPTIONS)
    for path, number, name in includes():
        wrong = objection(path, resolve(path, name))
        if wrong and unused.pop((path, name), EXCEPTIONS.get((path, name))) is None:
            print(f'{path}:{number}: "{name}" {wrong}')
            failed = 1
    for path, name in unused:
        print(f'cmake/arrows.py:1: {path} includes "{name}" no longer; remove the exception')
        failed = 1
    return failed


sys.exit(main())
