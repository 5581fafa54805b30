#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""grow.py -- GPipe's table at a hundredth of the scale, for real: under a limit on the memory of each rank, the most blocks
that 1, 2, 4 and 8 ranks of this machine's CPU can train, trained for a few steps. One block more is refused by
`sluice train`. Prints Markdown. Nothing is timed: all ranks share the machine's cores.

    grow.py SLUICE            the record: bench/results/grow-*.md; a few minutes
    grow.py SLUICE --quick    1 and 2 ranks, a small limit, 2 steps; that it runs
"""
import datetime
import glob
import json
import os
import sys
import tempfile

import max_layers

HEADS, VOCABULARY, BATCH = 4, 256, 8
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What examples/quickstart.sh trains on.
DATA = ["README.md", "HACKING.md"] + sorted(glob.glob("docs/*.md", root_dir=ROOT)) + ["include", "partition", "runtime", "examples"]
# Ranks, micro-batches, recomputation.
CASES = [(1, 1, "none"), (1, 8, "none"), (1, 8, "full"), (2, 8, "full"), (4, 8, "full"), (8, 8, "full")]


class Scale:
    def __init__(self, quick):
        self.width, self.sequence = (64, 32) if quick else (256, 64)
        self.limit = 10**7 if quick else 16 * 10**7
        self.steps = 2 if quick else 6
        self.cases = [CASES[2], CASES[3]] if quick else CASES


class Case:
    """The most blocks on so many ranks, and a run of as many."""

    def __init__(self, command, folder, scale, ranks, microbatches, recompute):
        self.command, self.folder, self.scale, self.ranks = command, folder, scale, ranks
        self.microbatches, self.recompute = microbatches, recompute
        self.config = folder + "/config.json"
        self.shared = ["--ranks", str(ranks), "--schedule", "gpipe", "--microbatches", str(microbatches),
                       "--seq", str(scale.sequence), "--recompute", recompute, "--optimizer", "sgd", "--momentum", "0.9"]

    def split(self, layers, limited):
        max_layers.write_config(self.config, self.scale.width, HEADS, layers, VOCABULARY, self.scale.sequence)
        limit = ["--memory-limit", str(self.scale.limit)] if limited else []
        return max_layers.Run([self.command, "split", self.config, "--microbatch-size", str(BATCH // self.microbatches),
                                "--objective", "memory", "--json"] + self.shared + limit)

    def fits(self, layers):
        run = self.split(layers, True)
        if max_layers.is_shortage(run):
            return False
        self.planned = run.json()
        return True

    def train(self, split):
        return max_layers.Run([self.command, "train", "--data"] + [ROOT + "/" + path for path in DATA] +
                               ["--model", self.config, "--batch", str(BATCH), "--memory-limit", str(self.scale.limit), "--split",
                                ",".join(map(str, split)), "--steps", str(self.scale.steps), "--out", self.folder + "/out", "--overwrite", "--json"] +
                               self.shared)

    def run(self, guess):
        self.layers = max_layers.largest(self.fits, guess)
        assert self.fits(self.layers)  # and its split is the last that was planned
        run = self.train(self.planned["split"])
        if run.code != 0:
            raise SystemExit("%d blocks on %d ranks were planned, and do not train: %s" % (self.layers, self.ranks, run.err))
        self.losses = [json.loads(line)["loss"] for line in run.out.splitlines() if line.startswith('{"step"')]
        assert len(self.losses) == self.scale.steps and self.losses[-1] < self.losses[0], self.losses
        self.peak = run.peak_bytes
        more = self.train(self.split(self.layers + 1, False).json()["split"])
        assert max_layers.is_shortage(more), "one block more trains, too"
        self.refusal = more.err
        return self

    def row(self, one):
        fullest = max(rank["bytes"] for rank in self.planned["ranks"])
        count = max_layers.parameters(self.scale.width, self.layers, VOCABULARY, self.scale.sequence)
        return (self.ranks, self.microbatches, self.recompute, self.layers, "%.2f M" % (count / 1e6), "%.2f" % (self.layers / one),
                "%.1f MB" % (fullest / 1e6), "%.3f → %.3f" % (self.losses[0], self.losses[-1]), "%.0f MB" % (self.peak / 1e6))


def print_head(command, scale):
    version = max_layers.Run([command, "--version"]).out.split("\n")[0].strip()
    print("# Models that grow with the ranks, under a limit of each\n")
    print("%s, %s, %s.\nMade by `bench/grow.py`: width %d, %d heads, bytes as tokens, sequences of %d, batch %d, fp32, SGD with momentum, "
          "gpipe, at most %d MB on\neach rank (`--memory-limit`), trained for %d steps on this repository's sources and documents. "
          "All ranks share the cores,\nso that nothing is timed. Bytes are those of the plan, which `sluice train` allocates; the whole "
          "process holds the ranks',\nthe data, the program, and at the end the weights that it saves.\n"
          % (version, max_layers.processor(), datetime.date.today(), scale.width, HEADS, scale.sequence, BATCH, scale.limit / 1e6,
             scale.steps))


def main(command, quick):
    scale, cases, guess = Scale(quick), [], 4
    with tempfile.TemporaryDirectory() as folder:
        for ranks, microbatches, recompute in scale.cases:
            if cases and ranks > cases[-1].ranks:
                guess = cases[-1].layers * ranks // cases[-1].ranks
            cases.append(Case(command, folder, scale, ranks, microbatches, recompute).run(guess))
            print("grow.py: %d blocks on %d ranks" % (cases[-1].layers, ranks), file=sys.stderr)
    one = [case.layers for case in cases if case.ranks == 1][-1]
    print_head(command, scale)
    print(max_layers.table(["ranks", "micro-batches", "recompute", "blocks", "parameters", "of one rank's", "fullest rank",
                             "loss, first → last step", "whole process"], [case.row(one) for case in cases]))
    print("\nOne block more, each time with the split whose fullest rank has least, is refused by `sluice train`:\n")
    for case in cases:
        print("- %d on %d, %d micro-batches, recompute %s: %s" %
              (case.layers + 1, case.ranks, case.microbatches, case.recompute, case.refusal.removeprefix("sluice: ")))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--quick"]):
        raise SystemExit(__doc__)
    main(sys.argv[1], len(sys.argv) == 3)
