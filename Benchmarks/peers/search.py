"""Exact flat search, ours against FAISS IndexFlatIP: the same vectors, the same threads, in turn.

    OMP_NUM_THREADS=2 python Benchmarks/peers/search.py .build/release/SearchBenchmark [--rows N --dimensions D]

Prints a table with medians and minima over the rounds, and whether both found the same ids.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import faiss
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=63_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 256])
    options = parser.parse_args()

    random = np.random.default_rng(1)
    vectors = random.standard_normal((options.rows, options.dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = random.standard_normal((max(options.batches), options.dimensions), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)

    faiss.omp_set_num_threads(options.threads)
    index = faiss.IndexFlatIP(options.dimensions)
    index.add(vectors)

    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("vectors.f32", "queries.f32")]
        for path, values in zip(paths, (vectors, queries)):
            values.tofile(path)
        ours = subprocess.Popen(
            [options.binary, *paths, str(options.dimensions), "ip", str(options.threads), "F32"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert ours.stdout.readline().startswith("ready")

        def ask(line: str) -> str:
            ours.stdin.write(line + "\n")
            ours.stdin.flush()
            return ours.stdout.readline().strip()

        print(f"{options.rows} x {options.dimensions}, {options.threads} threads, top {options.k}")
        print("batch  ours median/min ms   faiss median/min ms   ratio median  ratio min  same ids")
        for batch in options.batches:
            times = {"ours": [], "faiss": []}
            for _ in range(options.rounds):
                times["ours"].append(float(ask(f"search {batch} {options.k}")))
                start = time.perf_counter()
                _, ids = index.search(queries[:batch], options.k)
                times["faiss"].append(time.perf_counter() - start)
            found = [[int(i) for i in row.split(",")] for row in ask(f"ids {batch} {options.k}").split(" ")]
            same = np.mean([len(set(a) & set(b)) / options.k for a, b in zip(found, ids.tolist())])
            median = {name: statistics.median(t) * 1000 for name, t in times.items()}
            least = {name: min(t) * 1000 for name, t in times.items()}
            print(
                f"{batch:5}  {median['ours']:9.2f} {least['ours']:9.2f}   {median['faiss']:9.2f} {least['faiss']:9.2f}"
                f"   {median['faiss'] / median['ours']:11.2f}  {least['faiss'] / least['ours']:9.2f}  {same:.4f}")
        ours.stdin.close()
        ours.wait()


if __name__ == "__main__":
    main()
