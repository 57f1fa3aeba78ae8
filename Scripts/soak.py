#!/usr/bin/env python3
"""Keeps a server at 70% of its load with searches, upserts and deletes, and says whether it stays as it was.

    Scripts/soak.py --kukla .build/release/kukla --minutes 30 --vectors 20000 -o soak.json

It starts a server of its own on a free port of this machine, fills a collection with random clustered vectors, measures how many searches a
second its clients get without pause, and then asks at 70% of that rate: 80% searches, 15% upserts, 5% deletes of ids in a window that
stays the same size. Every ten seconds it notes memory, latencies, errors and the recall estimate. It stops by itself. It fails where a request
failed, where memory (the mean of the last quarter against that of the second) grew by more than 5%, or where the recall estimate fell by
more than two points.
"""

import argparse
import http.client
import json
import math
import pathlib
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--kukla", required=True)
parser.add_argument("--minutes", type=float, default=30)
parser.add_argument("--vectors", type=int, default=20_000)
parser.add_argument("--dimensions", type=int, default=128)
parser.add_argument("--plan", default="HNSW16,SQ8")
parser.add_argument("--clients", type=int, default=8)
parser.add_argument("--load", type=float, default=0.7)
parser.add_argument("-o", "--output", type=pathlib.Path)
options = parser.parse_args()
if options.minutes > 120:
    sys.exit("at most 120 minutes")

DICE = random.Random(1)
CENTRES = [[DICE.gauss(0, 1) for _ in range(options.dimensions)] for _ in range(100)]


def vector(dice):
    return [round(c + dice.gauss(0, 0.5), 4) for c in dice.choice(CENTRES)]


class Client:
    """One connection that stays."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, path, body=None):
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Load:
    """Clients that ask at a rate together, or without pause."""

    def __init__(self, port, rate=None, writes=False):
        self.rate, self.writes, self.port = rate, writes, port
        self.lock, self.latencies, self.errors, self.done = threading.Lock(), [], [], 0
        self.first, self.next = 0, options.vectors
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(options.clients)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        dice, client = random.Random(100 + number), Client(self.port)
        due = time.monotonic() + dice.random() / 10
        while not self.stopped.is_set():
            if self.rate:
                due += dice.expovariate(self.rate / options.clients)
                time.sleep(max(0, due - time.monotonic()))
            method, path, body = self.request(dice)
            start = time.monotonic()
            try:
                status, answer = client.ask(method, path, body)
                failed = None if status == 200 else f"{status} {answer[:200]!r}"
            except Exception as error:
                failed, client = repr(error), Client(self.port)
            with self.lock:
                self.done += 1
                self.latencies.append(time.monotonic() - start)
                if failed:
                    self.errors.append(f"{method} {path}: {failed}")

    def request(self, dice):
        kind = dice.random()
        if not self.writes or kind < 0.8:
            return "POST", "/collections/soak/search", {"vector": vector(dice), "k": 10}
        with self.lock:
            if kind < 0.95:
                ids = range(self.next, self.next + 4)
                self.next += 4
                body = {"items": [{"id": i, "vector": vector(dice), "metadata": {"n": i % 10}} for i in ids]}
                return "POST", "/collections/soak/items", body
            # Three times as many upserts as deletes: each takes three times as many away.
            ids = list(range(self.first, min(self.first + 12, self.next)))
            self.first = ids[-1] + 1
            return "POST", "/collections/soak/delete", {"ids": ids}

    def take(self):
        with self.lock:
            taken, self.latencies = self.latencies, []
            return taken

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, math.floor(q * len(values)))] if values else float("nan")


def recall_estimate(text):
    found = re.search(r'^kukla_collection_recall_estimate\{collection="soak"\} (\S+)', text, re.M)
    return float(found[1]) if found else None


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [options.kukla, "serve", "--data", f"{folder}/data", "--no-model", "--port", str(port), "--log-level", "warning"]
        server = subprocess.Popen(command)
        try:
            report = soak(port, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(60)
    report["exit_status"] = code
    if code != 0:
        report["problems"].append(f"the server ended with {code}")
    text = json.dumps(report, indent=1)
    if options.output:
        options.output.write_text(text + "\n")
    print(text if not options.output else json.dumps({k: v for k, v in report.items() if k != "samples"}, indent=1))
    sys.exit(1 if report["problems"] else 0)


def resident(pid):
    """Resident bytes: those that the process wrote, and those of mapped files, which the system may take back."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {f"{name.lower()}_bytes": int(re.search(rf"^Rss{name}:\s+(\d+)", text, re.M)[1]) * 1024 for name in ("Anon", "File")}


def soak(port, pid):
    client = Client(port)
    for _ in range(300):
        try:
            if client.ask("GET", "/readyz")[0] == 200:
                break
        except OSError:
            client = Client(port)
        time.sleep(0.1)
    status, answer = client.ask(
        "PUT", "/collections/soak", {"dimensions": options.dimensions, "plan": options.plan, "metric": "cosine"})
    assert status == 201, answer
    dice = random.Random(7)
    lines = "".join(
        json.dumps({"id": i, "vector": vector(dice), "metadata": {"n": i % 10}}) + "\n" for i in range(options.vectors))
    status, answer = client.ask("POST", "/collections/soak/import", lines)
    assert status == 200, answer
    status, answer = client.ask("POST", "/collections/soak/compact", {})
    assert status == 200, answer
    free = Load(port)
    time.sleep(10)
    free.stop()
    capacity = free.done / 10
    load = Load(port, rate=options.load * capacity, writes=True)
    samples, begin = [], time.monotonic()
    while time.monotonic() - begin < options.minutes * 60:
        time.sleep(min(10, options.minutes * 6))
        taken = load.take()
        status = json.loads(client.ask("GET", "/status")[1])
        info = json.loads(client.ask("GET", "/collections/soak")[1])
        samples.append({
            "seconds": round(time.monotonic() - begin), "memory_bytes": status["memory_bytes"], **resident(pid), "items": info["count"],
            "fresh": info["fresh"], "requests": len(taken), "p50_ms": quantile(taken, 0.5) * 1000,
            "p99_ms": quantile(taken, 0.99) * 1000, "recall": recall_estimate(client.ask("GET", "/metrics")[1].decode()),
        })
        print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
    load.stop()
    quarter = max(1, len(samples) // 4)
    def mean(key, part):
        values = [s[key] for s in part if s[key] is not None]
        return statistics.mean(values) if values else None
    early, late = samples[quarter : 2 * quarter] or samples[:1], samples[-quarter:]
    growth = mean("memory_bytes", late) / mean("memory_bytes", early) - 1
    recalls = [mean("recall", early), mean("recall", late)]
    problems = []
    if load.errors:
        problems.append(f"{len(load.errors)} of {load.done} requests failed, the first: {load.errors[0]}")
    if growth > 0.05:
        problems.append(f"memory grew by {growth:.1%}")
    if None not in recalls and recalls[1] < recalls[0] - 0.02:
        problems.append(f"the recall estimate fell from {recalls[0]:.3f} to {recalls[1]:.3f}")
    return {
        "minutes": options.minutes, "capacity_searches_per_second": capacity, "rate": options.load * capacity,
        "requests": load.done, "memory_growth": growth, "recall": recalls, "p99_ms": mean("p99_ms", late),
        "problems": problems, "samples": samples,
    }


main()
