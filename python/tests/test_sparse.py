"""IndexType.SPARSE from Python: what goes in as pairs, or as a SciPy matrix, is found exactly, kept in a file and given back."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gigavector import (
    ArgumentError,
    Database,
    DistanceType,
    IndexType,
    NotFoundError,
    SparseVector,
    reciprocal_rank_fusion,
)

READER = Path(__file__).parents[2] / "tests" / "unit" / "read_file.py"
DIMENSION = 500


def matrix(rng, count):
    """Like a csr_array of rows that share common indices, as words do."""
    rows = [np.unique((DIMENSION ** rng.random(rng.integers(0, 20))).astype(np.int32)) for _ in range(count)]
    indptr = np.cumsum([0] + [len(row) for row in rows])
    indices = np.concatenate(rows)
    return SimpleNamespace(indptr=indptr, indices=indices, data=rng.random(len(indices)).astype(np.float32), format="csr")


def dense(rows):
    whole = np.zeros((len(rows.indptr) - 1, DIMENSION))
    for i, (start, end) in enumerate(zip(rows.indptr, rows.indptr[1:], strict=False)):
        whole[i, rows.indices[start:end]] = rows.data[start:end]
    return whole


def row(rows, i):
    part = slice(rows.indptr[i], rows.indptr[i + 1])
    return rows.indices[part], rows.data[part]


@pytest.mark.parametrize("distance", [DistanceType.DOT_PRODUCT, DistanceType.COSINE])
def test_as_numpy(tmp_path, rng, distance):
    rows, queries = matrix(rng, 1500), matrix(rng, 30)
    whole, asked = dense(rows), dense(queries)
    if distance == DistanceType.COSINE:
        whole = whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-30)
        asked = asked / np.maximum(np.linalg.norm(asked, axis=1, keepdims=True), 1e-30)
    expected = (distance == DistanceType.COSINE) - asked @ whole.T
    path = str(tmp_path / "sparse.gv")
    with Database.open(path, DIMENSION, IndexType.SPARSE, distance) as db:
        assert db.add_sparse_vectors(rows, [{"part": str(i % 3)} for i in range(1500)]) == list(range(1500))
    with Database.open(path) as db:
        assert (db.index, db.distance, len(db)) == (IndexType.SPARSE, distance, 1500)
        for i in range(30):
            hits = db.search_sparse(*row(queries, i), 12)
            np.testing.assert_allclose([hit.distance for hit in hits], np.sort(expected[i])[:12], atol=1e-5)
            np.testing.assert_allclose([hit.distance for hit in hits], expected[i][[hit.id for hit in hits]], atol=1e-5)
            hits = db.search_sparse(*row(queries, i), 5, filter="part == 2")
            np.testing.assert_allclose([hit.distance for hit in hits], np.sort(expected[i][2::3])[:5], atol=1e-5)
        assert db.check().reachable == 1500


def test_rows_come_back_and_change(tmp_path):
    path = str(tmp_path / "sparse.gv")
    with Database.open(path, 1_000_000, IndexType.SPARSE) as db:
        assert db.distance == DistanceType.DOT_PRODUCT
        assert db.add_sparse_vector([3, 999_999], [1.5, -2], {"name": "a"}) == 0
        assert db.add_sparse_vectors([([], []), ([5], [2.0])]) == [1, 2]
        db.update_sparse_vector(2, [5, 6], [2.0, 4.0])
        assert db.upsert_sparse_vectors([([7], [1]), ([8], [1])], [{"id": "x"}, {"id": "y"}]) == [3, 4]
        assert db.upsert_sparse_vectors([([9], [1])], [{"id": "x"}]) == [3]
        db.delete_vector(4)
        assert [(hit.id, hit.distance) for hit in db.search_sparse([6, 9], [1, 1], 9)] == [(2, -4), (3, -1), (0, 0), (1, 0)]
        assert [hit.id for hit in db.search_by_id(2, 1)] == [0]
        kept = db.get(0)
    assert isinstance(kept, SparseVector) and kept.metadata == {"name": "a"}
    assert kept.indices.tolist() == [3, 999_999] and kept.data.tolist() == [1.5, -2]
    with Database.open_mmap(path, 1_000_000, IndexType.SPARSE) as db:
        assert db.get(0) == kept and db.get(2) != kept
        assert [page.vector.indices.tolist() for page in db.scroll()] == [[3, 999_999], [], [5, 6], [9]]
    with Database.open(path) as db:
        db.compact()
        assert db.get(0) == kept
        assert repr(kept).startswith("SparseVector(indices=array([")
        with pytest.raises(NotFoundError, match="4"):
            db.update_sparse_vector(4, [1], [1])


def test_another_reader(tmp_path):
    """docs/format.md says how rows lie in the image and in the log: a reader made from it finds them."""
    spec = importlib.util.spec_from_file_location("read_file", READER)
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    path = tmp_path / "sparse.gv"
    with Database.open(str(path), 100, IndexType.SPARSE, checkpoint_on_close=False) as db:
        db.add_sparse_vectors([([1, 50], [0.5, 2]), ([], [])], [{"a": "b"}, {}])
        db.save()
        db.add_sparse_vector([99], [4], {"c": "d"})
        db.update_sparse_vector(1, [2], [8])
        db.delete_vector(0)
    _head, found = reader.read(path.read_bytes())
    assert found == {1: (((2, 8.0),), {}), 2: (((99, 4.0),), {"c": "d"})}


@pytest.mark.parametrize(
    "indices, values, says",
    [
        ([2, 1], [1, 1], "index 1 comes behind 2"),
        ([2, 2], [1, 1], "each once"),
        ([500], [1], "index 500 is not below the dimension, 500"),
        ([-1], [1], "-1"),
        ([2**32], [1], "4294967296"),
        ([1.5], [1], "whole numbers"),
        ([1], [1, 2], "1 indices, but 2 values"),
        ([[1]], [[1]], "one row"),
        ([1], ["a"], "numbers"),
        ([1], [float("inf")], "the value at index 1 is infinite"),
        ([1], [1e60], "infinite"),
    ],
)
def test_refused(indices, values, says):
    with Database.open(None, DIMENSION, IndexType.SPARSE) as db:
        for call in (db.add_sparse_vector, lambda *pairs: db.search_sparse(*pairs, 1)):
            with pytest.raises(ArgumentError, match=says):
                call(indices, values)
        assert len(db) == 0


def test_kinds_of_rows_are_kept_apart():
    with Database.open(None, DIMENSION, IndexType.SPARSE) as sparse, Database.open(None, 3, IndexType.FLAT) as flat:
        for call in (
            lambda: sparse.add_vector(np.ones(DIMENSION)),
            lambda: sparse.search(np.ones(DIMENSION), 1),
            lambda: sparse.knn_query(np.ones((1, DIMENSION)), 1),
            lambda: sparse.range_search(np.ones(DIMENSION), 1),
            lambda: sparse.search_groups(np.ones(DIMENSION), 1, "key"),
            lambda: sparse.upsert(np.ones(DIMENSION), {"id": "a"}),
            lambda: sparse.train_ivfpq(),
        ):
            with pytest.raises(ArgumentError, match="SPARSE|IVFPQ"):
                call()
        for call in (
            lambda: flat.add_sparse_vector([1], [1]),
            lambda: flat.search_sparse([1], [1], 1),
            lambda: flat.upsert_sparse_vectors([([1], [1])], [{"id": "a"}]),
            lambda: flat.convert(IndexType.SPARSE),
        ):
            with pytest.raises(ArgumentError):
                call()
        with pytest.raises(ArgumentError, match="csr|CSR"):
            sparse.add_sparse_vectors(SimpleNamespace(indptr=[0], indices=[], data=[], format="csc"))
        with pytest.raises(ArgumentError, match="indptr"):
            sparse.add_sparse_vectors(SimpleNamespace(indptr=[0, 5], indices=[1], data=[1.0]))
        with pytest.raises(ArgumentError, match="sparse row 1"):
            sparse.add_sparse_vectors([([1], [1]), 7])


def test_ranks_are_joined():
    assert reciprocal_rank_fusion([1, 2, 3], [3, 1]) == [(1, 1 / 61 + 1 / 62), (3, 1 / 63 + 1 / 61), (2, 1 / 62)]
    assert reciprocal_rank_fusion([5], [4], k=0) == [(4, 1.0), (5, 1.0)]
    assert reciprocal_rank_fusion() == []
    with pytest.raises(ArgumentError, match="-1"):
        reciprocal_rank_fusion([1], k=-1)
