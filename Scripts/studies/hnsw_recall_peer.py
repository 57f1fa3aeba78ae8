"""Recall@10 of hnswlib on the vectors of `kukla study hnsw-recall`, for `Parity.swift`.

    kukla study hnsw-recall --full            # leaves its vectors in the cache folder
    python hnsw_recall_peer.py ~/.cache/kukla/studies

Needs numpy and hnswlib (Benchmarks/peers/requirements.txt). One thread, so that vectors enter in their order.
"""

import pathlib
import sys

import hnswlib
import numpy

CORPORA = {5183: "SciFact", 1400: "Cranfield", 7600: "AG News"}
EFFORTS = [10, 40, 100]
SEEDS = [1, 2, 3]


def recalls(vectors: numpy.ndarray) -> list[float]:
    is_query = numpy.arange(len(vectors)) % 10 == 0
    base, queries = vectors[~is_query], vectors[is_query]
    exact = numpy.argsort(-(queries @ base.T), axis=1)[:, :10]
    sums = numpy.zeros(len(EFFORTS))
    for seed in SEEDS:
        index = hnswlib.Index(space="cosine", dim=vectors.shape[1])
        index.init_index(max_elements=len(base), M=16, ef_construction=128, random_seed=seed)
        index.add_items(base, num_threads=1)
        for place, effort in enumerate(EFFORTS):
            index.set_ef(effort)
            found, _ = index.knn_query(queries, k=10, num_threads=1)
            sums[place] += numpy.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact)])
    return list(sums / len(SEEDS))


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for file in sorted(folder.glob("*.npy")):
        vectors = numpy.load(file)
        if len(vectors) in CORPORA:
            figures = ", ".join(f"{recall:.4f}" for recall in recalls(vectors))
            print(f'"{CORPORA[len(vectors)]}": [{figures}],')


if __name__ == "__main__":
    main()
