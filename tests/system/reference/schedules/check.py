#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exchange schedules with torch.distributed.pipelining, as files, in both directions, and print a
section of the record: PyTorch's are checked by `sluice check`, Sluice's are loaded by PyTorch,
which looks for cycles of sends, receives and waits.

    python3 tests/system/reference/schedules/check.py build/release/sluice >>record.md

Needs torch; takes some minutes. run.py runs what is loaded here.
"""
import collections
import os
import re
import sys
import tempfile

import pipelines as torch_side

RANKS = (1, 2, 3, 4, 5, 8)


def microbatches(p):
    return sorted({1, 2, 3, 5, 7, p, p + 1, 2 * p, 2 * p + 1, 3 * p, 4 * p, 4 * p + 1})


def chunks(name):
    if name in torch_side.ONE_STAGE:
        return (1,)
    return (2,) if name in torch_side.VEE else (1, 2, 3)


class Tally:
    """Counts, and an example of each kind of refusal."""

    def __init__(self):
        self.counts = collections.Counter()
        self.refusals = {}

    def add(self, row, column, good, example, said):
        self.counts[row, column, "all"] += 1
        self.counts[row, column, "good"] += good
        if not good:
            kind = re.sub(r"\d+", "N", said)
            self.refusals.setdefault((row, column, kind), [0, example, said])[0] += 1

    def table(self, head, columns):
        print(f"| {head} | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
        for row in dict.fromkeys(key[0] for key in self.counts):
            cells = [f"{self.counts[row, c, 'good']} of {self.counts[row, c, 'all']}"
                     for c in columns]
            print(f"| {row} | " + " | ".join(cells) + " |")
        print()

    def list_refusals(self):
        for (row, column, _), (count, example, said) in self.refusals.items():
            print(f"- {row}, {column}: {count} times, for example {example}: {said}")
        print()


def check_form(tally, sluice, name, numbers, path, form):
    for transport in ("local", "nccl"):
        good, said = torch_side.check(sluice, path, transport)
        said = re.sub(r"^sluice: \S+: ", "", said)
        tally.add(name, f"{form}, {transport}", good, "p={} v={} m={}".format(*numbers), said)


def check_theirs(tally, sluice, path, name, numbers):
    p, v, m = numbers
    if name in torch_side.ONE_STAGE:
        try:
            torch_side.dump_order(torch_side.order(name, p, m), path)
        except ValueError:
            return  # the class has no such schedule
        check_form(tally, sluice, name, numbers, path, "compute")
    try:
        schedule = torch_side.make(name, p, v, m)
    except ValueError:
        return
    except AssertionError:
        return  # PyTorch refuses its own order, which is checked above as it is
    if name not in torch_side.ONE_STAGE:
        torch_side.dump(schedule, path, "compute_only")
        check_form(tally, sluice, name, numbers, path, "compute")
    torch_side.dump(schedule, path, "compute_comms")
    check_form(tally, sluice, name, numbers, path, "comms")


def load_ours(tally, sluice, path, name, numbers):
    status, text, said = torch_side.comms(sluice, name, *numbers)
    if status == 2:
        return  # no such schedule
    with open(path, "w") as file:
        file.write(text)
    try:
        if status == 0:
            torch_side.load(path, *numbers)
    except Exception as error:  # whatever PyTorch says is the result
        status, said = 1, f"{type(error).__name__}: {error}"
    tally.add(name, "loaded, no cycle", status == 0, "p={} v={} m={}".format(*numbers), said)


def main(sluice):
    names = torch_side.names(sluice)
    theirs, ours = Tally(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "schedule.csv")
        for p in RANKS:
            for m in microbatches(p):
                for name in torch_side.CLASSES:
                    for v in chunks(name):
                        check_theirs(theirs, sluice, path, name, (p, v, m))
                for name in names:
                    for v in (1, 2, 3):
                        load_ours(ours, sluice, path, name, (p, v, m))
    torch_side.print_head(sluice, "check.py", f"p = {torch_side.listed(RANKS)}")
    print("### PyTorch's files, proven by `sluice check`\n")
    theirs.table("class", [f"{form}, {transport}" for form in ("compute", "comms")
                           for transport in ("local", "nccl")])
    theirs.list_refusals()
    print("### Sluice's files (`--csv=comms`), loaded by PyTorch\n")
    ours.table("schedule", ["loaded, no cycle"])
    ours.list_refusals()


if __name__ == "__main__":
    main(sys.argv[1])
