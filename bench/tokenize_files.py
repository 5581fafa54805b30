#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tokenize_files.py COMMAND TOKENIZER TEXT [ROOT...] -- how fast `sluice tokenize` is, in turns with the
`tokenizers` library (once with files as its texts and once with lines), on the files of the folder TEXT. If there is no such folder it is made: files of
UTF-8 text that are found below the ROOTs, at least 200 MB of them.

The command's time is all of it after the tokenizer is read: reading the text, writing the token file,
and waiting for the disk. The library's is that of encode_batch_fast() alone, on texts that are in memory. With files as its texts
it must give the same ids; lines have others where newlines are in a token with what is next to them.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

BYTES = 200_000_000
FILE_BYTES = 1_000_000  # a file of the text has at least so many
ENDINGS = {".py", ".md", ".rst", ".txt", ".html", ".h", ".c", ".hpp", ".pl", ".pm", ".js", ".json", ".tex"}
BATCH_BYTES = 1 << 24
TURNS = 2


def texts_below(roots):
    for root in roots:
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                path = pathlib.Path(folder, name)
                if path.suffix not in ENDINGS or path.is_symlink():
                    continue
                try:
                    text = path.read_bytes()
                    text.decode()
                except (OSError, UnicodeDecodeError):
                    continue
                if text and b"\0" not in text:
                    yield text


def make_text(folder, roots):
    """Small files are joined, so that the work is that of text and not of opening files."""
    folder.mkdir()
    joined, size, all_bytes, count = [], 0, 0, 0
    for text in texts_below(roots):
        joined.append(text)
        size += len(text)
        if size < FILE_BYTES:
            continue
        (folder / f"{count:05d}.txt").write_bytes(b"\n".join(joined))
        count, all_bytes = count + 1, all_bytes + size
        joined, size = [], 0
        if all_bytes >= BYTES:
            return
    sys.exit(f"there are only {all_bytes} bytes of text")


def batches(texts):
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def run_library(tokenizer, folder, output, unit):
    """In a process of its own, whose environment says how many threads it has."""
    import array

    from tokenizers import Tokenizer
    library = Tokenizer.from_file(os.path.join(tokenizer, "tokenizer.json"))
    texts = [path.read_bytes().decode() for path in sorted(pathlib.Path(folder).iterdir())]
    if unit == "lines":
        texts = [line for text in texts for line in text.splitlines(keepends=True)]
    seconds, count = 0.0, 0
    with open(output, "wb") as file:
        for batch in batches(texts):
            begin = time.monotonic()
            made = library.encode_batch_fast(batch, add_special_tokens=False)
            seconds += time.monotonic() - begin
            for encoding in made:
                ids = array.array("I", encoding.ids)
                count += len(ids)
                ids.tofile(file)
    print(json.dumps({"seconds": seconds, "tokens": count}))


def measure_library(tokenizer, folder, threads, output, unit):
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads),
                       TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
    command = [sys.executable, __file__, "--library", tokenizer, str(folder), output, unit]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)


def measure_command(command, tokenizer, folder, threads, output):
    return json.loads(subprocess.run(
        [command, "tokenize", str(folder), "--tokenizer", tokenizer, "-o", output, "--overwrite",
         "--separator", "none", "--threads", str(threads), "--json"],
        check=True, capture_output=True).stdout)


def same_ids(token_file, width, ids_file):
    import array
    mine, theirs = array.array("H" if width == 2 else "I"), array.array("I")
    data = pathlib.Path(token_file).read_bytes()[1024:]
    mine.frombytes(data)
    theirs.frombytes(pathlib.Path(ids_file).read_bytes())
    return len(mine) == len(theirs) and array.array("I", mine) == theirs


def main(command, tokenizer, text, *roots):
    folder = pathlib.Path(text)
    if not folder.exists():
        make_text(folder, roots)
    size = sum(path.stat().st_size for path in folder.iterdir())
    cores = len(os.sched_getaffinity(0))
    token_file, ids_file = text + "-tokens.bin", text + "-ids"
    best = {}
    for _ in range(TURNS):
        for threads in sorted({1, cores}):
            mine = measure_command(command, tokenizer, folder, threads, token_file)
            files = measure_library(tokenizer, folder, threads, ids_file, "files")
            if not same_ids(token_file, mine["token_bytes"], ids_file):
                sys.exit("the ids differ")
            lines = measure_library(tokenizer, folder, threads, os.devnull, "lines")
            for name, made in (("sluice tokenize", mine), ("tokenizers, files", files), ("tokenizers, lines", lines)):
                best.setdefault((threads, name), []).append(size / 1e6 / made["seconds"])
    print(f"{size / 1e6:.1f} MB in {len(list(folder.iterdir()))} files, {mine['tokens']} tokens, the same ids; "
          f"MB/s, {TURNS} turns, the best and the worst")
    for (threads, name), speeds in best.items():
        print(f"{threads} thread{'s' if threads > 1 else ' '}  {name:18s} {max(speeds):7.2f} {min(speeds):7.2f}")
    os.remove(token_file)
    os.remove(ids_file)


if __name__ == "__main__":
    if sys.argv[1] == "--library":
        run_library(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
