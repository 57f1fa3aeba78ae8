"""A collection in qdrant-client's local mode or in chromadb, served by FastAPI: `search_server.py qdrant|chroma VECTORS.npy FOLDER PORT`."""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

kind, path, folder, port = sys.argv[1:]
vectors = np.load(path)


class Wanted(BaseModel):
    vector: list[float]
    k: int = 10


if kind == "qdrant":
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection(
        "apt", vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE))
    for start in range(0, len(vectors), 4096):
        part = vectors[start : start + 4096]
        client.upload_collection("apt", vectors=part, ids=range(start, start + len(part)))

    def search(wanted):
        found = client.query_points("apt", query=wanted.vector, limit=wanted.k).points
        return [{"id": p.id, "score": p.score} for p in found]
else:
    import chromadb

    client = chromadb.PersistentClient(folder)
    collection = client.get_or_create_collection("apt", metadata={"hnsw:space": "cosine"})
    if collection.count() < len(vectors):
        for start in range(0, len(vectors), 4096):
            part = vectors[start : start + 4096]
            collection.add(embeddings=part, ids=[str(i) for i in range(start, start + len(part))])

    def search(wanted):
        found = collection.query(query_embeddings=[wanted.vector], n_results=wanted.k, include=["distances"])
        return [{"id": i, "score": 1 - d} for i, d in zip(found["ids"][0], found["distances"][0])]


app = FastAPI()


@app.post("/search")
def answer(wanted: Wanted):
    return {"hits": search(wanted)}


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
