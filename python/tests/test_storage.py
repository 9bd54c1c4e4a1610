"""Vectors kept as f16 or int8. Deleted, a narrower storage could be refused, forgotten at reopen, or cost as much as f32."""

from __future__ import annotations

import numpy as np
import pytest

from gigavector import ArgumentError, Database, DatabaseError, DistanceType, IndexType

DIMENSION = 96


@pytest.fixture
def rows(rng):
    centres = rng.standard_normal((40, DIMENSION)).astype(np.float32)
    return (centres[rng.integers(0, 40, 3000)] + 0.4 * rng.standard_normal((3000, DIMENSION))).astype(np.float32)


def stored(storage, rows):
    if storage == "f16":
        return rows.astype(np.float16).astype(np.float32)
    if storage == "f32":
        return rows
    scale = np.abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    bits = (scale.view(np.uint32) + np.uint32(255)) & np.uint32(0xFFFFFF00)
    scale = bits.view(np.float32)
    return np.trunc(rows / scale + np.copysign(np.float32(0.5), rows)) * scale


@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW, IndexType.IVFPQ])
@pytest.mark.parametrize("storage", ["f16", "int8"])
def test_what_is_kept_is_what_comes_back(tmp_path, rows, index, storage):
    kept = stored(storage, rows)
    with Database.open(tmp_path / "a.gv", DIMENSION, index, storage=storage) as db:
        db.add_vectors(rows)
        if index == IndexType.IVFPQ:
            db.train_ivfpq()
        assert db.info.storage == storage
        assert np.array_equal(db.get(17).data, kept[17])
        hits = db.search(rows[17], 3)
        distance = np.sqrt(((rows[17].astype(float) - kept[hits[0].id]) ** 2).sum())
        assert hits[0].distance == pytest.approx(distance, rel=1e-5)
        assert np.array_equal(hits[0].vector.data, kept[hits[0].id])
        assert db.check().faults == 0
    with Database.open(tmp_path / "a.gv") as db:
        assert db.info.storage == storage
        assert np.array_equal(db.get(2999).data, kept[2999])
    with pytest.raises(ArgumentError, match=f"storage: F32 asked for, the file has {storage.upper()}"):
        Database.open(tmp_path / "a.gv", storage="f32")


@pytest.mark.parametrize(("storage", "bytes_a_component", "recall"), [("f16", 2, 0.99), ("int8", 1, 0.93)])
def test_memory_shrinks_and_recall_stays(tmp_path, rows, storage, bytes_a_component, recall):
    queries = rows[:100] + np.float32(0.05)
    found, sizes = {}, {}
    for kind in ("f32", storage):
        with Database.open(tmp_path / f"{kind}.gv", DIMENSION, IndexType.HNSW, storage=kind) as db:
            db.add_vectors(rows)
            found[kind] = db.knn_query(queries, 10)[0]
            sizes[kind] = db.get_memory_usage()
            db.save()
    spared = (4 - bytes_a_component) * DIMENSION * len(rows)
    assert sizes["f32"] - sizes[storage] > 0.4 * spared  # memory comes in pieces of 256 KiB
    files = {kind: (tmp_path / f"{kind}.gv").stat().st_size for kind in found}
    assert files["f32"] - files[storage] > 0.95 * spared
    same = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found["f32"], found[storage], strict=True)])
    assert same >= recall, same


def test_convert_changes_the_storage(tmp_path, rows):
    with Database.open(tmp_path / "a.gv", DIMENSION, IndexType.HNSW, DistanceType.COSINE) as db:
        db.add_vectors(rows, [{"row": str(i)} for i in range(len(rows))])
        db.delete_vector(3)
        db.convert(storage="f16")
        assert db.info.storage == "f16" and len(db) == len(rows) - 1
        assert np.array_equal(db.get(5).data, stored("f16", rows[5]))
        before = db.search(rows[9], 5)
        db.compact()
        assert [(hit.id, hit.distance) for hit in db.search(rows[9], 5)] == [(hit.id, hit.distance) for hit in before]
        db.convert(IndexType.FLAT, storage="int8")
        db.convert(storage="f32")
        assert np.array_equal(db.get(5).data, stored("int8", stored("f16", rows[5:6]))[0])
        assert db.get(5).metadata == {"row": "5"}
        assert db.check().faults == 0
    with Database.open(tmp_path / "a.gv") as db:
        assert (db.info.storage, db.info.index) == ("f32", IndexType.FLAT)


def test_what_does_not_fit_changes_nothing(tmp_path):
    rows = np.ones((3, 4), np.float32)
    rows[1, 2] = 1e5
    with Database.open(tmp_path / "a.gv", 4, IndexType.FLAT) as db:
        db.add_vectors(rows)
        with pytest.raises(ArgumentError, match="vector 1: component 2 is beyond 65504"):
            db.convert(storage="f16")
        with pytest.raises(DatabaseError, match="KDTREE keeps its rows as F32"):
            db.convert(IndexType.KDTREE, storage="int8")
        with pytest.raises(ArgumentError, match="storage must be one of 'f32', 'f16', 'int8', got 'f64'"):
            db.convert(storage="f64")
        assert db.info.storage == "f32" and len(db) == 3
        assert db.get(1).data[2] == 1e5


@pytest.mark.parametrize("storage", ["f16", "int8"])
@pytest.mark.parametrize("distance", list(DistanceType))
@pytest.mark.parametrize("dimension", [5, 31, 40])
def test_graphs_of_any_rows(tmp_path, storage, distance, dimension):
    """Short rows have no codes: a graph measures one narrow row by another."""
    rows = np.random.default_rng(dimension).standard_normal((3000, dimension)).astype(np.float32)
    with Database.open(tmp_path / "a.gv", dimension, IndexType.HNSW, distance, storage=storage) as db:
        db.add_vectors(rows[:2900])
        db.delete_vectors(list(range(0, 900, 3)))
        db.add_vectors(rows[2900:])
        assert db.check().faults == 0
    with Database.open(tmp_path / "a.gv") as db:
        found = db.knn_query(rows[:50] + np.float32(0.1), 10)[0]
        db.set_exact_search_threshold(10**6)
        exact = db.knn_query(rows[:50] + np.float32(0.1), 10)[0]
        recall = np.mean([len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)]) / 10
        assert recall > (0.85 if distance == DistanceType.DOT_PRODUCT else 0.95)


def test_near_a_row_and_upsert(rows):
    with Database.open(None, DIMENSION, IndexType.HNSW, storage="int8") as db:
        db.add_vectors(rows[:500])
        kept = stored("int8", rows[:500])
        hits = db.search_by_id(4, 3)
        distances = np.sqrt(((kept[4].astype(float) - kept) ** 2).sum(axis=1))
        distances[4] = np.inf
        assert [hit.id for hit in hits] == np.argsort(distances, kind="stable")[:3].tolist()
        first = db.upsert(rows[600], {"name": "a"}, key="name")
        before = db.get_stats().nodes
        assert db.upsert(rows[600], {"name": "a"}, key="name") == first
        assert db.get_stats().nodes == before and len(db) == 501
        assert np.array_equal(db.get(first).data, stored("int8", rows[600:601])[0])
