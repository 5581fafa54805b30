# SPDX-License-Identifier: MIT
"""peer_turn.py -- one turn of PyTorch in peer_torch.py, in a process of its own: trains a few steps, in one process or in
a pipeline of two, and prints tokens/s of each step after the warm-up on one line.

    peer_turn.py SETTINGS    a JSON object; peer_torch.py makes it
"""
import json
import os
import sys
import tempfile
import time
import types

import torch
import torch.distributed as dist
import torch.multiprocessing
from torch.distributed import pipelining

import peer_gpt

RANKS, WARMUP = 2, 2
SCHEDULES = {"GPipe": pipelining.ScheduleGPipe, "1F1B": pipelining.Schedule1F1B}


def compiled(what, settings):
    return torch.compile(what, dynamic=False) if settings.compiled else what


def run_steps(step, settings):
    """Calls `step`, which returns a loss. Speeds of those after the warm-up."""
    losses, times = [], [time.monotonic()]
    for _ in range(WARMUP + settings.steps):
        losses.append(step())
        times.append(time.monotonic())
    if not losses[-1] < losses[0]:
        raise ValueError("the loss did not fall: %g, and %g at the end" % (losses[0], losses[-1]))
    took = [end - begin for begin, end in zip(times[WARMUP:], times[WARMUP + 1:])]
    return [settings.batch * settings.length / seconds for seconds in took]


def print_speeds(speeds):
    print(" ".join("%.2f" % speed for speed in speeds), flush=True)


def train_alone(settings):
    torch.set_num_threads(settings.threads)
    model = peer_gpt.initialize(peer_gpt.Whole(settings, settings.chunked))
    parameters, optimizer = list(model.parameters()), peer_gpt.optimizer_of(model)
    inputs, targets = peer_gpt.batch_of(settings)
    run = model.compiled() if settings.compiled else model

    def step():
        loss = run(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()
    print_speeds(run_steps(step, settings))


def stage_of(rank, model, settings):
    """Shapes are given, so that no rank has to ask another for them."""
    samples = settings.batch // settings.microbatches
    tokens = torch.zeros(samples, settings.length, dtype=torch.long)
    between = torch.zeros(samples, settings.length, settings.width, requires_grad=True)
    logits = torch.zeros(1, requires_grad=True).expand(samples, settings.length, settings.vocabulary)
    inputs, outputs = ((tokens, between), (between, logits))[rank]
    return pipelining.PipelineStage(compiled(model, settings), rank, RANKS, torch.device("cpu"), input_args=(inputs,),
                                    output_args=(outputs,))


def pipeline_step(rank, settings):
    part = (peer_gpt.First, peer_gpt.Last)[rank](settings, settings.cut)
    model = peer_gpt.initialize(part, 1 + rank)
    optimizer = peer_gpt.optimizer_of(model)
    inputs, targets = peer_gpt.batch_of(settings)
    schedule = SCHEDULES[settings.schedule](stage_of(rank, model, settings), settings.microbatches,
                                            loss_fn=compiled(peer_gpt.loss_of, settings))

    def step():
        losses = []
        if rank == 0:
            schedule.step(inputs, return_outputs=False)
        else:
            schedule.step(target=targets, losses=losses, return_outputs=False)
        optimizer.step()
        optimizer.zero_grad()
        return sum(loss.item() for loss in losses) / settings.microbatches
    return step


def train_stage(rank, settings, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://%s/meeting" % folder, rank=rank, world_size=RANKS)
    step = pipeline_step(rank, settings)
    if rank == RANKS - 1:
        print_speeds(run_steps(step, settings))  # the rank with the losses
    else:
        for _ in range(WARMUP + settings.steps):
            step()
    dist.barrier()
    dist.destroy_process_group()


def train_in_pipeline(settings):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train_stage, (settings, folder), nprocs=RANKS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    asked = types.SimpleNamespace(**json.loads(sys.argv[1]))
    train_in_pipeline(asked) if asked.schedule else train_alone(asked)
