"""Sparse rows: (index, value) pairs in place of vectors, for databases whose index is SPARSE; and the fusion of two rankings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arguments import c_string, row_id
from ._arrays import FLOATS
from ._errors import ArgumentError, check
from ._ffi import ffi, lib
from ._metadata import borrowed, pack_rows
from ._types import SearchHit

UINT32S = ffi.typeof("uint32_t[]")
_UINT64S = ffi.typeof("uint64_t[]")
_NULL = ffi.NULL
Pairs = tuple[npt.ArrayLike, npt.ArrayLike]  # indices, values


class SparseCalls:
    """What `Database` offers for rows of pairs, when its index is SPARSE. Searches for them: _sparse_search.py."""

    _call: Callable[..., Any]

    def add_sparse_vector(
        self, indices: npt.ArrayLike, values: npt.ArrayLike, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Append one sparse row; returns its id. `indices` ascend, each once, below the dimension."""
        return self._add_sparse(*one_row(indices, values), None if metadata is None else [metadata])[0]

    def add_sparse_vectors(self, rows: Any, metadata: Iterable[Mapping[str, str] | None] | None = None) -> list[int]:
        """Append many sparse rows, all or none; returns their ids.

        rows: a SciPy CSR matrix or array (anything with indptr, indices and data), or a sequence of (indices, values).
        """
        return self._add_sparse(*many_rows(rows), metadata)

    def _add_sparse(
        self,
        starts: npt.NDArray[np.uint64],
        indices: npt.NDArray[np.uint32],
        values: npt.NDArray[np.float32],
        metadata: Iterable[Mapping[str, str] | None] | None,
        key: str | None = None,
    ) -> list[int]:
        count = len(starts) - 1
        packed = pack_rows(metadata, count) if metadata is not None else b""
        rows, _keep = lent_rows(starts, indices, values)
        ids: npt.NDArray[np.uint64] = np.empty(count, np.uint64)
        pairs = borrowed(packed) if packed else _NULL
        out = ffi.from_buffer(_UINT64S, ids)
        if key is None:
            check(self._call(lib.gv_db_add_sparse, rows, pairs, out))
        else:
            check(self._call(lib.gv_db_upsert_sparse, rows, pairs, c_string(key, "key"), out))
        listed: list[int] = ids.tolist()
        return listed

    def upsert_sparse_vectors(self, rows: Any, metadata: Iterable[Mapping[str, str]], key: str = "id") -> list[int]:
        """Write sparse rows, all or none, each in place of the row with the same `metadata[key]`, as upsert_many() does; their ids."""
        return self._add_sparse(*many_rows(rows), metadata, key)

    def update_sparse_vector(self, id: int, indices: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Replace the pairs of a row, keeping its id and metadata."""
        _, kept_indices, kept_values = one_row(indices, values)
        lent = ffi.from_buffer(UINT32S, kept_indices), ffi.from_buffer(FLOATS, kept_values)
        check(self._call(lib.gv_db_update_sparse, row_id(id), *lent, len(kept_indices)))


def reciprocal_rank_fusion(*rankings: Iterable[SearchHit | int], k: int = 60) -> list[tuple[int, float]]:
    """Join the results of several searches for one thing, such as a dense and a sparse one: (id, score), best first.

    A row's score is the sum of 1 / (k + rank) over the rankings that have it, ranks from 1 (Cormack, Clarke & Buettcher, SIGIR
    2009); equal scores are in order of ids. The databases must give one thing the same id, as they do when rows are added to
    both in the same order.
    """
    if k < 0:
        raise ArgumentError(f"k must be at least 0, got {k}")
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            id = hit.id if isinstance(hit, SearchHit) else int(hit)
            scores[id] = scores.get(id, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _indices_of(given: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size > 0):
        raise ArgumentError(f"indices must be one row of whole numbers, got {array.dtype} of shape {array.shape}")
    if array.size > 0 and (array.min() < 0 or array.max() > 0xFFFFFFFF):
        raise ArgumentError(f"indices must be from 0 to 2^32 - 1, got {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, np.uint32)


def _starts_of(given: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.size > 0 and (array.dtype.kind not in "iu" or array.min() < 0)):
        raise ArgumentError(f"indptr must be one row of whole numbers from 0, got {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, np.uint64)


def _values_of(given: npt.ArrayLike) -> npt.NDArray[np.float32]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "iuf" and array.size > 0):
        raise ArgumentError(f"values must be one row of numbers, got {array.dtype} of shape {array.shape}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        return np.ascontiguousarray(array, np.float32)


def lent_rows(
    starts: npt.NDArray[np.uint64], indices: npt.NDArray[np.uint32], values: npt.NDArray[np.float32]
) -> tuple[Any, list[Any]]:
    """A GV_SparseRows that points into these, and what must live as long."""
    lent = [ffi.from_buffer(_UINT64S, starts), ffi.from_buffer(UINT32S, indices), ffi.from_buffer(FLOATS, values)]
    return ffi.new("GV_SparseRows *", [len(starts) - 1, *lent]), lent


def one_row(
    indices: npt.ArrayLike, values: npt.ArrayLike
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    kept_indices, kept_values = _indices_of(indices), _values_of(values)
    if len(kept_indices) != len(kept_values):
        raise ArgumentError(f"{len(kept_indices)} indices, but {len(kept_values)} values")
    return np.array([0, len(kept_indices)], np.uint64), kept_indices, kept_values


def many_rows(rows: Any) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.float32]]:
    if hasattr(rows, "indptr"):
        if getattr(rows, "format", "csr") != "csr":
            raise ArgumentError(f"a sparse matrix must be in CSR form, got {rows.format}: use .tocsr()")
        starts, indices, values = _starts_of(rows.indptr), _indices_of(rows.indices), _values_of(rows.data)
        if len(starts) == 0 or int(starts[-1]) > min(len(indices), len(values)):
            raise ArgumentError("indptr of the sparse matrix goes beyond its indices")
        return starts, indices, values
    if not isinstance(rows, Sequence):
        rows = list(rows)
    parts = [one_row(*_pair(row, i)) for i, row in enumerate(rows)]
    starts = np.zeros(len(parts) + 1, np.uint64)
    np.cumsum([len(part[1]) for part in parts], out=starts[1:], dtype=np.uint64)
    if not parts:
        return starts, np.empty(0, np.uint32), np.empty(0, np.float32)
    return starts, np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])


def _pair(row: Any, index: int) -> Pairs:
    if not isinstance(row, Sequence) or len(row) != 2:
        raise ArgumentError(f"sparse row {index} must be a pair (indices, values), got {type(row).__name__}")
    return row[0], row[1]
