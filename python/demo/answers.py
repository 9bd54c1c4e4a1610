"""Questions to answers: embed, search, print, and keep for the Node half of the demo."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gigavector import Database, SearchHit

from embedder import Embedder


@dataclass(frozen=True)
class Answer:
    question: str
    vector: np.ndarray  # of the question, float32 [384]
    hits: list[SearchHit]  # nearest first
    embed_ms: float
    search_ms: float


def ask(db: Database, embedder: Embedder, question: str, k: int) -> Answer:
    begin = time.perf_counter()
    vector = embedder.embed(question)
    middle = time.perf_counter()
    hits = db.search(vector, k)
    end = time.perf_counter()
    return Answer(question, vector, hits, (middle - begin) * 1e3, (end - middle) * 1e3)


def show(answer: Answer) -> None:
    print(f"\n{answer.question}")
    for hit in answer.hits:
        row = hit.vector.metadata
        kind = f"[{row['section']}, {_size(row['size'])}]"
        print(f"  {hit.distance:.4f}  {row['package']:<24}  {row['description']}  {kind}")
    print(f"  embedded in {answer.embed_ms:.1f} ms, searched in {answer.search_ms:.2f} ms")


def _size(kib: str) -> str:
    return f"{int(kib) / 1024:.1f} MiB" if int(kib) >= 1024 else f"{kib} KiB"


def write_answers(path: Path, database: Path, k: int, answers: list[Answer]) -> None:
    """Write what js/demo/reopen.mjs repeats. Floats keep all their digits, so it can compare with ==."""
    record = {
        "database": os.path.relpath(database, path.parent),
        "k": k,
        "answers": [
            {
                "question": answer.question,
                "vector": answer.vector.tolist(),
                "hits": [[hit.id, float(hit.distance)] for hit in answer.hits],
            }
            for answer in answers
        ],
    }
    path.write_text(json.dumps(record) + "\n")
