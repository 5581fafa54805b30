#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tokenizer.py -- Sluice and the `tokenizers` library make tokens of the same texts, in turns, one thread each; their ids
must be equal. Needs `tokenizers` and numpy in the Python that runs it. Prints Markdown.

    tokenizer.py TOKENIZER FOLDER... -- TEXT... [--rounds N] [--bytes N]

TOKENIZER is the bench of that name, such as build/release/bench/tokenizer; each FOLDER has a tokenizer.json. Files are cut
into texts of some lines, 8 KiB or more.
"""
import datetime
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy
import tokenizers

TEXT = 8 << 10
ROUND = 200  # texts in one call of the library


def option(arguments, name, default):
    if name not in arguments:
        return default
    at = arguments.index(name)
    value = int(arguments[at + 1])
    del arguments[at:at + 2]
    return value


def read_texts(paths, limit):
    texts, lines, size = [], [], 0
    for path in paths:
        with open(path, "rb") as file:
            whole = file.read(limit).decode("utf-8", "ignore").replace("\0", "")
        for line in whole.splitlines(keepends=True):
            lines.append(line)
            size += len(line)
            if size >= TEXT:
                texts.append("".join(lines))
                lines, size = [], 0
    return texts + ["".join(lines)] * bool(lines)


def digest(ids):
    """As bench/tokenizer.c's."""
    value, factor = 0, 0x9E3779B97F4A7C15
    blocks = numpy.array_split(ids.astype(numpy.uint64) + numpy.uint64(1), max(1, len(ids) // 65536))
    for block in blocks:
        powers = numpy.full(len(block), factor, dtype=numpy.uint64)
        powers[-1] = 1
        powers = numpy.cumprod(powers[::-1], dtype=numpy.uint64)[::-1]
        whole = int(powers[0]) * factor % 2**64
        value = (value * whole + int((block * powers).sum(dtype=numpy.uint64))) % 2**64
    return value


def turn_of_library(folder, texts):
    begin = time.monotonic()
    made = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    loaded, lists = time.monotonic(), []
    seconds = 0.0
    for at in range(0, len(texts), ROUND):
        start = time.monotonic()
        found = made.encode_batch_fast(texts[at:at + ROUND], add_special_tokens=False)
        seconds += time.monotonic() - start
        lists.extend(one.ids for one in found)
    ids = numpy.concatenate([numpy.array(one, dtype=numpy.int64) for one in lists])
    return loaded - begin, seconds, len(ids), digest(ids)


def turn_of_sluice(program, folder, path, window=None):
    line = subprocess.run([program, folder, path] + [str(window)] * bool(window), check=True, capture_output=True,
                          text=True).stdout.split()
    return float(line[0]), float(line[1]), int(line[2]), int(line[3], 16)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return re.search(r"model name\s*: (.*)", file.read())[1].strip()


def main():
    arguments = sys.argv[1:]
    rounds, limit = option(arguments, "--rounds", 3), option(arguments, "--bytes", 1 << 40)
    if "--" not in arguments or len(arguments) < 4:
        sys.exit(__doc__)
    program, folders = arguments[0], arguments[1:arguments.index("--")]
    texts = read_texts(arguments[arguments.index("--") + 1:], limit)
    total = sum(len(text.encode()) for text in texts)
    print(f"# Tokens of texts\n\n{processor()}, one thread, {datetime.date.today()}; tokenizers {tokenizers.__version__} "
          f"(encode_batch_fast), Python {platform.python_version()}.\n{len(texts)} texts, {total / 1e6:.1f} MB; "
          f"{rounds} rounds in turns, median (best). Made by `bench/tokenizer.py`.\n")
    print("| tokenizer | tokens | ids | library, MB/s | Sluice, MB/s | times as fast | in pieces of 64 KiB | loads: library | Sluice |")
    print("|:--|--:|:--|--:|--:|--:|--:|--:|--:|")
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write("\0".join(texts).encode())
        file.flush()
        for folder in folders:
            row(program, folder, texts, total, file.name, rounds)


def row(program, folder, texts, total, path, rounds):
    library, own, pieces = [], [], []
    for _ in range(rounds):
        library.append(turn_of_library(folder, texts))
        own.append(turn_of_sluice(program, folder, path))
        pieces.append(turn_of_sluice(program, folder, path, 1 << 16))
    same = {turn[2:] for turn in library + own + pieces}
    theirs, ours = [total / turn[1] / 1e6 for turn in library], [turn[1] for turn in own]
    cut = [turn[1] for turn in pieces]
    print(f"| {os.path.basename(os.path.normpath(folder))} | {own[0][2]} | {'equal' if len(same) == 1 else 'DIFFER'} | "
          f"{statistics.median(theirs):.2f} ({max(theirs):.2f}) | {statistics.median(ours):.1f} ({max(ours):.1f}) | "
          f"{statistics.median(ours) / statistics.median(theirs):.1f} | {statistics.median(cut):.1f} | "
          f"{min(turn[0] for turn in library):.2f} s | {min(turn[0] for turn in own):.2f} s |", flush=True)
    if len(same) != 1:
        sys.exit(f"ids differ: {same}")


if __name__ == "__main__":
    main()
