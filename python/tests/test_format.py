"""docs/format.md must be enough to read a file: a reader written from it agrees with the library, log tail included.

If this were deleted, the document and the code could drift apart unseen.
"""
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from gigavector import Database, DistanceType, HNSWConfig, IndexType, IVFPQConfig

READER = Path(__file__).parents[2] / "tests" / "unit" / "read_file.py"


def load_reader():
    spec = importlib.util.spec_from_file_location("read_file", READER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW, IndexType.IVFPQ])
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
        if index == IndexType.IVFPQ:
            db.train_ivfpq()
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


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("nbits, m", [(4, 7), (6, 20), (4, 4)])
@pytest.mark.parametrize("packed", [True, False], ids=["image", "log tail"])
def test_dropped_vectors_are_what_codes_stand_for(tmp_path, nbits, m, packed, trained):
    path, rows = tmp_path / "file.gv", np.random.default_rng(m).standard_normal((90, 20), dtype=np.float32)
    config = IVFPQConfig(nlist=5, m=m, nbits=nbits, keep_vectors=False)
    with Database.open(path, 20, IndexType.IVFPQ, ivfpq_config=config, checkpoint_on_close=packed) as db:
        db.add_vectors(rows[:60], metadata=[{"name": f"row {i}"} for i in range(60)])
        if trained:
            db.train_ivfpq()
        db.add_vectors(rows[60:])
        db.update_vector(5, rows[0])
        db.update_metadata(6, {"new": "value"})
        db.delete_vectors([0, 7, 70])
        expected = {i: (tuple(map(float, v.data)), v.metadata) for i in range(90) if i in db for v in [db.get(i)]}
    head, found = load_reader().read(path.read_bytes())
    assert found == expected and (head["version"], head["vectors"]) == (1, 1 + trained)


