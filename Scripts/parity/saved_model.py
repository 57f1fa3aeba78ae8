#!/usr/bin/env python3
"""Holds the vectors of a folder that `kukla train` wrote against those that sentence-transformers makes of it.

    python Scripts/parity/saved_model.py tuned [path of kukla]

Fails where a component differs by 1e-4 or more.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
from sentence_transformers import SentenceTransformer

folder = pathlib.Path(sys.argv[1])
kukla = sys.argv[2] if len(sys.argv) > 2 else ".build/release/kukla"
texts = [
    "A man is playing a guitar.", "Two dogs run through the snow", "naïve café, 東京 and a ☕",
    "word " * 400, "x", "The quick brown fox jumps over the lazy dog.",
]
with tempfile.TemporaryDirectory() as place:
    source, vectors = pathlib.Path(place) / "texts.txt", pathlib.Path(place) / "vectors.npy"
    source.write_text("\n".join(texts) + "\n")
    subprocess.run([kukla, "embed", source, "--model", folder, "-o", vectors, "-q"], check=True)
    ours = numpy.load(vectors)
theirs = SentenceTransformer(str(folder), device="cpu").encode(texts)
worst = float(numpy.abs(ours - theirs).max())
print(f"{folder}: {ours.shape[0]} texts, {ours.shape[1]} dimensions, greatest difference {worst:.2e}")
sys.exit(0 if ours.shape == theirs.shape and worst < 1e-4 else 1)
