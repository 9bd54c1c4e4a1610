"""One small class for each native index under test; INDEXES lists them by the name that results carry.

build(rows, metric, threads), then set(setting) one of `sweep`, then search(queries) or one(query) -> ids. save(path)
writes a file or a folder that open(path, ...) of a new object reads. All graphs have M = 16 (32 links at the bottom)
and ef_construction = 200, or what comes nearest to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_data import K

M, EF_CONSTRUCTION = 16, 200
EFS = (10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 800, 1200)


class Index:
    package: str | None = None  # of which the version is told
    sweep: tuple[Any, ...] = EFS
    threads: tuple[int, ...] = (1, 2)  # that a build is timed with; the last one's index is searched
    unit = False  # knows no cosine: rows and queries are scaled to unit length beforehand

    def set(self, setting: Any) -> None:
        self.setting = setting

    def one(self, query: np.ndarray) -> np.ndarray:
        return self.search(query[None])[0]

    def search(self, queries: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def memory_bytes(self) -> int | None:
        """Counted by the library itself; None: what the process grew by is taken."""
        return None


class GigaVector(Index):
    """The code walk: HNSW as it comes."""

    kind, options = "HNSW", {"M": M, "ef_construction": EF_CONSTRUCTION}

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        from gigavector import Database, DistanceType, HNSWConfig, IndexType

        distance = DistanceType.COSINE if metric == "cosine" else DistanceType.EUCLIDEAN
        config = HNSWConfig(**self.options) if self.options else None
        self.db = Database.open(None, rows.shape[1], IndexType[self.kind], distance, config, threads=threads)
        self.db.add_vectors(rows)

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.db.knn_query(queries, K, ef_search=self.setting)[0]

    def one(self, query: np.ndarray) -> np.ndarray:
        return self.db.knn_query(query, K, ef_search=self.setting)[0][0]

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


class GigaVectorHybrid(GigaVector):
    """1-bit codes beside the links. A library without them says so when it is opened."""

    options = {**GigaVector.options, "use_binary_quant": True}


class GigaVectorFlat(GigaVector):
    kind, options, sweep, threads = "FLAT", {}, (None,), (1,)


class Hnswlib(Index):
    package = "hnswlib"

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import hnswlib

        self.index = hnswlib.Index(space=metric, dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(rows, num_threads=threads)

    def set(self, setting: int) -> None:
        self.index.set_ef(setting)

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.knn_query(queries, K, num_threads=1)[0].astype(np.int64)

    def save(self, path: Path) -> None:
        self.index.save_index(str(path))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        import hnswlib

        self.index = hnswlib.Index(space=metric, dim=dimension)
        self.index.load_index(str(path))


class Faiss(Index):
    package, unit = "faiss-cpu", True
    spec = ""  # for index_factory

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        lists = 1024 if len(rows) > 400_000 else 512 if len(rows) > 60_000 else 256
        spec = self.spec.format(lists=lists, half=rows.shape[1] // 2, m=M)
        measure = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
        self.index = faiss.index_factory(rows.shape[1], spec, measure)
        self._prepare()
        self.index.train(rows)
        self.index.add(rows)
        faiss.omp_set_num_threads(1)

    def _prepare(self) -> None:
        """Before rows come in."""

    def parameters(self) -> Any:
        return None

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, K, params=self.parameters())[1]

    def save(self, path: Path) -> None:
        import faiss

        faiss.write_index(self.index, str(path))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path))


class FaissHnsw(Faiss):
    spec = "HNSW{m},Flat"

    def _prepare(self) -> None:
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def parameters(self) -> Any:
        import faiss

        return faiss.SearchParametersHNSW(efSearch=self.setting)


class FaissIvfFastScan(Faiss):
    """Inverted lists of 4-bit product codes, the best reranked; a setting is (lists visited, times K reranked)."""

    spec = "IVF{lists},PQ{half}x4fs,RFlat"
    sweep = (*((p, f) for p in (1, 2, 4, 8, 16, 32, 64, 128) for f in (4, 16)), (128, 32), (256, 64))

    def parameters(self) -> Any:
        import faiss

        lists, factor = self.setting
        return faiss.IndexRefineSearchParameters(
            k_factor=factor, base_index_params=faiss.SearchParametersIVF(nprobe=lists)
        )


class FaissFlat(Faiss):
    """As quick as its matrix product, which it uses for large batches only: 12 times slower by 200 queries a call."""

    spec, sweep, threads = "Flat", (None,), (1,)


class Usearch(Index):
    package = "usearch"

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        from usearch.index import Index as UsearchIndex

        name = "cos" if metric == "cosine" else "l2sq"
        self.index = UsearchIndex(
            ndim=rows.shape[1], metric=name, dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=threads)

    def set(self, setting: int) -> None:
        self.index.expansion_search = setting

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, K, threads=1).keys.astype(np.int64)

    def one(self, query: np.ndarray) -> np.ndarray:
        return self.index.search(query, K, threads=1).keys.astype(np.int64)

    def save(self, path: Path) -> None:
        self.index.save(str(path))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        from usearch.index import Index as UsearchIndex

        self.index = UsearchIndex.restore(str(path))


class Svs(Index):
    """Intel's Vamana over float32 rows; its own codes refuse to run on other makers' CPUs."""

    package, unit = "scalable-vs", True

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import svs

        how = svs.VamanaBuildParameters(alpha=1.2, graph_max_degree=2 * M, window_size=EF_CONSTRUCTION)
        self.index = svs.Vamana.build(how, rows, svs.DistanceType.L2, num_threads=threads)
        self.index.num_threads = 1

    def set(self, setting: int) -> None:
        self.index.search_window_size = setting

    def search(self, queries: np.ndarray) -> np.ndarray:
        return self.index.search(queries, K)[0].astype(np.int64)

    def save(self, path: Path) -> None:
        path.mkdir()
        self.index.save(*(str(path / part) for part in ("config", "graph", "data")))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        import svs

        data = svs.VectorDataLoader(str(path / "data"), svs.DataType.float32)
        graph = svs.GraphLoader(str(path / "graph"))
        self.index = svs.Vamana(str(path / "config"), graph, data, svs.DistanceType.L2, num_threads=1)


class RabitqSymphonyQG(Index):
    package, unit = "rabitqlib", True
    loader = "SymqgIndex"

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import rabitqlib

        self.index = rabitqlib.SymqgIndex(rows.shape[1], 2 * M, metric="l2")
        self.index.build(rows, EF_CONSTRUCTION, num_threads=threads)

    def search(self, queries: np.ndarray) -> np.ndarray:
        found = [np.asarray(part) for part in self.index.search(queries, K, self.setting, num_threads=1)]
        return next(part for part in found if part.dtype.kind in "iu").astype(np.int64)

    def save(self, path: Path) -> None:
        self.index.save(str(path))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        import rabitqlib

        self.index = getattr(rabitqlib, self.loader).load(str(path))


class RabitqHnsw(RabitqSymphonyQG):
    """5-bit codes without rows: around centroids, found here by faiss as part of the build."""

    loader = "HnswIndex"

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import faiss
        import rabitqlib

        faiss.omp_set_num_threads(threads)
        means = faiss.Kmeans(rows.shape[1], 16, niter=10, seed=1)
        means.train(rows)
        nearest = means.index.search(rows, 1)[1][:, 0].astype(np.uint32)
        self.index = rabitqlib.HnswIndex(
            rows.shape[1], len(rows), M=M, ef_construction=EF_CONSTRUCTION, nbits=5, metric="l2"
        )
        self.index.build(rows, means.centroids, nearest, num_threads=threads)
        faiss.omp_set_num_threads(1)


INDEXES: dict[str, type[Index]] = {
    "gigavector": GigaVector,
    "gigavector hybrid": GigaVectorHybrid,
    "gigavector flat": GigaVectorFlat,
    "hnswlib": Hnswlib,
    "faiss hnsw": FaissHnsw,
    "faiss ivf fastscan": FaissIvfFastScan,
    "faiss flat": FaissFlat,
    "usearch": Usearch,
    "svs": Svs,
    "rabitq symphonyqg": RabitqSymphonyQG,
    "rabitq hnsw": RabitqHnsw,
}
