"""Recall@10 of hnswlib on the vectors of `kukla study hnsw-recall`, for `Parity.swift`.

    rm -r ~/.cache/kukla/studies                          # other studies keep vectors there, too
    kukla study hnsw-recall --data DATA --full            # leaves its text vectors
    python hnsw_recall_peer.py ~/.cache/kukla/studies DATA

Needs numpy and hnswlib (Benchmarks/peers/requirements.txt). One thread, so that vectors enter in their order.
"""

import gzip
import pathlib
import sys

import hnswlib
import numpy

CORPORA = {5183: "SciFact", 1400: "Cranfield", 7600: "AG News"}
EFFORTS = [10, 40, 100]
SEEDS = [1, 2, 3]


def recalls(vectors: numpy.ndarray, space: str) -> list[float]:
    is_query = numpy.arange(len(vectors)) % 10 == 0
    base, queries = vectors[~is_query], vectors[is_query]
    scores = queries @ base.T
    if space == "l2":
        scores = 2 * scores - (base**2).sum(axis=1)
    exact = numpy.argsort(-scores, axis=1)[:, :10]
    sums = numpy.zeros(len(EFFORTS))
    for seed in SEEDS:
        index = hnswlib.Index(space=space, dim=vectors.shape[1])
        index.init_index(max_elements=len(base), M=16, ef_construction=128, random_seed=seed)
        index.add_items(base, num_threads=1)
        for place, effort in enumerate(EFFORTS):
            index.set_ef(effort)
            found, _ = index.knn_query(queries, k=10, num_threads=1)
            sums[place] += numpy.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact)])
    return list(sums / len(SEEDS))


def show(name: str, vectors: numpy.ndarray, space: str) -> None:
    figures = ", ".join(f"{recall:.4f}" for recall in recalls(vectors, space))
    print(f'"{name}": [{figures}],')


def main() -> None:
    cache, data = (pathlib.Path(argument) for argument in sys.argv[1:3])
    for file in sorted(cache.glob("*.npy")):
        vectors = numpy.load(file)
        if len(vectors) in CORPORA:
            show(CORPORA[len(vectors)], vectors, "cosine")
    pixels = gzip.open(data / "mnist/t10k-images-idx3-ubyte.gz").read()
    show("MNIST", numpy.frombuffer(pixels, numpy.uint8, offset=16).reshape(-1, 784).astype(numpy.float32), "l2")
    words = numpy.frombuffer(gzip.open(data / "ann_sift5k/base.fvecs.gz").read(), numpy.float32)
    show("SIFT", words.reshape(-1, 129)[:, 1:].copy(), "l2")


if __name__ == "__main__":
    main()
