#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py -- plants the mistakes of mistakes.txt one at a time and prints which test catches each.

By hand, not part of the tests: it takes half an hour or more. It works on a copy of the tree, built
in build/mistakes with -O1, and never changes the tree itself. What is caught is written to
record.txt after each mistake, and skipped the next time: a run that was interrupted goes on. For
each mistake its own tests come first; only if none of them fails, the whole suite follows.

    tests/mistakes/run.py                 go on where the record ends
    tests/mistakes/run.py --again nccl    those whose names contain "nccl", again
    tests/mistakes/run.py --survivors     those that nothing has caught, again
    tests/mistakes/run.py --check         only find mistakes that no longer fit the code
    tests/mistakes/run.py --no-suite      leave the whole suite out

It fails if a mistake does not fit the code any more, or less than 95 % are caught.
"""
import argparse
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORD = HERE / "record.txt"
WORK = ROOT / "build" / "mistakes"
TREE, BUILD = WORK / "tree", WORK / "build"
WANTED = 0.95
SLOW_S, TIMEOUT_S, SUITE_TIMEOUT_S = 20, 90, 300


class Mistake:
    """A name, a file, tests to try first, and pairs of texts: what becomes of which."""

    def __init__(self, name):
        self.name, self.file, self.tests, self.changes = name, "", [], []

    def digest(self):
        text = "\0".join([self.file] + [part for pair in self.changes for part in pair])
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def planted(self, tree=ROOT):
        """The file's text with the mistake in it; None if it does not fit the code."""
        try:
            text = (tree / self.file).read_text()
        except FileNotFoundError:
            return None
        for old, new in self.changes:
            if text.count(old) != 1:
                return None
            text = text.replace(old, new)
        return text


def read_mistakes():
    mistakes, part = [], None
    for line in (HERE / "mistakes.txt").read_text().splitlines(keepends=True):
        word, rest = line[:4].strip(), line[4:].strip()
        if word == "===":
            mistakes.append(Mistake(rest))
            part = None
        elif word == "<<<":
            mistakes[-1].changes.append(["", ""])
            part = 0
        elif word == ">>>":
            part = 1
        elif part is not None:
            mistakes[-1].changes[-1][part] += line
        elif line.startswith("file: "):
            mistakes[-1].file = line[6:].strip()
        elif line.startswith("tests: "):
            mistakes[-1].tests = line[7:].split()
    for mistake in mistakes:  # a change ends at its last line that is not blank
        mistake.changes = [[old, new.rstrip("\n") + "\n" if new.strip() else ""]
                           for old, new in mistake.changes]
    return mistakes


# ---- the record: a line for each mistake, in their order ----

def read_record():
    record = {}
    if RECORD.exists():
        for line in RECORD.read_text().splitlines():
            fields = line.split("\t")
            if len(fields) == 4 and not line.startswith("#"):
                record[fields[0]] = fields
    return record


def write_record(record, mistakes):
    lines = [[m.digest(), record[m.digest()][1], m.name, record[m.digest()][3]]
             for m in mistakes if m.digest() in record]
    caught = sum(fields[1].startswith("caught") for fields in lines)
    head = (f"# Written by run.py: {caught} of {len(lines)} mistakes caught"
            f" ({share(caught, len(lines))}), {len(mistakes)} are listed.\n"
            "# Digest of the mistake, verdict, name, what the test said.\n")
    RECORD.write_text(head + "".join("\t".join(fields) + "\n" for fields in lines))


def share(caught, count):
    return f"{100 * caught / count:.1f} %" if count else "none"


# ---- the copy of the tree ----

