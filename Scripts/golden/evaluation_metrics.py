#!/usr/bin/env python3
"""Writes Tests/KuklaEvaluationTests/Golden/*.json from pytrec_eval-terrier and scipy.

Run: python3 Scripts/golden/evaluation_metrics.py   (needs pytrec_eval-terrier, scipy, numpy)
"""
import importlib.metadata as metadata
import json
import pathlib

import numpy as np
import pytrec_eval
from scipy import stats

SEED = 20240611
OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/KuklaEvaluationTests/Golden"
MEASURES = {"ndcg_cut.1,3,5,10,100", "recall.1,5,10,100", "P.1,5,10", "map", "recip_rank"}
rng = np.random.default_rng(SEED)


def evaluate(qrels, run):
    scores = pytrec_eval.RelevanceEvaluator(qrels, MEASURES).evaluate(run)
    # trec_eval has no cut for recip_rank: keep the best ten by its own order (float32 score, then
    # document id in bytes, both descending) and ask again.
    top = {
        q: dict(sorted(d.items(), key=lambda x: (np.float32(x[1]), x[0].encode()), reverse=True)[:10])
        for q, d in run.items()
    }
    for q, s in pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(top).items():
        scores[q]["recip_rank_10"] = s["recip_rank"]
    return scores


def random_case(name, queries, docs, judged, retrieved, grades, score):
    ids = [f"d{i}" for i in range(docs)]
    qrels, run = {}, {}
    for q in range(queries):
        pick = rng.choice(docs, judged, replace=False)
        qrels[f"q{q}"] = {ids[i]: int(rng.choice(grades)) for i in pick}
        hit = rng.choice(docs, retrieved, replace=False)
        run[f"q{q}"] = {ids[i]: float(score()) for i in hit}
    return {"name": name, "qrels": qrels, "run": run}


cases = [
    random_case("binary, no ties", 4, 60, 8, 30, [0, 1], rng.random),
    random_case("graded, heavy ties", 4, 40, 12, 25, [0, 1, 2, 3], lambda: rng.integers(0, 4)),
    random_case("negative grades", 4, 40, 15, 20, [-2, -1, 0, 1, 4], lambda: rng.normal()),
    random_case("deep run", 1, 160, 40, 150, [0, 1, 2], lambda: round(rng.random(), 2)),
    {
        "name": "edges",
        "qrels": {
            "nothing relevant": {"a": 0, "b": 0},
            "only negative": {"a": -1, "b": -3},
            "no judgements": {},
            "missing from the run": {"a": 1},
            "empty answer": {"a": 1},
            "equal in float32": {"d1": 1, "d2": 0},
            "bytes decide, not letters": {"z": 1, "é": 0},
            "upper and lower case": {"A": 1, "a": 0, "_": 0},
            "numbers as text": {"9": 1, "10": 0},
            "worst last": {"a": -1, "b": 2, "c": -2},
        },
        "run": {
            "nothing relevant": {"a": 2.0, "b": 1.0},
            "only negative": {"a": 2.0, "b": 1.0},
            "no judgements": {"a": 2.0},
            "not in the qrels": {"a": 2.0},
            "empty answer": {},
            "equal in float32": {"d1": 1.0, "d2": 1.0 - 1e-12},
            "bytes decide, not letters": {"z": 1.0, "é": 1.0},
            "upper and lower case": {"A": 1.0, "a": 1.0, "_": 1.0},
            "numbers as text": {"9": 0.5, "10": 0.5},
            "worst last": {"a": 3.0, "c": 2.0, "b": -1e30},
        },
    },
]
for case in cases:
    case["scores"] = evaluate(case["qrels"], case["run"])

correlations = []
for name, x, y in [
    ("normal", rng.normal(size=30), rng.normal(size=30)),
    ("ties on both sides", rng.integers(0, 5, 40).astype(float), rng.integers(0, 4, 40).astype(float)),
    ("large offset", 1e6 + rng.normal(size=25), rng.normal(size=25) - 1e6),
    ("two points", np.array([1.0, 2.0]), np.array([5.0, -1.0])),
    ("all tied but one", np.array([1.0, 1, 1, 1, 2]), np.array([3.0, 1, 4, 1, 5])),
    ("swapped neighbours", np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])),
    ("huge and tiny", np.array([1e-300, 1e200, -1e200, 3.0]), np.array([1.0, 2, -2, 0])),
]:
    correlations.append({
        "name": name, "x": x.tolist(), "y": y.tolist(),
        "ranks": stats.rankdata(x).tolist(),
        "pearson": float(stats.pearsonr(x, y).statistic),
        "spearman": float(stats.spearmanr(x, y).statistic),
    })

intervals = [
    {"successes": s, "trials": n, "low": r.low, "high": r.high}
    for s, n in [(0, 10), (10, 10), (1, 1), (7, 10), (950, 1000), (1, 100000)]
    for r in [stats.binomtest(s, n).proportion_ci(0.95, method="wilson")]
]


def write(name, body):
    header = {
        "made_by": "Scripts/golden/evaluation_metrics.py",
        "with": {p: metadata.version(p) for p in ["pytrec_eval-terrier", "scipy", "numpy"]},
        "seed": SEED,
    }
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"provenance": header} | body, ensure_ascii=True, separators=(",", ":"))
    (OUT / name).write_text(text + "\n")


write("retrieval.json", {"cases": cases})
write("correlation.json", {"cases": correlations, "wilson": intervals})
