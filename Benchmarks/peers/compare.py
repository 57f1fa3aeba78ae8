#!/usr/bin/env python3
"""Runs Kukla and its peers on the same input, alternating, and writes docs/benchmarks.md.

Every figure is seconds for one pass over the work, without loading. A round measures ours and then the peer;
the ratio of a row is the median over rounds of (peer's seconds / our seconds), so that a slow minute of a shared
machine weighs on both. `--only WORD` runs the rows whose name holds WORD; results of earlier runs are kept in the
work folder, so that the table is always whole.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import resource
import statistics
import subprocess
import sys
import time

THREADS = 2
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np  # noqa: E402  (after the thread settings)

parser = argparse.ArgumentParser()
parser.add_argument("--benchmark", required=True, type=pathlib.Path)
parser.add_argument("--model", required=True, type=pathlib.Path)
parser.add_argument("--work", required=True, type=pathlib.Path)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--only", default="")
parser.add_argument("--table", type=pathlib.Path, default=pathlib.Path("docs/benchmarks.md"))
options = parser.parse_args()
options.work.mkdir(parents=True, exist_ok=True)


class Ours:
    """Our side, ready to do one piece of work again and again: `with Ours("tokenize", ...) as ours: ours()`."""

    def __init__(self, *arguments):
        self.command = [str(options.benchmark), *map(str, arguments)]
        self.facts = {}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{self.command} did not get ready")
        return self

    def __call__(self):
        """Seconds of one pass."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.facts = json.loads(self.process.stdout.readline())
        return self.facts["seconds"]

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError(f"{self.command} failed")


def timed(body):
    """Seconds of one call of `body`."""
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def alternate(our_side, peer_side, repeat=1):
    """Seconds of both sides, round by round; a side's figure in a round is the median of `repeat` passes."""
    peer_side()
    def pass_(side):
        return statistics.median(side() for _ in range(repeat))
    rounds = [(pass_(our_side), pass_(peer_side)) for _ in range(options.rounds)]
    return [a for a, _ in rounds], [b for _, b in rounds]


def descriptions():
    """What apt knows about every package: short texts, in a fixed order."""
    path = options.work / "packages.jsonl"
    if not path.exists():
        script = pathlib.Path(__file__).parents[2] / "Scripts/apt-descriptions.py"
        dump = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True).stdout
        path.write_bytes(subprocess.run([sys.executable, script], input=dump, check=True, capture_output=True).stdout)
    return path, [json.loads(line)["text"] for line in path.open(encoding="utf-8")]


def mixed_texts():
    """1,024 texts of mixed length: single descriptions, and runs of up to 24 of them (to about 256 tokens)."""
    path = options.work / "mixed.jsonl"
    texts = descriptions()[1]
    dice = random.Random(1)
    mixed = []
    for _ in range(1024):
        runs = dice.choice([1, 1, 1, 1, 2, 3, 6, 12, 24])
        start = dice.randrange(len(texts) - runs)
        mixed.append(" ".join(texts[start : start + runs]))
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in mixed), encoding="utf-8")
    return path, mixed


def sentence_transformer():
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(THREADS)
    return SentenceTransformer(str(options.model), device="cpu")


