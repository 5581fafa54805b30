#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""names.py -- private names are unique: a second definition of a sluice__ struct, union, enum or
function type under runtime/ fails, and so does a second file of one name outside the mirrored
backends. Run in the repository's root; prints FILE:LINE of each offence."""
import collections
import os
import re
import sys

SOURCES = (".c", ".h", ".cu", ".cuh")
# Folders of backends: each has the same files, so that one can be read next to another.
MIRRORED = ("runtime/device/cpu", "runtime/device/cuda", "runtime/device/virtual",
            "runtime/transport/nccl")
# Opaque types of a seam: each kind behind it defines its own, and no two meet in one file.
OPAQUE = {"sluice__transport"}
TAG = re.compile(r"^(?:typedef )?(?:struct|union|enum) (sluice__\w+) \{")
FUNCTION_TYPE = re.compile(r"^typedef [^(;]*?\b(sluice__\w+)\(")


def sources(*tops):
    for top in tops:
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                if name.endswith(SOURCES):
                    yield os.path.join(folder, name)


def definitions():
    """{name: [FILE:LINE of each definition]}"""
    found = collections.defaultdict(list)
    for path in sources("include", "partition", "runtime"):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = TAG.match(line) or FUNCTION_TYPE.match(line)
                if match:
                    found[match[1]].append(f"{path}:{number}")
    return found


def repeated_names():
    found = definitions()
    for name in sorted(found):
        if len(found[name]) > 1 and name not in OPAQUE:
            for line in found[name]:
                yield f"{line}: {name} is defined {len(found[name])} times; rename one"


def repeated_files():
    found = collections.defaultdict(list)
    for path in sources("include", "partition", "runtime"):
        if os.path.dirname(path) not in MIRRORED:
            found[os.path.basename(path)].append(path)
    for name in sorted(found):
        if len(found[name]) > 1:
            for path in found[name]:
                yield f"{path}:1: {len(found[name])} files are called {name}; rename one"


def main():
    offences = [*repeated_names(), *repeated_files()]
    for offence in offences:
        print(offence)
    return 1 if offences else 0


sys.exit(main())
