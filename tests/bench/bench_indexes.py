"""One small class for each index under test: build(rows, metric), search(queries, ef) -> ids, memory_bytes()."""

from __future__ import annotations

import os
import resource

import numpy as np
from bench_data import K

M, EF_CONSTRUCTION = 16, 200


def _resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


class GigaVector:
    name = "gigavector"

    def __init__(self, index: str = "HNSW") -> None:
        self._index = index

    def build(self, rows: np.ndarray, metric: str) -> None:
        from gigavector import Database, DistanceType, HNSWConfig, IndexType

        distance = DistanceType.COSINE if metric == "cosine" else DistanceType.EUCLIDEAN
        config = HNSWConfig(M=M, ef_construction=EF_CONSTRUCTION) if self._index == "HNSW" else None
        self.db = Database.open(None, rows.shape[1], IndexType[self._index], distance, config)
        self.db.add_vectors(rows)

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        return self.db.knn_query(queries, K, ef_search=ef)[0]

    def delete(self, ids: np.ndarray) -> None:
        self.db.delete_vectors(ids.tolist())

    def memory_bytes(self) -> int:
        return self.db.get_memory_usage()


class Hnswlib:
    name = "hnswlib"

    def build(self, rows: np.ndarray, metric: str) -> None:
        import hnswlib

        before = _resident()
        self.index = hnswlib.Index(space=metric, dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(rows, num_threads=1)
        self._bytes = _resident() - before

    def search(self, queries: np.ndarray, ef: int) -> np.ndarray:
        self.index.set_ef(ef)
        return self.index.knn_query(queries, K, num_threads=1)[0].astype(np.int64)

    def memory_bytes(self) -> int:
        return self._bytes


def machine() -> str:
    """What the numbers were measured on."""
    with open("/proc/cpuinfo") as f:
        info = f.read()
    model = info.split("model name\t: ", 1)[1].split("\n", 1)[0] if "model name\t: " in info else "unknown CPU"
    return f"{model}, {os.cpu_count()} cores"
