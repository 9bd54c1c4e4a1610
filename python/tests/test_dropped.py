"""IVFPQ without its vectors, as a Python user meets it.

Without these tests `keep_vectors` could be lost on its way into C, memory and files could stay as large as they were, and answers could be
those of rows that are no longer kept.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gigavector import ArgumentError, Database, DistanceType, IndexType, IVFPQConfig, UnsupportedError

DIMENSION = 64
METRICS = (DistanceType.EUCLIDEAN, DistanceType.COSINE, DistanceType.DOT_PRODUCT)


def clustered(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((50, DIMENSION))
    return (centres[rng.integers(0, 50, count)] + 0.4 * rng.standard_normal((count, DIMENSION))).astype(np.float32)


def opened(path=None, distance=DistanceType.EUCLIDEAN, **config) -> Database:
    given = IVFPQConfig(**{"nlist": 40, "m": 32, "nbits": 4, "nprobe": 8, "keep_vectors": False, **config})
    return Database.open(path, DIMENSION, IndexType.IVFPQ, distance, ivfpq_config=given, durability="os")


def kept(db: Database) -> tuple[np.ndarray, np.ndarray]:
    rows = db.scroll(limit=100_000)
    return np.array([row.id for row in rows]), np.array([row.vector.data for row in rows])


@pytest.mark.parametrize("distance", METRICS)
@pytest.mark.parametrize("config", [{}, {"nbits": 8, "m": 13}, {"rotate": True}], ids=["4 bits", "8 bits", "rotated"])
def test_answers_are_exact_for_what_is_kept(distance, config):
    rows, queries = clustered(3000, 1), clustered(30, 2)
    with opened(distance=distance, **config) as db:
        db.add_vectors(rows[:2000])
        whole = db.knn_query(queries, 10)
        db.train_ivfpq()
        db.add_vectors(rows[2000:])
        db.delete_vectors(list(range(0, 500, 3)))
        db.update_vector(1, rows[2])
        ids, vectors = kept(db)
        with Database.open(None, DIMENSION, IndexType.FLAT, distance) as flat:
            flat.add_vectors(vectors)
            for metric in (None, *DistanceType):
                found = db.knn_query(queries, 10, distance=metric, nprobe=65536, rerank=5000)
                exact = flat.knn_query(queries, 10, distance=metric)
                assert np.array_equal(found[0], ids[exact[0]]) and np.array_equal(found[1], exact[1])
            radius = float(flat.knn_query(queries[0], 20)[1][0, -1])
            within, among = db.range_search(queries[0], radius), flat.range_search(queries[0], radius)
            assert [(h.id, h.distance) for h in within] == [(ids[h.id], h.distance) for h in among] and len(among) >= 20
        few = db.knn_query(queries, 10)[0]
        all_lists = db.knn_query(queries, 10, nprobe=65536, rerank=5000)[0]
        assert np.mean([len(set(a) & set(b)) for a, b in zip(few.tolist(), all_lists.tolist(), strict=True)]) > 8
        assert whole[0].shape == few.shape and db.check().faults == 0


def test_memory_and_file_hold_codes_alone(tmp_path):
    rows, path = clustered(20_000, 1), tmp_path / "small.gv"
    with opened(path) as db:
        db.add_vectors(rows)
        db.save()
        before, size = db.get_memory_usage(), path.stat().st_size
        db.train_ivfpq()
        assert before > 20_000 * 4 * DIMENSION > 3 * db.get_memory_usage()
        assert size > 20_000 * 4 * DIMENSION > 4 * path.stat().st_size
        assert db.info.log_bytes == 0
        ids, vectors = kept(db)
        assert np.linalg.norm(vectors - rows, axis=1).mean() < 0.4 * np.linalg.norm(rows, axis=1).mean()


def test_a_file_of_codes(tmp_path):
    rows, queries, path = clustered(2000, 1), clustered(20, 2), tmp_path / "codes.gv"
    with opened(path) as db, Database.open(path, read_only=True) as reader:
        db.add_vectors(rows[:1000], [{"doc": str(i)} for i in range(1000)])
        reader.refresh()
        assert np.array_equal(reader.get(3).data, rows[3])
        db.train_ivfpq()
        assert np.array_equal(reader.get(3).data, rows[3])
        db.add_vectors(rows[1000:])
        db.upsert(rows[5], {"doc": "5", "more": "pairs"}, key="doc")
        db.upsert(rows[6], {"doc": "5"}, key="doc")
        ids, vectors = kept(db)
        found = [a.tolist() for a in db.knn_query(queries, 10)]
        reader.refresh()
        assert [a.tolist() for a in reader.knn_query(queries, 10)] == found
        db.save(tmp_path / "copy.gv")
        from_bytes = Database.from_bytes(db.to_bytes())
    for other in (from_bytes, Database.open_mmap(path), Database.open(tmp_path / "copy.gv")):
        with other as db:
            assert [a.tolist() for a in db.knn_query(queries, 10)] == found and db.check().faults == 0
            assert np.array_equal(kept(db)[1], vectors)
    with Database.open(path) as db:
        db.compact()
        assert np.array_equal(kept(db)[1], vectors) and db.check().faults == 0
        for index in (IndexType.HNSW, IndexType.FLAT):
            db.convert(index=index)
            assert np.array_equal(kept(db)[0], ids) and np.array_equal(kept(db)[1], vectors)
        db.convert(index=IndexType.IVFPQ, ivfpq_config=IVFPQConfig(nlist=30, m=16, keep_vectors=False))
        assert np.array_equal(kept(db)[1], vectors) and not db.info.trained and not db.info.vectors_dropped
        db.train_ivfpq()
        assert db.info.vectors_dropped
        assert not np.array_equal(kept(db)[1], vectors) and db.check().faults == 0


def test_training_first_and_by_itself(tmp_path):
    rows = clustered(3000, 1)
    with opened() as db:
        db.train_ivfpq(rows)
        db.add_vectors(rows)
        assert len(db.search(rows[3], 5, nprobe=40)) == 5 and db.info.trained
        late = kept(db)[1]
    with opened(tmp_path / "auto.gv", auto_train=3000) as db:
        db.add_vectors(rows[:2999])
        assert not db.info.trained and np.array_equal(kept(db)[1], rows[:2999])
        db.add_vector(rows[2999])
        assert db.info.trained and np.array_equal(kept(db)[1], late)


def test_what_is_refused(tmp_path):
    rows, path = clustered(300, 1), tmp_path / "codes.gv"
    with pytest.raises(UnsupportedError, match="MANHATTAN"):
        opened(distance=DistanceType.MANHATTAN)
    with pytest.raises(UnsupportedError, match="storage F16"):
        Database.open(None, 8, IndexType.IVFPQ, ivfpq_config=IVFPQConfig(keep_vectors=False), storage="f16")
    with pytest.raises(ArgumentError, match="keep_vectors"):
        opened(keep_vectors="no")
    with opened(path) as db:
        db.add_vectors(rows)
        db.train_ivfpq()
        for given in (None, rows):
            with pytest.raises(UnsupportedError, match="these 300 rows are dropped for codes; convert"):
                db.train_ivfpq(given)
        with pytest.raises(UnsupportedError, match="storage INT8"):
            db.convert(storage="int8")
        assert db.check().faults == 0
    with pytest.raises(ArgumentError, match="kept asked for, by the file they are dropped"):
        Database.open(path, ivfpq_config=IVFPQConfig(nlist=40, m=32, nbits=4))
    with Database.open(None, 8, IndexType.IVFPQ, ivfpq_config=IVFPQConfig(nlist=4)) as db:
        db.add_vectors(rows[:, :8])
        db.train_ivfpq()
        assert np.array_equal(db.get(3).data, rows[3, :8])  # kept by default


def test_a_limit_leaves_the_vectors():
    rows = clustered(5000, 1)
    with opened() as db:
        db.add_vectors(rows)
        db.set_resource_limits(max_memory_bytes=db.get_memory_usage() + 10_000)
        with pytest.raises(Exception, match="memory"):
            db.train_ivfpq()
        assert not db.info.trained and np.array_equal(db.get(9).data, rows[9])
        db.set_resource_limits(max_memory_bytes=0)
        db.train_ivfpq()
        assert db.info.trained and db.check().faults == 0


def test_searches_beside_training_and_writes():
    rows, queries = clustered(3000, 1), clustered(50, 2)
    with opened() as db:
        db.add_vectors(rows[:1500])
        ending, failures = threading.Event(), []

        def look():
            while not ending.is_set():
                try:
                    assert (db.knn_query(queries, 10)[0] >= 0).all()
                    assert len(db.range_search(queries[0], 1e9, 10)) == 10
                except Exception as error:  # noqa: BLE001
                    failures.append(error)
                    return

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        db.train_ivfpq()
        for turn in range(3):
            db.add_vectors(rows[1500 + 500 * turn : 2000 + 500 * turn])
            for id in range(turn, 300, 7):
                if id in db:
                    db.update_vector(id, rows[id + 1])
            db.delete_vectors([turn * 400 + 300 + i for i in range(50)])
            db.compact()
        ending.set()
        for thread in threads:
            thread.join()
        assert not failures and db.check().faults == 0
