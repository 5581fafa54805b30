# SPDX-License-Identifier: MIT
"""peer_contenders.py -- what peer_torch.py compares: its models, the ways to train them in Sluice and in PyTorch, and a
turn of one of them in a process of its own."""
import contextlib
import dataclasses
import json
import os
import re
import signal
import statistics
import subprocess
import sys

LIMIT = 1800  # seconds of a turn
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_turn.py")
# glibc keeps what a step frees, and asks for huge pages (2.35 and later).
MEMORY = {"GLIBC_TUNABLES": ":".join("glibc.malloc.%s=%d" % pair for pair in
                                     [("hugetlb", 1), ("mmap_threshold", 1 << 40), ("trim_threshold", 1 << 40)])}
# Ends by itself, at the latest when the script has ended or the time is over.
BUSY = """import os, sys, time
end, parent = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
while time.monotonic() < end and os.getppid() == parent: pass
"""


@dataclasses.dataclass(frozen=True)
class Model:
    title: str
    layers: int
    width: int
    heads: int
    vocabulary: int
    positions: int
    length: int
    batch: int

    def cuts(self):
        """The two cuts, in blocks before it, whose stages are the most equal by their products."""
        block = 12 * self.width * self.width + self.length * self.width
        head = self.vocabulary * self.width
        return sorted(range(1, self.layers + 1), key=lambda cut: max(cut * block, (self.layers - cut) * block + head))[:2]


MODELS = {"a": Model("(a): 6 blocks of 384, vocabulary of 50304", 6, 384, 6, 50304, 256, 256, 8),
          "b": Model("(b): GPT-2 124M", 12, 768, 12, 50257, 1024, 256, 4),
          "c": Model("(c): 6 blocks of 384, bytes", 6, 384, 6, 256, 256, 256, 8),
          "tiny": Model("smoke run: 2 blocks of 64", 2, 64, 2, 256, 32, 32, 4)}


class TurnError(Exception):
    pass


@dataclasses.dataclass
class Contender:
    name: str
    ours: bool
    alone: bool  # one process or rank
    command: list
    loaded: bool = False  # has turns next to a busy process, too
    environment: dict = dataclasses.field(default_factory=dict)
    quiet: list = dataclasses.field(default_factory=list)  # tokens/s, each step of each round
    busy: list = dataclasses.field(default_factory=list)
    error: str = ""

    def turn(self, steps, to):
        """Adds a turn's speeds to `to`; one that has failed is left out from then on."""
        if self.error:
            return
        try:
            to += speeds_of(run(self.command, self.environment), steps)
        except TurnError as error:
            self.error = str(error)
        print("peer_torch.py: %s: %s" % (self.name, self.error or "%.0f tokens/s" % statistics.median(to[-steps:])),
              file=sys.stderr, flush=True)


def run(command, environment):
    # A process group, and not a session: Linux may share cores among sessions, whatever the number of their threads
    # (sched_autogroup), and the busy process would get more than a thread's share.
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, **environment}, preexec_fn=os.setpgrp)
    except OSError as error:
        raise TurnError(str(error)) from error
    try:
        out, err = child.communicate(timeout=LIMIT)
    except BaseException as error:
        os.killpg(child.pid, signal.SIGKILL)  # its ranks, too
        child.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise TurnError("it took more than %d s" % LIMIT) from error
        raise
    if child.returncode != 0:
        raise TurnError(last_error(err) or "it ended with %d" % child.returncode)
    return out


def last_error(text):
    """The last line that names an exception and says more, which is the cause of those that say nothing; else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception): .*[^:]$", line)]
    return (named or lines or [""])[-1]


def speeds_of(text, steps):
    try:
        speeds = [float(word) for word in text.split()]
    except ValueError:
        speeds = []
    if len(speeds) != steps or min(speeds) <= 0:
        raise TurnError("it did not print %d speeds, but %r" % (steps, text[:80]))
    return speeds


@contextlib.contextmanager
def busy_process():
    child = subprocess.Popen([sys.executable, "-c", BUSY, str(LIMIT + 60), str(os.getpid())])
    try:
        yield
        if child.poll() is not None:
            raise SystemExit("peer_torch.py: the busy process ended before the turn did")
    finally:
        child.kill()
        child.wait()


def sluice(train_cpu, key, batch, cores, steps):
    """Sluice's ways to train the model; the first is the one that has all cores."""
    def of(name, alone, way, loaded=False):
        return Contender("Sluice, " + name, True, alone, [train_cpu, "--turn", key, way, str(steps)], loaded)
    yield of("1 rank x %d threads" % cores, True, "1x%d" % cores, loaded=True)
    yield of("1 rank x 1 thread", True, "1x1")
    for schedule in ("gpipe", "1f1b", "zb1p"):
        for count in (batch // 2, batch):
            yield of("2 ranks x 1 thread, %s, m = %d" % (schedule, count), False, "%s:%d" % (schedule, count),
                     loaded=schedule == "gpipe" and count == batch)


class Torch:
    """PyTorch's ways to train a model. What it compiles and leaves is in `folder`."""

    def __init__(self, model, cores, steps, folder):
        self.settings = {**dataclasses.asdict(model), "threads": cores, "steps": steps, "compiled": False, "chunked": False,
                         "schedule": None, "microbatches": 1, "cut": model.layers}
        self.environment = {**MEMORY, "TMPDIR": folder, "TORCHINDUCTOR_CACHE_DIR": folder + "/compiled",
                            "PYTHONDONTWRITEBYTECODE": "1"}

    def of(self, name, **changed):
        settings = {**self.settings, **changed}
        alone = settings["schedule"] is None
        return Contender("PyTorch, " + name, False, alone, [sys.executable, SCRIPT, json.dumps(settings)],
                         alone and not settings["chunked"], self.environment)

    def alone(self):
        for chunked in (False, True):
            for compiled in (False, True):
                name = ("compiled" if compiled else "eager") + (", head in chunks" if chunked else "")
                yield self.of(name, compiled=compiled, chunked=chunked)

    def pipelines(self, cut):
        counts = [m for m in (4, 8) if m <= self.settings["batch"]]
        for schedule in ("GPipe", "1F1B"):
            for count in counts:
                for compiled in (False, True):
                    name = "2 processes x 1 thread, %s, m = %d, %s" % (schedule, count, "compiled" if compiled else "eager")
                    yield self.of(name, schedule=schedule, microbatches=count, compiled=compiled, cut=cut)

    def try_cuts(self, cuts):
        """A short turn with each: pairs of cut and contender."""
        steps = min(self.settings["steps"], 3)
        for cut in cuts:
            contender = self.of("1F1B, cut after block %d" % cut, schedule="1F1B", microbatches=min(4, self.settings["batch"]),
                                cut=cut, steps=steps)
            contender.turn(steps, contender.quiet)
            yield cut, contender
