"""One encoder for many sizes: sentence-transformers' modifiers of losses beside ours, and ours beside our own plain step."""

import gzip

from harness import THREADS, Ours, alternate, descriptions, options, row, timed, wanted

BATCH, DIMENSIONS = 64, [384, 192, 96, 48, 24, 12, 6]


def captions(count=640):
    """Two captions of each of `count` pictures, ten batches of pairs, as a file for our side and as two lists."""
    first, second = (
        [line.strip() for line, _ in zip(gzip.open(options.data / f"multi30k_captions/train.{i}.en.gz", "rt"), range(count))]
        for i in (1, 2)
    )
    path = options.work / "captions.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in zip(first, second)), encoding="utf-8")
    return path, first, second


def peer_step(first, second, wrap, seed=1):
    """One step of MiniLM on pairs that were tokenized before: forward, loss, backward, AdamW."""
    import torch
    from sentence_transformers import SentenceTransformer, losses

    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    model = SentenceTransformer(str(options.model), device="cpu").train()
    loss = wrap(losses, model, losses.MultipleNegativesRankingLoss(model))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01)
    tokenize = getattr(model, "preprocess", None) or model.tokenize
    batches = [[tokenize(texts[i : i + BATCH]) for texts in (first, second)] for i in range(0, len(first), BATCH)]
    turn = [0]

    def step():
        # Losses that read layers write into the features.
        features = [dict(f) for f in batches[turn[0] % len(batches)]]
        turn[0] += 1
        value = loss(features, None)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.item()

    return step


PEERS = {
    "mrl": {"sentence-transformers MatryoshkaLoss": lambda l, m, base: l.MatryoshkaLoss(m, base, DIMENSIONS)},
    "2dmse": {"sentence-transformers Matryoshka2dLoss": lambda l, m, base: l.Matryoshka2dLoss(m, base, DIMENSIONS)},
    "starbucks": {
        "sentence-transformers AdaptiveLayerLoss, all layers": lambda l, m, base: l.AdaptiveLayerLoss(m, base, n_layers_per_step=-1),
        "sentence-transformers Matryoshka2dLoss": lambda l, m, base: l.Matryoshka2dLoss(m, base, DIMENSIONS),
    },
}
NAMES = {"mrl": "Matryoshka, 7 sizes", "2dmse": "2-D Matryoshka", "starbucks": "Starbucks, 6 sizes"}


def bench_steps():
    path, first, second = captions()
    for recipe, choices in PEERS.items():
        name = f"elastic training step of MiniLM-L6, {NAMES[recipe]}, 64 pairs of captions"
        if not wanted(name):
            continue
        for peer, wrap in choices.items():
            step = peer_step(first, second, wrap)
            with Ours("train", 2, "elastic", options.model, path, recipe) as ours:
                a, b = alternate(ours, lambda: timed(lambda: [step(), step()]))
            row(name, peer, 2.5, a, b, 2 * BATCH, "pairs/s")


def bench_cost():
    name = "elastic training step of MiniLM-L6, cost of 7 sizes"
    if not wanted(name):
        return
    path, _, _ = captions()
    with Ours("train", 4, "elastic", options.model, path, "plain") as plain, \
            Ours("train", 4, "elastic", options.model, path, "mrl") as sizes:
        a, b = alternate(sizes, plain)
    row(name, "our own step of one size", round(1 / 1.15, 3), a, b, 4 * BATCH, "pairs/s", "the bar is 1.15 times its time")


def bench_layers():
    path, texts = descriptions()
    short = options.work / "short.jsonl"
    short.write_text("".join(path.open(encoding="utf-8").readlines()[:4000]), encoding="utf-8")
    for precision in ["float32", "int8"]:
        name = f"elastic encode of MiniLM-L6, 3 layers and 48 dimensions, {precision}"
        if not wanted(name):
            continue
        out = options.work / "elastic.npy"
        with Ours("encode", options.model, short, precision, out, 3, 48) as early, \
                Ours("encode", options.model, short, precision, out) as whole:
            a, b = alternate(early, whole)
        row(name, "our own 6 layers", 1.8, a, b, 4000, "texts/s")


def run():
    bench_steps()
    bench_cost()
    bench_layers()
