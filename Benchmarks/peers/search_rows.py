"""Flat scans: FAISS beside ours."""

import statistics

import numpy as np
from harness import THREADS, Ours, alternate, descriptions, options, row, timed, wanted


def vectors(name):
    """The vectors of a named set, and queries, as npy files: made once."""
    base, queries = options.work / f"{name}.npy", options.work / f"{name}-queries.npy"
    if base.exists() and queries.exists():
        return base, queries
    if name == "apt":
        path, _ = descriptions()
        all_ = options.work / "apt-all.npy"
        with Ours("encode", options.model, path, "float32", all_):
            pass
        data = np.load(all_)
        picked = np.random.default_rng(1).permutation(len(data))
        np.save(queries, data[picked[:1024]])
        np.save(base, data[np.sort(picked[1024:])])
    else:
        dice = np.random.default_rng(2)
        centres = dice.standard_normal((1000, 128), np.float32)
        def draw(n):
            return centres[dice.integers(0, 1000, n)] + 0.5 * dice.standard_normal((n, 128), np.float32)
        def unit(x):
            return x / np.linalg.norm(x, axis=1, keepdims=True)
        np.save(base, unit(draw(1_000_000)))
        np.save(queries, unit(draw(1024)))
    return base, queries


def recall(found, truth):
    return np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found.tolist(), truth.tolist())])


def bench_scans():
    import faiss

    faiss.omp_set_num_threads(THREADS)
    def title_of(label, batch, shape):
        return f"{label}, batch of {batch}, {shape}"

    for name, shape, m in [("apt", "63k x 384", 48), ("clustered", "1M x 128", 32)]:
        labels = ["exact flat fp32 top-10", "SQ8 flat scan", f"PQ {m}x4 fast scan"]
        if not any(wanted(title_of(label, batch, shape)) for label in labels for batch in (1, 256)):
            continue
        base_path, query_path = vectors(name)
        base, queries = np.load(base_path), np.load(query_path)
        d = base.shape[1]
        exact = faiss.IndexFlatIP(d)
        exact.add(base)
        truth = exact.search(queries, 10)[1]
        scalar = faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        scalar.train(base)
        scalar.add(base)
        product = faiss.IndexPQFastScan(d, m, 4, faiss.METRIC_INNER_PRODUCT)
        product.train(base)
        product.add(base)
        plans = [
            (labels[0], exact, "F32", "FAISS IndexFlatIP", (1, 256), 1.0),
            (labels[1], scalar, "SQ8", "FAISS IndexScalarQuantizer QT_8bit", (1, 256), 1.2),
            (labels[2], product, f"PQ{m}x4fs", "FAISS IndexPQFastScan", (1, 256), 1.0),
        ]
        for label, index, factory, peer, batches, bar in plans:
            for batch in batches:
                title = title_of(label, batch, shape)
                if not wanted(title):
                    continue
                count = 256 if batch == 256 else 64

                part = queries[:count]

                def theirs():
                    return timed(lambda: [index.search(part[i : i + batch], 10) for i in range(0, count, batch)])

                out = options.work / "found.npy"
                with Ours("search", base_path, query_path, factory, count, batch, out) as ours:
                    a, b = alternate(ours, theirs, repeat=3)
                found = np.load(out)[:, :10].astype(int)
                note = f"recall@10 {recall(found, truth[:count]):.3f} against {recall(index.search(queries[:count], 10)[1], truth[:count]):.3f}"
                # The bar of a row is for the batch that the issue names; the other batch is for information.
                row(title, peer, bar if batch == 1 or factory != "SQ8" else None, a, b, count, "queries/s", note)


def bench_bits():
    import faiss

    faiss.omp_set_num_threads(THREADS)
    dice = np.random.default_rng(3)
    for bits, count in [(384, 63_000), (384, 4_000_000), (1024, 1_500_000)]:
        for batch in (1, 64):
            title = f"sign-bit (Hamming) scan, batch of {batch}, {count:,} x {bits} bits"
            if not wanted(title):
                continue
            codes = options.work / f"bits-{bits}-{count}.npy"
            if not codes.exists():
                np.save(codes, dice.integers(0, 256, (count, bits // 8), np.uint8))
            data = np.load(codes)
            queries = dice.integers(0, 256, (64, bits // 8), np.uint8)
            np.save(options.work / "bit-queries.npy", queries)
            index = faiss.IndexBinaryFlat(bits)
            index.add(data)
            n = 16 if batch == 1 else 64
            with Ours("hamming", codes, options.work / "bit-queries.npy", n, batch, options.work / "found.npy") as ours:
                a, b = alternate(
                    ours, lambda: timed(lambda: [index.search(queries[i : i + batch], 10) for i in range(0, n, batch)]), repeat=3)
            theirs_found = index.search(queries[:n], 10)[0]
            # Our score is minus the Hamming distance, and the distance under cosine 1 minus the score.
            found = np.rint(np.load(options.work / "found.npy")[:, 10:] - 1).astype(int)
            agree = np.array_equal(found, theirs_found)
            read = ours.facts["read_bandwidth"]
            share = data.nbytes * n / statistics.median(a) / read
            note = f"same distances: {'yes' if agree else 'NO'}"
            if batch == 1 and data.nbytes > 64e6:
                note += f"; {share:.0%} of the read bandwidth ({read / 1e9:.1f} GB/s), bar 70%"
            row(title, "FAISS IndexBinaryFlat", 1.0, a, b, n, "queries/s", note)


def run():
    bench_scans()
    bench_bits()
