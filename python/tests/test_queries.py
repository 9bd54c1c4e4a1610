"""Upsert, delete by filter, ranges, groups, pages and statistics, as Python sees them.

Without these tests an option could go astray between Python and the core, or a group get another group's name: the C
tests know nothing of Python.
"""

from __future__ import annotations

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
    RangeHits,
    ReadOnlyError,
    Row,
)

INDEXES = [IndexType.FLAT, IndexType.HNSW]
COLOURS = ["red", "green", "blue", "é"]


@pytest.fixture(params=INDEXES, ids=lambda index: index.name)
def filled(request, rng):
    """300 rows of four colours; every tenth has none."""
    rows = rng.normal(size=(300, 12)).astype(np.float32)
    metadata = [{"doc": str(i)} | ({"colour": COLOURS[i % 4]} if i % 10 else {}) for i in range(300)]
    with Database.open(None, 12, request.param) as db:
        db.add_vectors(rows, metadata)
        yield db, rows


def ids_of(hits):
    return [hit.id for hit in hits]


# ---- upsert ----


def test_upsert_replaces_by_key_and_keeps_the_id(filled):
    db, rows = filled
    assert db.upsert(rows[7] + 1, {"doc": "7", "new": "yes"}, key="doc") == 7
    assert len(db) == 300
    assert np.array_equal(db.get(7).data, rows[7] + 1)
    assert db.get(7).metadata == {"doc": "7", "new": "yes"}
    assert db.search(rows[7] + 1, 1)[0].id == 7
    assert db.upsert(rows[0], {"id": "first"}) == 300  # the key is "id" unless it is named
    assert db.upsert(rows[1], {"id": "first"}) == 300
    assert len(db) == 301


def test_upsert_many_is_one_commit(filled):
    db, rows = filled
    new = [{"doc": str(i)} for i in (3, 1000, 5, 1001)]
    assert db.upsert_many(rows[:4] * 2, new, key="doc") == [3, 300, 5, 301]
    assert db.upsert_many([], [], key="doc") == []
    assert db.get_stats().upserts == 2
    with pytest.raises(ArgumentError, match='rows 0 and 2 have the same value of key "doc"'):
        db.upsert_many(rows[:3], [{"doc": "x"}, {"doc": "y"}, {"doc": "x"}], key="doc")
    with pytest.raises(ArgumentError, match="metadata for 1 rows, but there are 2 vectors"):
        db.upsert_many(rows[:2], [{"doc": "x"}], key="doc")
    assert len(db) == 302


def test_upsert_refuses_what_it_cannot_decide(filled):
    db, rows = filled
    with pytest.raises(ArgumentError, match=r'both have the value .* of key "colour"'):
        db.upsert(rows[0], {"colour": "red"}, key="colour")
    with pytest.raises(ArgumentError, match='metadata of row 0 has no key "id"'):
        db.upsert(rows[0], {"doc": "1"})
    with pytest.raises(ArgumentError, match="metadata must be a dict of strings, got NoneType"):
        db.upsert(rows[0], None)
    with pytest.raises(ArgumentError, match="key must be str, got int"):
        db.upsert(rows[0], {"doc": "1"}, key=3)
    with pytest.raises(ArgumentError, match="expected vector of dim 12, got 3"):
        db.upsert([1, 2, 3], {"doc": "1"}, key="doc")
    assert len(db) == 300


def test_upserts_are_in_the_file(tmp_path, rng):
    path, rows = tmp_path / "upserts.gv", rng.normal(size=(40, 8))
    db = Database.open(path, 8, checkpoint_on_close=False)
    for i, row in enumerate(rows):
        db.upsert(row, {"id": str(i % 25)})
    db.close()
    with Database.open(path) as db:  # from the log, then from the image
        assert len(db) == 25
        assert np.array_equal(db.get(3).data, rows[28].astype(np.float32))
        assert db.check().reachable == 25
    with Database.open(path, read_only=True) as db:
        assert db.get(3).metadata == {"id": "3"}
        with pytest.raises(ReadOnlyError):
            db.upsert(rows[0], {"id": "3"})


# ---- delete ----


