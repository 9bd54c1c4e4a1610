"""What an index under test can do, and ours. The peers, and the table of all, are in bench_indexes.py.

build(rows, metric, threads), then set(setting) one of `sweep`, then search(queries, k) or one(query, k) -> ids.
save(path) writes a file or a folder that open(path, ...) of a new object reads. Where `filters`: know(columns) before
build, then filter_of(...) makes what one_filtered(query, k, filter) takes. All graphs have M = 16 (32 links at the
bottom) and ef_construction = 200, or what comes nearest to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_data import K

M, EF_CONSTRUCTION, EF_DEFAULT = 16, 200, 50
IVF_PROBES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
EFS = (10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 800, 1200)


class Index:
    package: str | None = None  # of which the version is told
    sweep: tuple[Any, ...] = EFS
    threads: tuple[int, ...] = (1, 2)  # that a build is timed with; the last one's index is searched
    unit = False  # knows no cosine: rows and queries are scaled to unit length beforehand
    filters = False

    def set(self, setting: Any) -> None:
        self.setting = setting

    @classmethod
    def default(cls, k: int) -> Any:
        """The setting for k hits that a user who sets nothing is compared by: ours, or an ef like ours."""
        return max(EF_DEFAULT, k) if cls.sweep is EFS else cls.sweep[-1]

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        raise NotImplementedError

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        raise NotImplementedError

    def one(self, query: np.ndarray, k: int = K) -> np.ndarray:
        return self.search(query[None], k)[0]

    def know(self, columns: dict[str, np.ndarray]) -> None:
        """The groups that the rows of the next build are in, by column: int32 [rows], -1 for none."""

    def filter_of(self, column: str, group: int, passes: np.ndarray) -> Any:
        """What stands for the rows of a group, which `passes` (bool [rows]) says one by one."""
        raise NotImplementedError

    def one_filtered(self, query: np.ndarray, k: int, chosen: Any) -> Any:
        """At most k ids; fewer where the index found no more."""
        raise NotImplementedError

    def memory_bytes(self) -> int | None:
        """Counted by the library itself; None: what the process grew by is taken."""
        return None


class GigaVector(Index):
    """The code walk: HNSW as it comes."""

    kind, options, filters = "HNSW", {"M": M, "ef_construction": EF_CONSTRUCTION}, True
    storage = "f32"
    metadata: list[dict[str, str]] | None = None  # of the rows to come

    @classmethod
    def default(cls, k: int) -> Any:
        return None

    def know(self, columns: dict[str, np.ndarray]) -> None:
        names = list(columns)
        rows = zip(*(groups.tolist() for groups in columns.values()), strict=True)
        self.metadata = [
            {name: str(group) for name, group in zip(names, row, strict=True) if group >= 0} for row in rows
        ]

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        from gigavector import Database, DistanceType, HNSWConfig, IndexType

        distance = DistanceType.COSINE if metric == "cosine" else DistanceType.EUCLIDEAN
        config = HNSWConfig(**self.options) if self.options else None
        self.db = Database.open(
            None, rows.shape[1], IndexType[self.kind], distance, config, threads=threads, storage=self.storage
        )
        self.db.add_vectors(rows, self.metadata)

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        return self.db.knn_query(queries, k, ef_search=self.setting)[0]

    def one(self, query: np.ndarray, k: int = K) -> np.ndarray:
        return self.db.knn_query(query, k, ef_search=self.setting)[0][0]

    def filter_of(self, column: str, group: int, passes: np.ndarray) -> tuple[str, str]:
        return column, str(group)

    def one_filtered(self, query: np.ndarray, k: int, chosen: tuple[str, str]) -> np.ndarray:
        return self.db.knn_query(query, k, ef_search=self.setting, filter_metadata=chosen)[0][0]

    def memory_bytes(self) -> int:
        return self.db.get_memory_usage()

    def save(self, path: Path) -> None:
        self.db.save(path)

    def open(self, path: Path, dimension: int, metric: str) -> None:
        from gigavector import Database

        self.db = Database.open(path)

    def open_mapped(self, path: Path, dimension: int, metric: str) -> None:
        from gigavector import Database

        self.db = Database.open_mmap(path)

    def open_to_write(self, path: Path) -> None:
        """Without a sync a call: what an insertion costs, and not what the disk does."""
        from gigavector import Database

        self.db = Database.open(path, durability="none", checkpoint_on_close=False)

    def insert(self, row: np.ndarray) -> None:
        self.db.add_vector(row)


class GigaVectorHybrid(GigaVector):
    """1-bit codes beside the links. A library without them says so when it is opened."""

    options = {**GigaVector.options, "use_binary_quant": True}


class GigaVectorF16(GigaVector):
    storage, threads, filters = "f16", (2,), False


class GigaVectorInt8(GigaVectorF16):
    storage = "int8"


class GigaVectorFlat(GigaVector):
    kind, options, sweep, threads = "FLAT", {}, (None,), (1,)


class GigaVectorFlatInt8(GigaVectorFlat):
    storage, filters = "int8", False


class GigaVectorIvfpq(GigaVector):
    """The lists and the code bytes of faiss's; a setting is (lists visited, rows reranked)."""

    options, keeps = {"nbits": 4}, True
    sweep = (*((p, f * K) for p in IVF_PROBES for f in (4, 16)), (128, 32 * K), (256, 64 * K))
    filters = False

    @classmethod
    def default(cls, k: int) -> Any:
        return cls.sweep[-1]

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        from gigavector import Database, DistanceType, IndexType, IVFPQConfig

        lists = 1024 if len(rows) > 400_000 else 512 if len(rows) > 60_000 else 256
        config = IVFPQConfig(nlist=lists, m=rows.shape[1] // 2, keep_vectors=self.keeps, **self.options)
        distance = DistanceType.COSINE if metric == "cosine" else DistanceType.EUCLIDEAN
        self.db = Database.open(
            None, rows.shape[1], IndexType.IVFPQ, distance, ivfpq_config=config, threads=threads
        )
        self.db.train_ivfpq(rows)
        self.db.add_vectors(rows)

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        lists, rows = self.setting
        return self.db.knn_query(queries, k, nprobe=lists, rerank=rows)[0]

    def one(self, query: np.ndarray, k: int = K) -> np.ndarray:
        return self.search(query, k)[0]


class GigaVectorIvfpqCodes(GigaVectorIvfpq):
    """Without the vectors, which training has dropped."""

    keeps = False
