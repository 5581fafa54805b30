#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tutorial.py PAGE -- runs the commands of a tutorial in order, here, and compares what each prints with the page.

A command is a line of an indented block that begins with "$ "; the lines after it are what it prints, standard output
and standard error together, where "..." stands for any lines, or none. Other lines must be there as they are, one
behind another, apart from white space and these:

- Times, rates, threads and bubbles are the machine's: not compared.
- Amounts of text, epochs, perplexities and the losses of single steps move with the repository, which is the text:
  within 25 %.
- Other numbers with a point or an exponent, and bytes, are within 10 %; whole numbers are equal.
- Bits depend on the machine, so digests of weights and texts that `sluice sample` generates are compared among
  themselves: what is the same twice on the page is so in the run, and what differs differs.
- Of `sluice info` the first word of each line counts.

Every command must exit with 0. It prints a sentence with the page's line for each thing that is otherwise. With
SLUICE_BLESS=1 only those numbers count that must be equal, and the page gets all lines of this run that it shows.
"""
import difflib
import functools
import os
import pathlib
import re
import subprocess
import sys

MACHINE = re.compile(r"\d+:\d\d left|[\d.]+ ([kM] )?tok(ens)?/s|[\d.]+ MB/s|in [\d.]+ s\b|\d+ threads?( each)?"
                     r"|bubble [\d.]+ %")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
AMOUNT_AFTER = re.compile(r" (files?|KiB|tokens?|windows|to train on|held out)\b")
AMOUNT_BEFORE = re.compile(r"(epoch|perplexity|over|^tokens|step \d+/\d+ ~?loss) $")
DIGEST = re.compile(r"^weights ([0-9a-f]{16})$")
REPORT = "sluice: "
TIMEOUT_S = 120


class Example:
    """A command, the number of its line, and the lines that it prints, up to the one with the number `end`."""

    def __init__(self, number, command):
        self.number, self.command, self.end, self.shown = number, command, number, []


def examples(lines):
    found, inside = [], False
    for number, line in enumerate(lines, 1):
        if line.startswith("    $ "):
            found.append(Example(number, line[6:]))
            inside = True
        elif line.startswith("    ") and inside:
            found[-1].shown.append(line[4:])
            found[-1].end = number
        elif line:
            inside = False
    return found


def plain(line):
    return " ".join(MACHINE.sub("~", line).split())


def tolerance(line, match):
    """How far the number of the page that was matched may be away, as a share of it."""
    if AMOUNT_AFTER.match(line, match.end()) or AMOUNT_BEFORE.search(line[:match.start()]):
        return 0.25
    return 0.0 if match.group().isdigit() and not line.startswith(" bytes", match.end()) else 0.1


def alike(shown, got, bless=False):
    """Whether a line that is printed is that of the page; to be blessed, only whole numbers count."""
    if DIGEST.match(shown):
        return bool(DIGEST.match(got))
    shown, got = plain(shown), plain(got)
    if NUMBER.sub("#", shown) != NUMBER.sub("#", got):
        return False
    for a, b in zip(NUMBER.finditer(shown), NUMBER.finditer(got)):
        share = tolerance(shown, a)
        if not (bless and share) and abs(float(b.group()) - float(a.group())) > share * float(a.group()):
            return False
    return True


def first_word(shown, got):
    return shown.split()[0] == got.split()[0]


def split_at_dots(lines):
    parts = [[]]
    for line in lines:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def describe(part, got, same):
    """A sentence about lines of the page that are not among those printed, or not one behind another."""
    for line in part:
        if not any(same(line, other) for other in got):
            nearest = difflib.get_close_matches(line, got, 1, 0) or ["nothing"]
            return f"the page has\n  {line}\nand the nearest to it that is printed is\n  {nearest[0]}"
    return "\n  ".join(["these lines of the page do not follow one another, or there are more:", *part])


def compare(shown, got, same):
    """Pairs of lines that agree, and a sentence if some do not."""
    pairs, at, parts = [], 0, split_at_dots(shown)
    for n, part in enumerate(parts):
        end = len(got) - len(part)
        starts = range(at, end + 1) if n > 0 else [0]
        if n == len(parts) - 1 and part:  # there is no "..." behind it
            starts = [start for start in starts if start == end]
        fits = [start for start in starts if start <= end and all(same(*pair) for pair in zip(part, got[start:]))]
        if not fits:
            return pairs, describe(part, got[at:], same)
        pairs += zip(part, got[fits[0]:])
        at = fits[0] + len(part)
    return pairs, None


class Equals:
    """What is the same twice on the page is the same in the run, and what differs differs."""

    def __init__(self):
        self.got, self.shown = {}, {}

    def check(self, shown, got):
        if self.got.setdefault(shown, got) != got:
            return f"what is twice the same on the page:\n  {shown}\nis this and that:\n  {self.got[shown]}\n  {got}"
        if self.shown.setdefault(got, shown) != shown:
            return f"what is this and that on the page:\n  {self.shown[got]}\n  {shown}\nis twice the same:\n  {got}"
        return None


def lines_of(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


class Page:
    def __init__(self, path):
        self.path, self.lines = path, path.read_text().splitlines()
        self.bless = bool(os.environ.get("SLUICE_BLESS"))
        self.digests, self.texts = Equals(), Equals()

    def same(self, command):
        return first_word if command == "sluice info" else functools.partial(alike, bless=self.bless)

    def check_sample(self, example, done):
        """The text is standard output, and the line about it standard error. What is to be shown, and a sentence."""
        text = "\n".join(line for line in example.shown if not line.startswith(REPORT))
        reports = [line for line in example.shown if line.startswith(REPORT)]
        if not lines_of(done.stdout) or not text.strip():
            return [], "there is no text"
        if self.bless:
            wrong = "its text looks like a command: take another seed" if "\n$ " in "\n" + done.stdout else None
        else:
            wrong = self.texts.check(text, done.stdout.strip())
        wrong = wrong or compare(reports, lines_of(done.stderr), self.same(example.command))[1]
        return done.stdout.strip("\n").splitlines() + lines_of(done.stderr), wrong

    def check_lines(self, example, done):
        """The same for other commands."""
        shown = [line for line in example.shown if line.strip()]
        pairs, wrong = compare(shown, lines_of(done.stdout), self.same(example.command))
        for digest, got in pairs:
            if not (wrong or self.bless) and DIGEST.match(digest):
                wrong = self.digests.check(digest, got)
        rest = iter(pairs)
        return [line if line.strip() in ("", "...") else next(rest, (line, line))[1] for line in example.shown], wrong

    def check(self, example):
        """Runs a command: what is to be shown, and a sentence if it does not print what is shown."""
        sample = example.command.startswith("sluice sample")
        done = subprocess.run(["bash", "-c", example.command], stdout=subprocess.PIPE, text=True, errors="replace",
                              stderr=subprocess.PIPE if sample else subprocess.STDOUT, timeout=TIMEOUT_S)
        if done.returncode != 0:
            return [], f"it exits with {done.returncode}: {done.stdout} {done.stderr or ''}"
        return self.check_sample(example, done) if sample else self.check_lines(example, done)

    def run(self):
        """How many commands there are, and how many do not print what is shown."""
        found, failures, now = examples(self.lines), 0, []
        for example in found:
            show, wrong = self.check(example)
            now.append(show)
            if wrong:
                failures += 1
                print(f"{self.path.name}, line {example.number}: $ {example.command}\n{wrong}")
        if self.bless and not failures:
            for example, show in reversed(list(zip(found, now))):
                self.lines[example.number:example.end] = [f"    {line}".rstrip() for line in show]
            self.path.write_text("\n".join(self.lines) + "\n")
        return len(found), failures


def main():
    commands, failures = Page(pathlib.Path(sys.argv[1])).run()
    print(f"{commands} commands, {failures} print something else")
    return failures > 0 or commands == 0


if __name__ == "__main__":
    sys.exit(main())
