# SPDX-License-Identifier: MIT
"""Schedules of torch.distributed.pipelining as files, without processes; and what `sluice` says."""
import csv
import datetime
import subprocess
import types
import warnings

warnings.filterwarnings("ignore")

import torch  # noqa: E402
import torch.distributed.pipelining.schedules as schedules  # noqa: E402

ONE_STAGE = ("ScheduleGPipe", "Schedule1F1B")
LOOPED = ("ScheduleLoopedBFS", "ScheduleInterleaved1F1B", "ScheduleInterleavedZeroBubble")
VEE = ("ScheduleZBVZeroBubble", "ScheduleDualPipeV")
CLASSES = ONE_STAGE + LOOPED + VEE
VERSION = torch.__version__


def fake_stages(p, v):
    """Enough of a rank's stages for a schedule to be made from."""
    return [types.SimpleNamespace(stage_index=c * p, num_stages=p * v, group_size=p, group_rank=0,
                                  submod=None, is_first=c == 0, is_last=False, device="cpu",
                                  has_backward=True, stage_index_to_group_rank={})
            for c in range(v)]


def make(name, p, v, m, **options):
    """The schedule, lowered; ValueError where the class does not take these numbers,
    AssertionError where PyTorch refuses its own order."""
    kind, stages = getattr(schedules, name), fake_stages(p, v)
    if name not in ONE_STAGE:
        return kind(stages, m, **options)
    runtime = schedules._PipelineScheduleRuntime(stages, m, **options)
    runtime.pipeline_order = {rank: [a for a in row if a is None or a.is_compute_op]
                              for rank, row in order(name, p, m).items()}
    runtime._prepare_schedule_with_comms({rank: list(row) for rank, row
                                          in runtime.pipeline_order.items()})
    return runtime


def order(name, p, m):
    """The order that a class with one stage per rank has, as it is."""
    return getattr(schedules, name)(fake_stages(p, 1)[0], m).pipeline_order


def dump(schedule, path, form):
    schedule._dump_csv(path, format=form)


def dump_order(rows, path):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows.values())


def load(path, p, v, m):
    """Load a file with transfers. With a limit of sends PyTorch also proves that sends, receives
    and waits form no cycle."""
    runtime = schedules._PipelineScheduleRuntime(fake_stages(p, v), m, max_outstanding_sends=1 << 20)
    runtime._load_csv(path, format="compute_comms")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.strip()


def check(sluice, path, transport):
    """(whether it is proven, what is wrong otherwise)"""
    status, _, said = run(sluice, "check", path, "--transport", transport)
    return status == 0, said


def names(sluice):
    """Sluice's schedules; PyTorch loads no file without backwards."""
    lines = run(sluice, "schedule", "--list")[1].splitlines()
    return [line.split()[0] for line in lines if not line.startswith("forward-only")]


def comms(sluice, name, p, v, m):
    """(exit status, file with transfers, what is said); the status is 2 where the schedule has no
    such numbers."""
    return run(sluice, "schedule", name, "-p", str(p), "-v", str(v), "-m", str(m), "--csv=comms")


def print_head(sluice, script, numbers):
    """The first lines of a script's section of the record."""
    print(f"\n## {script}\n\nMade on {datetime.date.today()} with {run(sluice, '--version')[1].strip()} "
          f"and PyTorch {VERSION}, by {script}; {numbers}.\n")


def listed(numbers):
    return ", ".join(map(str, numbers))
