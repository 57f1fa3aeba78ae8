"""Graphs and lists: hnswlib, FAISS and USearch beside ours, each at the least effort that reaches the recall."""

import gzip

import numpy as np
from harness import THREADS, Ours, alternate, options, row, size_row, timed, wanted
from search_rows import recall, vectors


def mnist():
    """The digits as vectors, the first 1000 test digits, and their true neighbours by L2."""
    paths = [options.work / f"mnist-{part}.npy" for part in ("base", "queries")]
    for path, name, count in zip(paths, ("train", "t10k"), (60_000, 1000)):
        if not path.exists():
            raw = gzip.open(options.data / f"mnist/{name}-images-idx3-ubyte.gz").read()
            np.save(path, np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)[:count].astype(np.float32))
    return paths


def truth_of(base, queries, metric, k=10):
    import faiss

    index = faiss.IndexFlatIP(base.shape[1]) if metric == "ip" else faiss.IndexFlatL2(base.shape[1])
    index.add(base)
    return index.search(queries, k)[1]


def save_ivecs(path, rows):
    rows = rows.astype(np.int32)
    np.concatenate([np.full((len(rows), 1), rows.shape[1], np.int32), rows], axis=1).tofile(path)


def least_effort(set_effort, search, truth, target, largest):
    """The least effort whose recall reaches the target, as ours chooses it, and that recall."""
    def found(effort):
        set_effort(effort)
        return recall(search(), truth)

    low, high = 0, 1
    reached = found(high)
    while reached < target and high < largest:
        low, high = high, min(2 * high, largest)
        reached = found(high)
    while high - low > max(1, low // 32):
        middle = (low + high) // 2
        value = found(middle)
        if value >= target:
            high, reached = middle, value
        else:
            low = middle
    set_effort(high)
    return high, reached


class Hnswlib:
    name = "hnswlib"

    def __init__(self, base, metric):
        self.base, self.metric = base, metric

    def build(self):
        import hnswlib

        self.index = hnswlib.Index(space=self.metric, dim=self.base.shape[1])
        self.index.init_index(len(self.base), M=16, ef_construction=128)
        self.index.add_items(self.base, num_threads=THREADS)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path):
        import hnswlib

        self.index = hnswlib.Index(space=self.metric, dim=self.base.shape[1])
        self.index.load_index(path)

    def set_effort(self, effort):
        self.index.set_ef(max(effort, 10))

    def search(self, queries, k=10):
        return self.index.knn_query(queries, k=k, num_threads=THREADS)[0]


class Faiss:
    name = "FAISS HNSW"

    def __init__(self, base, metric, quantizer=None):
        self.base, self.metric, self.quantizer = base, metric, quantizer
        if quantizer:
            self.name = "FAISS IndexHNSWSQ 8 bit"

    def build(self):
        import faiss

        faiss.omp_set_num_threads(THREADS)
        metric = faiss.METRIC_INNER_PRODUCT if self.metric == "ip" else faiss.METRIC_L2
        if self.quantizer:
            self.index = faiss.IndexHNSWSQ(self.base.shape[1], faiss.ScalarQuantizer.QT_8bit, 16, metric)
            self.index.train(self.base)
        else:
            self.index = faiss.IndexHNSWFlat(self.base.shape[1], 16, metric)
        self.index.hnsw.efConstruction = 128
        self.index.add(self.base)

    def save(self, path):
        import faiss

        faiss.write_index(self.index, path)

    def load(self, path):
        import faiss

        faiss.omp_set_num_threads(THREADS)
        self.index = faiss.read_index(path)

    def set_effort(self, effort):
        self.index.hnsw.efSearch = effort

    def search(self, queries, k=10):
        return self.index.search(queries, k)[1]


class USearch:
    def __init__(self, base, metric, dtype="f32"):
        self.base, self.metric, self.dtype = base, metric, dtype
        self.name = f"USearch {dtype}"

    def empty(self):
        from usearch.index import Index

        metric = "ip" if self.metric == "ip" and self.dtype == "f32" else "cos" if self.metric == "ip" else "l2sq"
        return Index(ndim=self.base.shape[1], metric=metric, dtype=self.dtype, connectivity=16, expansion_add=128)

    def build(self):
        self.index = self.empty()
        self.index.add(np.arange(len(self.base)), self.base, threads=THREADS)

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index = self.empty()
        self.index.load(path)

    def set_effort(self, effort):
        self.index.expansion_search = max(effort, 10)

    def search(self, queries, k=10):
        return self.index.search(queries, k, threads=THREADS).keys.astype(np.int64)


