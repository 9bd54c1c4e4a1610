"""Vectors of every shape and type: taken as what they say, or refused by name. Metadata, ids and filters likewise.

Without these tests a float64 array could be read as float32 bytes, a strided one as its neighbour's numbers, a string
cut at its NUL: the classic defects of bindings, none of which the C core can see.
"""

from __future__ import annotations

import array
import collections
import decimal
import fractions

import numpy as np
import pytest

from gigavector import ArgumentError, Database, DistanceType, IndexType

ROW = [0.5, -2.0, 3.25, 4.0]  # exact in every float type, so that they all give the same row
INTS = [1, 0, 3, 4]


def readonly(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


class Arraylike:
    """Something of another library that NumPy knows how to ask."""

    def __array__(self, dtype=None, copy=None):
        return np.array(ROW, dtype)


VECTORS = {
    "list": ROW,
    "tuple": tuple(ROW),
    "array f": array.array("f", ROW),
    "array d": array.array("d", ROW),
    "memoryview f": memoryview(array.array("f", ROW)),
    "memoryview d": memoryview(array.array("d", ROW)),
    "deque": collections.deque(ROW),
    "float16": np.array(ROW, np.float16),
    "float32": np.array(ROW, np.float32),
    "float64": np.array(ROW, np.float64),
    "longdouble": np.array(ROW, np.longdouble),
    "big-endian float32": np.array(ROW, ">f4"),
    "big-endian float64": np.array(ROW, ">f8"),
    "strided": np.repeat(np.array(ROW, np.float32), 2)[::2],
    "reversed": np.array(ROW[::-1], np.float32)[::-1],
    "column": np.array([ROW, ROW], np.float32).T[:, 0],
    "read-only": readonly(np.array(ROW, np.float32)),
    "read-only float64": readonly(np.array(ROW)),
    "unaligned": np.frombuffer(b"x" + np.array(ROW, np.float32).tobytes(), np.float32, offset=1),
    "numpy scalars": list(np.array(ROW, np.float32)),
    "zero-dimensional arrays": [np.array(x) for x in ROW],
    "fractions": [fractions.Fraction(x) for x in ROW],
    "decimals": [decimal.Decimal(x) for x in ROW],
    "arraylike": Arraylike(),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_taken_as_they_are(db, name):
    id = db.add_vector(VECTORS[name])
    assert db.get(id).data.tolist() == ROW
    assert db.search(VECTORS[name], 1)[0].distance == 0
    db.update_vector(id, VECTORS[name])
    assert db.get(id).data.tolist() == ROW


@pytest.mark.parametrize(
    "values",
    [INTS, range(1, 5), (True, 0, 3, 4), array.array("q", INTS), *(np.array(INTS, t) for t in "bBhHiIqQ")],
    ids=str,
)
def test_integers_are_numbers(db, values):
    expected = [1, 2, 3, 4] if isinstance(values, range) else INTS
    assert db.get(db.add_vector(values)).data.tolist() == expected


MATRICES = {
    "list of lists": [ROW, INTS],
    "tuple of tuples": (tuple(ROW), tuple(INTS)),
    "list of arrays": [np.array(ROW, np.float32), np.array(INTS)],
    "list of array.array": [array.array("f", ROW), array.array("f", INTS)],
    "float32": np.array([ROW, INTS], np.float32),
    "float64": np.array([ROW, INTS]),
    "Fortran": np.asfortranarray(np.array([ROW, INTS], np.float32)),
    "every other row": np.array([ROW, ROW, INTS, ROW], np.float32)[::2],
    "every other column": np.repeat(np.array([ROW, INTS], np.float32), 2, axis=1)[:, ::2],
    "reversed": np.array([INTS, ROW], np.float32)[::-1],
    "big-endian": np.array([ROW, INTS], ">f4"),
    "read-only": readonly(np.array([ROW, INTS], np.float32)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_are_taken_as_they_are(db, name):
    rows = MATRICES[name]
    assert db.add_vectors(rows) == [0, 1]
    assert [db.get(id).data.tolist() for id in (0, 1)] == [ROW, INTS]
    assert [hits[0].id for hits in db.search_batch(rows, 1)] == [0, 1]
    assert db.knn_query(rows, 1)[0].tolist() == [[0], [1]]


def test_rows_may_come_one_by_one(db):
    assert db.add_vectors(row for row in (ROW, INTS)) == [0, 1]
    assert db.get(1).data.tolist() == INTS


def test_float32_is_lent_not_copied():
    from gigavector._arrays import many_vectors, one_or_many, one_vector
    from gigavector._ffi import ffi

    matrix = np.zeros((3, 4), np.float32)
    assert many_vectors(matrix, 4) is matrix and one_or_many(matrix, 4) is matrix
    for vector in (matrix[1], readonly(np.zeros(4, np.float32)), array.array("f", ROW)):
        pointer, length = one_vector(vector)
        assert length == 4
        address = vector.buffer_info()[0] if isinstance(vector, array.array) else vector.ctypes.data
        assert int(ffi.cast("intptr_t", pointer)) == address
    pointer, _ = one_vector(VECTORS["unaligned"])
    assert int(ffi.cast("intptr_t", pointer)) % 4 == 0, "C may read a float only where floats lie"


REFUSED = {
    "bool array": (np.array([True, False, True, False]), "bool"),
    "list of bools": ([True, False, True, False], "bool"),
    "complex": (np.array([1 + 2j] * 4), "complex128"),
    "list of complex": ([1j] * 4, "complex128"),
    "object": (np.array([object()] * 4), "object"),
    "None within": ([1.0, None, 2.0, 3.0], "NoneType"),
    "None": (None, "NoneType"),
    "str": ("1234", "str"),
    "list of str": (["1", "2", "3", "4"], "str"),
    "str array": (np.array(["1", "2", "3", "4"]), "str"),
    "mixed str": ([1.0, "2", 3.0, 4.0], "str"),
    "bytes": (b"1234", "bytes"),
    "bytearray": (bytearray(b"1234"), "bytearray"),
    "list of bytes": ([b"1"] * 4, "bytes"),
    "datetime": (np.array([1, 2, 3, 4], "M8[s]"), "datetime64"),
    "record": (np.zeros(4, [("a", "f4")]), "void"),
    "masked": (np.ma.array([1.0, 2, 3, 4], mask=[0, 1, 0, 0]), "masked"),
    "set": ({1.0, 2.0, 3.0, 4.0}, "set"),
    "dict": ({0: 1.0}, "dict"),
    "huge integers": ([10**400] * 4, "too large"),
    "scalar": (1.5, r"shape \(\)"),
    "matrix": (np.zeros((1, 4)), r"shape \(1, 4\)"),
    "nested list": ([ROW], r"shape \(1, 4\)"),
    "ragged": ([[1.0], [1.0, 2.0]], "length"),
    "too short": (ROW[:3], "expected vector of dim 4, got 3"),
    "too long": (np.zeros(5), "expected vector of dim 4, got 5"),
    "empty": ([], "expected vector of dim 4, got 0"),
    "empty array": (np.zeros(0, np.float32), "expected vector of dim 4, got 0"),
    "nan": ([1.0, float("nan"), 3.0, 4.0], "(?i)finite|nan"),
    "infinity": (np.array([1, 2, 3, -np.inf]), "(?i)finite|inf"),
    "beyond float32": ([1e300, 0, 0, 0], "(?i)finite|inf"),
    "beyond float32 in an array": (np.array([1e300, 0, 0, 0]), "(?i)finite|inf"),
    "square beyond float32": ([1e30, 0, 0, 0], "(?i)large|norm"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_by_name(db, name):
    values, named = REFUSED[name]
    db.add_vector(ROW)
    for refused in (
        lambda: db.add_vector(values),
        lambda: db.update_vector(0, values),
        lambda: db.search(values, 1),
    ):
        with pytest.raises(ArgumentError, match=named):
            refused()
    assert len(db) == 1 and db.get(0).data.tolist() == ROW


REFUSED_MATRICES = {
    "one vector": (ROW, r"shape \(4,\)"),
    "one array": (np.zeros(4), r"shape \(4,\)"),
    "three dimensions": (np.zeros((1, 2, 4)), r"shape \(1, 2, 4\)"),
    "ragged": ([ROW, ROW, ROW[:3]], "row 0 has 4, row 2 has 3"),
    "ragged arrays": ([np.zeros(4), np.zeros(3)], "row 0 has 4, row 1 has 3"),
    "a number among rows": ([ROW, 3.0], "length"),
    "other dimension": (np.zeros((2, 3)), "expected vector of dim 4, got 3"),
    "bools": (np.zeros((2, 4), bool), "bool"),
    "strings": ([["a"] * 4], "str"),
    "None": (None, "NoneType"),
    "None within": ([ROW, [1.0, None, 2.0, 3.0]], "NoneType"),
    "object": (object(), "object"),
    "string": ("abcd", "str"),
    "masked": (np.ma.masked_invalid([ROW, [1, 2, np.nan, 4]]), "masked"),
    "nan": ([ROW, [0, 0, np.nan, 0]], "(?i)finite|nan"),
}


@pytest.mark.parametrize("name", REFUSED_MATRICES)
def test_refused_matrices(db, name):
    values, named = REFUSED_MATRICES[name]
    with pytest.raises(ArgumentError, match=named):
        db.add_vectors(values)
    with pytest.raises(ArgumentError, match=named):
        db.search_batch(values, 1)
    if name not in ("one vector", "one array"):
        with pytest.raises(ArgumentError, match=named):
            db.knn_query(values, 1)
    assert len(db) == 0


@pytest.mark.parametrize("ids", [None, 0, 1.5, object(), np.array(5)])
def test_ids_that_are_no_list_are_refused(ids):
    with Database.open(None, 2) as db, pytest.raises(ArgumentError, match=r"ids must be a list of integers, got \w+"):
        db.delete_vectors(ids)


@pytest.mark.parametrize("metadata", [0, False, "", "text", [], [("a", "b")], np.zeros(2), np.zeros(0)])
def test_metadata_that_is_no_dict_is_refused_and_clears_nothing(metadata):
    with Database.open(None, 2) as db:
        db.add_vector([1, 2], {"a": "b"})
        for attempt in (
            lambda: db.update_metadata(0, metadata),
            lambda: db.add_vector([1, 2], metadata),
            lambda: db.add_vectors([[1, 2]], [metadata]),
        ):
            with pytest.raises(ArgumentError, match=r"metadata must be a dict of strings, got \w+"):
                attempt()
        with pytest.raises(ArgumentError, match="metadata of many rows must be a list"):
            db.add_vectors([[1, 2]], np.array(5.0))
        assert db.get(0).metadata == {"a": "b"} and len(db) == 1


@pytest.mark.parametrize("dimension", [1, 2, 3, 31, 32, 33, 63, 64, 65, 384, 1536, 4096, 65535])
@pytest.mark.parametrize("index", [IndexType.FLAT, IndexType.HNSW])
def test_dimensions(dimension, index):
    rows = np.arange(3 * dimension, dtype=np.float32).reshape(3, dimension) % 7
    with Database.open(None, dimension, index) as db:
        db.add_vectors(rows)
        assert db.search(rows[1].tolist(), 3)[0].distance == 0
        assert all(np.array_equal(db.get(id).data, rows[id]) for id in range(3))


def test_special_numbers():
    """-0, denormals, zero vectors under cosine, equal rows by id."""
    with Database.open(None, 2, IndexType.FLAT, DistanceType.COSINE) as db:
        db.add_vectors([[-0.0, 0.0], [1e-45, 0], [3, 4], [3, 4], [-3, -4]])
        assert np.signbit(db.get(0).data[0]) and db.get(1).data[0] > 0
        assert [(hit.id, hit.distance) for hit in db.search([3, 4], 9) if hit.id != 1] == [
            (2, 0),
            (3, 0),
            (0, 1),
            (4, 2),
        ]
        assert {hit.distance for hit in db.search([0, 0], 9)} == {1.0}


def test_many_equal_rows():
    with Database.open(None, 2) as db:
        db.add_vectors(np.ones((20_000, 2), np.float32))
        assert [hit.id for hit in db.search([1, 1], 5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "metadata, named",
    [
        ({"key": 1}, "'key' must be str, got int"),
        ({"key": None}, "'key' must be str, got NoneType"),
        ({"key": b"x"}, "'key' must be str, got bytes"),
        ({"key": [1, 2, 3]}, "'key' must be str, got list"),
        ({1: "x"}, "key 1 must be str, got int"),
        ({"key": "a\0b"}, "'key' contains a NUL"),
        ({"a\0b": "x"}, "contains a NUL"),
        ({"key": "\ud800"}, "'key' is not valid Unicode"),
        ([("key", "x")], "dict of strings, got list"),
        ("key", "dict of strings, got str"),
    ],
)
def test_metadata_that_is_no_string_is_refused(db, metadata, named):
    db.add_vector(ROW, {"a": "b"})
    for refused in (
        lambda: db.add_vector(ROW, metadata),
        lambda: db.add_vectors([ROW], [metadata]),
        lambda: db.update_metadata(0, metadata),
    ):
        with pytest.raises(ArgumentError, match=named):
            refused()
    assert len(db) == 1 and db.get(0).metadata == {"a": "b"}


@pytest.mark.parametrize("metadata", [{"a": "b"}, "ab", b"ab", 3])
def test_metadata_of_many_rows_is_a_list(db, metadata):
    with pytest.raises(ArgumentError, match="one dict a row"):
        db.add_vectors([ROW, ROW], metadata)


def test_other_mappings_are_metadata(db):
    import types

    for mapping in (types.MappingProxyType({"b": "1", "a": "2"}), collections.OrderedDict(b="1", a="2")):
        assert list(db.get(db.add_vector(ROW, mapping)).metadata.items()) == [("b", "1"), ("a", "2")]


@pytest.mark.parametrize(
    "pair, named",
    [
        ("kv", "pair"),
        (("k",), "pair"),
        (("k", "v", "w"), "pair"),
        ({"k": "v"}, "pair"),
        (("k", 1), "'k' must be str, got int"),
        ((1, "v"), "filter key must be str, got int"),
        (("k", "v\0w"), "NUL"),
        (("k\0", "v"), "NUL"),
    ],
)
def test_filters_that_are_no_pair_of_strings(db, pair, named):
    for search in (db.search, db.search_batch, db.knn_query):
        with pytest.raises(ArgumentError, match=named):
            search([ROW] if search == db.search_batch else ROW, 1, filter_metadata=pair)


@pytest.mark.parametrize("wrong", [-1, 2**64, "0", 0.0, None])
def test_ids_that_are_none(db, wrong):
    db.add_vector(ROW)
    assert (wrong in db) is False
    for use in (db.get, db.delete_vector, lambda id: db.delete_vectors([id]), lambda id: db.update_vector(id, ROW)):
        with pytest.raises(ArgumentError, match="id"):
            use(wrong)


def test_ids_at_the_ends(db):
    from gigavector import NotFoundError

    db.add_vector(ROW)
    for id in (0, np.int64(0), np.uint64(0), True and 0):
        assert id in db and db.get(id).data.tolist() == ROW
    assert 2**64 - 1 not in db
    with pytest.raises(NotFoundError, match=str(2**64 - 1)):
        db.get(2**64 - 1)


def test_a_search_option_is_checked(db):
    with pytest.raises(ArgumentError, match="distance.*DistanceType"):
        db.search(ROW, 1, distance=7)
    for wrong in (0, -1, 2**32, "9"):
        with pytest.raises(ArgumentError, match="ef_search"):
            db.search(ROW, 1, ef_search=wrong)
    with pytest.raises(ArgumentError, match="max_vectors"):
        db.set_resource_limits(max_vectors=-1)
    with pytest.raises(ArgumentError, match="rows"):
        db.set_exact_search_threshold(-1)
