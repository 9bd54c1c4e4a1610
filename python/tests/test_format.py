"""docs/format.md must be enough to read a file: a reader written from it agrees with the library, log tail included.

If this were deleted, the document and the code could drift apart unseen.
"""
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from gigavector import Database, DistanceType, HNSWConfig, IndexType

READER = Path(__file__).parents[2] / "tests" / "unit" / "read_file.py"


def load_reader():
    spec = importlib.util.spec_from_file_location("read_file", READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW])
@pytest.mark.parametrize("dimension", [3, 16, 20])
@pytest.mark.parametrize("packed", [True, False], ids=["image", "log tail"])
def test_the_documented_reader_agrees(tmp_path, index, dimension, packed):
    path = tmp_path / "file.gv"
    rng = np.random.default_rng(dimension)
    rows = rng.standard_normal((60, dimension), dtype=np.float32)
    with Database.open(path, dimension, index, DistanceType.COSINE, HNSWConfig(M=4, ef_construction=20),
                       checkpoint_on_close=packed) as db:
        db.add_vectors(rows[:40], metadata=[{"name": f"row {i}", "grün": "ja" * (i % 3)} for i in range(40)])
        for i in (3, 17, 39):
            db.delete_vector(i)
        db.save()
        for row in rows[40:]:
            db.add_vector(row)
        db.update_vector(5, rows[0])
        db.update_metadata(6, {"new": "value"})
        db.delete_vector(0)
        expected = {i: (tuple(map(float, v.data)), v.metadata) for i in range(60) if i in db for v in [db.get(i)]}
    head, found = load_reader().read(path.read_bytes())
    assert found == expected
    assert head["dimension"] == dimension and head["index"] == index and head["distance"] == DistanceType.COSINE
    if packed:
        assert head["live"] == len(expected) and head["log_start"] == path.stat().st_size


def test_the_documented_reader_sees_damage(tmp_path):
    path = tmp_path / "file.gv"
    with Database.open(path, 8, IndexType.FLAT) as db:
        db.add_vectors(np.ones((10, 8), np.float32))
    data = bytearray(path.read_bytes())
    data[12288 + 5] ^= 1
    reader = load_reader()
    with pytest.raises(reader.Damaged, match="section 1, block 0"):
        reader.read(bytes(data))
