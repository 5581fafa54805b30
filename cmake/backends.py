#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""backends.py -- backends are known by name in their own folders and in the registries alone. Run
in the repository's root; prints FILE:LINE where code elsewhere says "cuda", "nccl" or "GPU", and
fails if there is any. Comments and texts for users may; a string that is nothing but such a name is
code."""
import os
import re
import sys

# Their folders, and the registries: the lists of devices, of their rates, and of transports.
HOME = ("runtime/device/cuda/", "runtime/transport/nccl/", "runtime/device/device.c", "runtime/device/rates.c",
        "runtime/transport/registry.c")
NAME = re.compile(r"cuda|nccl|gpu", re.IGNORECASE)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"', re.DOTALL)


def blank(match):
    """Comments and texts as spaces, line for line; a string that is a backend's name stays."""
    text = match[0]
    if re.fullmatch(r'"(cuda|nccl|gpu)"', text, re.IGNORECASE):
        return text
    return re.sub(r"[^\n]", " ", text)


def offences():
    for top in ("include", "partition", "runtime"):
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".c", ".h")) or path.startswith(HOME):
                    continue
                with open(path, encoding="utf-8") as file:
                    code = COMMENT_OR_STRING.sub(blank, file.read())
                for number, line in enumerate(code.splitlines(), 1):
                    if NAME.search(line):
                        yield f"{path}:{number}: {line.strip()}"


def main():
    found = list(offences())
    for line in found:
        print(line)
    if found:
        print(f"backends: {len(found)} lines know a backend by name", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