class SignsOfUSearch:
    """Signs in USearch, and the best of them ranked again by their floats, as its users do."""

    name = "USearch b1, 100 ranked again by numpy"
    candidates = 100

    def __init__(self, base):
        self.base = base

    def build(self):
        from usearch.index import Index

        self.index = Index(
            ndim=self.base.shape[1], metric="hamming", dtype="b1", connectivity=16, expansion_add=128)
        self.index.add(np.arange(len(self.base)), np.packbits(self.base > 0, axis=1), threads=THREADS)

    def set_effort(self, effort):
        self.index.expansion_search = max(effort, self.candidates)

    def search(self, queries, k=10):
        found = self.index.search(np.packbits(queries > 0, axis=1), self.candidates, threads=THREADS)
        keys = found.keys.astype(np.int64)
        answers = []
        for start in range(0, len(queries), 64):
            part = keys[start : start + 64]
            scores = np.matmul(self.base[part], queries[start : start + 64, :, None])[..., 0]
            best = np.argsort(-scores, axis=1)[:, :k]
            answers.append(np.take_along_axis(part, best, axis=1))
        return np.concatenate(answers)


def kept(peer, name):
    return options.work / f"{name}-{peer.name.replace(' ', '-')}.index"


def ready(peer, name):
    """Builds a peer's index, or reads one that an earlier run built: a million vectors take minutes."""
    path = kept(peer, name)
    if path.exists():
        peer.load(str(path))
    else:
        peer.build()
        peer.save(str(path))


def bench_graphs():
    sets = [("apt", "62k x 384", "ip"), ("mnist", "60k x 784", "l2"), ("clustered", "1M x 128", "ip")]
    for name, shape, metric in sets:
        titles = [f"HNSW search at recall@10 {target}, {name} {shape}" for target in (0.95, 0.99)]
        # 8 bits themselves find 0.944 of these clusters' neighbours.
        of_codes = 0.9 if name == "clustered" else 0.95
        coded = f"HNSW over SQ8 at recall@10 {of_codes}, {name} {shape}"
        signs = f"HNSW over 1-bit codes with refinement at recall@10 0.95, {name} {shape}"
        building = f"HNSW build, {name} {shape}"
        if not any(wanted(title) for title in [*titles, coded, signs, building]):
            continue
        base_path, query_path = mnist() if name == "mnist" else vectors(name)
        base, queries = np.load(base_path), np.load(query_path)[:1000]
        truth = truth_of(base, queries, metric)
        asked, truth_path = options.work / f"{name}-graph-queries.npy", options.work / f"{name}-truth.ivecs"
        np.save(asked, queries)
        save_ivecs(truth_path, truth)
        ours_metric = "cosine" if metric == "ip" else "l2"
        peers = [Hnswlib(base, metric), Faiss(base, metric), USearch(base, metric)]
        collection = options.work / f"{name}-HNSW16.kukla"
        plain = [title for title in titles if wanted(title)]
        if wanted(building) or plain and not collection.exists():
            with Ours("build", base_path, "HNSW16,F32", ours_metric, collection) as ours:
                for peer in peers if wanted(building) else []:
                    a, b = alternate(ours, lambda: timed(peer.build))
                    row(building, peer.name, 1.0, a, b, len(base), "vectors/s", "M 16, efConstruction 128")
                    peer.save(str(kept(peer, name)))
        for peer in peers if plain else []:
            ready(peer, name)
            for title, target in zip(titles, (0.95, 0.99)):
                if wanted(title):
                    compare(title, peer, 1.2, collection, asked, queries, truth_path, truth, target)
        if wanted(coded):
            collection = options.work / f"{name}-HNSW16-SQ8.kukla"
            if not collection.exists():
                with Ours("build", base_path, "HNSW16,SQ8", ours_metric, collection):
                    pass
            # i8 of USearch is for directions alone.
            for peer in [Faiss(base, metric, "8bit")] + ([USearch(base, metric, "i8")] if metric == "ip" else []):
                ready(peer, name)
                compare(coded, peer, 1.3, collection, asked, queries, truth_path, truth, of_codes)
        # Pixels are never below zero: their signs say nothing. USearch's signs of clusters of noise find too little.
        if wanted(signs) and name == "apt":
            collection = options.work / f"{name}-HNSW16-B1.kukla"
            with Ours("build", base_path, "HNSW16,B1,Refine(F32)", ours_metric, collection):
                pass
            peer = SignsOfUSearch(base)
            peer.build()
            compare(signs, peer, 1.3, collection, asked, queries, truth_path, truth, 0.95)


def compare(title, peer, bar, collection, asked, queries, truth_path, truth, target):
    effort, reached = least_effort(peer.set_effort, lambda: peer.search(queries), truth, target, 4096)
    with Ours("beam", collection, asked, truth_path, target, 1) as ours:
        a, b = alternate(ours, lambda: timed(lambda: peer.search(queries)), repeat=3)
        facts = ours.facts
    note = f"recall {facts['recall']:.3f} at {facts['effort']:.0f} against {reached:.3f} at {effort}"
    row(title, peer.name, bar, a, b, len(queries), "queries/s", note)


