#!/usr/bin/env python3
"""Computes every case of the gradient registry with PyTorch in float64 and compares values and gradients.

    KUKLA_PARITY=FOLDER swift test -c release --filter OperationParityTests
    python Scripts/parity/operation_parity.py FOLDER/operations.jsonl

Prints the worst relative difference (greatest difference over greatest magnitude) of each case. Exits 1 where one is above
1e-4, or where a case has neither a function here nor a reason to be left out.
"""
import json
import math
import re
import sys

import torch
from torch.nn import functional as F

TOLERANCE = 1e-4

# Cases that PyTorch cannot compute: they draw from random sources of ours.
LEFT_OUT = {
    "dropout": "the mask is a hash of ours",
    "gradient of dropout": "the mask is a hash of ours",
    "attention dropout": "the mask is a hash of ours",
    "gumbelSoftmax": "the noise comes from our random source",
}

functions = {}  # name or pattern -> function of the inputs (and the pattern's groups)


def case(pattern):
    """Registers a function for the names that `pattern` matches as a whole."""
    def register(function):
        functions[re.compile(pattern)] = function
        return function
    return register


def simple(**named):
    for name, function in named.items():
        functions[re.compile(re.escape(name))] = function


def axis_case(name, function):
    """`name axis N`: function(x, axis)."""
    functions[re.compile(re.escape(name) + r" axis (-?\d)")] = lambda x, axis: function(x, int(axis))


def truth(word):
    return word == "true"


