"""Database: the whole interface, thin over the core. The core checks arguments and locks; this turns types."""

from __future__ import annotations

import operator
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from ._arguments import (
    DIMENSION_MAX,
    UINT32_MAX,
    UINT64_MAX,
    c_path,
    c_string,
    checked_dimension,
    enum_value,
    flag,
    integer,
    open_options,
    row_id,
    row_ids,
    search_options,
)
from ._arrays import FLOATS, many_vectors, one_vector
from ._errors import ArgumentError, ClosedError, CorruptError, check, last_error
from ._ffi import ffi, lib
from ._metadata import borrowed, pack_row, pack_rows
from ._rows import vectors_of
from ._search import SearchCalls, VectorLike, VectorsLike
from ._sparse import SparseCalls
from ._sparse_search import SparseSearches
from ._suggest import suggest_index, suggested_ivfpq
from ._types import (
    STORAGE_NAMES,
    CheckReport,
    DatabaseInfo,
    DistanceType,
    HNSWConfig,
    IndexType,
    IVFPQConfig,
    Stats,
    Vector,
)

Metadata = Mapping[str, str]
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Bytes = bytes | bytearray | memoryview
_T = TypeVar("_T")

_UINT64S = ffi.typeof("uint64_t[]")
_ONE_ID = ffi.typeof("uint64_t[1]")
_ROWS_OUT = ffi.typeof("GV_Rows **")
_NULL = ffi.NULL


