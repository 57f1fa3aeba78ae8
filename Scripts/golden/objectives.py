#!/usr/bin/env python3
"""Writes Tests/KuklaObjectivesTests/Golden/objectives.json: values and gradients of sentence-transformers' losses for
small embeddings.

    python Scripts/golden/objectives.py
"""
import json
import pathlib

import torch
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
json.dump(
    {
        "made_with": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}",
        "rows": N, "width": D, "columns": [c.flatten().tolist() for c in columns],
        "scores": scores.tolist(), "cases": cases,
    },
    out.open("w"), indent=1)
print(out, [round(c["value"], 5) for c in cases])
