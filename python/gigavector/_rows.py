"""What is copied out of a GV_Rows: hits, groups, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._ffi import ffi, lib
from ._packed import unpack_rows
from ._types import RangeHits, Row, SearchHit, SparseVector, Vector, found_vectors

_T = TypeVar("_T")
_NO_FLOATS: npt.NDArray[np.float32] = np.empty(0, np.float32)


def taken(read: Callable[[Any], _T], rows: Any) -> _T:
    """What `read` copies out of a GV_Rows, which is freed."""
    try:
        return read(rows)
    finally:
        lib.gv_rows_free(rows)


def hits_of(rows: Any) -> list[SearchHit]:
    """What a GV_Rows of a search holds, copied out of it."""
    count = rows.count
    if count == 0:
        return []
    ids, distances = ffi.unpack(rows.ids, count), ffi.unpack(rows.distances, count)
    return list(map(SearchHit, ids, distances, vectors_of(rows, count)))


def range_hits(rows: Any) -> RangeHits:
    return RangeHits(hits_of(rows), int(rows.total))


def groups_of(rows: Any) -> list[list[SearchHit]]:
    groups: list[list[SearchHit]] = []
    for number, hit in zip(ffi.unpack(rows.groups, rows.count) if rows.count else (), hits_of(rows), strict=True):
        if number == len(groups):
            groups.append([])
        groups[number].append(hit)
    return groups


def page_of(rows: Any) -> list[Row]:
    count = rows.count
    return list(map(Row, ffi.unpack(rows.ids, count), vectors_of(rows, count))) if count else []


def vectors_of(rows: Any, count: int) -> Iterable[Vector]:
    """The rows of a GV_Rows, copied out of it; empty where vectors or metadata were not asked for."""
    if rows.starts:
        return sparse_vectors_of(rows, count)
    lent, dimension = rows.vectors, rows.dimension
    data: Iterable[npt.NDArray[np.float32]]
    if lent:
        floats = np.frombuffer(bytearray(ffi.buffer(lent, 4 * count * dimension)), np.float32)
        data = list(floats.reshape(count, dimension))
    else:
        data = repeat(_NO_FLOATS, count)
    lent = rows.metadata
    if not lent:
        return map(Vector, data)
    return found_vectors(data, ffi.buffer(lent, rows.metadata_bytes)[:], count)


def sparse_vectors_of(rows: Any, count: int) -> list[Vector]:
    starts = ffi.unpack(rows.starts, count + 1)
    indices = np.frombuffer(bytearray(ffi.buffer(rows.indices, 4 * starts[-1])), np.uint32)
    values = np.frombuffer(bytearray(ffi.buffer(rows.values, 4 * starts[-1])), np.float32)
    lent = rows.metadata
    metadata = unpack_rows(ffi.buffer(lent, rows.metadata_bytes)[:], count) if lent else [{} for _ in range(count)]
    made: list[Vector] = []
    for row in range(count):
        part = slice(starts[row], starts[row + 1])
        vector = SparseVector(values[part], metadata[row])
        vector.indices = indices[part]
        made.append(vector)
    return made
