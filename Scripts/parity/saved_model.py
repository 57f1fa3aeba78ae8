#!/usr/bin/env python3
"""Holds the vectors of a folder that `kukla train` wrote against those that sentence-transformers makes of it, or, for late
interaction, those that PyLate's two modules make: the transformer, and a linear layer behind every token.

    python Scripts/parity/saved_model.py tuned [path of kukla]
    python Scripts/parity/saved_model.py small path-of-kukla elastic 48 3

The second form is for a folder that `kukla export` cut: ours are those of the whole model at that size. Prompts that the folder names are
held against `kukla embed --instruction` too. Fails where a component differs by 1e-4 or more.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

folder = pathlib.Path(sys.argv[1])
kukla = sys.argv[2] if len(sys.argv) > 2 else ".build/release/kukla"
model = sys.argv[3] if len(sys.argv) > 3 else folder
size = ["--dims", sys.argv[4], "--layers", sys.argv[5]] if len(sys.argv) > 5 else []
texts = [
    "A man is playing a guitar.", "Two dogs run through the snow", "naïve café, 東京 and a ☕",
    "word " * 400, "x", "The quick brown fox jumps over the lazy dog.",
]
is_late = any("pylate" in module["type"] for module in json.loads((folder / "modules.json").read_text()))


def token_vectors():
    dense = load_file(folder / "1_Dense" / "model.safetensors")
    length = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")
            states = model(**tokens).last_hidden_state[0]
            projected = torch.nn.functional.linear(states, dense["linear.weight"], dense["linear.bias"])
            yield torch.nn.functional.normalize(projected, dim=1).numpy()


def our_vectors(flags):
    with tempfile.TemporaryDirectory() as place:
        source, vectors = pathlib.Path(place) / "texts.txt", pathlib.Path(place) / "vectors.npy"
        source.write_text("\n".join(texts) + "\n")
        subprocess.run([kukla, "embed", source, "--model", model, *size, "-o", vectors, "-q", *flags], check=True)
        return numpy.load(vectors)


def compare(name, ours, theirs):
    if ours.shape != theirs.shape:
        sys.exit(f"{name}: vectors of shape {ours.shape}, expected {theirs.shape}")
    worst = float(numpy.abs(ours - theirs).max())
    print(f"{name}: {ours.shape[0]} vectors, {ours.shape[1]} dimensions, greatest difference {worst:.2e}")
    if not worst < 1e-4:
        sys.exit(1)


if is_late:
    compare(folder, our_vectors(["--multi-vector"]), numpy.concatenate(list(token_vectors())))
else:
    peer = SentenceTransformer(str(folder), device="cpu")
    compare(folder, our_vectors([]), peer.encode(texts))
    for name, prompt in peer.prompts.items():
        # sentence-transformers knows "query" and "document" of its own, empty where the folder does not say.
        if prompt:
            theirs = peer.encode(texts, prompt_name=name)
            compare(f"{folder}, prompt '{name}'", our_vectors(["--instruction", name]), theirs)
