#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `sluice check` finds in PyTorch's orders with deferred receives (`defer_pp_recv=True`), and
what PyTorch does when it runs them: a process per rank over gloo, gradients compared with those of
one process. Prints a record.

    python3 tests/system/reference/schedules/deferred.py build/release/sluice >>record.md

Needs torch; takes a minute or two.
"""
import json
import os
import re
import sys
import tempfile

import gloo
import pipelines as torch_side

RANKS = (2, 3, 4)
LIMIT = 120  # seconds for all cases of a number of ranks, then for each by itself
WRONG = "**wrong gradients, no error**"


def microbatches(p):
    return sorted({p, 2 * p - 1, 2 * p, 2 * p + 1, 3 * p, 4 * p})


def chunks(name):
    return (1,) if name in torch_side.ONE_STAGE else (2,) if name in torch_side.VEE else (2, 3)


def make_files(sluice, folder, p):
    """Write the files of p ranks; [(case, class, verdict of check)]."""
    made = []
    for name in torch_side.CLASSES:
        for v in chunks(name):
            for m in microbatches(p):
                try:
                    schedule = torch_side.make(name, p, v, m, defer_pp_recv=True)
                except (ValueError, AssertionError):
                    continue  # the class has no such schedule, or PyTorch refuses its own order
                case = [f"{name}-p{p}-v{v}-m{m}", p * v, m]
                path = os.path.join(folder, case[0] + ".csv")
                torch_side.dump(schedule, path, "compute_comms")
                good, said = torch_side.check(sluice, path, "nccl")
                made.append((case, name, "proven" if good else re.sub(r"^sluice: \S+: ", "", said)))
    return made


def run_cases(folder, p, cases):
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump(cases, file)
    store = os.path.join(folder, "store")
    if os.path.exists(store):
        os.remove(store)
    return gloo.run(folder, p, LIMIT)


def outcomes(folder, p, cases):
    """{case: what came of it}"""
    results = run_cases(folder, p, cases)
    if results is None:  # one of them failed or stood still: try each by itself
        results = {}
        for case in cases:
            results.update(run_cases(folder, p, [case]) or {case[0]: None})
    return {name: "fails or stands still" if result is None
            else "right gradients" if result[0] < 1e-14 else WRONG
            for name, result in results.items()}


def kind_of(verdict):
    return "proven" if verdict == "proven" else \
        "deadlock" if verdict.startswith("deadlock") else "another order at the other end"


def main(sluice):
    rows = {}  # (class, kind of verdict, outcome): [count, example, sentence]
    for p in RANKS:
        with tempfile.TemporaryDirectory() as folder:
            made = make_files(sluice, folder, p)
            came = outcomes(folder, p, [case for case, _, _ in made])
        for case, name, verdict in made:
            row = rows.setdefault((name, kind_of(verdict), came[case[0]]), [0, case[0], verdict])
            row[0] += 1
    torch_side.print_head(sluice, "deferred.py", f"p = {torch_side.listed(RANKS)}; "
                          f"{sum(row[0] for row in rows.values())} orders with `defer_pp_recv=True`")
    print("| class | `sluice check --transport nccl` | PyTorch over gloo | orders | for example |\n"
          "|---|---|---|---|---|")
    for (name, kind, outcome), (count, example, sentence) in sorted(rows.items()):
        said = "" if kind == "proven" else f": {sentence}"
        print(f"| {name} | {kind} | {outcome} | {count} | {example[len(name) + 1:]}{said} |")


if __name__ == "__main__":
    main(sys.argv[1])
