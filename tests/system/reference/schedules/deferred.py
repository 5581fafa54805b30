#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `sluice check` finds in PyTorch's orders with deferred receives (`defer_pp_recv=True`), and
what PyTorch does when it runs them: a process per rank over gloo, gradients compared with those of
one process. Prints a table.

    python3 tests/system/reference/schedules/deferred.py build/release/sluice >record.md

Needs torch; takes some minutes, for a run that stands still is given LIMIT seconds.
"""
import datetime
import json
import os
import re
import sys
import tempfile

import gloo
import pipelines as torch_side

CASES = [("ScheduleLoopedBFS", 2, 2, 4), ("ScheduleInterleaved1F1B", 2, 2, 4),
         ("ScheduleInterleavedZeroBubble", 2, 2, 4), ("ScheduleZBVZeroBubble", 2, 2, 4),
         ("ScheduleDualPipeV", 2, 2, 4), ("ScheduleInterleaved1F1B", 4, 2, 8),
         ("ScheduleZBVZeroBubble", 4, 2, 8), ("ScheduleDualPipeV", 4, 2, 8)]
LIMIT = 60


def outcome(folder, p):
    results = gloo.run(folder, p, LIMIT)
    if results is None:
        with open(os.path.join(folder, "said.txt")) as file:
            said = file.read()
        errors = [line for line in said.splitlines() if "Error" in line]
        return re.sub(r"^\[rank\d+\]: *", "", errors[-1])[:150] if errors else "stands still"
    (difference, _), = results.values()
    return "right gradients" if difference < 1e-14 else \
        f"**wrong gradients, no error** (by up to {difference:.2g})"


def try_one(sluice, name, p, v, m):
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file.csv")
        schedule = torch_side.make(name, p, v, m, defer_pp_recv=True)
        torch_side.dump(schedule, path, "compute_comms")
        for transport in ("local", "nccl"):
            good, text = torch_side.check(sluice, path, transport)
            said[transport] = "proven" if good else re.sub(r"^sluice: \S+: ", "", text)
        # The same file, with its waits, is run.
        with open(os.path.join(folder, "cases.json"), "w") as file:
            json.dump([["file", p * v, m]], file)
        runs = outcome(folder, p)
    print(f"| {name} p={p} v={v} m={m} | {said['local']} | {said['nccl']} | {runs} |", flush=True)


def main(sluice):
    print(f"Made on {datetime.date.today()} with {torch_side.run(sluice, '--version')[1].strip()} "
          f"and PyTorch {torch_side.VERSION}, by deferred.py.\n")
    print("| order, with deferred receives | `sluice check` | `sluice check --transport nccl` "
          "| run by PyTorch over gloo |\n|---|---|---|---|")
    for case in CASES:
        try_one(sluice, *case)


if __name__ == "__main__":
    main(sys.argv[1])