def bench_lists():
    import faiss

    title = "IVF256,PQ48x4fs with refinement at recall@10 0.9, apt 62k x 384"
    if not wanted(title):
        return
    faiss.omp_set_num_threads(THREADS)
    base_path, query_path = vectors("apt")
    base, queries = np.load(base_path), np.load(query_path)[:1000]
    truth = truth_of(base, queries, "ip")
    asked, truth_path = options.work / "apt-graph-queries.npy", options.work / "apt-truth.ivecs"
    np.save(asked, queries)
    save_ivecs(truth_path, truth)
    index = faiss.index_factory(base.shape[1], "IVF256,PQ48x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)
    index.train(base)
    index.add(base)
    index.k_factor = 16
    lists = faiss.extract_index_ivf(index)

    class Peer:
        name = "FAISS IVF256,PQ48x4fs,RFlat, k_factor 16"

        def set_effort(self, effort):
            lists.nprobe = effort

        def search(self, queries, k=10):
            return index.search(queries, k)[1]

    collection = options.work / "apt-IVF.kukla"
    with Ours("build", base_path, "IVF256,PQ48x4fs,Refine(F32,factor=16)", "cosine", collection):
        pass
    compare(title, Peer(), 1.0, collection, asked, queries, truth_path, truth, 0.9)


def bench_filters():
    import faiss

    faiss.omp_set_num_threads(THREADS)
    for percent in (10, 1):
        title = f"HNSW search among {percent}% at recall@10 0.95, apt 62k x 384"
        if not wanted(title):
            continue
        every = 100 // percent
        base_path, query_path = vectors("apt")
        base, queries = np.load(base_path), np.load(query_path)[:1000]
        truth = truth_of(base[::every], queries, "ip") * every
        asked, truth_path = options.work / "apt-graph-queries.npy", options.work / f"apt-truth-{percent}.ivecs"
        np.save(asked, queries)
        save_ivecs(truth_path, truth)
        collection = options.work / "apt-HNSW16.kukla"
        if not collection.exists():
            with Ours("build", base_path, "HNSW16,F32", "cosine", collection):
                pass
        hnsw = Hnswlib(base, "ip")
        hnsw.build()
        flat = faiss.IndexFlatIP(base.shape[1])
        flat.add(base)
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.arange(0, len(base), every)))
        few = queries[:100]

        def filtered():
            return hnsw.index.knn_query(few, k=10, num_threads=1, filter=lambda id: id % every == 0)[0]

        effort, reached = least_effort(hnsw.set_effort, filtered, truth[:100], 0.95, 4096)
        sides = [
            ("hnswlib filter (a Python function)", filtered, len(few)),
            ("FAISS IndexFlatIP with IDSelectorBatch", lambda: flat.search(queries, 10, params=parameters), len(queries)),
        ]
        with Ours("beam", collection, asked, truth_path, 0.95, every) as ours:
            for name, theirs, count in sides:
                a, b = alternate(ours, lambda: timed(theirs) * len(queries) / count, repeat=3)
                note = f"recall {ours.facts['recall']:.3f} at {ours.facts['effort']:.0f}"
                if name.startswith("hnswlib"):
                    note += f" against {reached:.3f} at {effort}"
                row(title, name, 2.0, a, b, len(queries), "queries/s", note)


def bench_resident():
    for factory in ("SQ8", "HNSW16,F32", "HNSW16,SQ8,Refine(F16)", "IVF256,PQ48x4fs,Refine(SQ8)"):
        title = f"resident bytes a vector, {factory}, apt 62k x 384"
        if not wanted(title):
            continue
        base_path, _ = vectors("apt")
        collection = options.work / "resident.kukla"
        with Ours("build", base_path, factory, "cosine", collection):
            pass
        with Ours("resident", collection) as ours:
            ours()
            measured, formula = ours.facts["resident"], ours.facts["formula"]
        size_row(title, "the formula", 1.02, measured, formula, "B", "the process's growth, the whole collection read")


def bench_late_interaction():
    import torch

    torch.set_num_threads(THREADS)
    dice = np.random.default_rng(5)
    for d in (128, 384):
        title = f"MaxSim, 32 query tokens over 5,000 documents x 64 tokens x {d}"
        if not wanted(title):
            continue

        def unit(*shape):
            x = dice.standard_normal(shape, np.float32)
            return x / np.linalg.norm(x, axis=-1, keepdims=True)

        documents, queries = unit(5000, 64, d), unit(8, 32, d)
        paths = [options.work / f"maxsim-{d}-{name}.npy" for name in ("documents", "queries", "scores")]
        np.save(paths[0], documents.reshape(-1, d))
        np.save(paths[1], queries.reshape(-1, d))
        docs, asked = torch.from_numpy(documents), torch.from_numpy(queries)
        ways = {
            "PyTorch einsum": lambda q: torch.einsum("qd,nkd->nqk", q, docs).amax(-1).sum(-1),
            "PyTorch matmul": lambda q: (docs.reshape(-1, d) @ q.T).reshape(5000, 64, 32).amax(1).sum(-1),
        }
        for peer, way in ways.items():
            with Ours("maxsim", paths[0], 64, paths[1], 32, paths[2]) as ours:
                a, b = alternate(ours, lambda: timed(lambda: [way(q) for q in asked]))
            truth = torch.stack([way(q) for q in asked]).numpy()
            note = f"largest difference {np.abs(np.load(paths[2]) - truth).max():.1e}"
            row(title, peer, 3.0 if peer == "PyTorch einsum" else None, a, b, len(queries), "queries/s", note)


def run():
    bench_late_interaction()
    bench_graphs()
    bench_lists()
    bench_filters()
    bench_resident()
