"""Every method of Database does what its docstring says, on FLAT and HNSW, in memory and in a file.

Without these tests a binding that swaps two arguments, forgets an option or misreads a result would pass unseen: the C
tests know nothing of Python, and the conformance corpus only calls what all bindings share.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from documents import child_environment

import gigavector
from gigavector import (
    ArgumentError,
    ClosedError,
    Database,
    DistanceType,
    GigaVectorError,
    HNSWConfig,
    IndexType,
    LimitError,
    LockedError,
    MemoryLimitError,
    NotFoundError,
    QueryError,
    ReadOnlyError,
    SearchHit,
    UnsupportedError,
    Vector,
)

METRICS = {
    DistanceType.EUCLIDEAN: lambda q, x: np.sqrt(((q - x) ** 2).sum(-1)),
    DistanceType.COSINE: lambda q, x: 1 - (q * x).sum(-1) / np.sqrt((q * q).sum(-1) * (x * x).sum(-1)),
    DistanceType.DOT_PRODUCT: lambda q, x: -(q * x).sum(-1),
    DistanceType.MANHATTAN: lambda q, x: np.abs(q - x).sum(-1),
}
INDEXES = [IndexType.FLAT, IndexType.HNSW]


# ---- search: against NumPy ----


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("metric", list(METRICS))
def test_search_agrees_with_numpy(rng, index, metric):
    rows, queries = rng.normal(size=(500, 33)), rng.normal(size=(20, 33))
    with Database.open(None, 33, index, metric) as db:
        assert db.add_vectors(rows) == list(range(500))
        ids, distances = db.knn_query(queries, 10)
        expected = np.array([METRICS[metric](q, rows) for q in queries])
        assert ids.dtype == np.int64 and distances.dtype == np.float32
        assert ids.shape == distances.shape == (20, 10)
        np.testing.assert_array_equal(ids, np.argsort(expected, axis=1)[:, :10])
        np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :10], rtol=1e-4, atol=1e-5)

        batch = db.search_batch(queries, k=10)
        for query, hits, row_ids, row_distances in zip(queries, batch, ids, distances, strict=True):
            assert hits == db.search(query, k=10)
            assert [hit.id for hit in hits] == row_ids.tolist()
            assert [hit.distance for hit in hits] == row_distances.tolist()
            assert all(np.array_equal(hit.vector.data, rows[hit.id].astype(np.float32)) for hit in hits)


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("metric", list(METRICS))
def test_a_search_in_another_metric_is_exact(rng, index, metric):
    rows, query = rng.normal(size=(300, 8)), rng.normal(size=8)
    with Database.open(None, 8, index, DistanceType.MANHATTAN) as db:
        db.set_exact_search_threshold(0)
        db.add_vectors(rows)
        nearest = np.argsort(METRICS[metric](query, rows))[:5].tolist()
        assert [hit.id for hit in db.search(query, 5, distance=metric)] == nearest
        assert [hit.id for hit in db.search_batch([query], 5, metric)[0]] == nearest
        assert db.knn_query(query, 5, distance=metric)[0].tolist() == [nearest]


@pytest.mark.parametrize("index", INDEXES)
def test_filter_gives_all_that_match(rng, index):
    with Database.open(None, 4, index) as db:
        db.set_exact_search_threshold(0)
        db.add_vectors(rng.normal(size=(400, 4)), metadata=[{"n": str(i % 100), "é": "ü"} for i in range(400)])
        hits = db.search([0, 0, 0, 0], k=10, filter_metadata=("n", "7"))
        assert sorted(hit.id for hit in hits) == [7, 107, 207, 307]
        assert all(hit.vector.metadata == {"n": "7", "é": "ü"} for hit in hits)
        assert db.search([0, 0, 0, 0], k=3, filter_metadata=("é", "ü")) == db.search([0, 0, 0, 0], k=3)
        assert db.search([0, 0, 0, 0], k=3, filter_metadata=("n", "none")) == []
        assert db.search_batch(np.zeros((2, 4)), 10, filter_metadata=("n", "7")) == [hits, hits]
        ids, distances = db.knn_query(np.zeros((2, 4)), 6, filter_metadata=("n", "7"))
        assert ids.tolist() == [[hit.id for hit in hits] + [-1, -1]] * 2
        assert distances.tolist() == [[hit.distance for hit in hits] + [np.inf, np.inf]] * 2


def test_knn_query_takes_one_query_and_pads(db):
    db.add_vectors(np.eye(4))
    for query in ([1, 0, 0, 0], np.array([1.0, 0, 0, 0]), [[1, 0, 0, 0]]):
        ids, distances = db.knn_query(query, 6)
        assert ids.tolist() == [[0, 1, 2, 3, -1, -1]]
        assert distances.tolist()[0][0] == 0 and distances.tolist()[0][4:] == [np.inf, np.inf]


def test_huge_k_is_cut_to_what_there_is(db):
    db.add_vectors(np.eye(4))
    for k in (5, 2**31, 2**63, 2**64, 10**30):
        assert len(db.search([1, 0, 0, 0], k)) == 4
        assert [len(hits) for hits in db.search_batch(np.eye(4), k)] == [4] * 4
    assert db.knn_query(np.eye(4), 1024)[0].shape == (4, 1024)
    ids, _ = db.knn_query(np.eye(4), 2**63)
    assert ids.shape == (4, 1024) and (ids[:, :4] >= 0).all() and (ids[:, 4:] == -1).all()


def test_ef_search_is_handed_on(rng):
    """On a narrow graph few candidates find less than many do; what the configuration says is the default."""
    rows = rng.normal(size=(3000, 24)).astype(np.float32)
    with Database.open(None, 24, hnsw_config=HNSWConfig(M=8, ef_construction=60, ef_search=1)) as db:
        db.set_exact_search_threshold(0)
        db.add_vectors(rows)

        def recall(**options):
            return (db.knn_query(rows[:200], 1, **options)[0][:, 0] == np.arange(200)).mean()

        assert recall(ef_search=400) > 0.98
        assert recall() == recall(ef_search=1) < recall(ef_search=400)
        one_by_one = [db.search(row, 1, ef_search=400)[0].id for row in rows[:200]]
        assert one_by_one == [hits[0].id for hits in db.search_batch(rows[:200], 1, ef_search=400)]
        assert one_by_one == db.knn_query(rows[:200], 1, ef_search=400)[0][:, 0].tolist()


# ---- write ----


@pytest.mark.parametrize("index", INDEXES)
def test_add_delete_update(index):
    with Database.open(None, 2, index) as db:
        assert [db.add_vector([i, 0], {"i": str(i)}) for i in range(5)] == [0, 1, 2, 3, 4]
        assert len(db) == 5 and 4 in db and 5 not in db and -1 not in db and "4" not in db and 2**64 not in db
        db.delete_vector(1)
        db.delete_vectors([2, 3])
        assert len(db) == 2 and 1 not in db
        assert [hit.id for hit in db.search([1, 0], 5)] == [0, 4]
        db.update_vector(4, (1, 1))
        assert db.get(4) == Vector(np.array([1, 1], np.float32), {"i": "4"})
        db.update_metadata(4, {"b": "2", "a": "1"})
        assert list(db.get(4).metadata.items()) == [("b", "2"), ("a", "1")]
        db.update_metadata(4, None)
        assert db.get(4).metadata == {}
        assert db.add_vector([9, 9]) == 5, "ids are not reused"
        assert db.check().rows == 3


def test_writes_are_all_or_nothing(db):
    db.add_vectors(np.eye(4))
    with pytest.raises(NotFoundError, match="7"):
        db.delete_vectors([0, 7])
    with pytest.raises(ArgumentError):
        db.delete_vectors([0, 0])
    with pytest.raises(ArgumentError):
        db.add_vectors([[1, 2, 3, 4], [1, 2, 3, np.nan]])
    with pytest.raises(ArgumentError, match="2 rows.*1"):
        db.add_vectors([[1, 2, 3, 4]], metadata=[{"a": "b"}, {}])
    assert len(db) == 4 and db.add_vector([1, 1, 1, 1]) == 4


def test_empty_calls_do_nothing(db):
    assert db.add_vectors([]) == db.add_vectors(np.empty((0, 4))) == db.add_vectors(iter(())) == []
    assert db.add_vectors([], metadata=[]) == []
    db.delete_vectors([])
    assert len(db) == 0 and db.search([1, 2, 3, 4], 3) == [] and db.search_batch([], 3) == []
    assert db.knn_query(np.empty((0, 4), np.float32), 3)[0].shape == (0, 3)
    assert db.knn_query([], 3)[0].shape == (0, 3)
    assert bool(db), "an empty database is a database"


def test_metadata_of_many_rows(db):
    metadata = [{"a": "1", "b": ""}, None, {}, {"": "empty key", "漢字": "🙂", "long": "x" * 1_000_000}]
    ids = db.add_vectors(np.eye(4), metadata=iter(metadata))
    assert [db.get(id).metadata for id in ids] == [row or {} for row in metadata]


# ---- files ----


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("metric", [DistanceType.EUCLIDEAN, DistanceType.COSINE])
@pytest.mark.parametrize("checkpoint", [True, False])
def test_reopen_keeps_everything(tmp_path, rng, index, metric, checkpoint):
    path, rows = tmp_path / "a file ü.gv", rng.normal(size=(200, 16))
    with Database.open(path, 16, index, metric, checkpoint_on_close=checkpoint) as db:
        db.add_vectors(rows, metadata=[{"i": str(i)} for i in range(200)])
        db.delete_vector(17)
        before = db.search_batch(rows[:20], 10)
    for arguments in ((path,), (str(path), 16, index, metric), (os.fsencode(path), None, None, metric)):
        with Database.open(*arguments, checkpoint_on_close=checkpoint) as db:
            assert (db.dimension, db.index, db.distance, len(db)) == (16, index, metric, 199)
            assert db.path == str(path)
            assert db.search_batch(rows[:20], 10) == before
    with Database.open_mmap(path, 16) as db:
        assert db.info.read_only and db.search_batch(rows[:20], 10) == before
    with Database.open(path, read_only=True) as db:
        assert db.search_batch(rows[:20], 10) == before
        with pytest.raises(ReadOnlyError):
            db.add_vector(rows[0])
    assert os.listdir(tmp_path) == [path.name]


def test_an_explicit_value_that_differs_is_refused(tmp_path):
    path = tmp_path / "a.gv"
    Database.open(path, 8, IndexType.HNSW, DistanceType.COSINE, HNSWConfig(M=8)).close()
    for wrong, named in (
        ({"dimension": 9}, "8.*9|9.*8"),
        ({"index": IndexType.FLAT}, "(?i)hnsw.*flat|flat.*hnsw"),
        ({"distance": DistanceType.EUCLIDEAN}, "(?i)cosine.*euclidean|euclidean.*cosine"),
        ({"hnsw_config": HNSWConfig(M=9)}, "8.*9|9.*8"),
    ):
        with pytest.raises(ArgumentError, match=named):
            Database.open(path, **wrong)
    Database.open(path, hnsw_config=HNSWConfig(M=8, ef_search=77)).close()
    with pytest.raises(ArgumentError, match="dimension"):
        Database.open(tmp_path / "new.gv")


def test_one_writer_and_readers_that_refresh(tmp_path):
    path = tmp_path / "a.gv"
    with Database.open(path, 2, IndexType.FLAT) as writer:
        writer.add_vector([1, 2])
        with pytest.raises(LockedError):
            Database.open(path)
        with Database.open(path, read_only=True) as reader:
            assert len(reader) == 1
            writer.add_vector([3, 4])
            assert len(reader) == 1
            reader.refresh()
            assert len(reader) == 2
            writer.save()
            writer.add_vector([5, 6])
            reader.refresh()
            assert len(reader) == 3
        with pytest.raises(ArgumentError):
            writer.refresh()
    Database.open(path).close()


def test_refresh_refuses_another_database_in_the_file(tmp_path):
    path, other = tmp_path / "a.gv", tmp_path / "b.gv"
    Database.open(path, 4, IndexType.FLAT).close()
    with Database.open(path, read_only=True) as reader:
        others = (4, IndexType.SPARSE, "another database is in the file"), (5, IndexType.FLAT, "dimension: 4 asked for")
        for dimension, index, said in others:
            Database.open(other, dimension, index).close()
            other.replace(path)
            with pytest.raises(ArgumentError, match=said):
                reader.refresh()
            assert reader.search([1, 2, 3, 4], 1) == []


def test_save_elsewhere_and_bytes(tmp_path, rng):
    rows = rng.normal(size=(50, 4))
    with Database.open(tmp_path / "a.gv", 4, durability="os") as db:
        db.add_vectors(rows, metadata=[{"i": str(i)} for i in range(50)])
        db.save(tmp_path / "b.gv")
        db.add_vector(rows[0])
        db.save()
        db.flush()
        hits, data = db.search(rows[3], 5), db.to_bytes()
        db.save()
        with pytest.raises(ArgumentError):
            db.save(tmp_path / "a.gv")
    assert (tmp_path / "a.gv").read_bytes() == data
    with Database.open(tmp_path / "b.gv") as other:
        assert len(other) == 50
    for source in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        with Database.from_bytes(source) as db:
            assert db.path is None and db.search(rows[3], 5) == hits
            assert db.add_vector(rows[1]) == 51
            with pytest.raises(ArgumentError):
                db.save()
    with Database.open_from_memory(data, 4, IndexType.HNSW) as db:
        assert len(db) == 51
        db.save(tmp_path / "c.gv")
    assert (tmp_path / "c.gv").read_bytes()[:8] == data[:8]
    with pytest.raises(ArgumentError):
        Database.from_bytes(data, dimension=5)
    with pytest.raises(gigavector.CorruptError):
        Database.from_bytes(b"not a database" * 1000)
    with pytest.raises(ArgumentError, match="bytes"):
        Database.from_bytes("text")


def test_damage_is_reported(tmp_path, rng):
    path = tmp_path / "a.gv"
    with Database.open(path, 64, IndexType.FLAT) as db:
        db.add_vectors(rng.normal(size=(100, 64)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(gigavector.CorruptError, match=r"\d") as caught:
        Database.open(path)
    assert caught.value.status == "GV_ERR_CORRUPT"


def test_same_calls_same_bytes(rng):
    def build(**options):
        with Database.open(None, 8, **options) as db:
            db.add_vectors(rows)
            return db.to_bytes()

    rows = rng.normal(size=(300, 8))
    assert build() == build() == build(kernels="scalar") == build(durability="none")
    assert build(seed=1) == build(seed=1) != build(seed=2)


# ---- care ----


def test_info_and_memory(tmp_path, rng):
    with Database.open(tmp_path / "a.gv", 8, IndexType.FLAT, DistanceType.COSINE, seed=5, kernels="scalar") as db:
        before = db.get_memory_usage()
        db.add_vectors(rng.normal(size=(1000, 8)))
        info = db.info
        assert (info.index, info.distance, info.dimension) == (IndexType.FLAT, DistanceType.COSINE, 8)
        assert isinstance(info.index, IndexType) and isinstance(info.distance, DistanceType)
        assert (info.count, info.next_id, info.read_only, info.seed, info.kernels) == (1000, 1000, False, 5, "scalar")
        assert info.log_bytes > 32_000 and info.memory_bytes == db.get_memory_usage() >= before + 32_000
        assert "FLAT" in repr(db) and "COSINE" in repr(db) and "a.gv" in repr(db)
        with pytest.raises(dataclasses.FrozenInstanceError):
            info.count = 3
    assert repr(db).endswith("closed>")


def test_limits(db):
    assert db.get_resource_limits() == {"max_memory_bytes": 0, "max_vectors": 0, "max_concurrent_operations": 0}
    db.set_resource_limits(max_vectors=2, max_concurrent_operations=9)
    assert db.get_resource_limits() == {"max_memory_bytes": 0, "max_vectors": 2, "max_concurrent_operations": 9}
    db.add_vectors(np.eye(4)[:2])
    with pytest.raises(LimitError, match="2") as caught:
        db.add_vector([1, 2, 3, 4])
    assert not isinstance(caught.value, MemoryLimitError) and len(db) == 2
    db.set_resource_limits(max_vectors=0, max_memory_bytes=db.get_memory_usage() + 1000)
    with pytest.raises(MemoryLimitError, match="max_memory_bytes") as caught:
        db.add_vectors(np.ones((100_000, 4)))
    assert caught.value.status == "GV_ERR_LIMIT" and len(db) == 2
    db.set_resource_limits(max_memory_bytes=0)
    assert db.add_vector([1, 2, 3, 4]) == 2


def test_check(rng):
    with Database.open(None, 8) as db:
        db.add_vectors(rng.normal(size=(200, 8)))
        report = db.check()
    assert (report.rows, report.reachable, report.faults, report.superblock_copies) == (200, 200, 0, 2)
    assert report.links > 200


def test_exact_search_threshold(rng):
    """Below the threshold even a hopeless graph answers exactly."""
    rows = rng.normal(size=(2000, 16)).astype(np.float32)
    with Database.open(None, 16, hnsw_config=HNSWConfig(M=2, ef_construction=1, ef_search=1)) as db:
        db.add_vectors(rows)
        truth = np.argsort(((rows[:100, None] - rows[None]) ** 2).sum(-1), axis=1)[:, :5]
        db.set_exact_search_threshold(2000)
        assert (db.knn_query(rows[:100], 5)[0] == truth).all()
        db.set_exact_search_threshold(1999)
        assert (db.knn_query(rows[:100], 5)[0] == truth).mean() < 0.999


# ---- errors ----


def test_every_error_has_a_code_and_the_cores_sentence(db):
    with pytest.raises(ArgumentError) as caught:
        db.add_vector([1.0] * 5)
    assert str(caught.value) == "expected vector of dim 4, got 5"
    assert (caught.value.code, caught.value.status) == (-1, "GV_ERR_ARGUMENT")
    with pytest.raises(KeyError) as caught:
        db.get(3)
    assert isinstance(caught.value, NotFoundError) and "3" in str(caught.value) and "'" not in str(caught.value)
    for missing in (
        lambda: db.delete_vector(3),
        lambda: db.update_vector(3, [0] * 4),
        lambda: db.update_metadata(3, {}),
    ):
        with pytest.raises(NotFoundError):
            missing()
    with pytest.raises(UnsupportedError, match="(?i)sparse"):
        Database.open(None, 4, IndexType.SPARSE, DistanceType.MANHATTAN)
    with pytest.raises(NotImplementedError, match="use_binary_quant"):
        Database.open(None, 4, distance=DistanceType.MANHATTAN, hnsw_config=HNSWConfig(use_binary_quant=True))
    with pytest.raises(UnsupportedError, match="abacus"):
        Database.open(None, 4, kernels="abacus")


def test_the_tree_of_errors():
    for name in gigavector.__all__:
        kind = getattr(gigavector, name)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            assert issubclass(kind, GigaVectorError) and kind.__module__ == "gigavector"
            assert str(kind("a 'sentence'")) == "a 'sentence'" and str(kind()) == ""
            assert issubclass(kind, (ValueError, RuntimeError)) or kind is GigaVectorError


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None])
def test_k_that_asks_for_nothing_is_both_errors(db, k):
    db.add_vector([1, 2, 3, 4])
    for search in (db.search, lambda q, k: db.search_batch([q], k), db.knn_query):
        for kind in (ValueError, RuntimeError, QueryError):
            with pytest.raises(kind, match="k"):
                search([1, 2, 3, 4], k)


def test_use_after_close(tmp_path):
    db = Database.open(tmp_path / "a.gv", 4)
    db.close()
    db.close()
    assert db.closed and db.path == str(tmp_path / "a.gv") and db.dimension == 4
    uses = [
        lambda: db.add_vector([1] * 4),
        lambda: db.add_vectors([[1] * 4]),
        lambda: db.delete_vector(0),
        lambda: db.delete_vectors([0]),
        lambda: db.update_vector(0, [1] * 4),
        lambda: db.update_metadata(0, {}),
        lambda: db.search([1] * 4, 1),
        lambda: db.search_batch([[1] * 4], 1),
        lambda: db.knn_query([1] * 4, 1),
        lambda: db.get(0),
        lambda: len(db),
        lambda: 0 in db,
        db.save,
        db.to_bytes,
        db.flush,
        db.refresh,
        db.check,
        lambda: db.info,
        db.get_memory_usage,
        db.get_resource_limits,
        lambda: db.set_resource_limits(max_vectors=1),
        lambda: db.set_exact_search_threshold(1),
        db.__enter__,
    ]
    for use in uses:
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_a_failed_body_still_closes(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with Database.open(tmp_path / "a.gv", 4) as db:
            _ = 1 / 0
    assert db.closed


@pytest.mark.parametrize(
    "options, named",
    [
        ({"dimension": 0}, r"dimension must be 1 \.\.= 65535, got 0"),
        ({"dimension": -1}, "dimension"),
        ({"dimension": 65536}, "65536"),
        ({"dimension": "4"}, "dimension.*str"),
        ({"dimension": 4.0}, "dimension.*float"),
        ({"index": 9}, "index.*IndexType"),
        ({"index": "hnsw"}, "index.*IndexType"),
        ({"distance": "cosine"}, "distance.*DistanceType"),
        ({"durability": "maybe"}, "durability.*commit"),
        ({"durability": ["commit"]}, "durability.*commit"),
        ({"seed": -1}, "seed"),
        ({"kernels": 3}, "kernels"),
        ({"read_only": "no"}, "read_only.*'no'"),
        ({"read_only": 1}, "read_only.*1"),
        ({"checkpoint_on_close": None}, "checkpoint_on_close.*None"),
        ({"distance": np.zeros(1, [("a", "f4")])}, "distance.*DistanceType"),
        ({"hnsw_config": {"M": 16}}, "HNSWConfig.*dict"),
        ({"hnsw_config": HNSWConfig(M=-1)}, "HNSWConfig.M"),
        ({"hnsw_config": HNSWConfig(M=1000)}, "M"),
        ({"hnsw_config": HNSWConfig(M=16.0)}, "HNSWConfig.M.*float"),
        ({"hnsw_config": HNSWConfig(ef_search=0)}, "ef_search"),
    ],
)
def test_wrong_options_are_named(options, named):
    with pytest.raises(ArgumentError, match=named):
        Database.open(None, **{"dimension": 4, "index": IndexType.HNSW, **options})


def test_wrong_paths_are_named(tmp_path):
    with pytest.raises(ArgumentError, match="path.*int"):
        Database.open(3, 4)
    with pytest.raises(ArgumentError, match="NUL"):
        Database.open("a\0b", 4)
    with pytest.raises(ArgumentError, match="path is not valid Unicode"):
        Database.open("half \ud800", 4)
    with pytest.raises(ArgumentError, match="open_mmap"):
        Database.open_mmap(None)
    with pytest.raises(NotFoundError, match="nothing.gv"):
        Database.open(tmp_path / "nothing.gv", read_only=True)
    with pytest.raises(NotFoundError, match="nothing.gv"):
        Database.open_mmap(tmp_path / "nothing.gv")
    with pytest.raises(gigavector.StorageError, match="(?i)directory"):
        Database.open(tmp_path, 4)
    with pytest.raises(gigavector.DatabaseError, match="(?i)no such file"):
        Database.open(tmp_path / "missing" / "a.gv", 4)
    assert os.listdir(tmp_path) == []


def test_database_is_not_made_pickled_or_copied(db):
    with pytest.raises(TypeError, match="Database.open"):
        Database("a.gv", 4)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle"):
            attempt(db)


def test_values_are_plain(db):
    db.add_vector([1, 2, 3, 4], {"a": "b"})
    hit = db.search([1, 2, 3, 4], 1)[0]
    assert (type(hit), type(hit.id), type(hit.distance), type(hit.vector)) == (SearchHit, int, float, Vector)
    assert hit.vector.data.dtype == np.float32 and hit.vector.data.flags.writeable
    hit.vector.data[0] = 99  # a copy: the database keeps its own
    assert db.get(0).data[0] == 1
    assert pickle.loads(pickle.dumps(hit)) == hit != SearchHit(0, 0.0, Vector(hit.vector.data, {}))
    assert pickle.loads(pickle.dumps(db.info)) == db.info
    assert HNSWConfig() == HNSWConfig(16, 200, 50, False, 0)


def test_forgotten_database_is_closed_and_named(tmp_path):
    path = tmp_path / "a.gv"
    db = Database.open(path, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del db
        gc.collect()
    assert [w.category for w in caught] == [ResourceWarning] and "a.gv" in str(caught[0].message)
    caught.clear()  # the warning itself holds on to the database
    gc.collect()
    Database.open(path).close()  # so the lock is gone


def test_results_outlive_the_database(rng):
    rows = rng.normal(size=(100, 64)).astype(np.float32)
    db = Database.open(None, 64)
    db.add_vectors(rows)
    hits, vector = db.search(rows[5], 20), db.get(5)
    ids, _ = db.knn_query(rows, 3)
    db.close()
    del db
    gc.collect()
    assert np.array_equal(hits[0].vector.data, rows[5]) and np.array_equal(vector.data, rows[5])
    assert (ids[:, 0] == np.arange(100)).all()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_memory_does_not_grow(rng):
    """Hits, rows, bytes and errors that are handed out are given back: 20,000 calls of each leave nothing behind."""
    rows = rng.normal(size=(200, 64)).astype(np.float32)
    with Database.open(None, 64) as db:
        db.add_vectors(rows, metadata=[{"key": "value" * 20}] * 200)

        def work(rounds):
            for at in range(rounds):
                db.search(rows[0], 20, filter_metadata=("key", "value" * 20))
                db.knn_query(rows[:2], 20)
                db.get(7)
                with pytest.raises(NotFoundError):
                    db.get(1000)
                if at % 100 == 0:
                    db.to_bytes()
            gc.collect()
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        before = work(2000)
        counted = db.get_memory_usage()
        grown = work(20_000) - before
        assert grown < 4 * 1024**2, f"{grown} bytes"
        assert db.get_memory_usage() == counted


def test_an_unclosed_file_is_whole_after_exit(tmp_path):
    code = """
from gigavector import Database
db = Database.open("a.gv", 3)
db.add_vectors([[1, 2, 3]] * 10)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=child_environment(), capture_output=True)
    assert done.returncode == 0 and done.stderr == b""
    with Database.open(tmp_path / "a.gv") as db:
        assert len(db) == 10


def test_version_is_the_packages():
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    assert f'version = "{gigavector.__version__}"' in project.read_text()


def test_later_features_are_absent():
    later = "repair"
    assert [name for name in later.split() if hasattr(Database, name)] == []