@pytest.mark.parametrize("distance", [DistanceType.EUCLIDEAN, DistanceType.COSINE, DistanceType.DOT_PRODUCT])
@pytest.mark.parametrize("dimension", [32, 64, 100])
def test_codes_stand_for_rows(tmp_path, distance, dimension):
    """Decoded as the document says, codes are as far from each other as the rows are, but for their rounding."""
    path = tmp_path / "file.gv"
    rows = np.random.default_rng(dimension).standard_normal((50, dimension), dtype=np.float32)
    with Database.open(path, dimension, IndexType.HNSW, distance) as db:
        db.add_vectors(rows)
    found = load_reader().codes(path.read_bytes())
    assert sorted(found) == list(range(50))
    units = np.array([np.frombuffer(found[i][0], np.uint8) for i in range(50)])
    step, low, spread, norm = np.array([found[i][1] for i in range(50)], np.float32).T
    assert units.shape == (50, -(-dimension // 64) * 64) and units.max() == 127
    decoded = low[:, None].astype(np.float64) + step[:, None].astype(np.float64) * units
    assert np.array_equal(spread, step * units.sum(axis=1).astype(np.float32))
    if distance == DistanceType.DOT_PRODUCT:
        assert not norm.any()
    else:
        assert np.allclose(norm, (decoded**2).sum(axis=1), rtol=1e-5)
    given = rows.astype(np.float64)
    if distance == DistanceType.COSINE:
        given /= np.linalg.norm(given, axis=1, keepdims=True)
    true = np.linalg.norm(given[:, None] - given, axis=2)
    coded = np.linalg.norm(decoded[:, None] - decoded, axis=2)
    half_a_step = step.max() / 2 * np.sqrt(units.shape[1])  # the most that one row's rounding can move it by
    assert np.abs(true - coded).max() <= 2 * half_a_step < 0.2 * true[0, 1]


@pytest.mark.parametrize("distance", [DistanceType.EUCLIDEAN, DistanceType.COSINE, DistanceType.DOT_PRODUCT])
@pytest.mark.parametrize("nbits", [4, 7])
def test_lists_stand_for_rows(tmp_path, distance, nbits):
    """Decoded as the document says, codes are near the rows, and terms are what the document says."""
    path, dimension = tmp_path / "file.gv", 21
    rows = np.random.default_rng(nbits).standard_normal((600, dimension), dtype=np.float32)
    config = IVFPQConfig(nlist=7, m=11, nbits=nbits)
    with Database.open(path, dimension, IndexType.IVFPQ, distance, ivfpq_config=config) as db:
        db.add_vectors(rows[:400])
        db.save()
        assert load_reader().decoded(path.read_bytes()) == {}
        db.train_ivfpq(rows)
        db.add_vectors(rows[400:])
        for i in range(0, 600, 3):
            db.delete_vector(i)
    data = path.read_bytes()
    found = load_reader().decoded(data)
    assert sorted(found) == [i for i in range(600) if i % 3]
    model = np.frombuffer(load_reader().sections(data, load_reader().superblock(data))[33], np.float32).astype(np.float64)
    mean, centroids = model[:dimension], model[dimension : dimension + 7 * 22].reshape(7, 22)
    given = rows.astype(np.float64)
    if distance == DistanceType.COSINE:
        given /= np.linalg.norm(given, axis=1, keepdims=True)
    if distance == DistanceType.DOT_PRODUCT:
        assert not mean.any()
    given = np.pad(given - mean, ((0, 0), (0, 1)))
    points = centroids
    if distance == DistanceType.COSINE:  # lists are found by the directions of centroids
        seen = centroids + np.pad(mean, (0, 1))
        points = seen / np.linalg.norm(seen, axis=1, keepdims=True) - np.pad(mean, (0, 1))
    for i, (number, view, term) in found.items():
        assert number == np.linalg.norm(points - given[i], axis=1).argmin()
        residual = np.array(view) - centroids[number]
        wanted = 0 if distance == DistanceType.DOT_PRODUCT else residual @ residual + 2 * centroids[number] @ residual
        assert abs(term - wanted) <= 1e-4
    off = np.linalg.norm([given[i] - found[i][1] for i in found], axis=1)
    assert off.mean() < (0.55 if nbits == 4 else 0.3) * np.linalg.norm(given, axis=1).mean()


@pytest.mark.parametrize("dimension", [32, 64, 100])
def test_codes_by_manhattan_stand_for_rows(tmp_path, dimension):
    path = tmp_path / "file.gv"
    rows = np.random.default_rng(dimension).standard_normal((50, dimension), dtype=np.float32)
    rows[7] = 0.3  # flat
    rows[8] *= 1e-3
    rows[9] += 100
    with Database.open(path, dimension, IndexType.HNSW, DistanceType.MANHATTAN) as db:
        db.add_vectors(rows)
    found = load_reader().codes(path.read_bytes())
    assert sorted(found) == list(range(50))
    units = np.array([np.frombuffer(found[i][0], np.uint8) for i in range(50)])
    step, low, spread, norm = np.array([found[i][1] for i in range(50)], np.float32).T
    assert units.shape == (50, -(-dimension // 64) * 64) and not units[:, dimension:].any() and not norm.any()
    decoded = low[:, None] + step[:, None] * units[:, :dimension]
    assert np.allclose(decoded.sum(axis=1), spread, rtol=1e-5, atol=1e-4)
    assert (np.abs(decoded - rows).max(axis=1) <= step * 0.501).all()
    sloped = step > 0
    assert sloped.sum() == 49 and (np.frexp(step[sloped])[0] == 0.5).all() and (low[sloped] % step[sloped] == 0).all()
    assert units.max() <= 127 and (units.max(axis=1)[sloped] >= 62).all()


def test_short_rows_have_no_codes(tmp_path):
    path = tmp_path / "file.gv"
    with Database.open(path, 31, IndexType.HNSW, DistanceType.EUCLIDEAN) as db:
        db.add_vectors(np.eye(31, dtype=np.float32))
    assert load_reader().codes(path.read_bytes()) == {}


def test_patches_carry_out_all_steps_in_order(tmp_path):
    path = tmp_path / "file.gv"
    rows = np.random.default_rng(5).standard_normal((500, 40), dtype=np.float32)
    rows[450] = rows[7]  # a row that joins another
    with Database.open(path, 40, IndexType.HNSW, DistanceType.EUCLIDEAN, checkpoint_on_close=False) as db:
        db.add_vectors(rows)
        for i in (3, 7, 499):  # a node, the head of an equal row, a node
            db.delete_vector(i)
    found = list(load_reader().patches(path.read_bytes()))
    node, join, ghost, remove = 1, 5, 7, 8
    steps = [(code, slot) for patch in found for code, slot in patch if code in (node, join, ghost, remove)]
    assert steps == [(join if i == 450 else node, i) for i in range(500)] + [(remove, 3), (ghost, 7), (remove, 499)]
    assert len(found) < 500  # some patches are of several rows


def test_the_documented_reader_sees_damage(tmp_path):
    path = tmp_path / "file.gv"
    with Database.open(path, 8, IndexType.FLAT) as db:
        db.add_vectors(np.ones((10, 8), np.float32))
    data = bytearray(path.read_bytes())
    data[12288 + 5] ^= 1
    reader = load_reader()
    with pytest.raises(reader.Damaged, match="section 1, block 0"):
        reader.read(bytes(data))


@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW])
def test_declared_keys_number_their_values_as_they_appear(tmp_path, index):
    path, reader = tmp_path / "file.gv", load_reader()
    with Database.open(path, 2, index, checkpoint_on_close=False) as db:
        db.index_metadata(["colour", "größe", "none"])
        pairs = [{"colour": "rgb"[i * i % 3], "größe": str(i % 7)} if i % 4 else {"größe": ""} for i in range(50)]
        db.add_vectors(np.zeros((50, 2)) + np.arange(50)[:, None], metadata=pairs)
        for i in (0, 1, 30):
            db.delete_vector(i)
        db.update_vector(2, [9, 9])  # which is in another slot from now on
        db.update_metadata(3, {"colour": "new"})
        assert reader.keys(path.read_bytes()) == ["colour", "größe", "none"]
        assert reader.columns(path.read_bytes()) == {}
        db.save()
        data = path.read_bytes()
        metadata = {i: row[1] for i, row in reader.read(data)[1].items()}
        found = reader.columns(data)
        assert list(found) == ["colour", "größe", "none"] and set(found["none"].values()) == {0}
        for key, numbers in found.items():
            seen = {}
            for i, number in numbers.items():  # by slot
                value = metadata[i].get(key)
                assert number == (0 if value is None else seen.setdefault(value, len(seen) + 1))
        db.index_metadata(["größe"])
        assert reader.keys(path.read_bytes()) == ["größe"]
