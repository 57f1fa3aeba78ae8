#!/usr/bin/env python3
"""Writes Tests/KuklaNNTests/Golden/optimizers.json and schedules.json: what PyTorch's optimizers and PyTorch's and Hugging
Face's learning-rate schedulers do to small parameters.

    python Scripts/golden/optimizers.py

LAMB and Lion are not in PyTorch: their papers' formulas are written out here, in double.
"""
import json
import math
import pathlib

import torch
import transformers
from transformers import get_cosine_schedule_with_warmup, get_inverse_sqrt_schedule, get_linear_schedule_with_warmup
from transformers import get_constant_schedule_with_warmup

folder = pathlib.Path(__file__).parents[2] / "Tests/KuklaNNTests/Golden"
folder.mkdir(exist_ok=True)
torch.manual_seed(20261124)
STEPS = 8
RATE = 0.03125  # exact in float32
start = torch.randn(3, 5)
gradients = [torch.randn(3, 5) * (10.0 ** (t % 3 - 1)) for t in range(STEPS)]
table = torch.randn(7, 3)
# Row 6 never, row 0 only at the start and the end, doubles within a step.
rows = [[0, 2, 2], [1], [3, 1, 3, 3], [5, 2], [4], [2, 3], [1, 1], [0, 5]]
row_gradients = [torch.randn(len(r), 3) for r in rows]


def numbers(tensor):
    return [float(x) for x in tensor.detach().flatten()]


def dense(make):
    parameter = torch.nn.Parameter(start.clone())
    optimizer = make([parameter])
    trajectory = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
        trajectory.append(numbers(parameter))
    return trajectory


def sparse(make):
    parameter = torch.nn.Parameter(table.clone())
    optimizer = make([parameter])
    trajectory = []
    for indices, values in zip(rows, row_gradients):
        parameter.grad = torch.sparse_coo_tensor(torch.tensor([indices]), values, parameter.shape)
        optimizer.step()
        trajectory.append(numbers(parameter))
    return trajectory


class Lion(torch.optim.Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    def step(self):
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                state = self.state[p]
                m = state.setdefault("m", torch.zeros_like(p, dtype=torch.float64))
                w = state.setdefault("w", p.detach().double())
                g = p.grad.double()
                w -= lr * (torch.sign(b1 * m + (1 - b1) * g) + group["weight_decay"] * w)
                m.mul_(b2).add_((1 - b2) * g)
                p.data = w.float()


class LAMB(torch.optim.Optimizer):
    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    def step(self):
        for group in self.param_groups:
            (b1, b2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                state = self.state[p]
                state["t"] = t = state.get("t", 0) + 1
                m = state.setdefault("m", torch.zeros_like(p, dtype=torch.float64))
                v = state.setdefault("v", torch.zeros_like(p, dtype=torch.float64))
                w = state.setdefault("w", p.detach().double())
                g = p.grad.double()
                m.mul_(b1).add_((1 - b1) * g)
                v.mul_(b2).add_((1 - b2) * g * g)
                u = m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + group["eps"]) + group["weight_decay"] * w
                w -= lr * w.norm() / u.norm() * u
                p.data = w.float()


o = torch.optim
D = 0.125
dense_cases = {
    "sgd": lambda p: o.SGD(p, lr=RATE),
    "sgd_decay": lambda p: o.SGD(p, lr=RATE, weight_decay=D),
    "sgd_momentum": lambda p: o.SGD(p, lr=RATE, momentum=0.9, weight_decay=D),
    "sgd_nesterov": lambda p: o.SGD(p, lr=RATE, momentum=0.9, nesterov=True),
    "adam": lambda p: o.Adam(p, lr=RATE),
    "adam_decay": lambda p: o.Adam(p, lr=RATE, weight_decay=D, betas=(0.8, 0.95), eps=1e-3),
    "adamw": lambda p: o.AdamW(p, lr=RATE, weight_decay=D),
    "adagrad": lambda p: o.Adagrad(p, lr=RATE),
    "adagrad_decay": lambda p: o.Adagrad(p, lr=RATE, lr_decay=0.25, weight_decay=D, initial_accumulator_value=0.5),
    "lamb": lambda p: LAMB(p, lr=RATE, weight_decay=D),
    "lion": lambda p: Lion(p, lr=RATE, weight_decay=D),
}
sparse_cases = {
    "sgd": lambda p: o.SGD(p, lr=RATE),
    "adam": lambda p: o.SparseAdam(p, lr=RATE),
    "adam_betas": lambda p: o.SparseAdam(p, lr=RATE, betas=(0.8, 0.95), eps=1e-3),
    "adagrad": lambda p: o.Adagrad(p, lr=RATE, lr_decay=0.25),
}
provenance = f"Scripts/golden/optimizers.py, torch {torch.__version__}, transformers {transformers.__version__}"
(folder / "optimizers.json").write_text(
    json.dumps(
        {
            "provenance": provenance, "rate": RATE, "decay": D, "start": numbers(start),
            "gradients": [numbers(g) for g in gradients], "table": numbers(table), "rows": rows,
            "row_gradients": [numbers(g) for g in row_gradients],
            "dense": {name: dense(make) for name, make in dense_cases.items()},
            "sparse": {name: sparse(make) for name, make in sparse_cases.items()},
        }
    )
)


def rates(make, steps):
    optimizer = o.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler = make(optimizer)
    result = []
    for _ in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return result


s = o.lr_scheduler
schedules = {
    "constant": rates(lambda x: get_constant_schedule_with_warmup(x, 5), 12),
    "linear": rates(lambda x: get_linear_schedule_with_warmup(x, 5, 20), 25),
    "linear_no_warmup": rates(lambda x: get_linear_schedule_with_warmup(x, 0, 7), 9),
    "cosine": rates(lambda x: get_cosine_schedule_with_warmup(x, 5, 20), 21),
    "cosine_floor": rates(lambda x: s.CosineAnnealingLR(x, 10, eta_min=0.0078125), 11),
    "step": rates(lambda x: s.StepLR(x, 4, gamma=0.5), 14),
    "one_cycle": rates(lambda x: s.OneCycleLR(x, max_lr=RATE, total_steps=20, cycle_momentum=False), 20),
    "one_cycle_early": rates(
        lambda x: s.OneCycleLR(x, RATE, total_steps=11, pct_start=0.1, div_factor=4, final_div_factor=8, cycle_momentum=False), 11
    ),
    "inverse_square_root": rates(lambda x: get_inverse_sqrt_schedule(x, 4, timescale=4), 30),
}
(folder / "schedules.json").write_text(json.dumps({"provenance": provenance, "rate": RATE, "rates": schedules}))
