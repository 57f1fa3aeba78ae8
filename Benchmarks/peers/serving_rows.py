"""Requests over HTTP: our server and what people put together in Python, asked by wrk in turn."""

import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
from harness import THREADS, descriptions, options, row, wanted
from search_rows import vectors

HERE = pathlib.Path(__file__).with_name("serving")
KUKLA = options.benchmark.with_name("kukla")


class Server:
    """A server of somebody's, up and answering."""

    def __init__(self, command, ready, log):
        self.command, self.ready, self.log = [str(word) for word in command], ready, options.work / log

    def __enter__(self):
        environment = dict(os.environ, OMP_NUM_THREADS=str(THREADS))
        self.process = subprocess.Popen(self.command, stdout=self.log.open("w"), stderr=subprocess.STDOUT, env=environment)
        for _ in range(3000):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command} ended: {self.log.read_text()[-500:]}")
            try:
                self.ready()
                return self
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        raise RuntimeError(f"{self.command} did not get ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=600))


def put(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="PUT")
    return json.load(urllib.request.urlopen(request, timeout=600))


def load(url, bodies, connections, seconds=8):
    """What wrk saw of `connections` clients that ask without pause."""
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", HERE / "request.lua", url, "--", bodies]
    output = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    figures = json.loads(output.strip().splitlines()[-1])
    if figures["failed"] or not figures["requests"]:
        raise RuntimeError(f"{url}: {figures}")
    return figures


def compare(name, peer, bar, our_load, peer_load, note):
    """Rounds of both; a row of requests a second, with latencies in its note."""
    our_load(), peer_load()
    rounds = [(our_load(), peer_load()) for _ in range(options.rounds)]
    seconds = [[f["seconds"] / f["requests"] for f in side] for side in zip(*rounds)]
    def p(side, key):
        return statistics.median(f[key] for f in [r[side] for r in rounds])
    latency = f"p50 {p(0, 'p50_ms'):.1f} against {p(1, 'p50_ms'):.1f} ms, p99 {p(0, 'p99_ms'):.1f} against {p(1, 'p99_ms'):.1f} ms"
    row(name, peer, bar, *seconds, 1, "requests/s", f"{latency}; {note}".strip("; "))


def bench_embeddings():
    title = "/v1/embeddings, 64 clients, single short texts, MiniLM"
    if not wanted(title) or not shutil.which("wrk"):
        return
    _, texts = descriptions()
    bodies = options.work / "embedding-bodies.jsonl"
    texts = [text[:60] for text in texts[:: max(1, len(texts) // 2000)]]
    bodies.write_text("".join(json.dumps({"model": options.model.name, "input": text}) + "\n" for text in texts))
    for precision in ["float32", "int8"]:
        ours, theirs = free_port(), free_port()
        urls = [f"http://127.0.0.1:{port}/v1/embeddings" for port in (ours, theirs)]
        data = options.work / "serving-data"
        command = [KUKLA, "serve", "--data", data, "--model", options.model, "--port", ours, "--threads", THREADS, "--log-level", "warning"]
        if precision == "int8":
            command.append("--int8")
        ask = {"model": options.model.name, "input": "ready?"}
        with Server(command, lambda: post(urls[0], ask), "kukla-serve.log"), Server(
            [sys.executable, HERE / "embedding_server.py", options.model, theirs], lambda: post(urls[1], ask), "fastapi.log"
        ):
            a, b = (np.array(post(url, dict(ask, input=texts[:8]))["data"][3]["embedding"]) for url in urls)
            compare(
                f"{title}, {precision}", "FastAPI + sentence-transformers", 5.0 if precision == "float32" else None,
                lambda: load(urls[0], bodies, 64), lambda: load(urls[1], bodies, 64), f"cosine of both sides' vectors {a @ b:.4f}")


def bench_search():
    title = "search over HTTP, 63k x 384, k = 10, 32 connections"
    peers = [("qdrant", "qdrant-client, local mode"), ("chroma", "chromadb")]
    peers = [(peer, package) for peer, package in peers if wanted(f"{title} | {package}")]
    if not peers or not shutil.which("wrk"):
        return
    base_path, query_path = vectors("apt")
    base, queries = np.load(base_path), np.load(query_path)
    truth = np.argsort(-(queries[:200] @ base.T), axis=1)[:, :10]
    bodies = options.work / "search-bodies.jsonl"
    bodies.write_text("".join(json.dumps({"vector": [round(float(x), 6) for x in q], "k": 10}) + "\n" for q in queries))
    data = options.work / "search-data"
    def recall(url, rows=200):
        found = [post(url, {"vector": q.tolist(), "k": 10})["hits"] for q in queries[:rows]]
        return np.mean([len({int(h["id"]) for h in f} & set(t)) / 10 for f, t in zip(found, truth.tolist())])
    if not data.exists():
        subprocess.run([KUKLA, "collection", "create", data, "apt", "--dimensions", "384", "--plan", "HNSW16,SQ8", "--threads", "2"], check=True)
        subprocess.run([KUKLA, "collection", "import", data, "apt", base_path, "--first-id", "0", "--threads", "2", "--quiet"], check=True)
        subprocess.run([KUKLA, "collection", "compact", data, "apt", "--threads", "2"], check=True)
    for peer, package in peers:
        ours, theirs = free_port(), free_port()
        urls = [f"http://127.0.0.1:{ours}/collections/apt/search", f"http://127.0.0.1:{theirs}/search"]
        command = [KUKLA, "serve", "--data", data, "--no-model", "--port", ours, "--threads", THREADS, "--log-level", "warning"]
        ask = {"vector": queries[0].tolist(), "k": 10}
        with Server(command, lambda: post(urls[0], ask), "kukla-search.log"), Server(
            [sys.executable, HERE / "search_server.py", peer, base_path, options.work / "chroma", theirs], lambda: post(urls[1], ask),
            f"{peer}.log"
        ):
            note = f"recall@10 {recall(urls[0]):.3f} against {recall(urls[1], 50):.3f}"
            compare(
                title, f"{package}, served by FastAPI", 5.0, lambda: load(urls[0], bodies, 32), lambda: load(urls[1], bodies, 32), note)


def run():
    bench_embeddings()
    bench_search()
