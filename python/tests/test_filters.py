"""Filter expressions through Python. Without these they could be lost, misread or half explained on the way to the core."""

import inspect

import numpy as np
import pytest

from gigavector import ArgumentError, Database, DatabaseError, DistanceType, FilterError, GigaVectorError, IndexType

YEARS = [{"year": str(1990 + i % 20), "lang": ("de", "en", "日本")[i % 3], "price": f"{i / 7}"} for i in range(300)]


@pytest.fixture(params=[IndexType.FLAT, IndexType.HNSW])
def db(request):
    with Database.open(None, 6, request.param) as opened:
        opened.set_exact_search_threshold(0)
        opened.add_vectors(np.random.default_rng(8).normal(size=(300, 6)), YEARS)
        opened.add_vector([0] * 6)
        yield opened


FILTERS = {
    'lang == "de" AND year >= 1995': lambda row: row["lang"] == "de" and int(row["year"]) >= 1995,
    "lang IN ('日本', 'fr') OR year == 1990.0": lambda row: row["lang"] == "日本" or row["year"] == "1990",
    "NOT (price < 10 OR price > 20)": lambda row: 10 <= float(row["price"]) <= 20,
    "year prefix '200' and lang contains 'e'": lambda row: row["year"][:3] == "200" and "e" in row["lang"],
    "price == 42.857142857142854": lambda row: float(row["price"]) == 300 / 7,
}


@pytest.mark.parametrize("text", FILTERS)
def test_every_search_takes_one(db, text):
    expected = {i for i, row in enumerate(YEARS) if FILTERS[text](row)}
    if text.startswith("NOT"):
        expected.add(300)  # a row without the key fails the comparisons, so it passes their NOT
    Database.check_filter(text)
    assert db.count(text) == len(expected)
    query = db.get(5).data
    hits = db.search(query, 400, filter=text)
    assert {hit.id for hit in hits} == expected and len(hits) == len(expected)
    assert db.search_with_filter_expr(query, 400, None, text) == hits
    assert db.search_batch([query, query], 400, filter=text) == [hits, hits]
    for threads in (1, 3):
        ids, distances = db.knn_query([query] * 3, 400, filter=text, threads=threads)
        assert [hit.id for hit in hits] == ids[2, : len(hits)].tolist() and (ids[:, len(hits) :] == -1).all()
    other = db.search_with_filter_expr(query, 3, DistanceType.MANHATTAN, text)
    assert other == db.search(query, 3, DistanceType.MANHATTAN, None, text)


def test_beside_a_pair_both_hold(db):
    both = db.search([0] * 6, 400, filter_metadata=("lang", "de"), filter="year == 1996")
    assert [hit.id for hit in both] == [hit.id for hit in db.search([0] * 6, 400, filter="year == 1996 AND lang == 'de'")]
    assert db.count() == db.count(None) == len(db) == 301
    db.delete_vector(0)
    db.update_metadata(1, {"year": "1990"})
    assert db.count("year == 1990") == 15 and db.count("NOT EXISTS lang") == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("year = 1990", 'filter, column 6: found "=", expected an operator (use ==)'),
        ("lang == de", 'filter, column 9: found "de", expected a value (put text in quotes)'),
        ("lang == '日本' AND", 'filter, column 17: found the end, expected a column, NOT, EXISTS or "("'),
        ("", 'filter, column 1: found the end, expected a column, NOT, EXISTS or "("'),
    ],
)
def test_what_is_none_is_explained(db, text, sentence):
    calls = [
        lambda: db.search([0] * 6, 3, filter=text),
        lambda: db.search_batch([[0] * 6], 3, filter=text),
        lambda: db.knn_query([0] * 6, 3, filter=text),
        lambda: db.search_with_filter_expr([0] * 6, 3, None, text),
        lambda: db.count(text),
        lambda: Database.check_filter(text),
    ]
    for call in calls:
        with pytest.raises(FilterError) as caught:
            call()
        assert str(caught.value) == sentence and caught.value.status == "GV_ERR_BAD_FILTER"
        assert isinstance(caught.value, (ArgumentError, DatabaseError, ValueError, RuntimeError))


def test_what_is_no_text_is_refused_by_name(db):
    for wrong in (5, b"a == 1", ["a == 1"], ("lang", "de"), "a == '\0'", "a == '\ud800'"):
        for call in (lambda: db.search([0] * 6, 3, filter=wrong), lambda: db.count(wrong)):  # noqa: B023
            with pytest.raises(GigaVectorError, match="filter"):
                call()
    with pytest.raises(ArgumentError, match="filter must be str, got NoneType"):
        Database.check_filter(None)


def test_the_signatures_are_those_that_are_promised():
    assert list(inspect.signature(Database.search).parameters)[:6] == [
        "self", "query", "k", "distance", "filter_metadata", "filter",
    ]  # fmt: skip
    assert list(inspect.signature(Database.search_with_filter_expr).parameters)[1:] == ["query", "k", "distance", "filter_expr"]