def test_delete_matching(filled):
    db, _ = filled
    red = [row.id for row in db.scroll(limit=1000, filter_metadata=("colour", "red"))]
    assert db.delete_matching(("colour", "red")) == len(red) > 50
    assert not any(id in db for id in red)
    assert len(db) == 300 - len(red)
    assert db.delete_matching(("colour", "red")) == 0
    assert db.delete_matching(filter_metadata=("colour", "é")) > 50
    for wrong in (None, "colour", ("colour",)):
        with pytest.raises(ArgumentError):
            db.delete_matching(wrong)


def test_expressions_filter_every_call(filled):
    db, rows = filled
    warm = 'colour IN ("red", "é") AND NOT colour == "é"'
    reds = [row.id for row in db.scroll(limit=1000, filter=warm)]
    assert reds == [row.id for row in db.scroll(limit=1000, filter_metadata=("colour", "red"))]
    assert {hit.id for hit in db.range_search(rows[0], 1e9, filter=warm)} == set(reds)
    near = db.search_by_id(0, 300, filter=warm)
    assert {hit.id for hit in near} == set(reds) - {0}
    assert [hit.id for hit in db.search(rows[0], 5, filter=warm, offset=3)] == [
        hit.id for hit in db.search(rows[0], 8, filter=warm)
    ][3:]
    assert [group.value for group in db.search_groups(rows[0], 9, "colour", filter=warm)] == ["red"]
    assert db.delete_matching(filter=warm) == len(reds)
    assert db.count(warm) == 0
    for call in (db.scroll, db.delete_matching, lambda **o: db.search_groups(rows[0], 1, "colour", **o)):
        with pytest.raises(FilterError, match="column 8"):
            call(filter="colour =")


def test_explain_says_which_way_a_search_goes(filled, rng):
    db, rows = filled
    flat = db.index == IndexType.FLAT
    few = db.explain(rows[0], 5)
    assert (few.way, few.rows, few.matches, few.hits) == ("scan", 300, 300, 5)
    assert ("FLAT" if flat else "threshold") in few.reason
    assert db.explain(rows[0], 5, filter="colour == 'red'").matches == db.count("colour == 'red'")
    if flat:
        return
    db.set_exact_search_threshold(0)
    assert db.explain(rows[0], 5).way == "index"
    assert "another metric" in db.explain(rows[0], 5, distance=DistanceType.MANHATTAN).reason
    db.add_vectors(rng.normal(size=(3000, 12)), [{"nth": str(i)} for i in range(3000)])
    db.set_exact_search_threshold(10)
    assert "a scan is no slower" in db.explain(rows[0], 5, filter="nth < 20").reason
    starved = db.explain(rows[0], 5, filter="colour == 'none such'")
    assert (starved.matches, starved.hits) == (0, 0)
    with pytest.raises(QueryError, match="k is 0"):
        db.explain(rows[0], 0)


# ---- ranges ----


@pytest.mark.parametrize("metric", list(DistanceType))
def test_range_search_is_every_row_within_the_radius(filled, rng, metric):
    db, _ = filled
    query = rng.normal(size=12)
    every = db.search(query, 300, distance=metric)
    for at in (0, 10, 120, 299):
        radius = every[at].distance
        hits = db.range_search(query, radius, distance=metric)
        assert isinstance(hits, RangeHits)
        assert hits == every[: at + 1]
        assert hits.total == at + 1 and hits.complete
    short = db.range_search(query, every[120].distance, 7, metric)
    assert short == every[:7] and short.total == 121 and not short.complete
    assert db.range_search(query, float("inf"), distance=metric) == every
    assert db.range_search(query, 1e300, distance=metric).total == 300
    red = db.range_search(query, float("inf"), filter_metadata=("colour", "red"))
    assert red and all(hit.vector.metadata["colour"] == "red" for hit in red)
    bare = db.range_search(query, radius, 3, metric, with_vectors=False, with_metadata=False)
    assert all(len(hit.vector.data) == 0 and hit.vector.metadata == {} for hit in bare)


def test_range_search_refuses(filled):
    db, rows = filled
    for radius in (float("nan"), "near", None):
        with pytest.raises(ArgumentError, match="radius"):
            db.range_search(rows[0], radius)
    with pytest.raises(ArgumentError, match="max_results"):
        db.range_search(rows[0], 1.0, 0)


# ---- by id, pages ----


