"""IndexType.KDTREE beside FLAT: the same hits, to the bit, whatever comes and goes, in memory, from a file, and mapped."""

from __future__ import annotations

import numpy as np
import pytest
from gigavector import Database, DistanceType, IndexType


def pairs(db, query, **options):
    return [(hit.id, hit.distance) for hit in db.search(query, 10, **options)]


def same(tree, flat, rng, dimension):
    for query in rng.standard_normal((15, dimension)).astype(np.float32):
        assert pairs(tree, query) == pairs(flat, query)
        assert pairs(tree, query, filter="part >= 2") == pairs(flat, query, filter="part >= 2")
        assert pairs(tree, query, distance=DistanceType.MANHATTAN) == pairs(flat, query, distance=DistanceType.MANHATTAN)


@pytest.mark.parametrize("dimension", [1, 3, 12, 40])
@pytest.mark.parametrize("distance", list(DistanceType))
def test_as_flat(tmp_path, rng, distance, dimension):
    path = str(tmp_path / "tree.gv")
    rows = rng.standard_normal((4000, dimension)).astype(np.float32)
    rows[100:140] = rows[7]
    metadata = [{"part": str(i % 5)} for i in range(len(rows))]
    with Database.open(None, dimension, IndexType.FLAT, distance=distance) as flat:
        with Database.open(path, dimension, IndexType.KDTREE, distance=distance) as tree:
            for db in (tree, flat):
                db.add_vectors(rows, metadata)
            same(tree, flat, rng, dimension)
            for db in (tree, flat):
                for id in range(0, 300, 3):
                    db.delete_vector(id)
                for id in range(1, 300, 3):
                    db.update_vector(id, rows[-id])
                db.add_vectors(rows[:400] + 1, metadata[:400])
            same(tree, flat, rng, dimension)
        with Database.open(path) as tree:
            same(tree, flat, rng, dimension)
            tree.compact()
            same(tree, flat, rng, dimension)
        with Database.open_mmap(path, dimension, IndexType.KDTREE) as tree:
            same(tree, flat, rng, dimension)
