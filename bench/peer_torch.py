#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peer_torch.py -- Sluice and PyTorch train the same GPTs on this machine's CPU, in turns, each turn in a process of its
own, so that other load meets all alike. Needs PyTorch in the Python that runs it, and a C++ compiler for torch.compile.
Prints Markdown.

    peer_torch.py TRAIN_CPU [--models a,b,c] [--rounds N] [--steps N] [--only PATTERN] [--beside] [--quick]

TRAIN_CPU is the bench of that name, such as build/release/bench/train_cpu.
"""
import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import signal
import statistics
import sys
import tempfile

import max_layers
import peer_contenders

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTE = """Made by `bench/peer_torch.py`. Rounds: %d. In each round every contender trains in turn: 2 steps of warm-up, then %d steps
whose tokens/s count; median and best of all rounds. fp32, AdamW (0.9, 0.95, decay 0.1 for matrices, gradient norm clipped to 1),
one minibatch repeated; the run of PyTorch fails unless its loss falls.

- PyTorch in one process has a thread for each core, tied embeddings, scaled_dot_product_attention and fused AdamW. "Head in
  chunks" is its linear_cross_entropy with default chunks, which "compiled" does not compile.
- PyTorch's pipelines are torch.distributed.pipelining on gloo. As is usual there, the head is not tied to the embedding, which the
  other process has, and gradients are not clipped: both spare it work. Each process has an optimizer for its stage. The
  model is cut between blocks: of the two cuts with the most equal products, at the one that a short trial finds faster.
- PyTorch's malloc keeps what a step frees and asks for huge pages (%s, GLIBC_TUNABLES=
  %s).
