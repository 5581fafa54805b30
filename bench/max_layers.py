# SPDX-License-Identifier: MIT
"""max_layers.py -- what the scripts of bench/ share that look for the most layers which fit: the command, its time and
memory, and the search."""
import json
import os
import subprocess
import tempfile
import time


class Run:
    """One run of the command: what it printed, and what it took."""

    def __init__(self, arguments):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            began = time.monotonic()
            child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.wall = time.monotonic() - began
            self.seconds = used.ru_utime + used.ru_stime
            self.peak_bytes = used.ru_maxrss * 1024
            self.code = child.returncode
            out.seek(0)
            err.seek(0)
            self.out = out.read().decode()
            self.err = err.read().decode().strip()

    def json(self):
        return json.loads(self.out)


def write_config(path, width, heads, layers, vocabulary, positions):
    with open(path, "w") as file:
        json.dump({"model_type": "gpt2", "n_embd": width, "n_head": heads, "n_layer": layers,
                   "vocab_size": vocabulary, "n_positions": positions}, file)


def parameters(width, layers, vocabulary, positions):
    """Of GPT-2: an embedding that the output head shares, positions, the last norm, and blocks."""
    return (vocabulary + positions + 2) * width + layers * (12 * width * width + 13 * width)


def largest(fits, guess):
    """The largest count that fits, near a guess; needs more layers to need more memory. 0: none does."""
    low, high, step = 0, None, max(1, guess // 64)
    at = max(1, guess)
    while high is None or high - low > 1:
        if fits(at):
            low = at
        else:
            high = at
        if high is None:
            at, step = low + step, 2 * step
        elif low == 0 and high > 1 and step < guess:
            at, step = max(1, high - step), 2 * step
        else:
            at = (low + high) // 2
    return low


def is_shortage(run):
    """A refusal for want of memory, rather than any other fault."""
    if run.code == 0:
        return False
    if "than its limit of" not in run.err and "than the limit of" not in run.err:
        raise SystemExit("the command failed otherwise: " + run.err)
    return True


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return "%s, %d cores" % (names[0] if names else "unknown processor", os.cpu_count())


def table(heads, rows):
    """A Markdown table; columns of numbers are to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(["---"] + ["---:"] * (len(heads) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
