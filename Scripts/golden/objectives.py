#!/usr/bin/env python3
"""Writes Tests/KuklaObjectivesTests/Golden/objectives.json: values and gradients of sentence-transformers' losses for
small embeddings.

    python Scripts/golden/objectives.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F
import sentence_transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses

out = pathlib.Path(__file__).parents[2] / "Tests/KuklaObjectivesTests/Golden/objectives.json"
out.parent.mkdir(exist_ok=True)
torch.manual_seed(20261124)


class Rows(torch.nn.Module):
    """Stands where a model would be: its features are the embeddings."""

    def forward(self, features):
        return {"sentence_embedding": features["rows"]}


model = SentenceTransformer(modules=[Rows()], device="cpu")
N, D = 6, 8
columns = [torch.randn(N, D) for _ in range(3)]
columns[1] = columns[0] + 0.7 * columns[1]  # alike, as pairs are
columns += [columns[i] + 0.5 * torch.randn(N, D) for i in range(2)]  # what an earlier layer makes of the first two
scores = torch.tensor([5.0, 0.0, 2.5, 2.5, 4.0, 1.0])


def case(name, loss, count, labels=None, **settings):
    inputs = [c.clone().requires_grad_() for c in columns[:count]]
    value = loss([{"rows": x} for x in inputs], labels)
    value.backward()
    return {
        "name": name, "columns": count, "settings": settings, "value": value.item(),
        "gradients": [x.grad.flatten().tolist() for x in inputs],
    }


mnrl = losses.MultipleNegativesRankingLoss


def symmetric(model):
    return mnrl(model, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction")


unit = scores / 5
cases = [
    case("contrastive", mnrl(model), 2, temperature=0.05, symmetric=False),
    case("contrastive", mnrl(model, scale=10.0), 3, temperature=0.1, symmetric=False),
    case("contrastive", symmetric(model), 2, temperature=0.05, symmetric=True),
    case("contrastive", symmetric(model), 3, temperature=0.05, symmetric=True),
    case("cosent", losses.CoSENTLoss(model), 2, scores, scale=20),
    case("cosent", losses.CoSENTLoss(model, scale=5.0), 2, scores, scale=5),
    case("angle", losses.AnglELoss(model), 2, scores, scale=20),
    case("cosine", losses.CosineSimilarityLoss(model), 2, unit, scale=1),
]
matryoshka = losses.MatryoshkaLoss
cases += [
    case("matryoshka contrastive", matryoshka(model, mnrl(model), [8, 4, 2], matryoshka_weights=[1, 0.5, 2]), 3),
    case("matryoshka cosent", matryoshka(model, losses.CoSENTLoss(model), [8, 4, 2], matryoshka_weights=[1, 0.5, 2]), 2, scores),
]


def divergence(student, teacher, weight):
    """Of softmax rows over the dimensions, the mean over rows; the teacher is taken as it is."""
    return weight * F.kl_div(F.log_softmax(student, dim=1), F.softmax(teacher, dim=1).detach(), reduction="batchmean")


def contrastive(a, b):
    return F.cross_entropy(F.normalize(a, dim=1) @ F.normalize(b, dim=1).T * 20, torch.arange(N))


def layered(name, loss):
    """A loss of the columns of an earlier and of the last layer: gradients of early first, early second, last first, last second."""
    inputs = [columns[i].clone().requires_grad_() for i in (3, 4, 0, 1)]
    value = loss(*inputs)
    value.backward()
    return {"name": name, "value": value.item(), "gradients": [x.grad.flatten().tolist() for x in inputs]}


def two_dimensional(a, b, x, y):
    """The formula of arXiv:2402.14776 for 4 of 8 dimensions."""
    return (
        contrastive(x, y) + contrastive(a, b) + contrastive(x[:, :4], y[:, :4]) + contrastive(a[:, :4], b[:, :4])
        + divergence(torch.cat([a, b]), torch.cat([x, y]), 1.0)
    )


def starbucks(a, b, x, y):
    """The formula of arXiv:2410.13230 for the sizes (1, 4) and (2, 8)."""
    a, b, x, y = (F.normalize(z, dim=1) for z in (a, b, x, y))
    small = torch.cat([a, b])[:, :4]
    return contrastive(x, y) + contrastive(a[:, :4], b[:, :4]) + divergence(small, torch.cat([x, y])[:, :4], 0.3)


json.dump(
    {
        "made_with": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}",
        "rows": N, "width": D, "columns": [c.flatten().tolist() for c in columns],
        "scores": scores.tolist(), "cases": cases,
        "layered": [layered("matryoshka_2d", two_dimensional), layered("starbucks", starbucks)],
    },
    out.open("w"), indent=1)
print(out, [round(c["value"], 5) for c in cases])
