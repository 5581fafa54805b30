# SPDX-License-Identifier: MIT
"""A file with transfers run by PyTorch, a process per rank over gloo; gradients compared with those
of one process.

As a program: gloo.py FOLDER RANK RANKS, one rank. FOLDER/cases.json lists the cases as
[name, stages, microbatches]; FOLDER/NAME.csv are the files, a row per rank. Writes
FOLDER/RANK.jsonl, a line per case: [name, largest difference of a gradient, whether bits are equal].
"""
import csv
import datetime
import json
import os
import subprocess
import sys

WIDTH, SAMPLES = 8, 2  # of a micro-batch


def run(folder, ranks, limit):
    """Run the cases of a folder; {name: (difference, equal bits)}, or None if a rank stands still."""
    command = [sys.executable, "-W", "ignore", os.path.abspath(__file__), folder]
    # A file, for a full pipe would stop a rank.
    with open(os.path.join(folder, "said.txt"), "w") as said:
        started = [subprocess.Popen(command + [str(r), str(ranks)], stdout=said, stderr=said)
                   for r in range(ranks)]
        end = datetime.datetime.now() + datetime.timedelta(seconds=limit)
        try:
            for process in started:
                left = (end - datetime.datetime.now()).total_seconds()
                if process.wait(timeout=max(left, 0)) != 0:
                    return None
        except subprocess.TimeoutExpired:
            return None
        finally:
            for process in started:
                process.kill()
                process.wait()
    results = {}
    for r in range(ranks):
        with open(os.path.join(folder, f"{r}.jsonl")) as file:
            for name, difference, equal in map(json.loads, file):
                before = results.get(name, (0, True))
                results[name] = max(before[0], difference), before[1] and equal
    return results


def make_model(torch, stages):
    torch.manual_seed(1)
    return [torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh()).double()
            for _ in range(stages)]


def make_batch(torch, microbatches):
    torch.manual_seed(2)
    return [torch.randn(microbatches * SAMPLES, WIDTH, dtype=torch.float64) for _ in range(2)]


def one_process(torch, stages, microbatches):
    """The model with the gradients of the mean loss, micro-batch by micro-batch."""
    model = make_model(torch, stages)
    parts = [x.split(SAMPLES) for x in make_batch(torch, microbatches)]
    for x, y in zip(*parts):
        for stage in model:
            x = stage(x)
        torch.nn.functional.mse_loss(x, y).backward()
    for stage in model:
        for parameter in stage.parameters():
            parameter.grad /= microbatches
    return model


def stages_of(path, rank):
    with open(path, newline="") as file:
        row = list(csv.reader(file))[rank]
    digits = [cell.split(";") for cell in row]
    return sorted({int("".join(c for c in part.strip("( ").split("F")[0] if c.isdigit()))
                   for cell in digits for part in cell if is_forward(part)})


def is_forward(part):
    text = part.strip("() ").replace(")OVERLAP_", "")
    return text.lstrip("0123456789")[:1] == "F"


def run_case(torch, folder, rank, case):
    from torch.distributed.pipelining import PipelineStage
    from torch.distributed.pipelining.schedules import _PipelineScheduleRuntime
    name, stages, microbatches = case
    path = os.path.join(folder, name + ".csv")
    model, mine = make_model(torch, stages), stages_of(path, rank)

    def example(has_gradient):
        return torch.zeros(SAMPLES, WIDTH, dtype=torch.float64, requires_grad=has_gradient)

    pipeline = _PipelineScheduleRuntime(
        [PipelineStage(model[s], s, stages, torch.device("cpu"), input_args=example(s > 0),
                       output_args=example(True)) for s in mine],
        microbatches, loss_fn=torch.nn.functional.mse_loss)
    pipeline._load_csv(path, format="compute_comms")
    x, y = make_batch(torch, microbatches)
    pipeline.step(*([x] if 0 in mine else []), target=y if stages - 1 in mine else None,
                  losses=[] if stages - 1 in mine else None, return_outputs=False)
    expected = one_process(torch, stages, microbatches)
    pairs = [(a.grad, b.grad) for s in mine
             for a, b in zip(model[s].parameters(), expected[s].parameters())]
    return (max(float((a - b).abs().max()) for a, b in pairs),
            all(bool((a == b).all()) for a, b in pairs))


def main(folder, rank, ranks):
    import torch
    import torch.distributed as dist
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank,
                            world_size=ranks, timeout=datetime.timedelta(seconds=20))
    with open(os.path.join(folder, "cases.json")) as file:
        cases = json.load(file)
    with open(os.path.join(folder, f"{rank}.jsonl"), "w") as out:
        for case in cases:
            print(json.dumps([case[0], *run_case(torch, folder, rank, case)]), file=out, flush=True)
            dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
