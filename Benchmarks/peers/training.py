"""The peers' side of the training rows: one step (forward, backward, update) of small models, PyTorch eager.

Every function returns a callable that takes one optimizer step. Where PyTorch has a choice (padding one batch or
sorted buckets, dense or row-sparse tables), both are given, and compare.py takes the faster one as the peer.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def lengths(fixed=None, count=64, seed=7):
    """Lengths of 64 sequences: uniform over 8..128, or all the same. Our side draws them from the same file."""
    return [fixed] * count if fixed else np.random.default_rng(seed).integers(8, 129, count).tolist()


def encoder_step(sequence_lengths, buckets=1, seed=1):
    """MiniLM's shape (6 layers, 384, 12 heads, 1536, 30,522 words, dropout 0.1), 32 pairs, in-batch negatives, AdamW."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    model = BertModel(
        BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536), add_pooling_layer=False
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01)
    dice = np.random.default_rng(seed)
    texts = [dice.integers(1000, 30_000, n) for n in sequence_lengths]
    order = sorted(range(len(texts)), key=lambda i: len(texts[i])) if buckets > 1 else list(range(len(texts)))
    size = len(texts) // buckets
    batches = []
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        longest = max(len(texts[i]) for i in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for row, i in enumerate(rows):
            ids[row, : len(texts[i])] = torch.from_numpy(texts[i])
            mask[row, : len(texts[i])] = 1
        batches.append((ids, mask))
    back = torch.tensor(order).argsort()
    labels = torch.arange(len(texts) // 2)

    def step():
        pooled = []
        for ids, mask in batches:
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).float()
            pooled.append((hidden * weight).sum(1) / weight.sum(1))
        vectors = F.normalize(torch.cat(pooled)[back], dim=1)
        a, b = vectors[: len(labels)], vectors[len(labels) :]
        loss = F.cross_entropy(a @ b.T * 20, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, w))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def decoder_step(seed=1, words=256, width=256, layers=4, heads=8, context=256, batch=16):
    """A byte-level language model: pre-norm blocks, learned positions, tied head, AdamW."""
    torch.manual_seed(seed)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.positions = nn.Embedding(words, width), nn.Embedding(context, width)
            self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
            self.norm = nn.LayerNorm(width)

        def forward(self, ids):
            x = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.words.weight.T

    model = Decoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    ids = torch.randint(0, words, (batch, context + 1))

    def step():
        loss = F.cross_entropy(model(ids[:, :-1]).reshape(-1, words), ids[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def plain_step(model, inputs, targets):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        loss = F.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mlp_step(seed=1, batch=1024):
    """384 -> 384 -> 128 with ReLU and cross-entropy, Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(384, 384), nn.ReLU(), nn.Linear(384, 128))
    return plain_step(model, torch.randn(batch, 384), torch.randint(0, 128, (batch,)))


def convolution_step(seed=1, batch=128):
    """Two 3x3 convolutions (32 and 64 channels) with ReLU and max pooling, two linear layers, Adam, on 28 x 28."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
    )
    return plain_step(model, torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,)))


def click_step(kind, seed=1, batch=4096, fields=26, rows=100_000, width=16):
    """26 table rows of 16 an example, an MLP 416 -> 256 -> 64 -> 1, binary cross-entropy; Zipf ids, new ones each step.

    `kind`: "sparse" (nn.Embedding with sparse gradients, SparseAdam for the tables) or "dense" (one Adam for all).
    """
    torch.manual_seed(seed)
    dice = np.random.default_rng(seed)
    table = nn.Embedding(fields * rows, width, sparse=kind == "sparse")
    head = nn.Sequential(nn.Linear(fields * width, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1))
    tables = (torch.optim.SparseAdam if kind == "sparse" else torch.optim.Adam)(list(table.parameters()), lr=1e-3)
    dense = torch.optim.Adam(head.parameters(), lr=1e-3)
    batches = [
        torch.from_numpy(np.minimum(dice.zipf(1.2, (batch, fields)) - 1, rows - 1) + np.arange(fields) * rows) for _ in range(8)
    ]
    clicks = torch.from_numpy(dice.integers(0, 2, batch).astype(np.float32))
    turn = [0]

    def step():
        ids = batches[turn[0] % len(batches)]
        turn[0] += 1
        loss = F.binary_cross_entropy_with_logits(head(table(ids).flatten(1)).squeeze(1), clicks)
        tables.zero_grad()
        dense.zero_grad()
        loss.backward()
        tables.step()
        dense.step()
        return loss.item()

    return step
