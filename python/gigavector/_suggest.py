"""Which index for which rows: rules of thumb, by the figures of docs/performance.md."""

from __future__ import annotations

from ._arguments import one_of
from ._types import STORAGES, DistanceType, IndexType, IVFPQConfig

_FEW_ROWS = 5_000  # a scan of so many takes well under a millisecond
_TREE_DIMENSION = 8  # beyond it a tree looks at most rows
_CODED_DIMENSION = 32  # from which on rows have codes


def suggest_index(
    expected_rows: int,
    dimension: int,
    memory_limit: int | None = None,
    distance: DistanceType = DistanceType.EUCLIDEAN,
    storage: str = "f32",
) -> IndexType:
    """The index for `expected_rows` rows of `dimension` components within `memory_limit` bytes (None: no limit).

    FLAT for few rows, KDTREE in few dimensions (not by cosine, which it scans), HNSW for the rest; IVFPQ or FLAT where HNSW would
    not fit, and the smaller of those where neither would. Vectors narrower than "f32" are not for KDTREE.
    """
    one_of(STORAGES, storage, "storage")
    if expected_rows <= _FEW_ROWS:
        return IndexType.FLAT
    if dimension <= _TREE_DIMENSION and storage == "f32" and distance != DistanceType.COSINE:
        return IndexType.KDTREE
    row = _row_bytes(dimension, storage)
    if distance == DistanceType.MANHATTAN:  # for which a graph alone has codes
        row_bytes = {IndexType.HNSW: row + _graph_bytes(dimension), IndexType.FLAT: row}
    else:
        row_bytes = {
            IndexType.HNSW: row + _graph_bytes(dimension),
            IndexType.IVFPQ: row + _lists_bytes(dimension),
            IndexType.FLAT: row + _code_bytes(dimension),
        }
    for index, one in row_bytes.items():
        if memory_limit is None or expected_rows * one <= memory_limit:
            return index
    return min(row_bytes, key=row_bytes.__getitem__)


def suggested_ivfpq(expected_rows: int, dimension: int) -> IVFPQConfig:
    """About sqrt(n) lists, a 4-bit code for every four components, trained as soon as there are rows enough."""
    nlist = max(1, min(65_536, round(expected_rows**0.5)))
    return IVFPQConfig(
        nlist=nlist, m=max(1, min(1024, dimension // 4)), nbits=4, nprobe=max(1, nlist // 16), auto_train=32 * nlist
    )


def _row_bytes(dimension: int, storage: str) -> int:
    row = {"f32": 4 * dimension, "f16": 2 * dimension, "int8": dimension + 4}[storage]
    return row + 24  # id, norm, where its metadata is, bits


def _code_bytes(dimension: int) -> int:
    return dimension + 32 if dimension >= _CODED_DIMENSION else 0


def _graph_bytes(dimension: int) -> int:
    return dimension + 196  # its code; links


def _lists_bytes(dimension: int) -> int:
    return dimension // 8 + 96  # its code; term, slot, and blocks that are not full
