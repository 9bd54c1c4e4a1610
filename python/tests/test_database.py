"""Every method of Database does what its docstring says, on FLAT and HNSW, in memory and in a file.

Without these tests a binding that swaps two arguments, forgets an option or misreads a result would pass unseen: the C
tests know nothing of Python, and the conformance corpus only calls what all bindings share.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

import gigavector
from gigavector import (
    ArgumentError,
    Database,
    DistanceType,
    HNSWConfig,
    IndexType,
    LimitError,
    LockedError,
    MemoryLimitError,
    NotFoundError,
    ReadOnlyError,
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
