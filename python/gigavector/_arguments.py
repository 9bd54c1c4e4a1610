"""Arguments in: numbers, names, paths and options as C takes them; what C could misread is refused here, by name."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from ._errors import ArgumentError, QueryError
from ._ffi import ffi, lib
from ._metadata import encoded
from ._types import STORAGES, DistanceType, HNSWConfig, IndexType, IVFPQConfig

_Enum = TypeVar("_Enum", IndexType, DistanceType)

SIZE_MAX: int = 2 ** (8 * ffi.sizeof("size_t")) - 1
UINT32_MAX = 2**32 - 1
UINT64_MAX = 2**64 - 1
DIMENSION_MAX = 2**16 - 1
SPARSE_DIMENSION_MAX = 2**31 - 1

_NULL = ffi.NULL
_SEARCH_OPTIONS = ffi.typeof("GV_SearchOptions *")
_DURABILITY = {
    "commit": lib.GV_DURABILITY_COMMIT,
    "os": lib.GV_DURABILITY_OS,
    "none": lib.GV_DURABILITY_NONE,
}


def checked_dimension(dimension: int, index: IndexType | int | None) -> int:
    """Without an index named the file may be one of sparse rows: then the core knows."""
    sparse = index == IndexType.SPARSE or (index is None and isinstance(dimension, int) and dimension > DIMENSION_MAX)
    return integer("dimension", dimension, 1, SPARSE_DIMENSION_MAX if sparse else DIMENSION_MAX)


def open_options(
    dimension: int | None,
    index: IndexType | int | None,
    distance: DistanceType | int | None,
    hnsw_config: HNSWConfig | None = None,
    ivfpq_config: IVFPQConfig | None = None,
    *,
    durability: str = "commit",
    storage: str | None = None,
    seed: int | None = None,
    kernels: str | None = None,
    threads: int | None = None,
) -> tuple[Any, list[Any]]:
    """GV_OpenOptions, and what must live as long as they do."""
    options = ffi.new("GV_OpenOptions *")
    lib.gv_open_options_init(options)
    if dimension is not None:
        options.dimension = checked_dimension(dimension, index)
    if index is not None:
        options.index_type = enum_value(IndexType, index, "index")
    if distance is not None:
        options.distance = enum_value(DistanceType, distance, "distance")
    options.durability = one_of(_DURABILITY, durability, "durability")
    if storage is not None:
        options.storage = one_of(STORAGES, storage, "storage")
    if seed is not None:
        options.seed = integer("seed", seed, 1, UINT64_MAX)
    if threads is not None:
        options.threads = integer("threads", threads, 0, UINT32_MAX)
    keep: list[Any] = []
    if hnsw_config is not None:
        options.hnsw = _config(hnsw_config, HNSWConfig, "GV_HNSWConfig *", lib.gv_hnsw_config_init, keep)
    if ivfpq_config is not None:
        options.ivfpq = _config(ivfpq_config, IVFPQConfig, "GV_IVFPQConfig *", lib.gv_ivfpq_config_init, keep)
    if kernels is not None:
        keep.append(c_string(kernels, "kernels"))  # the struct itself keeps nothing alive
        options.kernels = keep[-1]
    return options, keep


def one_of(names: dict[str, int], name: str, what: str) -> int:
    if not isinstance(name, str) or name not in names:
        raise ArgumentError(f"{what} must be one of {', '.join(map(repr, names))}, got {name!r}")
    return names[name]


def _config(
    config: Any, kind: type[HNSWConfig] | type[IVFPQConfig], c_type: str, init: Callable[[Any], None], keep: list[Any]
) -> Any:
    if not isinstance(config, kind):
        raise ArgumentError(f"expected a {kind.__name__}, got {type(config).__name__}")
    filled = ffi.new(c_type)
    init(filled)
    for field in fields(config):
        name, value = f"{kind.__name__}.{field.name}", getattr(config, field.name)
        if field.name == "keep_vectors":  # C names what a zero must not mean
            filled.drop_vectors = not integer(name, value, 0, 1)
        else:
            setattr(filled, field.name, integer(name, value, 0, UINT32_MAX))
    keep.append(filled)
    return filled


def search_options(
    distance: DistanceType | int | None,
    filter_metadata: tuple[str, str] | None,
    filter: str | None,
    ef_search: int | None,
    *,
    nprobe: int | None = None,
    rerank: int | None = None,
    with_vectors: bool = True,
    with_metadata: bool = True,
    threads: int = 1,
    offset: int = 0,
    filters: Sequence[str | None] | None = None,
    count: int = 1,
    sparse: Any = None,
) -> tuple[Any, Any]:
    """GV_SearchOptions (NULL where all are at their defaults), and what must live as long as they do; for `count` queries.

    sparse: a GV_SparseRows with the queries, in place of vectors; the caller keeps what it points to.
    """
    if (
        distance is None
        and filter_metadata is None
        and filter is filters is None
        and ef_search is nprobe is rerank is None
        and with_vectors is True
        and with_metadata is True
        and threads == 1
        and offset == 0
        and sparse is None
    ):
        return _NULL, None
    shared = _plain_options(
        -1 if distance is None else int(enum_value(DistanceType, distance, "distance")),
        0 if ef_search is None else integer("ef_search", ef_search, 1, UINT32_MAX),
        bool(with_vectors),
        bool(with_metadata),
        0 if nprobe is None else integer("nprobe", nprobe, 1, UINT32_MAX),
        0 if rerank is None else integer("rerank", rerank, 1, UINT32_MAX),
        integer("threads", threads, 0, UINT32_MAX),
        integer("offset", offset, 0, UINT64_MAX),
    )
    if filter_metadata is None and filter is filters is sparse is None:
        return shared, None
    keep: list[Any] = []
    options = ffi.new(_SEARCH_OPTIONS, shared[0])
    if sparse is not None:
        keep.append(sparse)
        options.sparse = sparse
    if filter_metadata is not None:
        if not isinstance(filter_metadata, (tuple, list)) or len(filter_metadata) != 2:
            raise ArgumentError(f"filter_metadata must be a pair (key, value), got {filter_metadata!r}")
        key, value = filter_metadata
        keep += (c_string(key, "filter key"), c_string(value, f"filter value of {key!r}"))
        options.filter_key, options.filter_value = keep[-2:]
    if filter is not None:
        keep.append(c_string(filter, "filter"))
        options.filter = keep[-1]
    if filters is not None:
        several = isinstance(filters, Sequence) and not isinstance(filters, str)
        if not several or len(filters) != count:
            got = len(filters) if several else type(filters).__name__
            raise ArgumentError(f"filters must be {count} expressions or None, one for each query, got {got}")
        each = [_NULL if one is None else c_string(one, f"filters[{i}]") for i, one in enumerate(filters)]
        keep += (each, ffi.new("char *[]", [*each, _NULL]))  # with one more: C takes no address of nothing
        options.filters = keep[-1]
    return options, keep


@lru_cache(maxsize=64)
def _plain_options(
    distance: int,
    ef_search: int,
    with_vectors: bool,
    with_metadata: bool,
    nprobe: int,
    rerank: int,
    threads: int,
    offset: int,
) -> Any:
    """GV_SearchOptions without a filter. C only reads them, so calls and threads share them: nobody may write."""
    options = ffi.new(_SEARCH_OPTIONS)
    lib.gv_search_options_init(options)
    options.distance = distance
    options.ef_search = ef_search
    options.with_vectors = with_vectors
    options.with_metadata = with_metadata
    options.nprobe = nprobe
    options.rerank = rerank
    options.threads = threads
    options.offset = offset
    return options


def integer(name: str, value: Any, least: int, most: int) -> int:
    try:
        number: int = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name} must be an integer, got {type(value).__name__}") from None
    if not least <= number <= most:
        raise ArgumentError(f"{name} must be {least} ..= {most}, got {number}")
    return number


def flag(name: str, value: Any) -> int:
    """True or False; what is merely true or false to Python, such as the text "no", is refused."""
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    raise ArgumentError(f"{name} must be True or False, got {value!r}")


def enum_value(kind: type[_Enum], value: Any, name: str) -> _Enum:
    try:
        return kind(value)
    except (ValueError, TypeError):  # TypeError: what cannot even be compared with a number
        names = ", ".join(f"{member.name} {member.value}" for member in kind)
        raise ArgumentError(f"{name} must be a {kind.__name__} ({names}), got {value!r}") from None


def row_id(value: Any) -> int:
    return integer("id", value, 0, UINT64_MAX)


def row_ids(values: Any) -> list[int]:
    try:
        listed = list(values)
    except TypeError:
        raise ArgumentError(f"ids must be a list of integers, got {type(values).__name__}") from None
    return [row_id(value) for value in listed]


def hit_count(value: Any, name: str = "k") -> int:
    """How many hits, as C takes it; 0 is left for the core to refuse, and what is more than all memory is cut."""
    if type(value) is int and 0 <= value <= SIZE_MAX:
        return value
    try:
        number: int = operator.index(value)
    except TypeError:
        raise QueryError(f"{name} must be an integer, got {type(value).__name__}") from None
    if number < 0:
        raise QueryError(f"{name} must be at least 1, got {number}")
    return number if number <= SIZE_MAX else SIZE_MAX


def real(value: Any, name: str) -> float:
    """A number as C's double takes it."""
    if isinstance(value, (bool, str, bytes)):
        raise ArgumentError(f"{name} must be a number, got {type(value).__name__}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name} must be a number, got {type(value).__name__}") from None


def c_string(text: Any, what: str) -> Any:
    return ffi.new("char[]", encoded(text, what))


def c_path(path: Any) -> Any:
    try:
        name = os.fsencode(path)
    except TypeError:
        raise ArgumentError(f"path must be str, bytes, os.PathLike or None, got {type(path).__name__}") from None
    except UnicodeEncodeError as error:
        raise ArgumentError(f"path is not valid Unicode: {error.reason} at {error.start}") from None
    if b"\0" in name:
        raise ArgumentError("path contains a NUL character")
    return ffi.new("char[]", name)
