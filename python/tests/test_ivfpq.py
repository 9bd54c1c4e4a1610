"""Inverted lists of product codes, as a Python user meets them.

Without these tests options could be lost on their way into C, training could refuse what it should take, and what a search finds
could depend on when the rows came.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gigavector import (
    ArgumentError,
    Database,
    DistanceType,
    IndexType,
    IVFPQConfig,
    UnsupportedError,
)

DIMENSION = 32


def clustered(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((50, DIMENSION))
    rows = centres[rng.integers(0, 50, count)] + 0.4 * rng.standard_normal((count, DIMENSION))
    return rows.astype(np.float32)


def opened(path=None, distance=DistanceType.EUCLIDEAN, **config) -> Database:
    given = IVFPQConfig(**{"nlist": 40, "m": 16, "nbits": 4, "nprobe": 8, **config})
    return Database.open(path, DIMENSION, IndexType.IVFPQ, distance, ivfpq_config=given, durability="os")


def recall(db: Database, queries: np.ndarray, **how) -> float:
    exact = db.knn_query(queries, 10, nprobe=65536, rerank=1 << 20)[0]
    found = db.knn_query(queries, 10, **how)[0]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), found.tolist(), strict=True)]))


@pytest.mark.parametrize("distance", [DistanceType.EUCLIDEAN, DistanceType.COSINE, DistanceType.DOT_PRODUCT])
@pytest.mark.parametrize("nbits", [4, 8])
def test_recall_grows_with_lists_and_candidates(distance, nbits):
    rows, queries = clustered(6000, 1), clustered(100, 2)
    with opened(distance=distance, nbits=nbits) as db:
        db.add_vectors(rows)
        before = db.knn_query(queries, 10)
        assert not db.info.trained
        db.train_ivfpq(clustered(3000, 3))
        assert db.info.trained
        exact = db.knn_query(queries, 10, nprobe=65536, rerank=1 << 20)
        assert all(np.array_equal(a, b) for a, b in zip(before, exact, strict=True))
        few, some, many = (recall(db, queries, nprobe=n, rerank=r) for n, r in ((1, 10), (4, 40), (20, 200)))
        assert few < many and some <= many + 0.01 and many >= 0.97, (few, some, many)
        hit = db.search_ivfpq_opts(rows[5], 1, nprobe_override=40, rerank_top=500)[0]
        assert hit.id == 5 or distance == DistanceType.DOT_PRODUCT
        ids = db.knn_query(queries[0], 10, nprobe=2)[0][0].tolist()
        assert [h.id for h in db.search(queries[0], 10, nprobe=2)] == ids
        assert [h.id for h in db.search_batch(queries[:2], 10, nprobe=2)[0]] == ids
        assert db.knn_query(queries, 10, nprobe=2, threads=3)[0].tolist() == db.knn_query(queries, 10, nprobe=2)[0].tolist()
        assert db.check().faults == 0


def test_duplicates_and_few_rows_train():
    distinct = clustered(10, 1)
    with opened() as db:
        db.train_ivfpq(np.repeat(distinct, 26, axis=0)[:256])
        db.add_vectors(np.tile(distinct, (300, 1)))
        assert [hit.id for hit in db.search(distinct[3], 5)] == [3, 13, 23, 33, 43]
        db.train_ivfpq(distinct[:1])
        assert [hit.id for hit in db.search(distinct[3], 5, nprobe=40)] == [3, 13, 23, 33, 43]
        db.train_ivfpq(distinct.tolist())
        assert len(db.search(distinct[3], 5000)) == 3000


def test_what_training_refuses():
    with opened() as db:
        with pytest.raises(ArgumentError, match="no rows"):
            db.train_ivfpq()
        with pytest.raises(ArgumentError, match="no rows"):
            db.train_ivfpq([])
        with pytest.raises(ArgumentError, match="expected vector of dim 32, got 31"):
            db.train_ivfpq(np.zeros((300, 31), np.float32))
        with pytest.raises(ArgumentError, match="shape"):
            db.train_ivfpq(np.zeros(32, np.float32))
        with pytest.raises(ArgumentError, match="vector 2: component 4 is NaN"):
            bad = clustered(5, 1)
            bad[2, 4] = np.nan
            db.train_ivfpq(bad)
        assert not db.info.trained
    with Database.open(None, 4) as db, pytest.raises(ArgumentError, match="not IVFPQ"):
        db.train_ivfpq([[1, 2, 3, 4]])
    with opened(distance=DistanceType.MANHATTAN) as db:
        db.add_vectors(clustered(50, 1))
        with pytest.raises(UnsupportedError, match="MANHATTAN"):
            db.train_ivfpq()
        assert len(db.search(clustered(1, 2)[0], 7)) == 7
    with pytest.raises(ArgumentError, match="nprobe"):
        opened(nprobe=0)
    with opened() as db, pytest.raises(ArgumentError, match="nprobe"):
        db.search([0.0] * DIMENSION, 1, nprobe=0)


def test_a_file_trained_and_reopened(tmp_path):
    path, rows, queries = tmp_path / "lists.gv", clustered(4000, 1), clustered(20, 2)
    with opened(path) as db:
        db.add_vectors(rows[:2000])
        db.train_ivfpq()
        db.add_vectors(rows[2000:])
        for id in range(0, 4000, 5):
            db.delete_vector(id)
        found = [a.tolist() for a in db.knn_query(queries, 10)]
    with Database.open(path, ivfpq_config=IVFPQConfig(nlist=40, m=16, nbits=4, nprobe=30, default_rerank=300)) as db:
        assert db.info.trained and [a.tolist() for a in db.knn_query(queries, 10, nprobe=8, rerank=32)] == found
        assert db.knn_query(queries, 10)[0].tolist() == db.knn_query(queries, 10, nprobe=30, rerank=300)[0].tolist()
    with pytest.raises(ArgumentError, match="nlist: 41 asked for, the file has 40"):
        Database.open(path, ivfpq_config=IVFPQConfig(nlist=41, m=16, nbits=4))
    for reader in (Database.open_mmap(path), Database.open(path, read_only=True)):
        with reader as db:
            assert [a.tolist() for a in db.knn_query(queries, 10)] == found and db.check().faults == 0


def test_automatic_training(tmp_path):
    rows = clustered(900, 1)
    with opened(tmp_path / "auto.gv", auto_train=600) as db:
        db.add_vectors(rows[:599])
        assert not db.info.trained
        db.add_vector(rows[599])
        assert db.info.trained
        db.add_vectors(rows[600:])
        assert recall(db, rows[:50], nprobe=8, rerank=40) > 0.8


def test_filters_do_not_starve():
    rows = clustered(5000, 1)
    with opened() as db:
        db.set_exact_search_threshold(0)
        db.add_vectors(rows, [{"n": str(i % 25)} for i in range(5000)])
        db.train_ivfpq()
        for query in clustered(10, 4):
            hits = db.search(query, 10, filter="n == 7", nprobe=1)
            assert len(hits) == 10 and {hit.id % 25 for hit in hits} == {7}
            everyone = db.search(query, 300, filter="n == 7", nprobe=1)
            assert len(everyone) == 200
            assert db.range_search(query, 1e9, 5000, filter="n == 7") == db.search(query, 200, filter="n == 7", nprobe=40)


def test_searches_beside_training_and_writes():
    rows, queries = clustered(3000, 1), clustered(50, 2)
    with opened() as db:
        db.add_vectors(rows[:1500])
        ending, failures = threading.Event(), []

        def look():
            while not ending.is_set():
                try:
                    ids, _ = db.knn_query(queries, 10)
                    assert (ids >= 0).all()
                except Exception as error:  # noqa: BLE001
                    failures.append(error)
                    return

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for turn in range(3):
            db.train_ivfpq()
            db.add_vectors(rows[1500 + 500 * turn : 2000 + 500 * turn])
            for id in range(turn, 1500, 7):
                if id in db:
                    db.delete_vector(id)
        ending.set()
        for thread in threads:
            thread.join()
        assert failures == [] and db.check().faults == 0