def onnx_int8_session():
    """The same encoder, exported and quantised dynamically by ONNX Runtime's own tool."""
    import onnxruntime
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModel

    plain, quantised = options.work / "minilm.onnx", options.work / "minilm-int8.onnx"
    if not quantised.exists():
        class Encoder(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = AutoModel.from_pretrained(options.model, attn_implementation="eager").eval()

            def forward(self, ids, mask, types):
                return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

        ids = torch.ones(2, 8, dtype=torch.long)
        torch.onnx.export(
            Encoder(), (ids, ids, torch.zeros_like(ids)), plain, dynamo=False, opset_version=17,
            input_names=["input_ids", "attention_mask", "token_type_ids"], output_names=["hidden"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in ["input_ids", "attention_mask", "token_type_ids", "hidden"]},
        )
        quantize_dynamic(plain, quantised, per_channel=True, weight_type=QuantType.QInt8)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(str(quantised), settings, providers=["CPUExecutionProvider"])


def encode_onnx(session, tokenizer, texts, batch=32):
    """Mean pooling and normalisation over batches sorted by length, as sentence-transformers does."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    out = np.empty((len(texts), 384), np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        encodings = tokenizer.encode_batch([texts[i] for i in rows])
        ids = np.array([e.ids for e in encodings], np.int64)
        mask = np.array([e.attention_mask for e in encodings], np.int64)
        hidden = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        out[rows] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return out


results_path = options.work / "results.json"
results = json.loads(results_path.read_text()) if results_path.exists() else {}
# Rows that read the same vectors are measured one after another and share these.
cache = {}


def row(name, peer, bar, our_seconds, peer_seconds, work, unit, note=""):
    ratio = statistics.median(p / o for o, p in zip(our_seconds, peer_seconds))
    spread = sorted(p / o for o, p in zip(our_seconds, peer_seconds))
    results[f"{name} | {peer}"] = {
        "name": name, "peer": peer, "bar": bar, "ratio": ratio, "low": spread[0], "high": spread[-1],
        "ours": work / statistics.median(our_seconds), "theirs": work / statistics.median(peer_seconds),
        "unit": unit, "note": note, "met": ratio >= bar if bar is not None else None, "rounds": len(spread),
    }
    results_path.write_text(json.dumps(results, indent=1))
    print(f"{name} | {peer}: {ratio:.2f}x (bar {bar}) [{spread[0]:.2f}..{spread[-1]:.2f}] {note}", flush=True)


def wanted(name):
    return options.only.lower() in name.lower()


def bench_encode():
    path, texts = mixed_texts()
    st = sentence_transformer()
    st_seconds = lambda: timed(lambda: st.encode(texts, batch_size=32, show_progress_bar=False))  # noqa: E731
    reference = st.encode(texts[:512], batch_size=32)
    for precision, bar in [("float32", 3.0), ("int8", 6.0)]:
        out = options.work / f"encode-{precision}.npy"
        with Ours("encode", options.model, path, precision, out) as ours:
            a, b = alternate(ours, st_seconds)
        vectors = np.load(out)[:512]
        cosine = (vectors * reference).sum(1) / np.linalg.norm(vectors, axis=1)
        note = f"max abs difference {np.abs(vectors - reference).max():.1e}" if precision == "float32" else \
            f"cosine to fp32 {cosine.mean():.4f} on average, {cosine.min():.4f} at least"
        row(f"MiniLM-L6 encode, mixed lengths, {precision}", "sentence-transformers fp32", bar, a, b, len(texts), "texts/s", note)


def bench_encode_onnx():
    path, texts = mixed_texts()
    reference = sentence_transformer().encode(texts[:512], batch_size=32)
    try:
        session = onnx_int8_session()
    except Exception as error:  # the table says that this peer could not be had
        print(f"ONNX Runtime int8 could not be exported: {error}", file=sys.stderr)
        return
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    with Ours("encode", options.model, path, "int8", options.work / "encode-int8.npy") as ours:
        a, b = alternate(ours, lambda: timed(lambda: encode_onnx(session, tokenizer, texts)))
    cosine = (encode_onnx(session, tokenizer, texts[:512]) * reference).sum(1)
    row("MiniLM-L6 encode, mixed lengths, int8", "ONNX Runtime int8 (dynamic)", 1.2, a, b, len(texts), "texts/s",
        f"theirs: cosine to fp32 {cosine.mean():.4f} on average")


def bench_memory():
    """Peak resident memory of a whole process that encodes the mixed texts."""
    path, _ = mixed_texts()
    script = (
        "import sys, json, torch; torch.set_num_threads(2)\n"
        "from sentence_transformers import SentenceTransformer\n"
        "m = SentenceTransformer(sys.argv[1], device='cpu')\n"
        "m.encode([json.loads(l)['text'] for l in open(sys.argv[2])], batch_size=32)\n"
    )

    # A process counts the memory of the one that started it until it is its own: so a small one starts it.
    starter = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )

    def peak(command):
        answer = subprocess.run([sys.executable, "-c", starter, *command], check=True, capture_output=True, text=True)
        return int(answer.stdout) / 1024

    mine = peak([str(options.benchmark), "encode", str(options.model), str(path), "float32", str(options.work / "encode-float32.npy")])
    theirs = peak([sys.executable, "-c", script, str(options.model), str(path)])
    name = "peak memory of encode"
    results[f"{name} | sentence-transformers"] = {
        "name": name, "peer": "sentence-transformers", "bar": 0.35, "ratio": mine / theirs, "low": mine / theirs, "high": mine / theirs,
        "ours": mine, "theirs": theirs, "unit": "MiB", "note": "whole processes; smaller is better", "met": mine / theirs <= 0.35,
    }
    results_path.write_text(json.dumps(results, indent=1))
    print(f"{name}: {mine:.0f} MiB against {theirs:.0f} MiB: {mine / theirs:.2f}x (bar 0.35)", flush=True)


def bench_tokenize():
    from tokenizers import Tokenizer

    os.environ["RAYON_NUM_THREADS"] = "1"
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    path, texts = descriptions()
    size = sum(len(t.encode()) for t in texts) / 1e6
    with Ours("tokenize", options.model, path) as ours:
        a, b = alternate(ours, lambda: timed(lambda: tokenizer.encode_batch_fast(texts)))
    row("tokenizing, 1 thread", "Hugging Face tokenizers", 1.0, a, b, size, "MB/s", "apt descriptions; their encode_batch_fast")


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


def bench_search():
    import faiss

    faiss.omp_set_num_threads(THREADS)
    for name, shape in [("apt", "63k x 384"), ("clustered", "1M x 128")]:
        base_path, query_path = vectors(name)
        base, queries = np.load(base_path), np.load(query_path)
        d = base.shape[1]
        exact = faiss.IndexFlatIP(d)
        exact.add(base)
        truth = exact.search(queries, 10)[1]
        scalar = faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        scalar.train(base)
        scalar.add(base)
        m = 48 if d == 384 else 32
        product = faiss.IndexPQFastScan(d, m, 4, faiss.METRIC_INNER_PRODUCT)
        product.train(base)
        product.add(base)
        plans = [
            ("exact flat fp32 top-10", exact, "F32", "FAISS IndexFlatIP", (1, 256), 1.0),
            ("SQ8 flat scan", scalar, "SQ8", "FAISS IndexScalarQuantizer QT_8bit", (1, 256), 1.2),
            (f"PQ {m}x4 fast scan", product, f"PQ{m}x4fs", "FAISS IndexPQFastScan", (1, 256), 1.0),
        ]
        for label, index, factory, peer, batches, bar in plans:
            for batch in batches:
                title = f"{label}, batch of {batch}, {shape}"
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


def write_table():
    def figure(x):
        return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"

    lines = [
        "# Benchmarks", "",
        "Written by `make bench` (`Benchmarks/peers/compare.py`): our binary and the peer on the same input, the same machine and 2 threads,",
        f"alternating, at least {min(r.get('rounds', 4) for r in results.values())} rounds; the ratio is the median over rounds, in brackets the lowest and the highest. Bars are the least ratio",
        "that we ask of ourselves (for memory the largest).", "",
        f"Machine: {platform.machine()}, {cpu()}, {os.cpu_count()} cores, shared with others; Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ["faiss-cpu", "torch", "sentence-transformers", "tokenizers", "onnxruntime"]) + ".", "",
        "| work | peer | ratio ours/peer | bar | met | ours | peer's | note |", "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in results.values():
        bar = "" if r["bar"] is None else (f"<= {r['bar']}x" if r["unit"] == "MiB" else f"{r['bar']}x")
        met = {True: "yes", False: "**no**", None: ""}[r["met"]]
        lines.append(
            f"| {r['name']} | {r['peer']} | **{r['ratio']:.2f}x** ({r['low']:.2f}..{r['high']:.2f}) | {bar} | {met} "
            f"| {figure(r['ours'])} {r['unit']} | {figure(r['theirs'])} {r['unit']} | {r['note']} |")
    notes = pathlib.Path(__file__).with_name("notes.md")
    if notes.exists():
        lines += ["", notes.read_text().strip()]
    options.table.write_text("\n".join(lines) + "\n")


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def version(package):
    from importlib.metadata import version as installed

    try:
        return installed(package)
    except Exception:
        return "absent"


for name, bench in [("encode", bench_encode), ("onnx", bench_encode_onnx), ("memory", bench_memory), ("tokenizing", bench_tokenize)]:
    if wanted(name):
        bench()
bench_search()
bench_bits()
write_table()