def copy_tree():
    """Write what differs only, so that little is built anew."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in sorted(names):
        source, target = ROOT / name, TREE / name
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for target in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(target.relative_to(TREE)) not in names:
            target.unlink()


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                          **options)


def configure():
    launcher = "ccache" if shutil.which("ccache") else ""
    flags = [f"-DCMAKE_{language}_{what}" for language in ("C", "CXX")
             for what in ("FLAGS_DEBUG=-O1 -DNDEBUG", f"COMPILER_LAUNCHER={launcher}")]
    made = run(["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                "-DSLUICE_TESTS=ON", "-DSLUICE_CUDA=OFF", *flags])
    if made.returncode != 0:
        sys.exit(f"cannot configure {BUILD}:\n{made.stdout}{made.stderr}")


# ---- tests ----

class Suite:
    def __init__(self, jobs):
        self.jobs = jobs
        print("building the copy, without a mistake", flush=True)
        built = self.build_all()
        if built.returncode != 0:
            sys.exit(f"the tree does not build:\n{built.stdout[-3000:]}")
        listed = json.loads(run(["ctest", "--test-dir", BUILD, "--show-only=json-v1"]).stdout)
        self.commands = {test["name"]: test.get("command", []) for test in listed["tests"]}
        known = run(["ninja", "-C", BUILD, "-t", "targets", "all"]).stdout
        self.targets = {line.split(": ")[0] for line in known.splitlines()}

    def targets_of(self, name):
        """The program that the test runs; of a script, everything."""
        try:
            programs = [str(pathlib.Path(self.commands[name][0]).relative_to(BUILD))]
        except ValueError:
            return ["all"]
        if name.startswith("emulated_"):
            programs += ["emulated_plugin", "emulated_nccl"]
        return [target for target in programs if target in self.targets]

    def build(self, names):
        targets = sorted({target for name in names for target in self.targets_of(name)})
        return run(["ninja", "-C", BUILD, f"-j{self.jobs}", *targets])

    def build_all(self):
        return run(["ninja", "-C", BUILD, f"-j{self.jobs}"])

    def fails(self, name):
        """Whether the test fails, and what it says."""
        done = run(["ctest", "--test-dir", BUILD, "-R", f"^{re.escape(name)}$", "--timeout",
                    str(TIMEOUT_S), "--output-on-failure"])
        return done.returncode != 0, sentence(done.stdout)

    def whole(self):
        """The first test of all that fails, and what it says; None: none does."""
        done = run(["ctest", "--test-dir", BUILD, "--timeout", str(SUITE_TIMEOUT_S), f"-j{self.jobs}",
                    "--output-on-failure", "--stop-on-failure"])
        failed = re.search(r"^\s+\d+ - (\S+) \(", done.stdout, re.M)
        return (failed.group(1) if failed else None), sentence(done.stdout)


def sentence(output):
    for pattern in (r"^ERROR: (.*\S)", r"^(.*(?:fatal signal|emulation: |\*\*\*Timeout).*\S)",
                    r"^(.*(?:expected|not |exception).*\S)"):
        found = re.search(pattern, output, re.M)
        if found:
            said = " ".join(found.group(1).split())[:300]
            said = said.replace(str(TREE) + "/", "") # wherever the tree is
            return re.sub(r"/tmp/sluice-test-\w+", "FOLDER", said)
    return "(no sentence)"


# ---- one mistake after another ----

def try_one(mistake, suite, whole):
    """The verdict, and what the test said."""
    target = TREE / mistake.file
    intact = target.read_text()
    target.write_text(mistake.planted(TREE))
    try:
        built = suite.build(mistake.tests)
        if built.returncode != 0:
            return "does not compile", sentence(built.stdout)
        for name in mistake.tests:
            failed, said = suite.fails(name)
            if failed:
                return f"caught by {name}", said
        if not whole:
            return "survived its tests", "(the whole suite was left out)"
        if suite.build_all().returncode != 0:
            return "does not compile", "in the whole suite"
        name, said = suite.whole()
        return (f"caught by {name} of the suite", said) if name else ("survived", "(nothing)")
    finally:
        target.write_text(intact)


def check_intact(mistakes, suite):
    """Without a mistake every test to try first must pass, and quickly."""
    names = sorted({name for mistake in mistakes for name in mistake.tests})
    unknown = [name for name in names if name not in suite.commands]
    if unknown:
        sys.exit(f"there are no tests called {', '.join(unknown)}")
    print(f"{len(names)} tests without a mistake", flush=True)
    for name in names:
        begin = time.monotonic()
        failed, said = suite.fails(name)
        if failed:
            sys.exit(f"{name} fails without a mistake: {said}")
        if time.monotonic() - begin > SLOW_S:
            print(f"note: {name} took {time.monotonic() - begin:.0f} s", flush=True)


def is_open(mistake, record, survivors):
    fields = record.get(mistake.digest())
    return not fields or (survivors and not fields[1].startswith("caught"))


def report(record, mistakes, stale):
    verdicts = [record.get(mistake.digest(), ["", "not tried"])[1] for mistake in mistakes]
    tried = [verdict for verdict in verdicts if verdict != "not tried"]
    caught = sum(verdict.startswith("caught") for verdict in tried)
    for mistake, verdict in zip(mistakes, verdicts):
        if not verdict.startswith("caught"):
            print(f"{verdict}: {mistake.name}")
    for mistake in stale:
        print(f"stale, {mistake.file} has changed: {mistake.name}")
    print(f"{caught} of {len(tried)} mistakes caught: {share(caught, len(tried))};"
          f" {len(mistakes) - len(tried)} not tried, {len(stale)} stale")
    return 0 if not stale and tried and caught >= WANTED * len(tried) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("pattern", nargs="?", default="", help="only names that contain it")
    parser.add_argument("--check", action="store_true", help="only find stale mistakes")
    parser.add_argument("--again", action="store_true", help="those in the record, too")
    parser.add_argument("--survivors", action="store_true", help="what nothing has caught, too")
    parser.add_argument("--no-suite", action="store_true", help="leave the whole suite out")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    mistakes = read_mistakes()
    stale = [mistake for mistake in mistakes if mistake.planted() is None]
    record = read_record()
    if options.check:
        return report(record, mistakes, stale)
    chosen = [mistake for mistake in mistakes if mistake not in stale
              and options.pattern in mistake.name
              and (options.again or is_open(mistake, record, options.survivors))]
    if chosen:
        copy_tree()
        configure()
        suite = Suite(options.jobs)
        check_intact(chosen, suite)
        for k, mistake in enumerate(chosen):
            begin = time.monotonic()
            verdict, said = try_one(mistake, suite, not options.no_suite)
            record[mistake.digest()] = [mistake.digest(), verdict, mistake.name, said]
            write_record(record, mistakes)
            print(f"{k + 1}/{len(chosen)} {mistake.name}: {verdict}"
                  f" ({time.monotonic() - begin:.0f} s): {said}", flush=True)
    return report(record, mistakes, stale)


if __name__ == "__main__":
    sys.exit(main())
