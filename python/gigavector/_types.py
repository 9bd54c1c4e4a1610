"""The plain values that go in and come out: enumerations, configurations, rows, reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._ffi import lib
from ._packed import unpack_rows


class IndexType(IntEnum):
    """How rows are found. FLAT and HNSW are in this version; the others are refused by name."""

    KDTREE = lib.GV_INDEX_TYPE_KDTREE
    HNSW = lib.GV_INDEX_TYPE_HNSW
    IVFPQ = lib.GV_INDEX_TYPE_IVFPQ
    SPARSE = lib.GV_INDEX_TYPE_SPARSE
    FLAT = lib.GV_INDEX_TYPE_FLAT


class DistanceType(IntEnum):
    """What "near" means; smaller is nearer for all of them."""

    EUCLIDEAN = lib.GV_DISTANCE_EUCLIDEAN
    COSINE = lib.GV_DISTANCE_COSINE
    DOT_PRODUCT = lib.GV_DISTANCE_DOT_PRODUCT
    MANHATTAN = lib.GV_DISTANCE_MANHATTAN


@dataclass(eq=False, slots=True)
class Vector:
    """One row: its components as float32, and its metadata."""

    data: npt.NDArray[np.float32]
    metadata: dict[str, str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vector):
            return NotImplemented
        return self.metadata == other.metadata and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]


class _LateMetadata:
    """In the place of one row's metadata until it is first used; `found` is what all rows of a search share."""

    __slots__ = ("found", "row")

    def __init__(self, found: list[Any], row: int) -> None:
        self.found = found
        self.row = row

    def unpacked(self) -> dict[str, str]:
        found = self.found
        packed, rows = found
        if type(packed) is bytes:  # all rows at once: where one begins is known when those before it are read
            packed = unpack_rows(packed, rows)
            found[0] = packed
        pairs: dict[str, str] = packed[self.row]
        return pairs


if not TYPE_CHECKING:  # to a type checker, and to dataclasses, `metadata` stays the field it is
    _metadata_of, _set_metadata = Vector.metadata.__get__, Vector.metadata.__set__

    def _metadata(vector: Vector) -> dict[str, str]:
        pairs = _metadata_of(vector)
        if type(pairs) is _LateMetadata:
            pairs = pairs.unpacked()
            _set_metadata(vector, pairs)
        return pairs

    Vector.metadata = property(_metadata, _set_metadata)


def found_vectors(vectors: Iterable[npt.NDArray[np.float32]], packed: bytes, count: int) -> Iterable[Vector]:
    """`count` vectors with the metadata of `packed`, as of the search, which is unpacked when it is first used."""
    late: Any = map(_LateMetadata, repeat([packed, count]), range(count))
    return map(Vector, vectors, late)


@dataclass(slots=True)
class SearchHit:
    """One answer of a search."""

    id: int
    distance: float
    vector: Vector


@dataclass
class HNSWConfig:
    """The graph of a new database. For an existing file only `ef_search` may differ from what it was made with."""

    M: int = 16
    ef_construction: int = 200
    ef_search: int = 50
    use_binary_quant: bool = False
    quant_rerank: int = 0


@dataclass
class IVFPQConfig:
    """The inverted lists of a new database. The index itself is not in this version."""

    nlist: int = 64
    m: int = 8
    nbits: int = 8
    nprobe: int = 4
    train_iters: int = 15
    default_rerank: int = 32


@dataclass(frozen=True)
class DatabaseInfo:
    """What a database is and holds, as of one instant."""

    index: IndexType
    distance: DistanceType
    dimension: int
    count: int  # live rows
    next_id: int  # the id of the next row added
    read_only: bool
    generation: int  # checkpoints that the file has seen; 0: no file
    image_bytes: int  # size of the packed image
    log_bytes: int  # size of the log behind it
    recovered_groups: int  # commit groups that open replayed from the log
    cut_bytes: int  # torn bytes that open cut off behind the last whole group
    memory_bytes: int
    seed: int
    kernels: str  # name of the kernels in use


@dataclass(frozen=True)
class CheckReport:
    """The figures of `Database.check()`."""

    superblock_copies: int  # valid copies in the file; 2 without a file
    rows: int  # live rows
    reachable: int  # live rows that a walk of the graph reaches; `rows` where no graph is
    links: int  # links of the base layer
    faults: int  # broken invariants found
