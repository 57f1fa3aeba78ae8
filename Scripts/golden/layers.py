#!/usr/bin/env python3
"""Writes Tests/KuklaNNTests/Golden/layers.json: PyTorch's results and gradients of layers and blocks.

    python Scripts/golden/layers.py

Each case holds the parameters by path, the inputs, the outputs, and the gradients of sum(output * weight) over all outputs, for
weights that are given too. The convolutional blocks are written out here from their papers, under their authors' names.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

folder = pathlib.Path(__file__).parents[2] / "Tests/KuklaNNTests/Golden"
torch.manual_seed(20261126)


def tensor(x):
    return {"shape": list(x.shape), "elements": [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]}


def case(module, inputs, run):
    """`run(*inputs)` gives a dictionary of outputs."""
    inputs = {name: x.requires_grad_() for name, x in inputs.items()}
    before = {name: tensor(p) for name, p in module.state_dict().items() if p.is_floating_point()}
    outputs = run(**inputs)
    weights = {name: torch.randn_like(y) for name, y in outputs.items()}
    sum((y * weights[name]).sum() for name, y in outputs.items()).backward()
    gradients = {name: tensor(p.grad) for name, p in module.named_parameters()}
    gradients |= {name: tensor(x.grad) for name, x in inputs.items()}
    return {
        "parameters": before,
        "inputs": {name: tensor(x) for name, x in inputs.items()},
        "outputs": {name: tensor(y) for name, y in outputs.items()},
        "weights": {name: tensor(w) for name, w in weights.items()},
        "gradients": gradients,
        "buffers": {name: tensor(b) for name, b in module.named_buffers() if b.is_floating_point()},
    }


def gru(lengths, **kinds):
    module = nn.GRU(5, 6, **kinds)
    ways = (2 if module.bidirectional else 1) * module.num_layers

    def run(x, initial):
        packed, last = module(pack_sequence(x.split(lengths), enforce_sorted=False), initial)
        return {"states": torch.cat(unpack_sequence(packed)), "last": last}

    return case(module, {"x": torch.randn(sum(lengths), 5), "initial": torch.randn(ways, len(lengths), 6)}, run)


class Residual(nn.Module):
    """He et al. 2016, the basic block, under torchvision's names."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return {"y": F.relu(y + (x if self.downsample is None else self.downsample(x)))}


class ConvNeXt(nn.Module):
    """Liu et al. 2022, under the names of the authors' code."""

    def __init__(self, channels):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.randn(channels))

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return {"y": x + (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)}


def used(module, x):
    """In inference, with running statistics that are not those of a new layer."""
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    return case(module.eval(), {"x": x}, module)


residual, narrowing, convnext = Residual(3, 3, 1), Residual(3, 4, 2), ConvNeXt(4)
cases = {
    "gru": gru([3, 1, 4]),
    "gru_layers": gru([2, 5, 5, 1], num_layers=3, bias=False),
    "gru_bidirectional": gru([4, 1, 3], num_layers=2, bidirectional=True),
    "residual": case(residual, {"x": torch.randn(2, 3, 6, 5)}, residual),
    "residual_narrowing": case(narrowing, {"x": torch.randn(2, 3, 7, 6)}, narrowing),
    "residual_used": used(Residual(3, 4, 2), torch.randn(2, 3, 6, 6)),
    "convnext": case(convnext, {"x": torch.randn(2, 4, 6, 9)}, convnext),
}
provenance = f"Scripts/golden/layers.py, torch {torch.__version__}"
(folder / "layers.json").write_text(json.dumps({"provenance": provenance, "cases": cases}))
