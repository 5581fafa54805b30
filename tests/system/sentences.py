#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sentences.py SOURCE -- prints all sentences that the library and the command can say when something
fails, and the hints and warnings, file by file in the order of their code: tests/golden/sentences.txt.
What is put into them is shown as in C (%s, %d), of a wide integer as %d."""
import pathlib
import re
import sys

CALLS = re.compile(r"\b(\w*(?:fail|hint|warn|report_or)\w*|bad|(?:sluice__)?cannot\w*|refuse\w*)\s*\(")
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(PRI[dux]\d\d)|([()])|/\*.*?\*/|\'(?:[^\'\\]|\\.)\'|\w+|\s+|.', re.S)


def literals(text, at):
    """The string literals of the call whose parenthesis opens before `at`, those side by side joined; and its end."""
    depth, found, joined = 1, [], False
    for token in TOKEN.finditer(text, at):
        literal, wide, paren = token.groups()
        if paren:
            depth += 1 if paren == "(" else -1
            if depth == 0:
                return found, token.end()
        if literal is not None or wide:
            piece = wide[3] if wide else literal
            if joined:
                found[-1] += piece
            else:
                found.append(piece)
            joined = True
        elif token.group().strip():
            joined = False
    return found, len(text)


def sentences(path):
    text = path.read_text()
    end = 0
    for call in CALLS.finditer(text):
        if call.start() < end:  # inside another
            continue
        found, after = literals(text, call.end())
        words = [s for s in found if " " in s]
        if words:
            end = after
            yield " | ".join(words)


def main():
    root = pathlib.Path(sys.argv[1])
    for folder in ("runtime", "partition"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".c", ".h", ".cu", ".cuh"):
                continue
            found = list(dict.fromkeys(sentences(path)))
            if found:
                print(f"{path.relative_to(root)}")
                for sentence in found:
                    print(f"    {sentence}")


main()
