"""Items into a collection on disk that answers searches: chromadb and lancedb beside ours."""

import itertools
import json
import shutil
import subprocess

import numpy as np
from harness import THREADS, alternate, descriptions, options, row, timed, wanted
from search_rows import vectors

KUKLA = options.benchmark.with_name("kukla")
BATCH = 4096
passes = itertools.count()


def items():
    """The vectors of the package descriptions as npy, and beside them JSON lines with an id, a text and metadata each."""
    base_path, _ = vectors("apt")
    path = options.work / "import-items.jsonl"
    _, texts = descriptions()
    count = len(np.load(base_path, mmap_mode="r"))
    rows = [{"id": f"p{i}", "text": texts[i], "length": len(texts[i]), "first": texts[i][:1]} for i in range(count)]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return base_path, path, rows


def fresh(name):
    folder = options.work / f"import-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def kukla(base_path, item_path, plan):
    """Seconds of our commands, from making the store on; every batch is on disk before the next."""
    folder = fresh("kukla")
    common = [folder, "apt"]
    named = ["--items", item_path] if item_path else ["--first-id", "0"]
    commands = [
        ["create", *common, "--dimensions", "384", *(["--plan", plan] if plan else [])],
        ["import", *common, base_path, *named, "--batch", BATCH, "--threads", THREADS, "--quiet", *([] if plan else ["--no-index"])],
    ]
    def run():
        for command in commands:
            subprocess.run([str(word) for word in [KUKLA, "collection", *command]], check=True)
    return timed(run)


def chroma(data, rows):
    """Seconds until chromadb has added all: its graph grows with every batch."""
    import chromadb

    # chromadb keeps what it knows of a folder for as long as the process lives: each pass has one of its own.
    folder = fresh(f"chroma-{next(passes)}")
    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    def run():
        collection = client.create_collection("apt", metadata={"hnsw:space": "cosine"})
        for start in range(0, len(data), BATCH):
            part = slice(start, start + BATCH)
            more = {}
            if rows:
                more["documents"] = [r["text"] for r in rows[part]]
                more["metadatas"] = [{"length": r["length"], "first": r["first"] or " "} for r in rows[part]]
            ids = [r["id"] for r in rows[part]] if rows else [str(i) for i in range(start, start + len(data[part]))]
            collection.add(ids=ids, embeddings=data[part], **more)
        assert collection.count() == len(data)
        assert collection.query(query_embeddings=data[:1], n_results=1)["ids"]
    seconds = timed(run)
    shutil.rmtree(folder, ignore_errors=True)
    return seconds


def lance(data, rows, is_indexed):
    """Seconds until lancedb has written all, with its graph over lists and its full-text index where these are wanted."""
    import lancedb
    import pyarrow as pa

    database = lancedb.connect(str(fresh("lance")))
    def table(part):
        columns = {"vector": pa.FixedSizeListArray.from_arrays(pa.array(data[part].reshape(-1)), data.shape[1])}
        if rows:
            for key in ["id", "text", "length", "first"]:
                columns[key] = pa.array([r[key] for r in rows[part]])
        else:
            columns["id"] = pa.array(range(part.start, part.start + len(data[part])))
        return pa.table(columns)
    def run():
        made = database.create_table("apt", table(slice(0, BATCH)))
        for start in range(BATCH, len(data), BATCH):
            made.add(table(slice(start, start + BATCH)))
        if is_indexed:
            made.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1)
            if rows:
                made.create_fts_index("text")
        assert made.count_rows() == len(data)
        assert len(made.search(data[0], vector_column_name="vector").limit(1).to_list()) == 1
    return timed(run)


def run():
    title = "import, 63k x 384"
    kinds = [
        (f"{title}, vectors with ids, texts and metadata, graph and words indexed", True, "HNSW16,SQ8"),
        (f"{title}, vectors with ids, graph", False, "HNSW16,SQ8"),
        (f"{title}, vectors with ids, written only", False, None),
    ]
    kinds = [kind for kind in kinds if wanted(kind[0])]
    if not kinds:
        return
    base_path, item_path, rows = items()
    data = np.load(base_path)
    for name, has_texts, plan in kinds:
        given = rows if has_texts else None
        peers = [("lancedb", lambda: lance(data, given, plan is not None))]
        if plan:
            peers.append(("chromadb", lambda: chroma(data, given)))
        for peer, side in peers:
            ours, theirs = alternate(lambda: kukla(base_path, item_path if has_texts else None, plan), side)
            note = "ours with every batch on disk (synchronous=FULL) and from files, theirs from memory"
            row(name, peer, 2.0, ours, theirs, len(data), "items/s", note)
