"""Without these, answers could depend on threads, and hits on what happens to the database after the search."""

import copy
import pickle
from dataclasses import asdict

import numpy as np
import pytest

from gigavector import ArgumentError, Database, DistanceType, FilterError, IndexType, SearchHit, Vector


@pytest.fixture(params=[IndexType.FLAT, IndexType.HNSW])
def db(request):
    rng = np.random.default_rng(4)
    with Database.open(None, 20, request.param) as opened:
        opened.set_exact_search_threshold(0)
        rows = rng.normal(size=(1500, 20)).astype(np.float32)
        opened.add_vectors(rows, [{"n": str(i), "part": "ä" if i % 5 else "b"} for i in range(len(rows))])
        yield opened


@pytest.mark.parametrize("options", [{}, {"filter_metadata": ("part", "b")}, {"distance": DistanceType.MANHATTAN}])
def test_any_number_of_threads_gives_the_same(db, options):
    queries = np.random.default_rng(5).normal(size=(90, 20)).astype(np.float32)
    ids, distances = db.knn_query(queries, 10, **options)
    for threads in (0, 2, 3, 200):
        other_ids, other_distances = db.knn_query(queries, 10, threads=threads, **options)
        assert np.array_equal(ids, other_ids) and np.array_equal(distances, other_distances)
    single = [db.knn_query(query, 10, **options)[0][0] for query in queries]
    assert np.array_equal(ids, single)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_query_may_have_a_filter_of_its_own(db, threads):
    queries = np.random.default_rng(6).normal(size=(30, 20)).astype(np.float32)
    filters = [("part == 'b'", None, "part != 'b' AND n < 90", "n > 10000")[i % 4] for i in range(30)]
    ids, distances = db.knn_query(queries, 7, filters=filters, threads=threads)
    hits = db.search_batch(queries, 7, filters=filters)
    assert db.search_batch(queries, 7, filters=filters, threads=3) == hits
    for i, query in enumerate(queries):
        (own,), (far,) = db.knn_query(query, 7, filter=filters[i])
        assert np.array_equal(ids[i], own) and np.array_equal(distances[i], far)
        assert [hit.id for hit in hits[i]] == [id for id in own if id >= 0]


@pytest.mark.parametrize("filters", [["part == 'b'"] * 2, "part == 'b'", [1, 2, 3], 5])
def test_filters_are_one_for_each_query(db, filters):
    with pytest.raises(ArgumentError, match="filters"):
        db.knn_query(np.zeros((3, 20)), 7, filters=filters)


def test_a_filter_that_is_none_is_named_by_its_query(db):
    with pytest.raises(FilterError, match="query 2: "):
        db.search_batch(np.zeros((3, 20)), 7, filters=["part == 'b'", None, "part =="])
    with pytest.raises(ArgumentError, match="both filter and filters"):
        db.knn_query(np.zeros((1, 20)), 7, filters=[None], filter="part == 'b'")
    assert db.knn_query(np.zeros((0, 20)), 7, filters=[])[0].shape == (0, 7)


def test_the_first_query_that_is_wrong_is_named(db):
    queries = np.zeros((50, 20), np.float32)
    queries[[17, 31], 3] = np.nan
    for threads in (1, 4):
        with pytest.raises(ArgumentError, match="vector 17: component 3 is NaN"):
            db.knn_query(queries, 10, threads=threads)
    with pytest.raises(ArgumentError, match="threads"):
        db.knn_query(queries, 10, threads=-1)


def test_hits_are_as_of_the_search(db):
    query = db.get(10).data
    hits = db.search(query, 3)
    for hit in hits:
        db.update_metadata(hit.id, {"n": "changed"})
    assert [hit.vector.metadata["n"] for hit in hits] == [str(hit.id) for hit in hits]
    assert hits[0].vector.metadata is hits[0].vector.metadata
    hits[0].vector.metadata["mine"] = "kept"
    assert hits[0].vector.metadata["mine"] == "kept"
    assert "mine" not in hits[1].vector.metadata


def test_hits_are_plain_values(db):
    first, second = (db.search(db.get(3).data, 5) for _ in range(2))
    assert pickle.loads(pickle.dumps(first)) == second  # before its metadata was ever used
    first = db.search(db.get(3).data, 5)
    assert copy.deepcopy(first[1]) == second[1] and repr(first[0]) == repr(second[0])
    assert asdict(first[0])["vector"]["metadata"] == {"n": "3", "part": "ä"}
    assert isinstance(first[0], SearchHit) and isinstance(first[0].vector, Vector)
    assert Vector(first[0].vector.data, {"n": "3", "part": "ä"}) == first[0].vector
    assert Vector(np.zeros(2, np.float32)).metadata == {}


def test_contents_can_be_left_out(db):
    query = db.get(7).data
    full = db.search(query, 4)
    for vectors, metadata in ((False, True), (True, False), (False, False)):
        hits = db.search(query, 4, with_vectors=vectors, with_metadata=metadata)
        assert [(hit.id, hit.distance) for hit in hits] == [(hit.id, hit.distance) for hit in full]
        for hit, whole in zip(hits, full, strict=True):
            assert np.array_equal(hit.vector.data, whole.vector.data if vectors else [])
            assert hit.vector.metadata == (whole.vector.metadata if metadata else {})
        assert db.search_batch([query], 4, with_vectors=vectors, with_metadata=metadata)[0] == hits