def test_search_by_id_leaves_the_row_out(filled):
    db, rows = filled
    assert db.search_by_id(9, 5) == db.search(rows[9], 6)[1:]
    assert len(db.search_by_id(9, 10**30)) == 299
    assert db.search_by_id(9, 5, offset=3) == db.search_by_id(9, 8)[3:]
    red = db.search_by_id(9, 5, filter_metadata=("colour", "red"))
    assert all(hit.vector.metadata["colour"] == "red" for hit in red)
    with pytest.raises(NotFoundError, match="no row has id 300"):
        db.search_by_id(300, 1)
    with pytest.raises(QueryError):
        db.search_by_id(9, 0)


def test_offset_is_a_later_page(filled, rng):
    db, _ = filled
    queries = rng.normal(size=(3, 12))
    first = db.search(queries[0], 30)
    assert db.search(queries[0], 10, offset=20) == first[20:]
    assert db.search(queries[0], 10, offset=295) == db.search(queries[0], 300)[295:]
    assert db.search(queries[0], 10, offset=2**64 - 1) == []
    assert db.search_batch(queries, 10, offset=20)[0] == first[20:]
    ids, distances = db.knn_query(queries, 10, offset=295)
    assert ids[0].tolist() == ids_of(db.search(queries[0], 300))[295:] + [-1] * 5
    assert np.isinf(distances[0, 5:]).all()
    for wrong in (-1, 2**64, 1.5):
        with pytest.raises(ArgumentError, match="offset"):
            db.search(queries[0], 10, offset=wrong)


def test_scroll_meets_every_row_once_while_rows_come_and_go(filled):
    db, rows = filled
    seen, page = [], db.scroll(limit=7)
    assert isinstance(page[0], Row) and np.array_equal(page[0].vector.data, rows[0])
    while page:
        seen += [row.id for row in page]
        db.delete_vector(page[0].id)
        db.add_vector(rows[0])
        page = db.scroll(after=page[-1].id, limit=7)
        if len(seen) > 300:
            break
    assert seen[:300] == list(range(300))
    assert [row.id for row in db.scroll(after=5, limit=3)] == [6, 8, 9]
    assert db.scroll(after=2**64 - 1) == []
    assert len(db.scroll()) == 100
    (row,) = db.scroll(limit=1, with_vectors=False)
    assert row.id == 1 and len(row.vector.data) == 0 and row.vector.metadata["doc"] == "1"
    for wrong in ({"limit": 0}, {"after": -1}, {"after": "1"}):
        with pytest.raises(ArgumentError):
            db.scroll(**wrong)


# ---- groups ----


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_search_groups(filled, rng, size):
    db, _ = filled
    query = rng.normal(size=12)
    expected: dict[str, list] = {}
    for hit in db.search(query, 300):
        if "colour" in hit.vector.metadata:
            expected.setdefault(hit.vector.metadata["colour"], []).append(hit)
    for k in (1, 3, 10):
        groups = db.search_groups(query, k, "colour", size)
        assert [group.value for group in groups] == list(expected)[:k]
        assert all(group.hits == expected[group.value][:size] for group in groups)
    assert db.search_groups(query, 3, "no such key") == []
    (red,) = db.search_groups(query, 3, "colour", 2, filter_metadata=("colour", "red"))
    assert red.value == "red" and len(red.hits) == 2
    with pytest.raises(QueryError):
        db.search_groups(query, 0, "colour")
    with pytest.raises(ArgumentError, match="group_size"):
        db.search_groups(query, 1, "colour", 0)


# ---- statistics ----


def test_stats(tmp_path, rng):
    rows = rng.normal(size=(1500, 8))
    with Database.open(tmp_path / "stats.gv", 8) as db:
        db.add_vectors(rows)
        db.search(rows[0], 3)
        db.knn_query(rows[:10], 3)
        db.update_vector(0, rows[1])
        db.update_metadata(0, {"a": "b"})
        db.delete_vectors([5, 6])
        db.save()
        with pytest.raises(NotFoundError):
            db.delete_vector(5)
        stats = db.get_stats()
    assert (stats.adds, stats.searches, stats.updates, stats.deletes, stats.upserts) == (1, 11, 2, 1, 0)
    assert stats.checkpoints == 1
    assert stats.walks == 11 and stats.scans == stats.scanned_rows == 0
    assert sum(stats.latencies) == 11 and len(stats.latencies) == 32
    assert 1490 < stats.nodes < 1500 and stats.levels > 0 and 4 < stats.mean_degree <= 32
