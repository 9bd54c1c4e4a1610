"""Searches for sparse queries: those of _search.py, each by its name with `_sparse` behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arguments import hit_count, search_options
from ._arrays import FLOATS
from ._errors import search_failure
from ._ffi import ffi, lib
from ._rows import hits_of
from ._sparse import UINT32S, lent_rows, many_rows, one_row
from ._types import DistanceType, Explanation, RangeHits, SearchGroup, SearchHit

_NULL = ffi.NULL


class SparseSearches:
    """What `Database` offers for searching when its index is SPARSE. All of it is exact, and safe beside a writer and in many threads.

    A query is `indices`, ascending, each once and below the dimension, and `values`, one for each and finite: lists, tuples or arrays. Many
    are a SciPy CSR matrix or array (anything with indptr, indices and data), or a sequence of (indices, values).
    `distance` is DOT_PRODUCT (a distance is the negated product) or COSINE, None the database's own; UnsupportedError for others.
    Hits have a SparseVector as `vector`. ArgumentError says what is no query, and comes where the database has vectors.
    """

    _rows: Callable[..., Any]
    _explained: Callable[..., Explanation]
    _within: Callable[..., RangeHits]
    _grouped: Callable[..., list[SearchGroup]]
    _batch_rows: Callable[..., list[list[SearchHit]]]
    _batch_arrays: Callable[..., tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]

    def search_sparse(
        self,
        indices: npt.ArrayLike,
        values: npt.ArrayLike,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
        with_metadata: bool = True,
        offset: int = 0,
    ) -> list[SearchHit]:
        """The `k` rows nearest to a sparse query, exactly: min(k, rows that pass the filter) hits, always.

        distance: DOT_PRODUCT (the distance is the negated product) or COSINE; None is the database's own.
        The others as in search(). `hit.vector` is a SparseVector.
        """
        options, _keep = search_options(
            distance,
            filter_metadata,
            filter,
            None,
            with_vectors=with_vectors,
            with_metadata=with_metadata,
            offset=offset,
        )
        _, kept_indices, kept_values = one_row(indices, values)
        lent = ffi.from_buffer(UINT32S, kept_indices), ffi.from_buffer(FLOATS, kept_values)
        width = hit_count(k)
        found: list[SearchHit] = self._rows(
            hits_of, search_failure(width), lib.gv_db_search_sparse, *lent, len(kept_indices), width, options
        )
        return found

    def explain_sparse(
        self,
        indices: npt.ArrayLike,
        values: npt.ArrayLike,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        offset: int = 0,
    ) -> Explanation:
        """Carry out a search_sparse(), and say which way it went and why, instead of what it found.

        The lists answer ("index"), or all rows are looked at ("scan"): by another metric than the database's, and by COSINE for a query of
        zeros. "index, then scan": the lists had not all rows, or sums of such values are beyond float32.
        """
        query, _keep = lent_rows(*one_row(indices, values))
        options, _options = search_options(distance, filter_metadata, filter, None, offset=offset, sparse=query)
        return self._explained(_NULL, 0, k, options)

    def range_search_sparse(
        self,
        indices: npt.ArrayLike,
        values: npt.ArrayLike,
        radius: float,
        max_results: int = 1000,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
        with_metadata: bool = True,
    ) -> RangeHits:
        """Every row at a distance of at most `radius` from a sparse query, nearest first, ties by id.

        radius: in the metric's unit, so negative for near rows by DOT_PRODUCT: -3 are the rows whose product with the query is at least 3.
            The bound is on the distance as a hit has it. ArgumentError for NaN.
        max_results: of more rows the nearest; `hits.total` says how many there are, `hits.complete` whether all came.
        The others as in search().
        """
        query, _keep = lent_rows(*one_row(indices, values))
        options, _options = search_options(
            distance,
            filter_metadata,
            filter,
            None,
            with_vectors=with_vectors,
            with_metadata=with_metadata,
            sparse=query,
        )
        return self._within(_NULL, 0, radius, max_results, options)

    def search_groups_sparse(
        self,
        indices: npt.ArrayLike,
        values: npt.ArrayLike,
        k: int,
        key: str,
        group_size: int = 1,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
    ) -> list[SearchGroup]:
        """The `k` groups of rows with the same `metadata[key]` that are nearest to a sparse query: of each its `group_size` nearest rows.

        Groups come in order of their nearest rows; rows without the key are left out. The others as in search().
        """
        query, _keep = lent_rows(*one_row(indices, values))
        options, _options = search_options(
            distance, filter_metadata, filter, None, with_vectors=with_vectors, sparse=query
        )
        return self._grouped(_NULL, 0, k, key, group_size, options)

    def search_batch_sparse(
        self,
        queries: Any,
        k: int,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        *,
        with_vectors: bool = True,
        with_metadata: bool = True,
        threads: int = 1,
        offset: int = 0,
        filters: Sequence[str | None] | None = None,
    ) -> list[list[SearchHit]]:
        """search_sparse() for many queries in one call: one list of hits each, the same as one by one.

        threads: spread the queries over so many; the answers are the same for any number.
        filters: in place of `filter` one for each query, or None for all rows. See knn_query_sparse() for NumPy arrays instead.
        """
        rows, _keep = lent_rows(*many_rows(queries))
        options, _options = search_options(
            distance,
            filter_metadata,
            filter,
            None,
            with_vectors=with_vectors,
            with_metadata=with_metadata,
            threads=threads,
            offset=offset,
            filters=filters,
            count=rows.count,
            sparse=rows,
        )
        return self._batch_rows(_NULL, rows.count, 0, hit_count(k), options)

    def knn_query_sparse(
        self,
        queries: Any,
        k: int,
        *,
        distance: DistanceType | int | None = None,
        filter_metadata: tuple[str, str] | None = None,
        filter: str | None = None,
        threads: int = 1,
        offset: int = 0,
        filters: Sequence[str | None] | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """search_sparse() at full speed: (ids int64 [n, k], distances float32 [n, k]) of n queries.

        Padding, a large k, `threads` and `filters` are as in knn_query().
        """
        rows, _keep = lent_rows(*many_rows(queries))
        options, _options = search_options(
            distance,
            filter_metadata,
            filter,
            None,
            threads=threads,
            offset=offset,
            filters=filters,
            count=rows.count,
            sparse=rows,
        )
        return self._batch_arrays(_NULL, rows.count, 0, hit_count(k), options)
