"""What is copied out of a GV_Rows: hits and vectors."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from ._ffi import ffi, lib
from ._types import SearchHit, Vector, found_vectors

_NO_FLOATS: npt.NDArray[np.float32] = np.empty(0, np.float32)


def taken_hits(rows: Any) -> list[SearchHit]:
    """The hits of a GV_Rows, which is freed."""
    try:
        return hits_of(rows)
    finally:
        lib.gv_rows_free(rows)


def hits_of(rows: Any) -> list[SearchHit]:
    """What a GV_Rows of a search holds, copied out of it."""
    count = rows.count
    if count == 0:
        return []
    ids, distances = ffi.unpack(rows.ids, count), ffi.unpack(rows.distances, count)
    return list(map(SearchHit, ids, distances, vectors_of(rows, count)))


def vectors_of(rows: Any, count: int) -> Iterable[Vector]:
    """The rows of a GV_Rows, copied out of it; empty where vectors or metadata were not asked for."""
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
