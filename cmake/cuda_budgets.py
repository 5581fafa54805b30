#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cuda_budgets.py GPU_MD < RESOURCES -- holds the kernels to the table "What each kernel takes" of docs/gpu.md.

RESOURCES are lines of cuda_resources.sh: file, architecture, kernel, registers, static shared bytes. A row of the table
has a kernel's file and name, its threads per block, the dynamic shared bytes it is launched with, and two limits: the
registers of a thread, and for sm_80, sm_90, sm_100 and sm_120 the blocks that an SM holds at once. Prints each kernel
with what it takes and what its blocks are limited by. Fails where a kernel takes more registers or has fewer blocks,
and where one of the two lists has a kernel that the other has not.

What an SM has is from the table of compute capabilities in NVIDIA's CUDA C++ Programming Guide; how registers and
shared memory are allotted, from its occupancy calculator.
"""
import re
import sys
from collections import namedtuple

KIB = 1024
Machine = namedtuple("Machine", "warps blocks shared")  # of one SM
MACHINES = {"sm_80": Machine(64, 32, 164 * KIB), "sm_90": Machine(64, 32, 228 * KIB),
            "sm_100": Machine(64, 32, 228 * KIB), "sm_120": Machine(48, 24, 100 * KIB)}
LANES, PARTS, REGISTERS_OF_PART = 32, 4, 16384  # an SM's registers are in four parts
REGISTER_UNIT, SHARED_UNIT, SHARED_OF_SYSTEM = 256, 128, KIB  # of a warp; of a block

Row = namedtuple("Row", "threads dynamic registers blocks")
LINE = re.compile(r"(\S+\.cu)\s+(sm_\d+)\s+(\S.*?)\s+(\d+) registers\s+(\d+) B shared")


def rounded_up(number, unit):
    return -(-number // unit) * unit


def blocks_of(machine, row, registers, static):
    """How many blocks an SM holds, and what limits them."""
    warps = -(-row.threads // LANES)
    shared = rounded_up(static + row.dynamic + SHARED_OF_SYSTEM, SHARED_UNIT)
    of_part = REGISTERS_OF_PART // rounded_up(max(registers, 1) * LANES, REGISTER_UNIT)
    limits = {"registers": PARTS * of_part // warps, "shared memory": machine.shared // shared,
              "warps": machine.warps // warps, "blocks": machine.blocks}
    by = min(limits, key=limits.get)
    return limits[by], by


def table_of(path):
    rows = {}
    with open(path) as file:
        text = file.read().partition("## What each kernel takes\n")[2].partition("\n## ")[0]
    for line in text.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[0].endswith(".cu"):
            floors = dict(zip(MACHINES, map(int, cells[5].split())))
            rows[cells[0], cells[1]] = Row(int(cells[2]), int(cells[3]), int(cells[4]), floors)
    return rows


def complaint(row, machine, registers, blocks):
    if registers > row.registers:
        return "over its budget of %d registers" % row.registers
    if blocks < row.blocks[machine]:
        return "below its floor of %d blocks" % row.blocks[machine]
    return ""


def main(path):
    rows, seen, wrong = table_of(path), set(), 0
    for line in sys.stdin:
        found = LINE.match(line)
        if not found:
            continue
        file, machine, kernel = found.group(1, 2, 3)
        registers, static = int(found.group(4)), int(found.group(5))
        seen.add((file, kernel))
        if (file, kernel) not in rows:
            print("%s: %s has no row in %s" % (file, kernel, path))
            wrong += 1
            continue
        row = rows[file, kernel]
        blocks, by = blocks_of(MACHINES[machine], row, registers, static)
        words = complaint(row, machine, registers, blocks)
        wrong += words != ""
        print("%-22s %-7s %-28s %3d registers, %2d blocks per SM, limited by %s%s"
              % (file, machine, kernel, registers, blocks, by, ": " + words if words else ""))
    for file, kernel in sorted(set(rows) - seen):
        print("%s: %s is in %s, and is not compiled" % (file, kernel, path))
        wrong += 1
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
