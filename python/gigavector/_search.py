"""Searches: everything that finds rows by their vectors, and pages through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._arguments import SIZE_MAX, UINT64_MAX, c_string, hit_count, integer, real, row_id, search_options
from ._arrays import FLOATS, lent_queries, many_vectors, one_vector
from ._errors import ArgumentError, last_error, search_failure
from ._ffi import ffi, lib
from ._rows import groups_of, hits_of, page_of, range_hits, taken
from ._types import WAYS, DistanceType, Explanation, RangeHits, Row, SearchGroup, SearchHit

VectorLike = npt.ArrayLike  # a list or tuple of numbers, an array.array, a NumPy array, anything with a buffer
VectorsLike = npt.ArrayLike | Iterator[npt.ArrayLike]
_T = TypeVar("_T")

_UINT64S = ffi.typeof("uint64_t[]")
_ROWS_OUT = ffi.typeof("GV_Rows **")
_MANY_ROWS_OUT = ffi.typeof("GV_Rows *[]")
_NULL = ffi.NULL
_NOTHING = (None,) * 7
_WIDE_K = 1024  # knn_query() gives [n, k] arrays up to this k, whatever the number of rows


class SearchCalls:
    """What `Database` offers for searching."""

    _call: Callable[..., Any]
    __len__: Callable[[], int]
    _dimension: int

    def _rows(self, read: Callable[[Any], _T], failure: Any, function: Callable[..., Any], *arguments: Any) -> _T:
        """What `read` copies out of the GV_Rows that a function gives as its last argument."""
        out = ffi.new(_ROWS_OUT)
        if self._call(function, *arguments, out):
            raise last_error(failure)
        return taken(read, out[0])

    def search(
        self,
        query: VectorLike,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        ef_search: int | None = None,
        nprobe: int | None = None,
        rerank: int | None = None,
        with_vectors: bool = True,
        with_metadata: bool = True,
        offset: int = 0,
    ) -> list[SearchHit]:
        """The `k` rows nearest to `query`, nearest first, ties by id: min(k, rows that pass the filter) hits, always.

        distance: None is the index's own; any other metric is answered exactly, by a scan.
        filter_metadata: only rows whose metadata has this (key, value).
        filter: only rows for which this expression holds, such as 'lang == "de" AND year >= 1990' (docs/filters.md); with
            filter_metadata both must. FilterError says where one cannot be understood.
        ef_search: candidates that HNSW keeps, at least k; None is the configuration's.
        nprobe, rerank: lists that IVFPQ visits, and candidates it measures by full vectors, at least k; as above.
        with_vectors, with_metadata: False leaves `hit.vector.data` or `hit.vector.metadata` empty, which is quicker.
        offset: leave out so many of the nearest: a later page of results, at the cost of a search for k + offset.
        """
        pointer, dimension = one_vector(query)
        options, _keep = search_options(
            distance,
            filter_metadata,
            filter,
            ef_search,
            nprobe=nprobe,
            rerank=rerank,
            with_vectors=with_vectors,
            with_metadata=with_metadata,
            offset=offset,
        )
        width = hit_count(k)
        return self._rows(hits_of, search_failure(width), lib.gv_db_search_rows, pointer, dimension, width, options)

    def explain(
        self,
        query: VectorLike,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        ef_search: int | None = None,
        offset: int = 0,
    ) -> Explanation:
        """Carry out a search(), and say which way it went and why, instead of what it found."""
        pointer, dimension = one_vector(query)
        options, _keep = search_options(distance, filter_metadata, filter, ef_search, offset=offset)
        return self._explained(pointer, dimension, k, options)

    def _explained(self, lent: Any, dimension: int, k: int, options: Any) -> Explanation:
        width, out = hit_count(k), ffi.new("GV_Explanation *", {"struct_size": ffi.sizeof("GV_Explanation")})
        if self._call(lib.gv_db_explain, lent, dimension, width, options, out):
            raise last_error(search_failure(width))
        return Explanation(*WAYS[out.way], out.rows, out.matches, out.hits)

    def search_by_id(
        self,
        id: int,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        ef_search: int | None = None,
        with_vectors: bool = True,
        with_metadata: bool = True,
        offset: int = 0,
    ) -> list[SearchHit]:
        """search() from a row that is there, which is itself left out; NotFoundError if it is not."""
        options, _keep = search_options(
            distance, filter_metadata, filter, ef_search, with_vectors=with_vectors, with_metadata=with_metadata, offset=offset
        )
        width = hit_count(k)
        return self._rows(hits_of, search_failure(width), lib.gv_db_search_by_id, row_id(id), width, options)

    def range_search(
        self,
        query: VectorLike,
        radius: float,
        max_results: int = 1000,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
        with_metadata: bool = True,
    ) -> RangeHits:
        """Every row at a distance of at most `radius`, nearest first, ties by id: exact on every index, by a scan.

        radius: in the metric's unit, so negative for near rows by DOT_PRODUCT. The bound is on the distance as a hit has it.
        max_results: of more rows the nearest; `hits.total` says how many there are, `hits.complete` whether all came.
        """
        pointer, dimension = one_vector(query)
        options, _keep = search_options(
            distance, filter_metadata, filter, None, with_vectors=with_vectors, with_metadata=with_metadata
        )
        return self._within(pointer, dimension, radius, max_results, options)

    def _within(self, lent: Any, dimension: int, radius: float, max_results: int, options: Any) -> RangeHits:
        bound, most = real(radius, "radius"), hit_count(max_results, "max_results")
        call = lib.gv_db_range_search, lent, dimension, bound, most, options
        return self._rows(range_hits, search_failure(most), *call)

    def search_groups(
        self,
        query: VectorLike,
        k: int,
        key: str,
        group_size: int = 1,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        ef_search: int | None = None,
        with_vectors: bool = True,
    ) -> list[SearchGroup]:
        """The `k` nearest groups of rows with the same `metadata[key]`: of each its `group_size` nearest rows.

        As when documents are stored by parts, and each is to be found once. Groups come in order of their nearest rows;
        rows without the key are left out. The search is widened until there are k groups or all rows were seen.
        """
        pointer, dimension = one_vector(query)
        options, _keep = search_options(distance, filter_metadata, filter, ef_search, with_vectors=with_vectors)
        return self._grouped(pointer, dimension, k, key, group_size, options)

    def _grouped(
        self, lent: Any, dimension: int, k: int, key: str, group_size: int, options: Any
    ) -> list[SearchGroup]:
        width, name = hit_count(k), c_string(key, "key")
        size = min(integer("group_size", group_size, 1, UINT64_MAX), SIZE_MAX)
        call = lib.gv_db_search_groups, lent, dimension, width, name, size, options
        found = self._rows(groups_of, search_failure(width), *call)
        return [SearchGroup(hits[0].vector.metadata[key], hits) for hits in found]

    def scroll(
        self,
        after: int | None = None,
        limit: int = 100,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
        with_metadata: bool = True,
    ) -> list[Row]:
        """A page of rows in order of ids: the first `limit` with ids above `after` (None: from the first).

        `after=page[-1].id` gives the next page, and an empty one is the end. Rows that stay are met exactly once,
        whatever is written meanwhile.
        """
        options, _keep = search_options(
            None, filter_metadata, filter, None, with_vectors=with_vectors, with_metadata=with_metadata
        )
        first = 0 if after is None else min(row_id(after) + 1, UINT64_MAX)
        most = min(integer("limit", limit, 1, UINT64_MAX), SIZE_MAX)
        return self._rows(page_of, ArgumentError, lib.gv_db_scroll, first, most, options)

    def search_with_filter_expr(
        self, query: VectorLike, k: int, distance: DistanceType | int | None, filter_expr: str
    ) -> list[SearchHit]:
        """search() with `filter=filter_expr`, by the name under which others have it."""
        return self.search(query, k, distance, filter=filter_expr)

    def search_ivfpq_opts(
        self,
        query: VectorLike,
        k: int,
        distance: DistanceType | int | None = None,
        nprobe_override: int = 0,
        rerank_top: int = 0,
    ) -> list[SearchHit]:
        """search() with `nprobe` and `rerank`, by the name under which others have it; 0 is the configuration's."""
        return self.search(query, k, distance, nprobe=nprobe_override or None, rerank=rerank_top or None)

    def search_batch(
        self,
        queries: VectorsLike,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        ef_search: int | None = None,
        nprobe: int | None = None,
        rerank: int | None = None,
        with_vectors: bool = True,
        with_metadata: bool = True,
        offset: int = 0,
        threads: int = 1,
        filters: Sequence[str | None] | None = None,
    ) -> list[list[SearchHit]]:
        """search() for many queries at once: one list of hits each. See knn_query() for NumPy arrays instead.

        A filter is read and evaluated once, for all queries; `filters` has one for each instead, or None for all rows.
        `threads` is as in knn_query().
        """
        rows = many_vectors(queries, self._dimension)
        count, dimension = rows.shape
        options, _keep = search_options(
            distance,
            filter_metadata,
            filter,
            ef_search,
            nprobe=nprobe,
            rerank=rerank,
            with_vectors=with_vectors,
            with_metadata=with_metadata,
            offset=offset,
            threads=threads,
            filters=filters,
            count=count,
        )
        return self._batch_rows(ffi.from_buffer(FLOATS, rows), count, dimension, hit_count(k), options)

    def _batch_rows(self, lent: Any, count: int, dimension: int, width: int, options: Any) -> list[list[SearchHit]]:
        out = ffi.new(_MANY_ROWS_OUT, count)
        if self._call(lib.gv_db_search_batch_rows, lent, count, dimension, width, options, out):
            raise last_error(search_failure(width))
        found = ffi.unpack(out, count)
        try:
            return list(map(hits_of, found))
        finally:
            for each in found:
                lib.gv_rows_free(each)

    def knn_query(
        self,
        queries: VectorsLike,
        k: int,
        *,
        ef_search: int | None = None,
        nprobe: int | None = None,
        rerank: int | None = None,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        threads: int = 1,
        offset: int = 0,
        filters: Sequence[str | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """search() at full speed: (ids int64 [n, k], distances float32 [n, k]) of n queries, or of a single one.

        Queries with fewer than k hits are padded with -1 and infinity. A k above 1,024 that is also above the number
        of rows is cut to the larger of the two, so that the arrays stay within what there is to say.

        filter_metadata, filter: as of search(); evaluated once, for all queries.
        filters: in place of `filter` one for each query, or None for all rows.
        threads: spread the queries over so many; the answers are the same for any number.
        offset: as in search().
        """
        lent, count, dimension = lent_queries(queries, self._dimension)
        given = (distance, filter_metadata, filter, filters, ef_search, nprobe, rerank)
        if given == _NOTHING and threads == 1 and offset == 0:
            options = _NULL
        else:
            options, _keep = search_options(
                distance,
                filter_metadata,
                filter,
                ef_search,
                nprobe=nprobe,
                rerank=rerank,
                threads=threads,
                offset=offset,
                filters=filters,
                count=count,
            )
        return self._batch_arrays(lent, count, dimension, hit_count(k), options)

    def _batch_arrays(
        self, lent: Any, count: int, dimension: int, width: int, options: Any
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        if width > _WIDE_K:
            width = min(width, max(len(self), _WIDE_K))
        ids = np.empty((count, width), np.int64)
        distances = np.empty((count, width), np.float32)
        status = self._call(
            lib.gv_db_search_batch,
            lent,
            count,
            dimension,
            width,
            options,
            ffi.from_buffer(_UINT64S, ids),
            ffi.from_buffer(FLOATS, distances),
            _NULL,
        )
        if status:
            raise last_error(search_failure(width))
        return ids, distances
