#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Let PyTorch run Sluice's schedules (`--csv=comms`), a process per rank over gloo, compare every
gradient with that of one process, and print a record.

    python3 tests/system/reference/schedules/run.py build/release/sluice >>record.md

Needs torch; takes some minutes.
"""
import json
import os
import sys
import tempfile

import gloo
import pipelines as torch_side

RANKS = (1, 2, 3, 4)
CLOSE = 1e-14  # gradients are about 0.1, in float64


def microbatches(p):
    return sorted({1, 3, p, 2 * p, 2 * p + 1, 4 * p + 1})


def write_cases(sluice, folder, names, p):
    cases = []
    for name in names:
        for v in (1, 2, 3):
            for m in microbatches(p):
                status, text, _ = torch_side.comms(sluice, name, p, v, m)
                if status == 2:
                    continue  # the schedule has another number of stages per rank
                case = f"{name}-p{p}-v{v}-m{m}"
                with open(os.path.join(folder, case + ".csv"), "w") as file:
                    file.write(text)
                cases.append([case, p * v, m])
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump(cases, file)
    return cases


def main(sluice):
    names = torch_side.names(sluice)
    rows = {name: [0, 0, 0, 0.0] for name in names}  # cases, equal, equal bits, difference
    for p in RANKS:
        with tempfile.TemporaryDirectory() as folder:
            cases = write_cases(sluice, folder, names, p)
            results = gloo.run(folder, p, 600)
            if results is None:
                with open(os.path.join(folder, "said.txt")) as file:
                    sys.exit(f"p = {p}: a rank failed or stands still:\n{file.read()[-3000:]}")
            for case, *_ in cases:
                row = rows[case.split(f"-p{p}-")[0]]
                difference, equal = results[case]
                row[0] += 1
                row[1] += difference <= CLOSE
                row[2] += equal
                row[3] = max(row[3], difference)
    torch_side.print_head(sluice, "run.py", f"p = {torch_side.listed(RANKS)}, v = 1 to 3, m = 1 to "
                          f"{4 * RANKS[-1] + 1}; {sum(row[0] for row in rows.values())} cases")
    print("| schedule | cases | gradients equal to 1e-14 | to the bit | largest difference |")
    print("|---|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row[0]} | {row[1]} | {row[2]} | {row[3]:.1e} |")


if __name__ == "__main__":
    main(sys.argv[1])
