"""The peers, one small class for each, and INDEXES: all that is measured natively, by the name that results carry.

bench_index.py says what an index can do. Each class imports its package when it builds or opens, so that one which is
not installed is missed by nobody else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_data import K
from bench_index import (
    EF_CONSTRUCTION,
    EFS,
    IVF_PROBES,
    GigaVector,
    GigaVectorF16,
    GigaVectorFlat,
    GigaVectorFlatInt8,
    GigaVectorHybrid,
    GigaVectorInt8,
    GigaVectorIvfpq,
    GigaVectorIvfpqCodes,
    Index,
    M,
)

__all__ = ["EFS", "INDEXES", "Index"]


class Hnswlib(Index):
    package, filters = "hnswlib", True

    def build(self, rows: np.ndarray, metric: str, threads: int) -> None:
        import hnswlib

        self.index = hnswlib.Index(space=metric, dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(rows, num_threads=threads)

    def set(self, setting: int) -> None:
        self.index.set_ef(setting)

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        return self.index.knn_query(queries, k, num_threads=1)[0].astype(np.int64)

    def filter_of(self, column: str, group: int, passes: np.ndarray) -> Any:
        """Python called back for every row that the walk meets: slow, but the only filter the package has."""
        return passes.tobytes().__getitem__

    def one_filtered(self, query: np.ndarray, k: int, chosen: Any) -> Any:
        try:
            return self.index.knn_query(query[None], k, num_threads=1, filter=chosen)[0][0].astype(np.int64)
        except RuntimeError:  # it found fewer than k, and gives none of them
            return ()

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

    def parameters(self, selector: Any = None) -> Any:
        return None

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        return self.index.search(queries, k, params=self.parameters())[1]

    def filter_of(self, column: str, group: int, passes: np.ndarray) -> Any:
        import faiss

        bits = np.packbits(passes, bitorder="little")
        return faiss.IDSelectorBitmap(bits), bits  # which the selector borrows

    def one_filtered(self, query: np.ndarray, k: int, chosen: Any) -> Any:
        return self.index.search(query[None], k, params=self.parameters(chosen[0]))[1][0]

    def save(self, path: Path) -> None:
        import faiss

        faiss.write_index(self.index, str(path))

    def open(self, path: Path, dimension: int, metric: str) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(path))


class FaissHnsw(Faiss):
    spec, filters = "HNSW{m},Flat", True

    def _prepare(self) -> None:
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def parameters(self, selector: Any = None) -> Any:
        import faiss

        return faiss.SearchParametersHNSW(efSearch=self.setting, sel=selector)


class FaissIvfFastScan(Faiss):
    """Inverted lists of 4-bit product codes, the best reranked; a setting is (lists visited, times K reranked)."""

    spec = "IVF{lists},PQ{half}x4fs,RFlat"
    sweep = (*((p, f) for p in IVF_PROBES for f in (4, 16)), (128, 32), (256, 64))

    def parameters(self, selector: Any = None) -> Any:
        import faiss

        lists, factor = self.setting
        return faiss.IndexRefineSearchParameters(
            k_factor=factor, base_index_params=faiss.SearchParametersIVF(nprobe=lists)
        )


class FaissIvfCodes(Faiss):
    """The same without the vectors; a setting is the lists visited."""

    spec, sweep = "IVF{lists},PQ{half}x4fs", (*IVF_PROBES, 256)

    def parameters(self, selector: Any = None) -> Any:
        import faiss

        return faiss.SearchParametersIVF(nprobe=self.setting)


class FaissFlat(Faiss):
    """As quick as its matrix product, which it uses for large batches only: 12 times slower by 200 queries a call."""

    spec, sweep, threads, filters = "Flat", (None,), (1,), True

    def parameters(self, selector: Any = None) -> Any:
        import faiss

        return faiss.SearchParameters(sel=selector) if selector else None


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

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        return self.index.search(queries, k, threads=1).keys.astype(np.int64)

    def one(self, query: np.ndarray, k: int = K) -> np.ndarray:
        return self.index.search(query, k, threads=1).keys.astype(np.int64)

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

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        return self.index.search(queries, k)[0].astype(np.int64)

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

    def search(self, queries: np.ndarray, k: int = K) -> np.ndarray:
        found = [np.asarray(part) for part in self.index.search(queries, k, self.setting, num_threads=1)]
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
    "gigavector f16": GigaVectorF16,
    "gigavector int8": GigaVectorInt8,
    "gigavector flat": GigaVectorFlat,
    "gigavector flat int8": GigaVectorFlatInt8,
    "gigavector ivfpq": GigaVectorIvfpq,
    "gigavector ivfpq codes": GigaVectorIvfpqCodes,
    "hnswlib": Hnswlib,
    "faiss hnsw": FaissHnsw,
    "faiss ivf fastscan": FaissIvfFastScan,
    "faiss ivf codes": FaissIvfCodes,
    "faiss flat": FaissFlat,
    "usearch": Usearch,
    "svs": Svs,
    "rabitq symphonyqg": RabitqSymphonyQG,
    "rabitq hnsw": RabitqHnsw,
}
