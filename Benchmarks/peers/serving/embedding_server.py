"""What people run today: FastAPI around a SentenceTransformer, `/v1/embeddings` as far as the benchmark asks for it.

The model runs in a thread of its own, as FastAPI does with functions that are not async: requests wait for each other.
"""

import os
import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
model = SentenceTransformer(sys.argv[1], device="cpu")
app = FastAPI()


class Wanted(BaseModel):
    input: str | list[str]
    model: str


@app.post("/v1/embeddings")
def embeddings(wanted: Wanted):
    texts = [wanted.input] if isinstance(wanted.input, str) else wanted.input
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors.tolist())]
    return {"object": "list", "data": data, "model": wanted.model, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
