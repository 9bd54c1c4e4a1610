"""Sparse queries by every search that vectors have: radii, groups, batches, explanations, pages.

Without this file rows could be missing within a radius or from a group, and a batch could answer otherwise than its queries one by one.
Every distance is compared with NumPy's, to the bit: an f64 sum in order of the indices, rounded once.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gigavector import (
    ArgumentError,
    Database,
    DistanceType,
    FilterError,
    IndexType,
    NotFoundError,
    QueryError,
    SparseVector,
    UnsupportedError,
)

DIMENSION, ROWS, PARTS = 400, 1200, 7
METRICS = [DistanceType.DOT_PRODUCT, DistanceType.COSINE]


def matrix(rng, count, signed=False):
    """Like a csr_array of rows that share common indices, as words do; some rows are empty."""
    rows = [np.unique((DIMENSION ** rng.random(rng.integers(0, 16))).astype(np.int32)) for _ in range(count)]
    data = rng.random(sum(map(len, rows))).astype(np.float32) - (0.3 if signed else 0)
    indptr = np.cumsum([0] + [len(row) for row in rows])
    return SimpleNamespace(indptr=indptr, indices=np.concatenate(rows), data=data.astype(np.float32), format="csr")


def row(rows, i):
    part = slice(rows.indptr[i], rows.indptr[i + 1])
    return rows.indices[part], rows.data[part]


def listed(rows):
    return [row(rows, i) for i in range(len(rows.indptr) - 1)]


def dense(rows, dimension=DIMENSION):
    whole = np.zeros((len(rows.indptr) - 1, dimension))
    for i, (indices, values) in enumerate(listed(rows)):
        whole[i, indices] = values
    return whole


def last_sums(products):
    """In order, and no other; zeros change nothing."""
    return np.cumsum(products, axis=1)[:, -1].astype(np.float32)


def distances_of(metric, whole, query):
    sums = last_sums(whole * query)
    if metric == DistanceType.DOT_PRODUCT:
        return np.float32(0) - sums
    norms = last_sums(whole * whole).astype(np.float64) * np.float64(last_sums((query * query)[np.newaxis])[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.float32(1) - (sums.astype(np.float64) / np.sqrt(norms)).astype(np.float32)
    return np.where(norms > 0, np.clip(found, np.float32(0), np.float32(2)), np.float32(1))


def nearest(distances, among=None):
    ids = np.arange(len(distances)) if among is None else np.flatnonzero(among)
    order = ids[np.lexsort((ids, distances[ids]))]
    return [(int(id), float(distances[id])) for id in order]


def pairs_of(hits):
    return [(hit.id, hit.distance) for hit in hits]


class Filled:
    """A database, and the distances of all its rows from each of some queries."""

    def __init__(self, rng, metric, signed, other=None):
        self.rows, self.queries = matrix(rng, ROWS, signed), matrix(rng, 12, signed)
        self.db = Database.open(None, DIMENSION, IndexType.SPARSE, metric)
        self.db.add_sparse_vectors(self.rows, [{"part": f"p{i % PARTS}", "odd": str(i % 2)} for i in range(ROWS)])
        whole, asked = dense(self.rows), dense(self.queries)
        self.distances = [distances_of(other or metric, whole, query) for query in asked]


@pytest.fixture(params=[(metric, signed) for metric in METRICS for signed in (False, True)], ids=str)
def filled(request, rng):
    made = Filled(rng, *request.param)
    with made.db:
        yield made


def test_all_within_a_radius(filled):
    odd = np.arange(ROWS) % 2 == 1
    for i, distances in enumerate(filled.distances):
        query, every = row(filled.queries, i), nearest(distances)
        for radius in (every[0][1], every[40][1], np.nextafter(every[40][1], -np.inf), 0, 1, np.inf, -np.inf):
            within = [hit for hit in every if hit[1] <= radius]
            found = filled.db.range_search_sparse(*query, radius, 50)
            assert pairs_of(found) == within[:50] and found.total == len(within)
            assert found.complete == (len(within) <= 50)
        within = [hit for hit in nearest(distances, odd) if hit[1] <= every[100][1]]
        found = filled.db.range_search_sparse(*query, every[100][1], ROWS, filter="odd == 1")
        assert pairs_of(found) == within and found.complete
        found = filled.db.range_search_sparse(*query, every[9][1], ROWS, filter_metadata=("odd", "1"), with_vectors=False)
        assert all(hit.vector.metadata["odd"] == "1" and len(hit.vector.data) == 0 for hit in found)


def test_the_other_metric(rng):
    made = Filled(rng, DistanceType.DOT_PRODUCT, True, other=DistanceType.COSINE)
    with made.db as db:
        for i, distances in enumerate(made.distances):
            query, every = row(made.queries, i), nearest(distances)
            found = db.range_search_sparse(*query, every[30][1], ROWS, DistanceType.COSINE)
            assert pairs_of(found) == [hit for hit in every if hit[1] <= every[30][1]]
            assert db.explain_sparse(*query, 5, DistanceType.COSINE).reason == "the index was built for another metric"


def test_lists_that_are_left_out(rng):
    """So many rows that most entries of most lists are never looked at: still none is missing."""
    count, dimension = 20_000, 2000
    rows = [np.unique((dimension ** rng.random(30)).astype(np.int32) - 1) for _ in range(count)]
    data = [rng.random(len(indices)).astype(np.float32) / (1 + 30 * (indices < 3)) for indices in rows]
    whole = np.zeros((count, dimension), np.float32)
    for i, (indices, values) in enumerate(zip(rows, data, strict=True)):
        whole[i, indices] = values
    for metric in METRICS:
        with Database.open(None, dimension, IndexType.SPARSE, metric) as db:
            db.add_sparse_vectors(list(zip(rows, data, strict=True)))
            for i in range(5):
                used = whole[:, rows[i]].astype(np.float64)  # cosine needs all of a row for its norm
                distances = np.float32(0) - last_sums(used * data[i].astype(np.float64))
                if metric == DistanceType.COSINE:
                    norms = last_sums(whole.astype(np.float64) ** 2).astype(np.float64)
                    quotients = -distances.astype(np.float64) / np.sqrt(norms * norms[i])
                    distances = np.clip(np.float32(1) - quotients.astype(np.float32), np.float32(0), np.float32(2))
                every = nearest(distances)
                for at in (0, 20, 300):
                    within = [hit for hit in every[:2000] if hit[1] <= every[at][1]]
                    found = db.range_search_sparse(rows[i], data[i], every[at][1])
                    assert pairs_of(found) == within and found.complete


def test_groups(filled):
    for i, distances in enumerate(filled.distances):
        query = row(filled.queries, i)
        for k, size, odd in ((3, 1, None), (2, 250, None), (PARTS + 5, 3, None), (2, 120, "1")):
            every = nearest(distances, None if odd is None else np.arange(ROWS) % 2 == 1)
            wanted: dict[str, list] = {}
            for hit in every:
                wanted.setdefault(f"p{hit[0] % PARTS}", []).append(hit)
            found = filled.db.search_groups_sparse(
                *query, k, "part", size, filter_metadata=None if odd is None else ("odd", odd)
            )
            assert [(group.value, pairs_of(group.hits)) for group in found] == [
                (value, hits[:size]) for value, hits in list(wanted.items())[:k]
            ]
            assert isinstance(found[0].hits[0].vector, SparseVector)
        assert filled.db.search_groups_sparse(*query, 3, "nobody has it") == []


def test_many_in_one_call(filled):
    db, queries = filled.db, filled.queries
    alone = [db.search_sparse(*query, 8) for query in listed(queries)]
    assert [pairs_of(hits) for hits in alone] == [nearest(distances)[:8] for distances in filled.distances]
    for threads in (0, 1, 3, 8):
        for given in (queries, listed(queries), iter(listed(queries)), tuple(listed(queries))):
            assert db.search_batch_sparse(given, 8, threads=threads) == alone
        ids, distances = db.knn_query_sparse(queries, 8, threads=threads)
        assert (ids.dtype, distances.dtype, ids.shape) == (np.int64, np.float32, (12, 8))
        assert [list(zip(*each, strict=True)) for each in zip(ids.tolist(), distances.tolist(), strict=True)] == [
            pairs_of(hits) for hits in alone
        ]
    for hits, page in zip(alone, db.search_batch_sparse(queries, 3, offset=5, with_metadata=False), strict=True):
        assert pairs_of(page) == pairs_of(hits)[5:] and page[0].vector.metadata == {}
    filters = [None if i % 3 == 0 else f"odd == {i % 2}" for i in range(12)]
    own = db.search_batch_sparse(queries, 4, filters=filters, threads=2)
    assert own == [db.search_sparse(*row(queries, i), 4, filter=filters[i]) for i in range(12)]
    shared = db.search_batch_sparse(queries, 4, filter="part IN ('p1', 'p2')", threads=2)
    assert shared == [db.search_sparse(*query, 4, filter="part IN ('p1', 'p2')") for query in listed(queries)]
    other = METRICS[filled.db.distance == METRICS[0]]
    by_other = [db.search_sparse(*query, 4, other) for query in listed(queries)]
    assert db.search_batch_sparse(queries, 4, other) == by_other


def test_short_rows_are_padded():
    with Database.open(None, DIMENSION, IndexType.SPARSE) as db:
        ids, distances = db.knn_query_sparse([([1], [1.0])], 2)
        assert ids.tolist() == [[-1, -1]] and distances.tolist() == [[np.inf, np.inf]]
        assert db.search_batch_sparse([([1], [1.0]), ([], [])], 2) == [[], []]
        assert db.search_groups_sparse([1], [1], 2, "key") == [] and db.range_search_sparse([1], [1], 9) == []
        db.add_sparse_vector([1], [2])
        ids, distances = db.knn_query_sparse([([1], [1.0]), ([], [])], 2)
        assert ids.tolist() == [[0, -1], [0, -1]] and distances.tolist() == [[-2, np.inf], [0, np.inf]]
        assert db.knn_query_sparse([], 2)[0].shape == (0, 2) and db.search_batch_sparse([], 2) == []
        empty = SimpleNamespace(indptr=np.zeros(1, np.int32), indices=np.zeros(0, np.int32), data=np.zeros(0))
        assert db.search_batch_sparse(empty, 2) == []
        assert db.knn_query_sparse([([1], [1.0])], 10**30)[0].shape == (1, 1024)


def test_which_way(filled):
    db = filled.db
    query = next(pairs for pairs in listed(filled.queries) if len(pairs[0]) > 2)
    said = db.explain_sparse(*query, 5, filter="odd == 0")
    assert (said.way, said.rows, said.matches, said.hits) == ("index", ROWS, ROWS // 2, 5)
    assert db.explain_sparse(*query, 5, filter="part == 'none'").hits == 0
    if db.distance == DistanceType.COSINE:
        assert "zero vector" in db.explain_sparse([], [], 5).reason
        db.add_sparse_vector([3], [1e-15])
        assert db.explain_sparse(*query, 5).way == "index, then scan"  # too short a row for the sums of lists
    before = db.get_stats()
    db.range_search_sparse(*query, 0.5)
    db.search_batch_sparse([query] * 3, 2)
    after = db.get_stats()
    assert after.searches - before.searches == 4 and after.walks - before.walks == 4


def test_near_a_row_and_in_order_of_ids(filled):
    db = filled.db
    assert pairs_of(db.search_by_id(17, 6)) == [
        hit for hit in nearest(distances_of(db.distance, dense(filled.rows), dense(filled.rows)[17])) if hit[0] != 17
    ][:6]
    db.delete_vectors(list(range(0, ROWS, 3)))
    seen, page = [], db.scroll(limit=100, filter="odd == 1")
    while page:
        seen += page
        page = db.scroll(after=page[-1].id, limit=100, filter="odd == 1")
    assert [each.id for each in seen] == [id for id in range(ROWS) if id % 3 and id % 2]
    for each in seen[::50]:
        indices, values = row(filled.rows, each.id)
        assert each.vector.indices.tolist() == indices.tolist() and each.vector.data.tolist() == values.tolist()
    with pytest.raises(NotFoundError, match="0"):
        db.search_by_id(0, 1)
    with pytest.raises(UnsupportedError, match="SPARSE knows"):
        db.search_by_id(1, 1, DistanceType.EUCLIDEAN)


def test_refused():
    with Database.open(None, DIMENSION, IndexType.SPARSE) as db, Database.open(None, 3, IndexType.FLAT) as flat:
        db.add_sparse_vector([1], [1], {"key": "a"})

        def calls(of, indices, values, **more):
            return (
                lambda: of.explain_sparse(indices, values, 1, **more),
                lambda: of.range_search_sparse(indices, values, 1, **more),
                lambda: of.search_groups_sparse(indices, values, 1, "key", **more),
                lambda: of.search_batch_sparse([(indices, values)], 1, **more),
                lambda: of.knn_query_sparse([(indices, values)], 1, **more),
            )

        for indices, values, says in (
            ([2, 1], [1, 1], "index 1 comes behind 2"),
            ([DIMENSION], [1], "is not below the dimension"),
            ([-1], [1], "-1"),
            ([1], [1, 2], "1 indices, but 2 values"),
            ([1], [np.nan], "the value at index 1 is NaN"),
        ):
            for call in calls(db, indices, values):
                with pytest.raises(ArgumentError, match=says):
                    call()
        for call in calls(flat, [1], [1]):
            with pytest.raises(ArgumentError, match="its index is not SPARSE"):
                call()
        for call in calls(db, [1], [1], distance=DistanceType.MANHATTAN):
            with pytest.raises(UnsupportedError, match="SPARSE knows"):
                call()
        for call in calls(db, [1], [1], filter="odd =="):
            with pytest.raises(FilterError):
                call()
        for call in (
            lambda: db.explain_sparse([1], [1], 0),
            lambda: db.range_search_sparse([1], [1], 1, 0),
            lambda: db.search_groups_sparse([1], [1], 0, "key"),
            lambda: db.search_batch_sparse([([1], [1])], 0),
            lambda: db.knn_query_sparse([([1], [1])], -1),
        ):
            with pytest.raises(QueryError):
                call()
        with pytest.raises(ArgumentError, match="NaN"):
            db.range_search_sparse([1], [1], float("nan"))
        with pytest.raises(ArgumentError, match="group_size"):
            db.search_groups_sparse([1], [1], 1, "key", 0)
        with pytest.raises(ArgumentError, match="sparse row 1: index 0 comes behind 1"):
            db.search_batch_sparse([([1], [1]), ([1, 0], [1, 1])] * 20, 1, threads=4)
        with pytest.raises(ArgumentError, match="filters must be 2"):
            db.knn_query_sparse([([1], [1])] * 2, 1, filters=[None])
        with pytest.raises(ArgumentError, match="CSR"):
            db.search_batch_sparse(SimpleNamespace(indptr=[0], indices=[], data=[], format="csc"), 1)
        for indptr, says in (
            ([0, 5], "indptr of the sparse matrix goes beyond"),
            ([0, -1, 1], "indptr must be"),
            ([0, 0.5], "indptr must be"),
            ([[0]], "indptr must be"),
            ([1, 0, 1], "row 0 goes from pair 1 to 0"),
        ):
            with pytest.raises(ArgumentError, match=says):
                db.knn_query_sparse(SimpleNamespace(indptr=indptr, indices=[1], data=[1.0]), 1)
        with pytest.raises(ArgumentError, match="sparse row 0"):
            db.search_batch_sparse([1, 2], 1)
        assert len(db) == 1
