"""Scans of FAISS and of ScanBenchmark on the same shapes, in turn, with 2 threads.

    OMP_NUM_THREADS=2 python Benchmarks/peers/scan_faiss.py .build/release/ScanBenchmark [rounds]

Prints for each shape the best time of each side over all rounds, the ratio FAISS / Kukla of the best times, and
the median of the rounds' own ratios (above 1: Kukla is faster). Both sides return the best 10 of each query.
"""

import json
import statistics
import subprocess
import sys
import time

import faiss
import numpy as np

SHAPES = [  # codec, vectors, dimensions, queries
    ("PQ48x4fs", 1_000_000, 384, 1),
    ("PQ48x4fs", 1_000_000, 384, 256),
    ("PQ48x4fs", 4_000_000, 384, 1),
    ("Hamming", 6_000_000, 384, 1),
    ("Hamming", 1_000_000, 384, 256),
    ("Hamming", 2_000_000, 1024, 1),
    ("Hamming", 1_000_000, 1024, 256),
]


def index(codec, vectors, dimensions):
    rng = np.random.default_rng(1)
    if codec == "Hamming":
        made = faiss.IndexBinaryFlat(dimensions)
        for _ in range(vectors // 1_000_000):
            made.add(rng.integers(0, 256, (1_000_000, dimensions // 8), dtype=np.uint8))
        return made
    made = faiss.IndexPQFastScan(dimensions, int(codec[2:-4]), 4, faiss.METRIC_INNER_PRODUCT)
    made.train(rng.standard_normal((2_000, dimensions), dtype=np.float32))
    some = rng.standard_normal((100_000, dimensions), dtype=np.float32)
    for i in range(vectors // 100_000):
        made.add(np.roll(some, i * 8, axis=1))
    return made


def main():
    faiss.omp_set_num_threads(2)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    rng = np.random.default_rng(2)
    print("faiss", faiss.__version__, faiss.get_compile_options())
    for codec, vectors, dimensions, queries in SHAPES:
        if only not in codec:
            continue
        peer = index(codec, vectors, dimensions)
        asked = (
            rng.integers(0, 256, (queries, dimensions // 8), dtype=np.uint8)
            if codec == "Hamming"
            else rng.standard_normal((queries, dimensions), dtype=np.float32)
        )
        ours, theirs = [], []
        for _ in range(rounds):
            arguments = [sys.argv[1], codec, str(vectors), str(dimensions), str(queries), "5"]
            ours.append(json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout))
            times = []
            for _ in range(6):
                start = time.perf_counter()
                peer.search(asked, 10)
                times.append(time.perf_counter() - start)
            theirs.append(min(times[1:]))
        best = min(o["best_s"] for o in ours)
        ratios = [t / o["best_s"] for o, t in zip(ours, theirs)]
        print(
            f"{codec} {vectors} x {dimensions}, {queries} queries: Kukla {best * 1e3:.2f} ms, "
            f"FAISS {min(theirs) * 1e3:.2f} ms, ratio {min(theirs) / best:.2f}, "
            f"median of rounds {statistics.median(ratios):.2f}, "
            f"of read bandwidth {max(o['of_read'] for o in ours):.2f} "
            f"({max(o['scan_gb_s'] for o in ours):.1f} of {max(o['read_gb_s'] for o in ours):.1f} GB/s)",
            flush=True,
        )


main()
