"""Which index for which rows: rules of thumb, by the figures of docs/performance.md."""

from __future__ import annotations

from ._types import DistanceType, IndexType, IVFPQConfig

_FEW_ROWS = 5_000  # a scan of so many takes well under a millisecond
_TREE_DIMENSION = 8  # beyond it a tree looks at most rows


def suggest_index(
    expected_rows: int,
    dimension: int,
    memory_limit: int | None = None,
    distance: DistanceType = DistanceType.EUCLIDEAN,
) -> IndexType:
    """The index for `expected_rows` rows of `dimension` components within `memory_limit` bytes (None: no limit).

    FLAT for few rows, KDTREE in few dimensions (not by cosine, which it scans), HNSW for the rest; IVFPQ or FLAT where HNSW would
    not fit, and the smaller of those where neither would.
    """
    if expected_rows <= _FEW_ROWS:
        return IndexType.FLAT
    if dimension <= _TREE_DIMENSION and distance != DistanceType.COSINE:
        return IndexType.KDTREE
    if distance == DistanceType.MANHATTAN:  # for which there are no codes
        row_bytes = {IndexType.HNSW: _hnsw_bytes(dimension), IndexType.FLAT: _row_bytes(dimension)}
    else:
        row_bytes = {
            IndexType.HNSW: _hnsw_bytes(dimension),
            IndexType.IVFPQ: _ivfpq_bytes(dimension),
            IndexType.FLAT: _flat_bytes(dimension),
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


def _row_bytes(dimension: int) -> int:
    return 4 * dimension + 32  # the row; id, norm, place


def _flat_bytes(dimension: int) -> int:
    return _row_bytes(dimension) + (dimension + 48 if dimension >= 32 else 0)  # its code


def _hnsw_bytes(dimension: int) -> int:
    return _row_bytes(dimension) + dimension + 240  # its code; links


def _ivfpq_bytes(dimension: int) -> int:
    return _row_bytes(dimension) + dimension // 8 + 96  # its code; term, slot, and blocks that are not full
