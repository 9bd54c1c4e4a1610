"""Mistakes get an error that says what was wrong, and no object outlives, leaks or copies what it must not.

Without these tests a wrong option could pass in silence, a closed or forgotten database could crash the interpreter, and an
error could lose its code or the core's sentence.
"""

from __future__ import annotations

import copy
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
    NotFoundError,
    QueryError,
    SearchHit,
    UnsupportedError,
    Vector,
)


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
