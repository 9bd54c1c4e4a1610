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
    """How rows are found: HNSW, a graph, and IVFPQ, inverted lists of codes, approximately; FLAT, KDTREE (for low dimensions) and SPARSE
    (for rows of (index, value) pairs) exactly."""

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


# How vectors are kept.
STORAGES = {"f32": lib.GV_STORAGE_F32, "f16": lib.GV_STORAGE_F16, "int8": lib.GV_STORAGE_INT8}
STORAGE_NAMES = {number: name for name, number in STORAGES.items()}

_NO_METADATA: Any = object()


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


if not TYPE_CHECKING:  # to a type checker, and to dataclasses, `metadata` stays the field it is
    Vector._slot = Vector.metadata  # the same place by another name, as quick as any attribute

    def _metadata(self) -> dict[str, str]:
        pairs = self._slot
        if type(pairs) is tuple:  # of found_vectors()
            found, row = pairs
            packed, rows = found
            if type(packed) is bytes:  # of all rows at once: where one begins is known when those before it are read
                found[0] = packed = unpack_rows(packed, rows)
            pairs = self._slot = packed[row]
        return pairs

    def _init(self, data: npt.NDArray[np.float32], metadata: dict[str, str] = _NO_METADATA) -> None:
        self.data = data
        self._slot = {} if metadata is _NO_METADATA else metadata

    Vector.__init__ = _init
    Vector.metadata = property(_metadata, Vector._slot.__set__)


class SparseVector(Vector):
    """One row of a SPARSE database: `indices`, ascending, as uint32, and their values as float32 in `data`; and its metadata."""

    __slots__ = ("indices",)

    indices: npt.NDArray[np.uint32]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseVector):
            return NotImplemented
        return np.array_equal(self.indices, other.indices) and super().__eq__(other)

    def __repr__(self) -> str:
        return f"SparseVector(indices={self.indices!r}, data={self.data!r}, metadata={self.metadata!r})"


def found_vectors(vectors: Iterable[npt.NDArray[np.float32]], packed: bytes, count: int) -> Iterable[Vector]:
    """`count` vectors with the metadata of `packed`, as of the search, which is unpacked when it is first used."""
    late: Any = zip(repeat([packed, count]), range(count))
    return map(Vector, vectors, late)


@dataclass(slots=True)
class SearchHit:
    """One answer of a search."""

    id: int
    distance: float
    vector: Vector


class RangeHits(list[SearchHit]):
    """The hits of a range search; `total` is how many rows are within the radius, `complete` whether these are all."""

    __slots__ = ("total",)

    def __init__(self, hits: Iterable[SearchHit] = (), total: int = 0) -> None:
        super().__init__(hits)
        self.total = total

    @property
    def complete(self) -> bool:
        return len(self) == self.total


@dataclass(slots=True)
class SearchGroup:
    """The nearest rows with one value of the key that was asked for."""

    value: str
    hits: list[SearchHit]


@dataclass(slots=True)
class Row:
    """One row of a page."""

    id: int
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
    """Inverted lists of product codes, for a new database; nprobe and default_rerank may also differ from an existing file's.

    nlist: lists; about the root of the number of rows is a good one.
    m, nbits: sub-codes a row (at most the dimension), and bits of each, 4 to 8. With 4, a code takes m / 2 bytes and searches
        compare 32 rows at a time; with more it takes m bytes.
    nprobe: lists that a search visits; more where a filter leaves too few rows.
    train_iters: rounds of k-means.
    default_rerank: candidates that a search measures by full vectors, at least k.
    rotate: make codes of rows turned by a random rotation, which evens out their components.
    train_rows: training looks at no more rows than these; 0: 128 a list, at least 16,384.
    auto_train: the add that brings the rows to this number trains the index on them; 0: never.
    keep_vectors: False: training drops the vectors, in memory and in the file. Rows are from then on what their codes stand for, and later
        ones are rounded to that when they are written; all is exact for what is kept. Not for MANHATTAN, nor with a storage but "f32".
    """

    nlist: int = 64
    m: int = 8
    nbits: int = 8
    nprobe: int = 4
    train_iters: int = 15
    default_rerank: int = 32
    rotate: bool = False
    train_rows: int = 0
    auto_train: int = 0
    keep_vectors: bool = True


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
    trained: bool  # IVFPQ: searches go by what it has learned; True for any other index
    storage: str  # of vectors: "f32", "f16" or "int8"
    vectors_dropped: bool  # by training, for `keep_vectors=False`: rows are what their codes stand for


@dataclass(frozen=True)
class CheckReport:
    """The figures of `Database.check()`."""

    superblock_copies: int  # valid copies in the file; 2 without a file
    rows: int  # live rows
    reachable: int  # live rows that a walk of the graph reaches; `rows` where no graph is
    links: int  # links of the base layer
    faults: int  # broken invariants found


@dataclass(frozen=True)
class Explanation:
    """Which way a search goes, and why."""

    way: str  # "index", "scan", or "index, then scan"
    reason: str
    rows: int  # live rows
    matches: int  # of them those that pass the filter
    hits: int  # that the search finds


WAYS = (  # by GV_Way
    ("index", "the index is quicker than a scan"),
    ("scan", "FLAT has no index"),
    ("scan", "the index was built for another metric"),
    ("scan", "by cosine all rows are equally far from the zero vector"),
    ("scan", "the index is not trained"),
    ("scan", "there are no more rows to choose from than the exact search threshold"),
    ("scan", "so few rows pass the filter, or so many are asked for, that a scan is no slower"),
    ("index, then scan", "the index found fewer rows than there are, and a scan found the others"),
)


@dataclass(frozen=True)
class Stats:
    """What a handle has done since it was opened (calls that failed are not counted), and the shape of its index."""

    levels: int  # HNSW: layers above the base
    nodes: int  # HNSW: nodes of the graph, one for all rows that are equal; else the live rows
    tombstones: int  # slots of deleted rows that the index still needs
    free_slots: int  # slots that the next rows will get before the file grows
    mean_degree: float  # HNSW: links that a node of the base layer has, by a sample; else 0
    searches: int  # queries: each of a batch counts
    walks: int  # searches of the index that they took
    scans: int  # and exact scans, which queries of a batch may share
    scanned_rows: int  # rows that were compared with queries in them
    adds: int  # calls, as all below
    upserts: int
    updates: int  # of a vector or of metadata
    deletes: int
    checkpoints: int  # images written to the own file
    latencies: list[int]  # queries that took below 1, 2, 4, ... microseconds, not below the one before; the last: others