def some_indices(count, length):
    return torch.tensor([(i * 7 + i // 3 + 1) % length for i in range(count)])


def gradient_of_cubes(x, function):
    """The gradient of the sum of f(x)^3."""
    return torch.autograd.grad((function(x) ** 3).sum(), x, create_graph=True)[0]


# Arithmetic and products

simple(
    add=lambda a, b: a + b,
    subtract=lambda a, b: a - b,
    multiply=lambda a, b: a * b,
    divide=lambda a, b: a / (b * b + 1),
    numbers=lambda a, b: (2 - a * 3 + 1) / 4 + b,
    broadcast=lambda x: x.expand(3, x.shape[0], 4),
    sum=lambda x: x.sum((0, -1)) * x.mean(),
    rows=lambda x: x[1:4].reshape(3, -1),
    straightThrough=lambda x: x * 2,
    paddedRows=lambda x: gradient_of_cubes(x, lambda x: x[1:3]),
)


@case(r"(?:batched |shared )?matmul (\w+) (\w+)")
def matmul(a, b, turns_a, turns_b):
    return (a.mT if truth(turns_a) else a) @ (b.mT if truth(turns_b) else b)


@case(r"einsum (.*)")
def einsum(*arguments):
    return torch.einsum(arguments[-1], *arguments[:-1])


# Elementwise

simple(
    exp=torch.exp, expm1=torch.expm1, log=torch.log, log1p=torch.log1p, square=torch.square, sqrt=torch.sqrt,
    rsqrt=torch.rsqrt, reciprocal=torch.reciprocal, sin=torch.sin, cos=torch.cos, arccos=torch.arccos,
    arctan=torch.arctan, abs=torch.abs, maximum=torch.maximum, minimum=lambda a, b: torch.minimum(b, a),
    clamp=lambda x: (x + 1).clamp(min=1) + (x - 1).clamp(max=-1) * x,
    filled=lambda a, b: torch.where(b > a, torch.tensor(-3.0, dtype=a.dtype), a) * a,
)
functions[re.compile("clamp low")] = lambda x: (x * 0.5).clamp(min=0)
functions[re.compile("power 0")] = lambda x: x**0 + x
functions[re.compile(r"power (3|2\.5|-1\.5)")] = lambda x, exponent: x ** float(exponent)


@case("select")
def select(a, b):
    mask = (torch.arange(a.numel()) % 3 == 0).reshape(a.shape)
    return torch.where(mask, a, b) + torch.where(mask, torch.tensor(2.0, dtype=a.dtype), b.square())


# Indexing

for name, function in {
    "gathered": lambda x, axis: x.index_select(axis, some_indices(7, x.shape[axis])),
    "scatteredAdd": lambda x, axis: torch.zeros(
        [4 if i == axis % 3 else n for i, n in enumerate(x.shape)], dtype=x.dtype
    ).index_add(axis, some_indices(x.shape[axis], 4), x),
    "scatteredAddAlong": lambda x, axis: torch.zeros(
        [6 if i == axis % 3 else n for i, n in enumerate(x.shape)], dtype=x.dtype
    ).scatter_add(axis, some_indices(x.numel(), 6).reshape(x.shape), x),
    "max": lambda x, axis: x.max(axis).values,
    "min": lambda x, axis: x.min(axis, keepdim=True).values * x,
    "sorted": lambda x, axis: x.sort(axis, descending=axis == 1).values,
    "flipped": lambda x, axis: x.flip(axis),
    "rolled": lambda x, axis: x.roll(2, axis) + x.roll(-1, axis),
    "repeated": lambda x, axis: torch.cat([x, x, x], axis),
    "repeatedEach": lambda x, axis: x.repeat_interleave(2, axis),
    "strided": lambda x, axis: x.index_select(axis, torch.arange(0, x.shape[axis], 2)),
    "concatenated": lambda x, axis: torch.cat([x, x * x, x + 1], axis),
    "stacked": lambda x, axis: torch.stack([x, x * x], axis),
    "split": lambda x, axis: x.roll(-1, axis),
    "normalized": lambda x, axis: F.normalize(x + 1, dim=axis) + x,
    "norm": lambda x, axis: x.norm(dim=axis),
}.items():
    axis_case(name, function)


@case(r"taken axis (-?\d)")
def taken(x, axis):
    axis = int(axis) % 3
    shape = list(x.shape)
    shape[axis] = 3
    return x.gather(axis, some_indices(3 * x.numel() // x.shape[axis], x.shape[axis]).reshape(shape))


@case(r"slice axis (-?\d)")
def sliced(x, axis):
    length = x.shape[int(axis)]
    start = length // 3
    return x.narrow(int(axis), start, max(length - 1, start + 1) - start)


@case(r"padded axis (-?\d)")
def padded(x, axis):
    pairs = [0, 0] * (2 - int(axis) % 3) + [2, 1]
    return F.pad(x, pairs, value=3)


simple(
    topK=lambda x: x.topk(4).values,
    indexAdd=lambda x, y: x.index_add(0, torch.tensor([3, 1, 3, 0, 3]), y),
    dot=lambda a, b: (a * b).sum(-1),
    cosineSimilarity=lambda a, b: F.normalize(a, dim=-1).mul(F.normalize(b, dim=-1)).sum(-1),
)
functions[re.compile("max of all")] = lambda x: x.max() * x.min()
functions[re.compile("padded pairs")] = lambda x: F.pad(x, [2, 3, 0, 0, 1, 0])
functions[re.compile("normalized below epsilon")] = lambda x: F.normalize(x, dim=-1, eps=50)


@case("permuted")
def permuted(x):
    result = x.mT.reshape(-1)
    for order in [0, 2, 1, 3], [3, 0, 1, 2], [2, 3, 0, 1], [3, 2, 1, 0]:
        result = result * 0.7 + x.permute(order).reshape(-1)
    return result


# Statistics

simple(
    variance=lambda x: x.var((0, 2), correction=0).sum() + x.var(1, correction=1, keepdim=True),
    standardDeviation=lambda x: x.std((0, -1), correction=0),
    median=lambda x: x.quantile(0.5, 1) * 2,
    cumulativeSum=lambda x: x.cumsum(1) * x.flip(-1).cumsum(-1).flip(-1),
    product=lambda x: x.prod(-1).prod(0) + x.prod(1).sum(),
)


@case("quantiles")
def quantiles(x):
    return x.quantile(torch.tensor([0, 0.3, 0.85, 1], dtype=x.dtype), 0)


# Segments, pairs, choices

FIVE = torch.tensor([2, 0, 2, 3, 0])


def segments(x, reduce):
    index = FIVE.reshape([5] + [1] * (x.dim() - 1)).expand(x.shape)
    # Not from 0: where the greatest is 0 too, PyTorch gives half of its gradient to the start, included or not.
    start = torch.full_like(x, -math.inf if reduce == "amax" else 0)
    result = start.scatter_reduce(0, index, x, reduce, include_self=False)
    return result.masked_fill(result.isinf(), 0)


@case("segmentSoftmax")
def segment_softmax(x):
    parts = [torch.zeros(()) for _ in range(5)]
    for segment in set(FIVE.tolist()):
        rows = [i for i in range(5) if FIVE[i] == segment]
        for row, part in zip(rows, x[rows].softmax(0)):
            parts[row] = part
    return torch.stack(parts)


simple(
    segmentSum=lambda x: segments(x, "sum"),
    segmentMean=lambda x: segments(x, "mean"),
    segmentMax=lambda x: segments(x, "amax"),
    pairwiseSquaredDistances=lambda a, b: (a.unsqueeze(-2) - b.unsqueeze(-3)).square().sum(-1),
    pairwiseCosineSimilarities=lambda a, b: F.normalize(a + 1, dim=-1) @ F.normalize(b + 1, dim=-1).mT,
    outer=lambda a, b: a.unsqueeze(-1) * b.unsqueeze(-2),
    kronecker=torch.kron,
    diagonal=lambda x: x.diagonal(0, 0, 1),
    diagonalMatrix=torch.diag_embed,
    triangles=lambda x: x.tril(1) + x.triu() * 2,
)

# Losses


def cross_entropies(x):
    targets = torch.arange(x.shape[0]) * 7 % x.shape[1]
    return (F.cross_entropy(x, targets, label_smoothing=0.1)
            + F.cross_entropy(x, targets, ignore_index=int(targets[0]), reduction="sum")
            + F.cross_entropy(x, targets, reduction="none"))


def binary(x, t, weight, reduction):
    return F.binary_cross_entropy_with_logits(
        x, t, pos_weight=torch.tensor(weight, dtype=x.dtype), reduction=reduction)


simple(
    crossEntropy=cross_entropies,
    binaryCrossEntropy=lambda x, t: binary(x, t, 1.0, "mean") + binary(x, t, 3.0, "sum") * 0.1,
    squaredError=lambda x, y: F.mse_loss(x, y) + F.mse_loss(x, y, reduction="none"),
    absoluteError=lambda x, y: F.l1_loss(x, y) + F.l1_loss(x, y, reduction="none"),
    huberLoss=lambda x, y: F.huber_loss(x, y, delta=0.5, reduction="none"),
    hingeLoss=lambda x, y: (1 - x * y).clamp(min=0),
)


@case("binaryCrossEntropy of each")
def binary_of_each(x, t):
    return binary(x, t, 0.5, "none")


@case("crossEntropy of probabilities")
def soft_cross_entropy(x, p):
    return F.cross_entropy(x, p) + F.cross_entropy(x, p, reduction="none")


@case("divergence from probabilities")
def divergence(x, p):
    rows = F.kl_div(x.log_softmax(-1), p, reduction="none").sum(-1)
    return rows.mean() + rows


@case("divergence from logits")
def divergence_of_logits(x, y):
    return F.kl_div(x.log_softmax(-1), y.log_softmax(-1), reduction="sum", log_target=True)


@case("sampledCrossEntropy")
def sampled_cross_entropy(x, table):
    targets, negatives = torch.tensor([6, 0, 2]), torch.tensor([2, 1, 5, 1])
    right = (x * table[targets]).sum(-1) - torch.tensor([0.1, -1, 0.5])
    wrong = x @ table[negatives].mT - torch.tensor([0.5, -0.5, 0.2, -0.5])
    wrong = wrong.masked_fill(targets[:, None] == negatives[None, :], -math.inf)
    return F.cross_entropy(torch.cat([right[:, None], wrong], 1), torch.zeros(3, dtype=torch.long))


# Layers

ACTIVATIONS = {
    "none": lambda x: x, "gelu": F.gelu, "geluTanh": lambda x: F.gelu(x, approximate="tanh"), "relu": F.relu,
    "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus,
}
NAMES = "|".join(ACTIVATIONS)


@case(rf"activation ({NAMES})")
def activation(x, name):
    return ACTIVATIONS[name](x)


@case(rf"linear ({NAMES})")
def linear(x, weight, bias, name):
    return ACTIVATIONS[name](F.linear(x, weight, bias))


@case(rf"gradient of (linear )?({NAMES})")
def second_order(x, *rest):
    is_linear, name = rest[-2:]
    if is_linear:
        return gradient_of_cubes(x, lambda x: ACTIVATIONS[name](F.linear(x, rest[0])))
    return gradient_of_cubes(x, ACTIVATIONS[name])


@case("linear, stacked")
def stacked_linear(x, a, bias_a, b, c, bias_c):
    y = torch.cat([F.linear(x, a, bias_a), F.linear(x, b), F.linear(x, c, bias_c)], 1)
    return y[:, 1:5]


def bags(table, mode, offsets):
    return F.embedding_bag(torch.tensor([4, 0, 4, 4, 2]), table, torch.tensor(offsets), mode=mode)


simple(
    softmax=lambda x: x.softmax(-1),
    logSoftmax=lambda x: x.log_softmax(-1) + x.log_softmax(0),
    logSumExp=lambda x: x.logsumexp(0, keepdim=True) * x.logsumexp(-1).sum(),
    layerNorm=lambda x, g, b: F.layer_norm(x, g.shape, g, b, 0.1),
    addLayerNorm=lambda x, y, g, b: F.layer_norm(x + y, g.shape, g, b, 0.1) + F.layer_norm(x + y, g.shape, eps=0.1),
    rmsNorm=lambda x, g: F.rms_norm(x, g.shape, g, 0.1),
    gathered=lambda x: x[[4, 0, 4, 4, 2]],
    embeddingBag=lambda x: bags(x, "sum", [0, 2, 2, 5]) - bags(x, "mean", [0, 3, 3, 4]),
    channelsLast=lambda x, a, b: x.movedim(1, -1) * a,
    channelsFirst=lambda x, a, b: (x.movedim(1, -1) + a).movedim(-1, 1) * x,
)
functions[re.compile("linear without bias")] = F.linear
functions[re.compile("softmax of a middle axis")] = lambda x: x.softmax(1)
functions[re.compile("gradient of gathered")] = lambda x: gradient_of_cubes(x, lambda x: x[[4, 0, 4]])
functions[re.compile("gradient of softmax")] = lambda x: gradient_of_cubes(x, lambda x: x.softmax(-1))
functions[re.compile("gradient of logSoftmax")] = lambda x: gradient_of_cubes(x, lambda x: x.log_softmax(-1))
functions[re.compile("gradient of logSumExp")] = lambda x: gradient_of_cubes(x, lambda x: x.logsumexp(0))


@case(r"batchNorm (?:\d-D)")
def batch_norm(x, gamma, beta):
    return F.batch_norm(x, None, None, gamma, beta, True, eps=0.1)


@case("batchNorm, given statistics")
def batch_norm_of_statistics(x, gamma, beta):
    mean, variance = torch.tensor([0.5, -1, 2]).double(), torch.tensor([1, 2, 0.5]).double()
    return F.batch_norm(x, mean, variance, gamma, beta, False, eps=1e-5)


@case("batchNorm without parameters")
def plain_batch_norm(x, gamma, beta):
    return F.batch_norm(x, None, None, training=True, eps=0.1) * gamma.reshape(3, 1, 1)


@case(r"groupNorm (?:\d-D)")
def group_norm(x, gamma, beta):
    return F.group_norm(x, 2, gamma, beta, 0.1)


# Convolutions and resampling

CONVOLUTIONS = [F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]
GEOMETRY = (r"(\d)-D \d+: stride (\[.*?\]), padding (\[.*?\]), dilation (\[.*?\]), output padding (\[.*?\]), "
            r"groups (\d+)")


@case(r"(transposed )?(?:depthwise )?convolution " + GEOMETRY)
def convolution(x, weight, bias, transposed, rank, stride, padding, dilation, output_padding, groups):
    settings = dict(stride=json.loads(stride), padding=json.loads(padding), dilation=json.loads(dilation),
                    groups=int(groups))
    if transposed:
        return TRANSPOSED[int(rank) - 1](x, weight, bias, output_padding=json.loads(output_padding), **settings)
    return CONVOLUTIONS[int(rank) - 1](x, weight, bias, **settings)


@case("convolution, gradient of gradients")
def convolution_twice(x, weight, bias):
    y = F.conv1d(x, weight, bias, stride=2, padding=1)
    a, b, c = torch.autograd.grad((y**3).sum(), [x, weight, bias], create_graph=True)
    return a.sum() + (b * b).sum() + (c * c).sum()


@case(r"maxPool (\d)-D")
def max_pool(x, rank):
    return [F.max_pool1d, F.max_pool2d, F.max_pool3d][int(rank) - 1](x, 3, 2, 1)


@case("maxPool, gradient of gradients")
def max_pool_twice(x):
    z = gradient_of_cubes(x, lambda x: F.max_pool2d(x, 2))
    return torch.autograd.grad((z * z).sum(), x, create_graph=True)[0]


@case(r"averagePool (\d)-D(, padding not counted)?")
def average_pool(x, rank, skips_padding):
    pool = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][int(rank) - 1]
    return pool(x, 2, 2, 1, count_include_pad=False) if skips_padding else pool(x, 3, 2, 1)


@case(r"adaptiveAveragePool (\d)-D")
def adaptive_average_pool(x, rank):
    rank = int(rank)
    return [F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d][rank - 1](x, [4, 3, 2][-rank:])


@case(r"globalAveragePool (?:\d)-D")
def global_average_pool(x):
    return x.mean(list(range(2, x.dim())))


MODES = ["linear", "bilinear", "trilinear"]


@case(r"upsampledNearest (\d)-D")
def upsampled_nearest(x, rank):
    return F.interpolate(x, [7, 5, 8][-int(rank):], mode="nearest")


@case(r"upsampledLinear (\d)-D(, aligning corners)?")
def upsampled_linear(x, rank, aligns):
    mode = MODES[int(rank) - 1]
    if aligns:
        return F.interpolate(x, [2 * n for n in x.shape[2:]], mode=mode, align_corners=True)
    return F.interpolate(x, [7, 5, 8][-int(rank):], mode=mode, align_corners=False)


# Linear algebra


def positive_definite(x):
    return x @ x.mT * 0.3 + torch.eye(x.shape[-1], dtype=x.dtype)


def spread(x):
    n = x.shape[-1]
    return (x + x.mT) * 0.3 + torch.diag(3 * torch.arange(n, dtype=x.dtype) - 4)


def tall_spread(x):
    m, n = x.shape[-2:]
    diagonal = torch.zeros(m, n, dtype=x.dtype)
    for i in range(min(m, n)):
        diagonal[i, i] = 3 * i + 2
    return x * 0.3 + diagonal


def scaled_vectors(x):
    # Rows of scales over the last axis; no sign to depend on.
    vectors = torch.linalg.eigh(spread(x)).eigenvectors
    return vectors @ (vectors * torch.arange(1, 5, dtype=x.dtype)).mT


def svd(x):
    return torch.linalg.svd(tall_spread(x), full_matrices=False)


simple(
    cholesky=lambda x: torch.linalg.cholesky(positive_definite(x)),
    inverse=lambda x, y: torch.linalg.inv(x),
    solve=torch.linalg.solve,
    logDeterminant=lambda x, y: torch.linalg.slogdet(x).logabsdet,
)
functions[re.compile("logDeterminant, positive definite")] = lambda x: torch.logdet(positive_definite(x))
functions[re.compile("symmetricEigen values")] = lambda x: torch.linalg.eigh(spread(x)).eigenvalues
functions[re.compile("symmetricEigen vectors")] = scaled_vectors
functions[re.compile("singularValues values")] = lambda x: torch.linalg.svdvals(tall_spread(x))


@case("singularValues, (tall|wide)")
def singular_vectors(x, kind):
    u, s, vt = svd(x)
    scales = torch.arange(1, 4, dtype=x.dtype)
    return (u * scales if kind == "tall" else u * s.unsqueeze(-2) * scales) @ vt


@case("qr, (tall|wide)")
def qr(x, kind):
    q, r = torch.linalg.qr(tall_spread(x))
    return q @ (r * r + r if kind == "tall" else r * r)


@case(r"triangularSolve, upper (\w+), transposed (\w+)")
def triangular_solve(a, b, is_upper, transposed):
    a = a.triu() if truth(is_upper) else a.tril()
    return torch.linalg.solve(a.mT if truth(transposed) else a, b)


# Attention


def attention(q, k, v, heads, key_heads, dimensions, queries, keys, past=None, future=None, reach=0, scale=None,
              temperature=None, bias=None):
    """Dense attention of packed sequences: q [tokens, heads d]; `bias(queries, keys)` is added to the scores."""
    scale = 1 / math.sqrt(dimensions) if scale is None else scale
    results, first, first_key = [], 0, 0
    for n, m in zip(queries, keys):
        rows, columns = slice(first, first + n), slice(first_key, first_key + m)
        x = q[rows].reshape(n, heads, dimensions).transpose(0, 1)
        y, z = (t[columns].reshape(m, key_heads, dimensions).transpose(0, 1).repeat_interleave(heads // key_heads, 0)
                for t in (k, v))
        scores = x @ y.mT * scale
        if temperature is not None:
            scores = scores * temperature[rows].reshape(1, n, 1)
        place = torch.arange(n).reshape(n, 1) + m - n
        key = torch.arange(m).reshape(1, m)
        if bias is not None:
            scores = scores + bias(n, m, key - place)
        seen = torch.ones(n, m, dtype=torch.bool)
        if past is not None:
            seen &= (key >= place - past) | (key < reach)
        if future is not None:
            seen &= key <= place + future
        scores = scores.masked_fill(~seen, -math.inf)
        results.append((scores.softmax(-1) @ z).transpose(0, 1).reshape(n, heads * dimensions))
        first, first_key = first + n, first_key + m
    return torch.cat(results)


def fused(x, heads, key_heads, dimensions, lengths, **options):
    q, k, v = x.split([heads * dimensions, key_heads * dimensions, key_heads * dimensions], 1)
    return attention(q, k, v, heads, key_heads, dimensions, lengths, lengths, **options)


FUSED = {
    "full": (2, 2, 3, {}),
    "causal": (2, 1, 17, dict(future=0)),
    "window": (4, 2, 3, dict(past=2, future=2)),
    "causal window": (2, 2, 3, dict(past=2, future=0)),
    "lambda": (4, 2, 3, dict(past=2, future=0, reach=2)),
    "temperature": (2, 2, 3, dict(scale=0.3)),
    "alibi": (2, 2, 3, dict(future=0)),
    # Distances of positions 0, 3, 6 ... count as 20 beyond that.
    "alibi by position": (2, 2, 3, dict(bias=lambda n, m, distance: -torch.tensor([0.1, 0.2]).double().reshape(2, 1, 1)
                                        * (3 * distance.abs()).clamp(max=20))),
}


@case(rf"attention ({'|'.join(FUSED)})")
def fused_attention(x, name):
    heads, key_heads, dimensions, options = FUSED[name]
    tokens = x.shape[0]
    third = (tokens - 1) // 3
    if name == "temperature":
        options = options | dict(temperature=1 + (torch.arange(tokens) % 5).double() / 4)
    if name == "alibi":
        slopes = torch.tensor([2.0**-4, 2.0**-8]).double().reshape(2, 1, 1)
        options = options | dict(bias=lambda n, m, distance: -slopes * distance.abs())
    return fused(x, heads, key_heads, dimensions, [1, third, tokens - 1 - third], **options)


@case("gatedRecurrence")
def gated_recurrence(x, weight, bias, initial):
    def run(state, counts, bias):
        width, start, states = state.shape[1], 0, []
        for count in counts:
            gates, hidden = x[start : start + count], state[:count] @ weight.T + bias
            r, z = (torch.sigmoid(gates[:, i * width : (i + 1) * width] + hidden[:, i * width : (i + 1) * width]) for i in (0, 1))
            n = torch.tanh(gates[:, 2 * width :] + r * hidden[:, 2 * width :])
            new = (1 - z) * n + z * state[:count]
            states.append(new)
            state = torch.cat([new, state[count:]])
            start += count
        return torch.cat(states)

    return run(initial, [3, 2, 1], bias) - run(torch.zeros(2, initial.shape[1]).double(), [2, 2, 2], 0)


@case("attention (bias by distance|causal bias by distance|dense bias)")
def biased_attention(x, table, name):
    longest = x.shape[0] // 2
    options = dict(past=1, future=0, reach=1) if name == "dense bias" else {}
    if name == "causal bias by distance":
        options = dict(future=0)
    zero = longest - 1 if name == "causal bias by distance" else longest

    def bias(n, m, distance):
        if name == "dense bias":
            return table[:, :n, :m]
        return table[:, (zero + distance).clamp(0, table.shape[1] - 1)]

    return fused(x, 2, 1, 5, [longest, longest], bias=bias, **options)


@case("attention to other keys")
def cross_attention(q, k, v):
    return attention(q, k, v, 4, 2, 3, [q.shape[0] - 2, 2], [k.shape[0] - 3, 3])


@case("attention of shared columns")
def shared_attention(x):
    return attention(x[:, :4], x[:, 4:8], x[:, 4:8], 1, 1, 4, [x.shape[0]], [x.shape[0]], future=0)


@case("rotated (halfSplit|interleaved)")
def rotated(x, layout):
    tokens = x.shape[0]
    angles = torch.arange(tokens).double().square().reshape(-1, 1, 1) * torch.tensor([1, 0.3]).double()
    cosines, sines = 1.2 * angles.cos(), 1.2 * angles.sin()
    heads = x[:, :18].reshape(tokens, 3, 6)
    a, b = (heads[..., 0:2], heads[..., 2:4]) if layout == "halfSplit" else (heads[..., 0:4:2], heads[..., 1:4:2])
    c, d = a * cosines - b * sines, b * cosines + a * sines
    turned = torch.cat([c, d], -1) if layout == "halfSplit" else torch.stack([c, d], -1).flatten(-2)
    y = torch.cat([torch.cat([turned, heads[..., 4:]], -1).reshape(tokens, 18), x[:, 18:]], 1)
    return y * y


# The comparison


def tensor(value):
    return torch.tensor(value["elements"], dtype=torch.float64).reshape(value["shape"])


def difference(found, expected):
    if found.shape != expected.shape:
        return math.inf
    if expected.numel() == 0:
        return 0.0
    worst = (found - expected).abs().max().item() / max(expected.abs().max().item(), 1e-3)
    return math.inf if math.isnan(worst) else worst


def main():
    worst, unknown = {}, set()
    with open(sys.argv[1]) as file:
        for line in file:
            line = json.loads(line)
            name = line["name"]
            if name in LEFT_OUT:
                continue
            found = [(function, match) for pattern, function in functions.items() if (match := pattern.fullmatch(name))]
            if not found:
                unknown.add(name)
                continue
            function, match = found[0]
            inputs = [tensor(value).requires_grad_() for value in line["inputs"]]
            output = function(*inputs, *match.groups())
            gradients = torch.autograd.grad(output, inputs, tensor(line["weights"]).reshape(output.shape),
                                            allow_unused=True)
            worst.setdefault(name, 0.0)
            pairs = [(tensor(line["output"]), output.detach())] + [
                (tensor(mine), torch.zeros_like(x) if theirs is None else theirs)
                for mine, theirs, x in zip(line["gradients"], gradients, inputs)]
            worst[name] = max([worst[name]] + [difference(*pair) for pair in pairs])
    for name, value in sorted(worst.items(), key=lambda item: -item[1]):
        print(f"{value:9.2e}  {name}")
    for name, reason in LEFT_OUT.items():
        print(f"left out   {name}: {reason}")
    for name in sorted(unknown):
        print(f"unknown    {name}")
    above = [name for name, value in worst.items() if value > TOLERANCE]
    print(f"{len(worst)} cases, {len(above)} above {TOLERANCE}, {len(unknown)} unknown")
    sys.exit(1 if above or unknown else 0)


if __name__ == "__main__":
    main()