- The last two columns divide Sluice's median by the row's and Sluice's best by the row's. Sluice is here one rank with a thread
  for each core for rows of one process, and its pipeline of the highest median for pipelines."""


def parse():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("train_cpu")
    parser.add_argument("--models", default="a,b,c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", default="", metavar="PATTERN", help="only those whose name matches")
    parser.add_argument("--beside", dest="loaded", action="store_true", help="also next to a busy process")
    parser.add_argument("--quick", action="store_true", help="a tiny model, 2 steps; that it runs")
    asked = parser.parse_args()
    asked.models = asked.models.split(",")
    if set(asked.models) - set("abc") or asked.rounds < 1 or asked.steps < 1:
        parser.error("--models are a, b and c; --rounds and --steps are at least 1")
    if asked.quick:
        asked.models, asked.rounds, asked.steps = ["tiny"], 1, 2
    return asked


def torch_version():
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("peer_torch.py: PyTorch is not installed in %s; run the script with a Python that has it"
                         % sys.executable) from None


def sluice_version():
    with open(ROOT + "/include/sluice/version.h") as file:
        return ".".join(re.findall(r"define SLUICE_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", file.read()))


def print_head(asked):
    print("# Sluice and PyTorch on the CPU, in turns\n")
    print("sluice %s, PyTorch %s, %s, %s\n" % (sluice_version(), torch_version(), max_layers.processor(), datetime.date.today()))
    print(NOTE % (asked.rounds, asked.steps, " ".join(platform.libc_ver()), peer_contenders.MEMORY["GLIBC_TUNABLES"]), flush=True)


def choose_cut(torch, model):
    """The faster cut, and what was measured."""
    tried = list(torch.try_cuts(model.cuts()))
    speeds = {cut: statistics.median(contender.quiet) for cut, contender in tried if contender.quiet}
    best = max(speeds, key=speeds.get, default=tried[0][0])
    texts = ["after %d: %s" % (cut, "%.0f tokens/s" % speeds[cut] if cut in speeds else contender.error)
             for cut, contender in tried]
    return best, "; PyTorch's pipelines are cut after %d of %d blocks (%s)" % (best, model.layers, ", ".join(texts))


def contenders_of(asked, key, model, cores, folder):
    """Those that were asked for, and where pipelines are cut."""
    def wanted(contenders):
        return [c for c in contenders if re.search(asked.only, c.name)]
    torch = peer_contenders.Torch(model, cores, asked.steps, folder)
    pipelines, about = wanted(torch.pipelines(1)), ""
    if pipelines:
        cut, about = choose_cut(torch, model)
        pipelines = wanted(torch.pipelines(cut))
    ours = peer_contenders.sluice(asked.train_cpu, key, model.batch, cores, asked.steps)
    return wanted(ours) + wanted(torch.alone()) + pipelines, about


def take_turns(asked, model, contenders):
    for k in range(asked.rounds):
        print("peer_torch.py: %s, round %d of %d" % (model.title, k + 1, asked.rounds), file=sys.stderr, flush=True)
        for contender in contenders:
            contender.turn(asked.steps, contender.quiet)
            if asked.loaded and contender.loaded:
                with peer_contenders.busy_process():
                    contender.turn(asked.steps, contender.busy)


def fastest(contenders, alone, ours):
    return max((c for c in contenders if c.alone == alone and c.ours == ours and c.quiet and not c.error),
               key=lambda c: statistics.median(c.quiet), default=None)


def ratios(ours, other):
    """Two cells: median over median, best over best."""
    if not ours or other.ours:
        return "", ""
    return ("%.2f" % (statistics.median(ours.quiet) / statistics.median(other.quiet)),
            "%.2f" % (max(ours.quiet) / max(other.quiet)))


def row(contender, references):
    if contender.error:
        return (contender.name, "failed: " + contender.error.replace("|", "/"), "", "", "")
    return (contender.name, "%.0f" % statistics.median(contender.quiet), "%.0f" % max(contender.quiet),
            *ratios(references[contender.alone], contender))


def references_of(contenders):
    """What rows of one process and of pipelines are compared with."""
    whole = [c for c in contenders if c.ours and c.loaded and c.alone]
    return {True: fastest(whole, True, True), False: fastest(contenders, False, True)}


def print_table(contenders, references):
    print(max_layers.table(["contender", "median, tokens/s", "best", "Sluice over it, medians", "bests"],
                           [row(contender, references) for contender in contenders]))
    for alone, kind in ((True, "in one process"), (False, "in a pipeline")):
        peer = fastest(contenders, alone, False)
        if peer and references[alone]:
            print("\nSluice over the fastest PyTorch %s (%s over %s): medians %s, bests %s."
                  % (kind, references[alone].name, peer.name, *ratios(references[alone], peer)))


def print_loaded(contenders, cores):
    fair = (cores - 0.5) / cores
    print("\nNext to a process that is always busy, which leaves %.0f %% of the machine as a fair share. Each loaded turn follows "
          "the quiet turn\nthat it is compared with.\n" % (100 * fair))
    rows = []
    for contender in contenders:
        if contender.error or not contender.busy:
            continue
        kept = statistics.median(contender.busy) / statistics.median(contender.quiet)
        rows.append((contender.name, "%.0f" % statistics.median(contender.quiet), "%.0f" % statistics.median(contender.busy),
                     "%.0f" % max(contender.busy), "%.1f %%" % (100 - 100 * kept), "%.1f %%" % (100 - 100 * fair),
                     "%.0f %%" % (100 * kept / fair)))
    print(max_layers.table(["contender", "quiet, median, tokens/s", "loaded, median", "best", "loss", "loss at the fair share",
                            "kept of the fair share"], rows))


def compare_on(asked, key, folder):
    cores = len(os.sched_getaffinity(0))
    model = peer_contenders.MODELS[key]
    contenders, about = contenders_of(asked, key, model, cores, folder)
    take_turns(asked, model, contenders)
    print("\n## %s\n\n%d samples of %d tokens%s.\n" % (model.title, model.batch, model.length, about))
    print_table(contenders, references_of(contenders))
    if asked.loaded:
        print_loaded(contenders, cores)
    sys.stdout.flush()


def main(asked):
    print_head(asked)
    with tempfile.TemporaryDirectory() as folder:
        for key in asked.models:
            compare_on(asked, key, folder)


if __name__ == "__main__":
    if sys.version_info < (3, 9):
        raise SystemExit("peer_torch.py: Python 3.9 or later is needed, this is %s" % platform.python_version())
    options = parse()
    torch_version()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that turns end with it
    main(options)
