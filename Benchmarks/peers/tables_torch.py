"""The peers' side of the rows of click models: DLRM over MovieLens-1M, PyTorch eager.

The same lengths as ours: six tables of width 16, a learned vector in the place of the numbers (the set has none), products of all
pairs, a perceptron 21 -> 128 -> 64 -> 1; batches of 2,048 in an endless shuffled order.
"""

import csv
import gzip

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

WIDTH = 16


def examples(folder):
    """Ids `[rows, 6]` and labels; ids by falling frequency, as ours are."""
    users = {}
    with open(folder / "users.dat", encoding="latin-1") as lines:
        for line in lines:
            user, *others = line.strip().split("::")
            users[user] = others
    rows, labels = [], []
    with gzip.open(folder / "interactions.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            rows.append([row["user_id"], row["movie_id"], *users[row["user_id"]]])
            labels.append(float(row["liked"]))
    columns, counts = [], []
    for column in np.array(rows).T:
        _, inverse, count = np.unique(column, return_inverse=True, return_counts=True)
        rank = np.empty(len(count), dtype=np.int64)
        rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
        columns.append(rank[inverse])
        counts.append(len(count))
    return np.stack(columns, 1), np.array(labels, dtype=np.float32), counts


class DLRM(nn.Module):
    def __init__(self, counts, sparse):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(n, WIDTH, sparse=sparse) for n in counts])
        self.constant = nn.Parameter(torch.randn(WIDTH) * 0.1)
        m = len(counts) + 1
        self.register_buffer("pairs", torch.tril_indices(m, m, -1))
        self.top = nn.Sequential(
            nn.Linear(m * (m - 1) // 2, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, ids):
        first = self.constant.expand(ids.shape[0], WIDTH)
        vectors = torch.stack([first] + [table(ids[:, i]) for i, table in enumerate(self.tables)], 1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))[:, self.pairs[0], self.pairs[1]]
        return self.top(products).squeeze(1)


def training_step(folder, rule, batch=2048, seed=1):
    """`rule`: "SparseAdam" or "Adagrad" over sparse tables (Adam for the rest), or "Adam", dense for all."""
    torch.manual_seed(seed)
    ids, labels, counts = examples(folder)
    ids, labels = torch.from_numpy(ids), torch.from_numpy(labels)
    model = DLRM(counts, sparse=rule != "Adam")
    tables = list(model.tables.parameters())
    others = [p for name, p in model.named_parameters() if not name.startswith("tables.")]
    rules = {"SparseAdam": torch.optim.SparseAdam, "Adagrad": torch.optim.Adagrad, "Adam": torch.optim.Adam}
    optimizers = [rules[rule](tables, lr=1e-3), torch.optim.Adam(others, lr=1e-3)]
    state = {"order": torch.randperm(len(labels)), "start": 0}

    def step():
        if state["start"] + batch > len(labels):
            state.update(order=torch.randperm(len(labels)), start=0)
        rows = state["order"][state["start"] : state["start"] + batch]
        state["start"] += batch
        loss = F.binary_cross_entropy_with_logits(model(ids[rows]), labels[rows])
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.item()

    return step


def prediction(folder):
    """Each call scores one example."""
    ids, _, counts = examples(folder)
    model = DLRM(counts, sparse=False).eval()
    batches = [torch.from_numpy(ids[i * 1000 : i * 1000 + 1]) for i in range(512)]
    turn = [0]

    def step():
        turn[0] = (turn[0] + 1) % len(batches)
        with torch.inference_mode():
            return model(batches[turn[0]]).item()

    return step
