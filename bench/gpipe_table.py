#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gpipe_table.py -- the most layers of GPipe's Transformer-L (Huang et al. 2019, arXiv 1811.06965, table 1) that fit on 1 to
128 devices by the memory plan of `sluice split`, next to the paper's. Nothing is trained. Prints Markdown.

    gpipe_table.py SLUICE            the record: bench/results/gpipe-table-*.md; about five minutes
    gpipe_table.py SLUICE --quick    1 and 8 devices of 16 GB; that it runs
"""
import datetime
import re
import sys
import tempfile

import max_layers

WIDTH, HEADS, VOCABULARY, SEQUENCE, BATCH = 2048, 32, 32000, 1024, 32
LIMITS = {"16 GB": 16 * 10**9, "16 GiB": 16 * 2**30}
# Devices, micro-batches, recomputation; the paper's layers and parameters.
PAPER = [(1, 1, "none", 3, "282.2 M"), (1, 32, "full", 13, "785.8 M"), (8, 32, "full", 103, "5.3 B"),
         (32, 32, "full", 415, "21.0 B"), (128, 32, "full", 1663, "83.9 B")]
# On one device: what the size of micro-batches and recomputation do.
ONE = [(m, again) for again in ("none", "full") for m in (1, 2, 4, 8, 16, 32)]


class Search:
    def __init__(self, command, folder, devices, microbatches, recompute, limit):
        self.config = folder + "/config.json"
        self.arguments = [command, "split", self.config, "--ranks", str(devices), "--schedule", "gpipe",
                          "--microbatches", str(microbatches), "--microbatch-size", str(BATCH // microbatches),
                          "--seq", str(SEQUENCE), "--recompute", recompute, "--optimizer", "sgd", "--momentum", "0.9",
                          "--objective", "memory", "--memory-limit", str(limit), "--json"]
        self.fitting = self.refused = None

    def fits(self, layers):
        max_layers.write_config(self.config, WIDTH, HEADS, layers, VOCABULARY, SEQUENCE)
        run = max_layers.Run(self.arguments)
        if max_layers.is_shortage(run):
            self.refused = run
            return False
        self.fitting = run
        return True

    def find(self, guess):
        self.layers = max_layers.largest(self.fits, guess)
        return self

    def fullest(self):
        ranks = self.fitting.json()["ranks"]
        bytes_of = [rank["bytes"] for rank in ranks]
        return max(bytes_of), bytes_of.index(max(bytes_of))

    def missing(self):
        """What one layer more lacks, and whether every split was looked at."""
        found = re.search(r"which is (\S+ \S+) more", self.refused.err)
        return found.group(1) + ("" if "no split fits" in self.refused.err else " (*)")


def count_text(count):
    return "%.1f B" % (count / 1e9) if count >= 1e9 else "%.1f M" % (count / 1e6)


def parameters(layers):
    return max_layers.parameters(WIDTH, layers, VOCABULARY, SEQUENCE)


def check_parameters(search):
    """The formula is the command's, where no rank holds a tied parameter a second time."""
    ranks = search.fitting.json()["ranks"]
    assert len(ranks) > 1 or ranks[0]["parameters"] == parameters(search.layers)


def paper_rows(command, folder, limit, rows):
    per_device = {"none": 2, "full": 20}
    for devices, microbatches, recompute, layers, count in rows:
        search = Search(command, folder, devices, microbatches, recompute, limit)
        search.find(per_device[recompute] * devices)
        check_parameters(search)
        per_device[recompute] = max(1, search.layers // devices)
        bytes_, rank = search.fullest()
        print("gpipe_table.py: %d layers on %d devices" % (search.layers, devices), file=sys.stderr)
        yield (devices, microbatches, recompute, layers, count, search.layers, count_text(parameters(search.layers)),
               "%.2f" % (search.layers / layers), "%.2f GB (rank %d)" % (bytes_ / 1e9, rank), search.missing(),
               "%.1f s" % search.fitting.seconds, "%.0f MB" % (search.fitting.peak_bytes / 1e6))


def print_paper(command, folder, name, rows):
    print("\n## %s per device\n" % name)
    print(max_layers.table(
        ["devices", "micro-batches", "recompute", "paper: layers", "parameters", "here: layers", "parameters", "ratio",
         "fullest rank", "one layer more lacks", "time of the command", "its memory"],
        paper_rows(command, folder, LIMITS[name], rows)), flush=True)


def print_one(command, folder):
    rows = []
    for microbatches, recompute in ONE:
        search = Search(command, folder, 1, microbatches, recompute, LIMITS["16 GB"])
        if search.find(4).layers == 0:
            rows.append((microbatches, BATCH // microbatches, recompute, 0, "", ""))
            continue
        rows.append((microbatches, BATCH // microbatches, recompute, search.layers, count_text(parameters(search.layers)),
                     "%.2f GB" % (search.fullest()[0] / 1e9)))
    print("\n## One device of 16 GB, by the size of micro-batches\n")
    print(max_layers.table(["micro-batches", "samples of one", "recompute", "layers", "parameters", "bytes"], rows))


def main(command, quick):
    with tempfile.TemporaryDirectory() as folder:
        version = max_layers.Run([command, "--version"]).out.split("\n")[0].strip()
        print("# GPipe's table: the most layers of Transformer-L, on paper\n")
        print("%s, %s, %s." % (version, max_layers.processor(), datetime.date.today()))
        print("Made by `bench/gpipe_table.py`: width %d, %d heads, vocabulary %d, sequences of %d tokens, batch %d, fp32, SGD with "
              "momentum\n(parameter, gradient and momentum: 12 bytes each parameter). Bytes are those of the memory plan that "
              "`sluice train` would allocate;\ntime (all cores' seconds) and memory are those of the `sluice split` that finds "
              "the split, plans it and its four baselines\n(a child's memory below the script's own, some 15 MB, is not seen). (*) The search for a split ended before all were looked at."
              % (WIDTH, HEADS, VOCABULARY, SEQUENCE, BATCH), flush=True)
        print_paper(command, folder, "16 GB", PAPER[:3] if quick else PAPER)
        if quick:
            return
        print_paper(command, folder, "16 GiB", PAPER)
        print_one(command, folder)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--quick"]):
        raise SystemExit(__doc__)
    main(sys.argv[1], len(sys.argv) == 3)
