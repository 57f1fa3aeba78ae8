"""Texts to vectors: sentence-transformers, ONNX Runtime and Hugging Face tokenizers beside ours."""

import json
import os
import random
import sys

import numpy as np
from harness import THREADS, Ours, alternate, descriptions, memory_row, options, row, timed, wanted


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
    path, _ = mixed_texts()
    script = (
        "import sys, json, torch; torch.set_num_threads(2)\n"
        "from sentence_transformers import SentenceTransformer\n"
        "m = SentenceTransformer(sys.argv[1], device='cpu')\n"
        "m.encode([json.loads(l)['text'] for l in open(sys.argv[2])], batch_size=32)\n"
    )
    memory_row(
        "peak memory of encode", "sentence-transformers", 0.35,
        ["encode", options.model, path, "float32", options.work / "encode-float32.npy"], ["-c", script, options.model, path])


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


def run():
    for name, bench in [("encode", bench_encode), ("onnx", bench_encode_onnx), ("memory of encode", bench_memory), ("tokenizing", bench_tokenize)]:
        if wanted(name):
            bench()
