#!/usr/bin/env python3
"""Encoder speed: EncodeBenchmark against sentence-transformers and ONNX Runtime, alternating, in one run.

Usage: encode_peer.py MODEL TEXTS.json ENCODE_BENCHMARK [ONNX ONNX_INT8]     (TEXTS.json: a list of strings)
Environment: THREADS (2), ROUNDS (3). Needs sentence-transformers, and onnxruntime where ONNX files are given.
Ours starts from token ids; `st` is SentenceTransformer.encode from texts, `st ids` its forward pass from token
ids in sorted, padded batches; `ort` the same with ONNX Runtime, with mean pooling and normalisation in numpy.
`cpu` is processor time, of use where other work shares the machine; with THREADS=1 no thread spins while it waits.
"""
import json, os, resource, statistics, struct, subprocess, sys, tempfile, time

threads, rounds = int(os.environ.get("THREADS", 2)), int(os.environ.get("ROUNDS", 3))
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np, torch
from sentence_transformers import SentenceTransformer

model_path, texts_path, ours = sys.argv[1:4]
texts = json.load(open(texts_path))
torch.set_num_threads(threads)
model = SentenceTransformer(model_path, device="cpu")
ids = [model.tokenizer.encode(t, truncation=True, max_length=model.max_seq_length) for t in texts]
token_file = tempfile.NamedTemporaryFile(suffix=".tok", delete=False).name
with open(token_file, "wb") as f:
    f.write(struct.pack("<q", len(ids)))
    f.write(np.cumsum([0] + [len(i) for i in ids]).astype("<i8").tobytes())
    f.write(np.concatenate(ids).astype("<i4").tobytes())
order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))


def batches(size):
    for start in range(0, len(order), size):
        part = [ids[i] for i in order[start:start + size]]
        width = max(map(len, part))
        x, mask = np.zeros((len(part), width), np.int64), np.zeros((len(part), width), np.int64)
        for row, tokens in enumerate(part):
            x[row, :len(tokens)], mask[row, :len(tokens)] = tokens, 1
        yield order[start:start + size], x, mask


def pooled(hidden, mask):
    v = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def ort(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(size):
        out = np.zeros((len(ids), 384), np.float32)
        for rows, x, mask in batches(size):
            out[rows] = pooled(session.run(None, {"input_ids": x, "attention_mask": mask})[0], mask)
        return out
    return run


def st_ids(size):
    with torch.inference_mode():
        for _, x, mask in batches(size):
            model({"input_ids": torch.from_numpy(x), "attention_mask": torch.from_numpy(mask)})


def kukla(precision):
    out = token_file + "." + precision
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run([ours, model_path, precision, str(threads), "1", token_file, out],
                          capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor.setdefault("kukla " + precision, []).append(after.ru_utime - before.ru_utime)  # loading included
    return float(text.split("best ")[1].split(" s,")[0]), np.fromfile(out, "<f4").reshape(len(ids), -1), text


runs = {"kukla float32": None, "kukla int8": None}
for size in map(int, os.environ.get("BATCHES", "32,8").split(",")):
    runs["st %d" % size] = lambda s=size: model.encode(texts, batch_size=s)
runs["st ids 32"] = lambda: st_ids(32)
if len(sys.argv) > 5:
    for name, path in (("ort", sys.argv[4]), ("ort int8", sys.argv[5])):
        for size in map(int, os.environ.get("BATCHES", "32,8").split(",")):
            runs["%s %d" % (name, size)] = lambda f=ort(path), s=size: f(s)
seconds, vectors, processor = {n: [] for n in runs}, {}, {n: [] for n in runs}
model.encode(texts[:32])
for _ in range(rounds):
    for name, run in runs.items():
        if run is None:
            elapsed, vectors[name], _ = kukla(name.split()[1])
        else:
            start, cpu = time.perf_counter(), time.process_time()
            vectors[name] = run()
            elapsed = time.perf_counter() - start
            processor[name].append(time.process_time() - cpu)
        seconds[name].append(elapsed)
reference = vectors[[n for n in runs if n.startswith("st ")][0]]
print("%d texts, %.1f tokens on average, %d threads, load %.1f" % (
    len(ids), np.mean([len(i) for i in ids]), threads, os.getloadavg()[0]))
for name, s in seconds.items():
    line = "%-14s best %7.3f s  median %7.3f s  %8.1f sentences/s  cpu %7.3f s" % (
        name, min(s), statistics.median(s), len(ids) / min(s), min(processor[name]))
    if isinstance(vectors.get(name), np.ndarray):
        line += "  cosine to st %.5f, max abs %.2g" % (
            (vectors[name] * reference).sum(1).mean(), np.abs(vectors[name] - reference).max())
    print(line)
