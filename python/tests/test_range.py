"""range_search beside NumPy: everything within the radius and nothing else, in order, on every index and in every metric."""

from __future__ import annotations

import math

import gigavector as gv
import numpy as np
import pytest
from gigavector import DistanceType, IndexType

ROWS, DIMENSION = 1500, 24


@pytest.fixture(scope="module", params=[IndexType.FLAT, IndexType.HNSW])
def db(request):
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((ROWS, DIMENSION)).astype(np.float32)
    rows[700:710] = rows[3]  # ties
    db = gv.Database.open(None, DIMENSION, request.param)
    db.add_vectors(rows, [{"part": str(i % 7)} for i in range(ROWS)])
    db.delete_vector(11)
    return db


def every(db, query, distance, **options):
    """All rows, nearest first, by the ordinary search, which test_conformance holds to the corpus."""
    return [(hit.id, hit.distance) for hit in db.search(query, len(db), distance, **options)]


@pytest.mark.parametrize("distance", list(DistanceType))
def test_all_within_and_no_other(db, distance):
    query = db.get(3).data
    ranked = every(db, query, distance)
    for radius in (ranked[0][1], ranked[40][1], ranked[ROWS // 2][1], math.inf, -math.inf, ranked[0][1] - 1):
        hits = [(hit.id, hit.distance) for hit in db.range_search(query, radius, ROWS, distance)]
        assert hits == [pair for pair in ranked if pair[1] <= radius]
        assert len(hits) > 10 or radius < ranked[10][1]


def test_the_nearest_are_kept(db):
    query = db.get(100).data + 0.25
    ranked = every(db, query, None)
    radius = ranked[400][1]
    assert [hit.id for hit in db.range_search(query, radius, 25)] == [id for id, _ in ranked[:25]]
    assert len(db.range_search(query, radius)) == 401
    assert len(db.range_search(query, 1e300)) == 1000


def test_filters(db):
    query = db.get(100).data + 0.25
    pair, expression, none = ("part", "3"), "part IN (3, 5) AND NOT part == 5", "part == 99"
    for options in ({"filter_metadata": pair}, {"filter": expression}, {"filter": none}):
        ranked = every(db, query, None, **options)
        radius = ranked[50][1] if ranked else math.inf
        assert [(hit.id, hit.distance) for hit in db.range_search(query, radius, **options)] == ranked[:51]
    (hit,) = db.range_search(db.get(20).data, 0.0, with_vectors=False)
    assert (hit.id, hit.distance, hit.vector.metadata) == (20, 0.0, {"part": "6"}) and len(hit.vector.data) == 0


def test_what_is_refused(db):
    query = np.zeros(DIMENSION, np.float32)
    with pytest.raises(gv.ArgumentError, match="radius is NaN"):
        db.range_search(query, math.nan)
    with pytest.raises(gv.ArgumentError, match="radius must be a number, got str"):
        db.range_search(query, "1")
    with pytest.raises(gv.GigaVectorError, match="max_results is 0"):
        db.range_search(query, 1.0, 0)
    with pytest.raises(gv.GigaVectorError, match="max_results must be an integer, got float"):
        db.range_search(query, 1.0, 1.5)
    with pytest.raises(gv.ArgumentError, match="expected vector of dim 24, got 3"):
        db.range_search(query[:3], 1.0)
    with pytest.raises(gv.GigaVectorError, match="filter, column"):
        db.range_search(query, 1.0, filter="part ==")
    assert gv.Database.open(None, 3).range_search([0, 0, 0], math.inf) == []
