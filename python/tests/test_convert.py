"""convert(), open_auto() and suggest_index(): the same rows under another index, and the index for the rows."""

from __future__ import annotations

import numpy as np
import pytest

from gigavector import (
    ArgumentError,
    Database,
    DistanceType,
    HNSWConfig,
    IndexType,
    IVFPQConfig,
    MemoryLimitError,
    suggest_index,
)

DENSE = [IndexType.FLAT, IndexType.HNSW, IndexType.KDTREE, IndexType.IVFPQ]


@pytest.fixture
def rows(rng):
    return rng.normal(size=(2000, 8)).astype(np.float32)


def filled(path, rows, index):
    db = Database.open(path, 8, index)
    db.add_vectors(rows, [{"nth": str(i)} for i in range(len(rows))])
    db.delete_vectors(range(0, 2000, 5))
    return db


def answers(db, rows, distance):
    db.set_exact_search_threshold(len(rows))
    return [[(hit.id, hit.distance, hit.vector.metadata) for hit in db.search(row, 7, distance)] for row in rows[:9]]


@pytest.mark.parametrize("start", DENSE)
def test_rows_stay_under_every_index(tmp_path, rows, start):
    path = tmp_path / "rows.gv"
    with filled(path, rows, start) as db:
        before = answers(db, rows, DistanceType.EUCLIDEAN)
        for index in DENSE:
            db.convert(index)
            assert (db.index, len(db), db.get_stats().free_slots) == (index, 1600, 0)
            assert answers(db, rows, DistanceType.EUCLIDEAN) == before
            db.check()
            assert db.add_vector(rows[0]) == db.info.next_id - 1
            db.delete_vector(db.info.next_id - 1)
        last = db.info
    with Database.open(path) as db:
        assert (db.index, db.info.next_id, db.info.seed) == (DENSE[-1], last.next_id, last.seed)
        assert answers(db, rows, DistanceType.EUCLIDEAN) == before


def test_metric_and_configuration_change_too(tmp_path, rows):
    with filled(tmp_path / "rows.gv", rows, IndexType.FLAT) as db:
        db.convert(IndexType.HNSW, DistanceType.COSINE, HNSWConfig(M=8, ef_search=99, use_binary_quant=True))
        assert (db.index, db.distance) == (IndexType.HNSW, DistanceType.COSINE)
        assert repr(db).count("HNSW, COSINE") == 1
        db.set_exact_search_threshold(0)
        assert db.explain(rows[1], 5).way == "index"
        hits = [hit.id for hit in db.search(rows[1], 5)]
        assert hits == [hit.id for hit in db.search(rows[1], 5, DistanceType.COSINE, ef_search=1600)]
        db.convert(IndexType.IVFPQ, ivfpq_config=IVFPQConfig(nlist=16, m=4, nprobe=16, auto_train=100))
        db.set_exact_search_threshold(0)
        assert db.explain(rows[1], 5).way == "index"
        assert [hit.id for hit in db.search(rows[1], 5)] == hits
    with Database.open(tmp_path / "rows.gv", 8, IndexType.IVFPQ, DistanceType.COSINE) as db:
        assert [hit.id for hit in db.search(rows[1], 5)] == hits


def test_what_cannot_be_changes_nothing(tmp_path, rows):
    with filled(tmp_path / "rows.gv", rows, IndexType.HNSW) as db:
        before, info = answers(db, rows, None), db.info
        with pytest.raises(ArgumentError):
            db.convert("flat")
        with pytest.raises(NotImplementedError, match="MANHATTAN"):
            db.convert(distance=DistanceType.MANHATTAN, hnsw_config=HNSWConfig(use_binary_quant=True))
        assert (db.index, db.distance, answers(db, rows, None)) == (IndexType.HNSW, DistanceType.EUCLIDEAN, before)
        assert (db.info.index, db.info.generation) == (info.index, info.generation)


def test_within_a_limit_a_file_makes_room(tmp_path, rows):
    """For two copies there is no memory. In a file the first one stays behind, mapped; in memory it cannot."""
    for path in (None, tmp_path / "rows.gv"):
        with filled(path, rows, IndexType.HNSW) as db:
            before = answers(db, rows, None)
            db.set_resource_limits(max_memory_bytes=db.get_memory_usage() + 1000)
            if path:
                db.convert(IndexType.FLAT)
            else:
                with pytest.raises(MemoryLimitError):
                    db.convert(IndexType.FLAT)
            assert answers(db, rows, None) == before and db.check().faults == 0
            assert db.index == (IndexType.FLAT if path else IndexType.HNSW)


def test_suggestions():
    assert suggest_index(1000, 384) == IndexType.FLAT
    assert suggest_index(10**6, 384) == IndexType.HNSW
    assert suggest_index(10**6, 3) == IndexType.KDTREE
    assert suggest_index(10**6, 3, distance=DistanceType.COSINE) == IndexType.HNSW
    assert suggest_index(10**6, 384, 2 * 10**9) == IndexType.IVFPQ
    assert suggest_index(10**6, 384, 10**9) == IndexType.IVFPQ  # nothing fits, and it is the smallest
    assert suggest_index(10**6, 16, 120 * 10**6) == IndexType.FLAT  # which keeps no codes of such rows
    assert suggest_index(10**6, 384, 2 * 10**9, DistanceType.MANHATTAN) == IndexType.FLAT
    assert suggest_index(10**6, 384, 15 * 10**8, storage="f16") == IndexType.HNSW
    assert suggest_index(10**6, 384, 6 * 10**8, storage="int8") == IndexType.IVFPQ
    assert suggest_index(10**6, 3, storage="int8") == IndexType.HNSW  # a tree does not take them
    assert suggest_index(10**6, 384, 10**9, DistanceType.MANHATTAN, "int8") == IndexType.HNSW
    with pytest.raises(ArgumentError, match="storage"):
        suggest_index(10**6, 384, storage="f8")


def test_open_auto(tmp_path, rows):
    path = tmp_path / "auto.gv"
    with Database.open_auto(path, 8, expected_rows=10**5) as db:
        assert db.index == IndexType.KDTREE
        db.add_vectors(rows)
    with Database.open_auto(path, expected_rows=10) as db:  # the file's own stays
        assert (db.index, len(db)) == (IndexType.KDTREE, 2000)
    with Database.open_auto(None, 384, memory_limit=2 * 10**9) as db:
        assert db.index == IndexType.IVFPQ and db.get_resource_limits()["max_memory_bytes"] == 2 * 10**9
    for storage in ("f16", "int8"):
        for dimension in (3, 384):
            with Database.open_auto(None, dimension, storage=storage) as db:
                assert db.info.storage == storage
    with pytest.raises(ArgumentError, match="chooses the index"):
        Database.open_auto(None, 8, index=IndexType.FLAT)


@pytest.mark.parametrize("storage", ["f32", "f16", "int8"])
@pytest.mark.parametrize("index", [IndexType.HNSW, IndexType.FLAT])
def test_the_memory_that_suggestions_reckon_with_is_what_it_takes(rng, index, storage):
    """Within a tenth: 20,000 rows of 128 components."""
    from gigavector._suggest import _code_bytes, _graph_bytes, _row_bytes

    data = rng.normal(size=(20_000, 128)).astype(np.float32)
    with Database.open(None, 128, index, storage=storage) as db:
        db.add_vectors(data)
        taken = db.get_memory_usage() / 20_000
    expected = _row_bytes(128, storage) + (_graph_bytes if index == IndexType.HNSW else _code_bytes)(128)
    assert 0.9 < taken / expected < 1.1, (taken, expected)
