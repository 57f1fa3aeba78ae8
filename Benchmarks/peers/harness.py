"""What every file of rows needs: options, our side as a process, alternating rounds, the table of results."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

THREADS = 2
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

parser = argparse.ArgumentParser()
parser.add_argument("--benchmark", required=True, type=pathlib.Path)
parser.add_argument("--model", required=True, type=pathlib.Path)
parser.add_argument("--work", required=True, type=pathlib.Path)
parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
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


# The figures behind the table: committed, so that a run of some rows keeps the others.
results_path = options.table.with_suffix(".json")
results = json.loads(results_path.read_text()) if results_path.exists() else {}


def row(name, peer, bar, our_seconds, peer_seconds, work, unit, note=""):
    ratio = statistics.median(p / o for o, p in zip(our_seconds, peer_seconds))
    spread = sorted(p / o for o, p in zip(our_seconds, peer_seconds))
    results[f"{name} | {peer}"] = {
        "name": name, "peer": peer, "bar": bar, "ratio": ratio, "low": spread[0], "high": spread[-1],
        "ours": work / statistics.median(our_seconds), "theirs": work / statistics.median(peer_seconds),
        "unit": unit, "note": note, "met": ratio >= bar if bar is not None else None, "rounds": len(spread),
    }
    save()
    print(f"{name} | {peer}: {ratio:.2f}x (bar {bar}) [{spread[0]:.2f}..{spread[-1]:.2f}] {note}", flush=True)


def save():
    results_path.write_text(json.dumps(results, indent=1) + "\n")


# A process counts the memory of the one that started it until it is its own: so a small one starts it.
STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, input=b"\\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mebibytes(command):
    """Peak resident memory of a whole process; it reads one empty line from stdin, which asks `Ours` for one pass."""
    command = [sys.executable, "-c", STARTER, *map(str, command)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def memory_row(name, peer, bar, our_command, peer_command):
    mine, theirs = peak_mebibytes([options.benchmark, *our_command]), peak_mebibytes([sys.executable, *peer_command])
    size_row(name, peer, bar, mine, theirs, "MiB", "whole processes; smaller is better")


# Units of which less is better.
SIZES = ("MiB", "B")


def size_row(name, peer, bar, mine, theirs, unit, note):
    ratio = mine / theirs
    results[f"{name} | {peer}"] = {
        "name": name, "peer": peer, "bar": bar, "ratio": ratio, "low": ratio, "high": ratio, "ours": mine, "theirs": theirs,
        "unit": unit, "note": note, "met": ratio <= bar,
    }
    save()
    print(f"{name}: {mine:,.1f} {unit} against {theirs:,.1f} {unit}: {ratio:.3f}x (bar {bar})", flush=True)


def wanted(name):
    """Whether `--only` asks for the row or the group of that name."""
    return options.only.lower() in name.lower()


def write_table():
    def figure(x):
        return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"

    counts = [r.get("rounds", 4) for r in results.values()]
    rounds = [count for count in counts if count > 1]
    once = " (one where a round takes minutes)" if len(rounds) < len(counts) else ""
    lines = [
        "# Benchmarks", "",
        "Written by `make bench` (`Benchmarks/peers/compare.py`): our binary and the peer on the same input, the same machine and 2 threads,",
        f"alternating, at least {min(rounds)} rounds{once}; the ratio is the median over rounds, in brackets the lowest and the highest. Bars are the least ratio",
        "that we ask of ourselves (for memory the largest).", "",
        f"Machine: {platform.machine()}, {cpu()}, {os.cpu_count()} cores, shared with others; Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ["faiss-cpu", "torch", "sentence-transformers", "tokenizers", "onnxruntime"]) + ".", "",
        "| work | peer | ratio ours/peer | bar | met | ours | peer's | note |", "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in results.values():
        bar = "" if r["bar"] is None else (f"<= {r['bar']}x" if r["unit"] in SIZES else f"{r['bar']}x")
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