class Database(SearchCalls, SparseCalls, SparseSearches):
    """An embedded vector database in one file, or in memory. Made by `Database.open` and its relatives.

    Any number of threads may search while one writes; the interpreter lock is released during calls.
    """

    _db: Any  # the core's handle, opaque; NULL once closed
    _path: str | None
    _dimension: int
    _index: IndexType
    _distance: DistanceType
    _pid: int
    _calls: dict[object, int]
    _closing: Any

    def __init__(self, *_arguments: object, **_options: object) -> None:
        raise TypeError("use Database.open(path, dimension), open_mmap, open_from_memory or from_bytes")

    # ---- open and close ----

    @classmethod
    def open(
        cls,
        path: Path | None,
        dimension: int | None = None,
        index: IndexType | int | None = None,
        distance: DistanceType | int | None = None,
        hnsw_config: HNSWConfig | None = None,
        ivfpq_config: IVFPQConfig | None = None,
        *,
        durability: str = "commit",
        read_only: bool = False,
        storage: str | None = None,
        seed: int | None = None,
        kernels: str | None = None,
        threads: int | None = None,
        checkpoint_on_close: bool = True,
    ) -> Database:
        """Open the database in the file `path`, creating it if absent; None keeps it in memory only.

        None stands for the file's own value, or for a new database: HNSW, EUCLIDEAN and the default configuration.
        A value that differs from the file's is refused, naming both; HNSWConfig.ef_search, IVFPQConfig.nprobe and
        IVFPQConfig.default_rerank alone may differ.

        durability: when a write that returned is safe. "commit": synced to the disk; "os": survives the process,
            not the power; "none": for bulk loads, nothing is promised before flush(), save() or close().
        read_only: no lock and no write; the state of the file at open, until refresh().
        storage: what a component of a vector is kept as, in memory and in the file: "f32", as given; "f16", 2 bytes; "int8", 1 byte,
            in steps of 1/127 of the vector's largest component. Vectors are rounded once, when they are written, and all is
            exact for what is kept. For HNSW, FLAT and IVFPQ.
        seed: of the graph's layers; the same calls with the same seed give the same file, byte for byte.
        kernels: force "scalar", "sse41", "avx2" or "avx512", or on ARM "neon" or "neon-dot"; None: the best that runs here.
        threads: for building the index; None or 0: one a CPU. The file does not depend on it, byte for byte.
        checkpoint_on_close: pack the log into the image when closing.
        """
        options, _keep = open_options(
            dimension,
            index,
            distance,
            hnsw_config,
            ivfpq_config,
            durability=durability,
            storage=storage,
            seed=seed,
            kernels=kernels,
            threads=threads,
        )
        options.read_only = flag("read_only", read_only)
        options.checkpoint_on_close = flag("checkpoint_on_close", checkpoint_on_close)
        return cls._opened(path, options)

    @classmethod
    def open_auto(
        cls,
        path: Path | None,
        dimension: int | None = None,
        expected_rows: int | None = None,
        memory_limit: int | None = None,
        distance: DistanceType | int | None = None,
        **options: Any,
    ) -> Database:
        """open() with the index that suggest_index() names for a new database of so many rows; an existing file keeps its own.

        memory_limit: bytes; set as `max_memory_bytes` too. The rest is as in open().
        """
        if "index" in options:
            raise ArgumentError("open_auto chooses the index: use open() to name one")
        rows = 1_000_000 if expected_rows is None else integer("expected_rows", expected_rows, 0, UINT64_MAX)
        limit = None if memory_limit is None else integer("memory_limit", memory_limit, 1, UINT64_MAX)
        known = path is not None and os.path.exists(path) and os.path.getsize(path) > 0
        if not known and dimension is not None:
            metric = DistanceType.EUCLIDEAN if distance is None else enum_value(DistanceType, distance, "distance")
            size = integer("dimension", dimension, 1, DIMENSION_MAX)
            storage = options.get("storage") or "f32"
            options["index"] = suggest_index(rows, size, limit, DistanceType(metric), storage)
            if options["index"] == IndexType.IVFPQ:
                options.setdefault("ivfpq_config", suggested_ivfpq(rows, size))
        db = cls.open(path, dimension, distance=distance, **options)
        if limit is not None:
            db.set_resource_limits(max_memory_bytes=limit)
        return db

    @classmethod
    def open_mmap(
        cls,
        path: Path,
        dimension: int | None = None,
        index: IndexType | int | None = None,
        distance: DistanceType | int | None = None,
        hnsw_config: HNSWConfig | None = None,
        ivfpq_config: IVFPQConfig | None = None,
    ) -> Database:
        """Open a file read-only, with vectors, their codes and the graph's links left in the mapped file: at once.

        The checksum of a block is verified at its first touch, where a search may raise CorruptError.
        """
        if path is None:
            raise ArgumentError("open_mmap needs the path of a file")
        options, _keep = open_options(dimension, index, distance, hnsw_config, ivfpq_config)
        options.read_only = options.memory_map = 1
        return cls._opened(path, options)

    @classmethod
    def open_from_memory(
        cls, data: Bytes, dimension: int | None = None, index: IndexType | int | None = None
    ) -> Database:
        """Open the bytes of a database file, which are copied. The database lives in memory; it may be written."""
        size = 0 if dimension is None else checked_dimension(dimension, index)
        kind = -1 if index is None else enum_value(IndexType, index, "index")
        try:
            given = ffi.from_buffer("uint8_t[]", data)
        except TypeError as error:
            raise ArgumentError(f"expected the bytes of a database file: {error}") from None
        handle = lib.gv_db_open_from_memory(given, len(given), size, ffi.cast("GV_IndexType", kind))
        if not handle:
            raise last_error()
        return cls._adopt(handle, None)

    @classmethod
    def from_bytes(cls, data: Bytes, dimension: int | None = None, index: IndexType | int | None = None) -> Database:
        """The other direction of to_bytes(); the same as open_from_memory()."""
        return cls.open_from_memory(data, dimension, index)

    @classmethod
    def _opened(cls, path: Path | None, options: Any) -> Database:
        name = _NULL if path is None else c_path(path)
        out = ffi.new("GV_Database **")
        check(lib.gv_db_open_with_options(name, options, out))
        return cls._adopt(out[0], None if path is None else os.fsdecode(path))

    @classmethod
    def _adopt(cls, handle: Any, path: str | None) -> Database:
        db = cls.__new__(cls)
        db._db = ffi.gc(handle, _closer())  # the safety net; close() is the way
        db._path = path
        db._pid = os.getpid()
        db._calls = {}
        db._closing = threading.RLock()
        info = db.info
        db._dimension, db._index, db._distance = info.dimension, info.index, info.distance
        return db

    def close(self) -> None:
        """Write what is owed, pack the log into the file, unlock and free. Waits for calls in flight.

        A second close does nothing. Every other use afterwards raises ClosedError.
        """
        if os.getpid() != self._pid:  # a forked child has no threads to wait for, and the file is its parent's
            self._db = _NULL
            return
        with self._closing:
            handle, self._db = self._db, _NULL
            if not handle:
                return
            this_thread = threading.get_ident()  # its calls are over: this is a signal handler within one
            while any(thread != this_thread for thread in list(self._calls.values())):
                time.sleep(0.0002)
            ffi.gc(handle, None)  # from here on only the line below frees it
            check(lib.gv_db_close(handle))

    @property
    def closed(self) -> bool:
        return not self._db

    def __enter__(self) -> Database:
        if not self._db:
            raise _closed()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_db", None) and self._path is not None and os.getpid() == self._pid:
            warnings.warn(f"{self!r} was never closed", ResourceWarning, source=self, stacklevel=2)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Database cannot be pickled or copied: save(path) or to_bytes() carry its contents")

    def __repr__(self) -> str:
        where = "in memory" if self._path is None else repr(self._path)
        if not self._db:
            return f"<gigavector.Database {where}, closed>"
        return f"<gigavector.Database {where}, {self._index.name}, {self._distance.name}, dimension {self._dimension}>"

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """function(handle, *arguments), while close() waits for it: it sees what is in `_calls`."""
        call = object()
        calls = self._calls
        try:
            calls[call] = threading.get_ident()
            handle = self._db
            if not handle:
                raise _closed()
            return function(handle, *arguments)
        finally:
            calls.pop(call, None)

    # ---- write: each call is one commit, applied whole or not at all ----

    def add_vector(self, vector: VectorLike, metadata: Metadata | None = None) -> int:
        """Append one row; returns its id. Ids count from 0 in order of insertion and are never reused."""
        pointer, dimension = one_vector(vector)
        packed = pack_row(metadata) if metadata is not None else b""
        pairs = borrowed(packed) if packed else _NULL
        ids = ffi.new(_ONE_ID)
        check(self._call(lib.gv_db_add, pointer, 1, dimension, pairs, ids))
        return int(ids[0])

    def add_vectors(self, vectors: VectorsLike, metadata: Iterable[Metadata | None] | None = None) -> list[int]:
        """Append many rows, all or none; returns their ids. `metadata` has one dict (or None) a row."""
        rows = many_vectors(vectors, self._dimension)
        count, dimension = rows.shape
        packed = pack_rows(metadata, count) if metadata is not None else b""
        pairs = borrowed(packed) if packed else _NULL
        ids: npt.NDArray[np.uint64] = np.empty(count, np.uint64)
        lent = ffi.from_buffer(FLOATS, rows)
        check(self._call(lib.gv_db_add, lent, count, dimension, pairs, ffi.from_buffer(_UINT64S, ids)))
        listed: list[int] = ids.tolist()
        return listed

    def upsert(self, vector: VectorLike, metadata: Metadata, key: str = "id") -> int:
        """Write one row: it replaces the row whose `metadata[key]` is the same, vector and metadata, and keeps its id;
        where there is none it is added. Returns its id either way.

        One commit: searches see the old row or the new one. Two rows that match already are an ArgumentError, and so is
        `metadata` without `key`. The row is found by an index, made after some calls with the key; many rows are better
        written by upsert_many().
        """
        pointer, dimension = one_vector(vector)
        packed = pack_row(metadata)
        id = ffi.new(_ONE_ID)
        check(self._call(lib.gv_db_upsert, pointer, dimension, borrowed(packed), c_string(key, "key"), id))
        return int(id[0])

    def upsert_many(self, vectors: VectorsLike, metadata: Iterable[Metadata], key: str = "id") -> list[int]:
        """upsert() for many rows in one commit, all or none; returns their ids.

        Two of them with the same `metadata[key]` are an ArgumentError.
        """
        rows = many_vectors(vectors, self._dimension)
        count, dimension = rows.shape
        packed = pack_rows(metadata, count)
        ids: npt.NDArray[np.uint64] = np.empty(count, np.uint64)
        lent, name = ffi.from_buffer(FLOATS, rows), c_string(key, "key")
        out = ffi.from_buffer(_UINT64S, ids)
        check(self._call(lib.gv_db_upsert_many, lent, count, dimension, borrowed(packed), name, out))
        listed: list[int] = ids.tolist()
        return listed

    def delete_vector(self, id: int) -> None:
        """Delete a row. It leaves all results at once; its id is not used again."""
        check(self._call(lib.gv_db_delete_vector_by_index, row_id(id)))

    def delete_vectors(self, ids: Iterable[int]) -> None:
        """Delete rows, all or none."""
        listed = ffi.new(_UINT64S, row_ids(ids))
        check(self._call(lib.gv_db_delete, listed, len(listed)))

    def delete_matching(self, filter_metadata: tuple[str, str] | None = None, filter: str | None = None) -> int:
        """Delete the rows that pass the filter, as search() has it; all or none. Returns how many they were."""
        if filter is None and filter_metadata is None:
            raise ArgumentError("delete_matching needs a filter: without one it would delete every row")
        options, _keep = search_options(None, filter_metadata, filter, None)
        deleted = ffi.new("uint64_t *")
        check(self._call(lib.gv_db_delete_matching, options, deleted))
        return int(deleted[0])

    def update_vector(self, id: int, vector: VectorLike) -> None:
        """Replace the vector of a row, keeping its id and its metadata."""
        pointer, dimension = one_vector(vector)
        check(self._call(lib.gv_db_update_vector, row_id(id), pointer, dimension))

    def update_metadata(self, id: int, metadata: Metadata | None) -> None:
        """Replace all metadata of a row; None or {} leaves none."""
        packed = pack_row({} if metadata is None else metadata)
        check(self._call(lib.gv_db_update_metadata, row_id(id), borrowed(packed)))

    def train_ivfpq(self, rows: VectorsLike | None = None) -> None:
        """Train an IVFPQ index on `rows`, or on those it has (None), and index all its rows by what was learned.

        Until then rows are kept and searched by exact scans. Any number of rows will do, also fewer than lists, and equal
        ones; but few say little of the many that come later: about 100 a list are a good number, and a training is to be
        repeated when the rows have doubled or changed. Searches go on meanwhile.
        """
        if rows is None:
            check(self._call(lib.gv_db_ivfpq_train, _NULL, 0, self._dimension))
            return
        given = many_vectors(rows, self._dimension)
        count, dimension = given.shape
        check(self._call(lib.gv_db_ivfpq_train, ffi.from_buffer(FLOATS, given), count, dimension))

    # ---- read ----

    def get(self, id: int) -> Vector:
        """A copy of one row; NotFoundError if it is not there."""
        ids, out = ffi.new(_ONE_ID, [row_id(id)]), ffi.new(_ROWS_OUT)
        check(self._call(lib.gv_db_get_rows, ids, 1, out))
        try:
            (row,) = vectors_of(out[0], 1)
        finally:
            lib.gv_rows_free(out[0])
        return row

    def count(self, filter: str | None = None) -> int:
        """How many rows `filter` holds for; None: all rows."""
        text, out = _NULL if filter is None else c_string(filter, "filter"), ffi.new("uint64_t *")
        check(self._call(lib.gv_db_count_matching, text, out))
        return int(out[0])

    @staticmethod
    def check_filter(filter: str) -> None:
        """Raise FilterError unless `filter` is an expression that searches take: its text says where, and what was expected."""
        check(lib.gv_filter_check(c_string(filter, "filter")))

    def __len__(self) -> int:
        return int(self._call(lib.gv_db_count))

    def __bool__(self) -> bool:
        return True  # an empty database is still one: `if db:` asks whether there is a database

    def __contains__(self, id: object) -> bool:
        try:
            number = operator.index(id)  # type: ignore[arg-type]
        except TypeError:
            return False
        return 0 <= number <= UINT64_MAX and bool(self._call(lib.gv_db_contains, number))

    # ---- keys that are indexed ----

    def index_metadata(self, keys: Iterable[str]) -> None:
        """Make these the metadata keys whose values are indexed from now on, in this order and in the place of those before; []: none.

        Filters and upserts on any key give the same answers; on these they never look at all rows: they are indexed at once, whatever the
        number of rows, and their index is part of the file, so that it need not be made after opening. Other keys are indexed in memory
        once filters have asked for them often enough, as far as there is room beside these.

        One commit, as durable as any; the list that is there already writes nothing. The rows are then taken in while searches of other
        threads go on. What there is no memory for is looked at, row by row, which is no failure. compact() and convert() keep the list.

        Raises ArgumentError for more than 64 keys, one that is empty or there twice, or more than 1 MiB of them.
        """
        if isinstance(keys, str | bytes):
            raise ArgumentError(f"keys must be a list of str, got {type(keys).__name__}")
        texts = [c_string(key, f"key {i}") for i, key in enumerate(keys)]
        check(self._call(lib.gv_db_index_keys, ffi.new("char *[]", texts), len(texts)))

    @property
    def indexed_keys(self) -> list[str]:
        """The keys that index_metadata() was told, in that order."""
        keys, count = ffi.new("char ***"), ffi.new("size_t *")
        check(self._call(lib.gv_db_indexed_keys, keys, count))
        try:
            return [ffi.string(keys[0][i]).decode() for i in range(count[0])]
        finally:
            lib.gv_free(keys[0])

    # ---- care ----

    def save(self, path: Path | None = None) -> None:
        """Pack the database into its own file, or into another one; the handle stays on its own.

        Another file is replaced if it is a database or empty; anything else is refused.
        """
        check(self._call(lib.gv_db_save, _NULL if path is None else c_path(path)))

    def to_bytes(self) -> bytes:
        """What save() would write, as bytes; from_bytes() opens them."""
        data, size = ffi.new("void **"), ffi.new("size_t *")
        check(self._call(lib.gv_db_save_to_memory, data, size))
        try:
            return bytes(ffi.buffer(data[0], size[0]))
        finally:
            lib.gv_free(data[0])

    def flush(self) -> None:
        """Sync every acknowledged write to the disk."""
        check(self._call(lib.gv_db_flush))

    def compact(self) -> None:
        """Make the database as small as its live rows allow: the index is built anew, free slots go, the file is packed.

        Ids stay. Takes the time of adding all rows, and memory for a second copy of them; of a database in a file whose
        `max_memory_bytes` has no room for two copies, the first stays behind in the mapped file. Searches go on meanwhile in
        other threads, writes wait; close() from another thread ends it with an ArgumentError. A failure has changed nothing.
        """
        check(self._call(lib.gv_db_compact))

    def convert(
        self,
        index: IndexType | int | None = None,
        distance: DistanceType | int | None = None,
        hnsw_config: HNSWConfig | None = None,
        ivfpq_config: IVFPQConfig | None = None,
        *,
        storage: str | None = None,
    ) -> None:
        """compact() under another index, metric, configuration or storage; None leaves what it is. Rows, ids and metadata stay.

        The file changes as well. A narrower storage rounds the vectors, as when they are written. An IVFPQ index is to be trained afterwards, unless its `auto_train` does it.
        """
        options, _keep = open_options(None, index, distance, hnsw_config, ivfpq_config, storage=storage)
        check(self._call(lib.gv_db_convert, options))
        info = self.info
        self._index, self._distance = info.index, info.distance

    def refresh(self) -> None:
        """Of a read-only database: take over the newest state of the file."""
        check(self._call(lib.gv_db_refresh))

    def check(self) -> CheckReport:
        """Check every structure: checksums, links, ids, reachability. Raises CorruptError at a fault; its `report`
        holds the figures then."""
        report = ffi.new("GV_CheckReport *", {"struct_size": ffi.sizeof("GV_CheckReport")})
        status = self._call(lib.gv_db_check, report)
        figures = CheckReport(*(int(getattr(report, figure.name)) for figure in fields(CheckReport)))
        if status:
            error = last_error()
            if isinstance(error, CorruptError):
                error.report = figures
            raise error
        return figures

    @property
    def info(self) -> DatabaseInfo:
        """What the database is and holds, as of now."""
        info = ffi.new("GV_DatabaseInfo *", {"struct_size": ffi.sizeof("GV_DatabaseInfo")})
        check(self._call(lib.gv_db_get_info, info))
        values = {field.name: getattr(info, field.name) for field in fields(DatabaseInfo) if field.name != "index"}
        values["distance"] = DistanceType(info.distance)
        values["storage"] = STORAGE_NAMES[info.storage]
        values.update({name: bool(getattr(info, name)) for name in ("read_only", "trained", "vectors_dropped")})
        values["kernels"] = ffi.string(info.kernels).decode()
        return DatabaseInfo(index=IndexType(info.index_type), **values)

    @property
    def path(self) -> str | None:
        """The file as it was given; None in memory."""
        return self._path

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def index(self) -> IndexType:
        return self._index

    @property
    def distance(self) -> DistanceType:
        return self._distance

    def get_stats(self) -> Stats:
        """What this handle has done since it was opened, and the shape of its index as it is now."""
        stats = ffi.new("GV_Stats *", {"struct_size": ffi.sizeof("GV_Stats")})
        check(self._call(lib.gv_db_get_stats, stats))
        values = {field.name: getattr(stats, field.name) for field in fields(Stats)}
        values["latencies"] = list(stats.latencies)
        return Stats(**values)

    def get_memory_usage(self) -> int:
        """Bytes allocated for this database: counted, not estimated. A mapped file is not among them."""
        return int(self._call(lib.gv_db_get_memory_usage))

    def get_resource_limits(self) -> dict[str, int]:
        """`max_memory_bytes`, `max_vectors` and `max_concurrent_operations`; 0 is no limit."""
        limits = ffi.new("GV_ResourceLimits *", {"struct_size": ffi.sizeof("GV_ResourceLimits")})
        check(self._call(lib.gv_db_get_resource_limits, limits))
        return {
            "max_memory_bytes": int(limits.max_memory_bytes),
            "max_vectors": int(limits.max_vectors),
            "max_concurrent_operations": int(limits.max_concurrent_operations),
        }

    def set_resource_limits(
        self,
        max_memory_bytes: int | None = None,
        max_vectors: int | None = None,
        max_concurrent_operations: int | None = None,
    ) -> None:
        """Set limits, checked before a write, which then changes nothing. 0 lifts one, None leaves it as it is."""
        values = self.get_resource_limits()
        for name, value, most in (
            ("max_memory_bytes", max_memory_bytes, UINT64_MAX),
            ("max_vectors", max_vectors, UINT64_MAX),
            ("max_concurrent_operations", max_concurrent_operations, UINT32_MAX),
        ):
            if value is not None:
                values[name] = integer(name, value, 0, most)
        limits = ffi.new("GV_ResourceLimits *", {"struct_size": ffi.sizeof("GV_ResourceLimits"), **values})
        check(self._call(lib.gv_db_set_resource_limits, limits))

    def set_exact_search_threshold(self, rows: int) -> None:
        """With at most this many rows a search scans them all, exactly. 1,000 at first; kept by the handle only."""
        check(self._call(lib.gv_db_set_exact_search_threshold, integer("rows", rows, 0, UINT64_MAX)))


def _closer() -> Callable[[Any], None]:
    """What frees a handle that was never closed. Not in a forked child: the file is its parent's."""

    def close_quietly(handle: Any, pid: int = os.getpid(), getpid: Any = os.getpid, end: Any = lib.gv_db_close) -> None:
        if getpid() == pid:
            end(handle)

    return close_quietly


def _closed() -> ClosedError:
    return ClosedError("the database is closed")
