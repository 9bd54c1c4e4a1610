"""Cases about rows that change, their metadata, wrong input and limits."""

from __future__ import annotations

from canonical import lcg
from case import FINE, FLAT, MAIN, PARITY, Case, both


def deletes():
    for case in both(
        "delete_half", "{}: half the rows are deleted; the rest answer as if they were alone.", dimension=12
    ):
        case.add_many(lcg(101, *FINE, rows=200), PARITY)
        case.delete_many(list(range(1, 200, 2)))
        case.check()
        case.count()
        for seed in range(110, 115):
            case.search(lcg(seed, *FINE), 10)
        case.search(lcg(101, *FINE), 200)
        case.search(lcg(116, *FINE), 10, filter=["parity", "odd"])
        case.contains(0, 1, 198, 199, 200)
        case.reopen()
        case.search(lcg(101, *FINE), 200)
        case.check()
        yield case
    for case in both(
        "delete_all", "{}: everything is deleted, nothing is found, and new rows get new ids.", dimension=7
    ):
        case.add_many(lcg(121, *FINE, rows=30))
        for id in range(10):
            case.delete(id)
        case.delete_many(list(range(29, 9, -1)))
        case.count()
        case.check()
        case.search({"fill": 0}, 5)
        case.reopen()
        case.count()
        case.search({"fill": 0}, 5)
        case.add_many(lcg(122, *FINE, rows=20))
        case.search({"fill": 0}, 30)
        case.check()
        yield case
    for case in both("delete_reuse", "{}: rows come and go; ids are never reused, freed places are.", dimension=9):
        for turn in range(6):
            case.add_many(lcg(130 + turn, *FINE, rows=40), PARITY)
            first = 40 * turn
            case.delete_many(list(range(first, first + 40, 2)))
            case.search(lcg(140 + turn, *FINE), 9)
        case.add(lcg(131, *FINE))
        case.delete(240)
        case.add(lcg(131, *FINE))
        case.search(lcg(131, *FINE), 3)
        case.get(241)
        case.search(lcg(150, *FINE), 200)
        case.check()
        case.reopen()
        case.search(lcg(150, *FINE), 200)
        case.check()
        yield case
    for case in both("compact", "{}: what deletes and updates left behind goes; ids, answers and bytes stay.", dimension=16):
        case.compact()  # of nothing
        case.add_many(lcg(161, *FINE, rows=120), PARITY)
        case.add_many(lcg(161, *FINE, rows=10), PARITY)  # equal rows
        case.compact()  # of nothing to do
        case.delete_many(list(range(0, 120, 3)))
        for id in range(1, 120, 9):
            case.update_vector(id, lcg(162 + id, *FINE))
        case.add_many(lcg(163, *FINE, rows=20))
        case.compact()
        case.check()
        case.count()
        case.search(lcg(161, *FINE), 120)
        case.search(lcg(164, *FINE), 10, filter=["parity", "odd"])
        case.get(1)
        case.contains(0, 1, 149, 150)
        case.add_many(lcg(165, *FINE, rows=3))
        case.delete(2)
        case.reopen()
        case.search(lcg(161, *FINE), 120)
        case.delete_many([id for id in range(153) if id % 3 and id < 120 and id != 2])
        case.compact()
        case.count()
        case.search(lcg(161, *FINE), 60)
        case.reopen(read_only=True)
        case.compact(error="GV_ERR_READ_ONLY")
        case.search(lcg(161, *FINE), 60)
        case.check()
        yield case
    for case in both("delete_errors", "{}: a refused delete changed nothing.", dimension=2):
        case.delete(0, error="GV_ERR_NOT_FOUND")
        case.add_many([[0, 0], [1, 0], [2, 0], [3, 0]])
        case.delete(4, error="GV_ERR_NOT_FOUND", message_has="4")
        case.delete(2)
        case.delete(2, error="GV_ERR_NOT_FOUND", message_has="2")
        case.delete_many([0, 1, 2], error="GV_ERR_NOT_FOUND", message_has="2")
        case.delete_many([3, 0, 3], error="GV_ERR_ARGUMENT", message_has="3")
        case.delete_many([1, 77], error="GV_ERR_NOT_FOUND", message_has="77")
        case.update_vector(2, [5, 5], error="GV_ERR_NOT_FOUND")
        case.update_metadata(2, {"a": "b"}, error="GV_ERR_NOT_FOUND")
        case.get(2, error="GV_ERR_NOT_FOUND")
        case.count()
        case.search([0, 0], 4)
        yield case


def updates():
    for case in both(
        "update_vector", "{}: an updated row is found at its new place only, with its id and metadata.", dimension=6
    ):
        case.add_many(lcg(161, *FINE, rows=120), PARITY)
        for id in range(0, 120, 7):
            case.update_vector(id, lcg(1000 + id, *FINE))
        case.update_vector(5, {"fill": 3})
        case.update_vector(5, {"fill": 4})
        case.update_vector(6, [1, 2, 3], error="GV_ERR_ARGUMENT", message_has="expected vector of dim 6, got 3")
        case.update_vector(6, [1, 2, 3, 4, 5, "nan"], error="GV_ERR_ARGUMENT")
        case.update_vector(120, {"fill": 0}, error="GV_ERR_NOT_FOUND", message_has="120")
        case.search({"fill": 4}, 3)
        case.search({"fill": 4}, 3, filter=["parity", "odd"])
        case.search(lcg(1007, *FINE), 5)
        case.search(lcg(161, *FINE), 120)
        case.get(5)
        case.get(6)
        case.check()
        case.reopen()
        case.search(lcg(161, *FINE), 120)
        case.get(5)
        yield case
    for case in both("update_metadata", "{}: new metadata replaces all of the old.", dimension=3):
        case.add([1, 0, 0], {"a": "1", "b": "2"})
        case.add([0, 1, 0])
        case.add([0, 0, 1], {"b": "2"})
        case.update_metadata(0, {"c": "3"})
        case.update_metadata(1, {"b": "2", "a": "1"})
        case.update_metadata(2, {})
        case.update_metadata(9, {"x": "y"}, error="GV_ERR_NOT_FOUND", message_has="9")
        case.update_metadata(1, {"bad\u0000key": "v"}, error="GV_ERR_ARGUMENT")
        for id in range(3):
            case.get(id)
        case.search([1, 1, 1], 3, filter=["b", "2"])
        case.reopen(checkpoint_on_close=False)
        case.update_metadata(2, {"late": "yes"})
        case.reopen()
        for id in range(3):
            case.get(id)
        case.search([1, 1, 1], 3, filter=["late", "yes"])
        yield case


def metadata():
    case = Case(
        "metadata_utf8",
        "Keys and values are UTF-8, compared as bytes, kept over reopen.",
        path=MAIN,
        dimension=2,
        **FLAT,
    )
    words = {
        "größe": "Straße",
        "名前": "ベクトル",
        "emoji": "🦊🇪🇺👩‍👩‍👧",
        "combining": "e\u0301",
        "precomposed": "é",
        "space": " a\tb\nc ",
        "quotes": "\"\\/'",
        "controls": "\u0001\u001f\u007f",
        "last": "\U0010ffff",
        "empty": "",
    }
    case.add([0, 0], words)
    case.add([1, 0], {"name": "e\u0301"})
    case.add([2, 0], {"name": "é"})
    case.add([3, 0], {"long": "ä" * 2000, "k" * 300: "v"})
    case.add([4, 0], {"nul": "a\u0000b"}, error="GV_ERR_ARGUMENT")
    case.add([4, 0], {"n\u0000l": "ab"}, error="GV_ERR_ARGUMENT")
    for turn in range(2):
        for key, value in words.items():
            case.search([0, 0], 4, filter=[key, value])
        case.search([0, 0], 4, filter=["name", "é"])
        case.search([0, 0], 4, filter=["name", "e\u0301"])
        case.search([0, 0], 4, filter=["k" * 300, "v"])
        for id in range(4):
            case.get(id)
        if turn == 0:
            case.reopen()
    yield case

    case = Case("metadata_order", "Pairs come back in the order they were given.", path=MAIN, dimension=1, **FLAT)
    names = "zeta alpha mid beta omega a A aa".split()
    case.add([1], {name: str(i) for i, name in enumerate(names)})
    case.add([2], {name: str(i) for i, name in enumerate(reversed(names))})
    case.add([3], {f"key{(i * 37) % 101}": f"value {i}" for i in range(101)})
    case.add([4])
    for turn in range(2):
        for id in range(4):
            case.get(id)
        if turn == 0:
            case.update_metadata(0, {"late": "1", "zeta": "2", "alpha": "3"})
            case.get(0)
            case.reopen()
    yield case


def get_and_count():
    for case in both("get_and_count", "{}: get gives the very bits, contains and count the live rows.", dimension=4):
        case.count()
        case.contains(0)
        case.get(0, error="GV_ERR_NOT_FOUND", message_has="0")
        case.add([0.1, -0.2, 3e-39, 16777217], {"name": "first"})
        case.add([-0.0, 0.0, 1.5, -1.5])
        case.add_many(lcg(171, *FINE, rows=3), [{"a": "1"}, {}, {"b": "2", "c": "3"}])
        for id in range(5):
            case.get(id)
        case.delete(3)
        case.contains(0, 3, 4, 5)
        case.get(3, error="GV_ERR_NOT_FOUND", message_has="3")
        case.get(5, error="GV_ERR_NOT_FOUND")
        case.count()
        case.reopen()
        for id in (0, 1, 2, 4):
            case.get(id)
        case.contains(3)
        case.count()
        yield case


def wrong_input():
    for case in both(
        "wrong_dimension", "{}: the sentence names both dimensions, and a refused call changed nothing.", dimension=128
    ):
        case.add({"fill": 1, "dim": 64}, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 128, got 64")
        case.add({"fill": 1, "dim": 129}, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 128, got 129")
        case.add_many(
            lcg(1, -8, 7, rows=3, dim=64),
            error="GV_ERR_ARGUMENT",
            message_has="expected vector of dim 128, got 64",
            only=["c", "python"],
        )
        case.add({"fill": 1})
        case.search(
            {"fill": 1, "dim": 64}, 1, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 128, got 64"
        )
        case.search(
            {"fill": 1, "dim": 256}, 1, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 128, got 256"
        )
        case.update_vector(
            0, {"fill": 2, "dim": 64}, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 128, got 64"
        )
        case.add({"fill": 2})
        case.search({"fill": 0}, 5)
        case.get(0)
        yield case
    for case in both("not_finite", "{}: NaN and infinity are refused wherever a vector goes in.", dimension=3):
        case.add([1, 2, 3], {"who": "first"})
        for bad in ("nan", "inf", "-inf"):
            for place in range(3):
                vector = [1.0, 2.0, 3.0]
                vector[place] = bad
                case.add(vector, error="GV_ERR_ARGUMENT")
                case.search(vector, 1, error="GV_ERR_ARGUMENT")
                case.update_vector(0, vector, error="GV_ERR_ARGUMENT")
                case.add_many([[4, 5, 6], vector, [7, 8, 9]], error="GV_ERR_ARGUMENT")
        case.search_batch([[1, 2, 3], [1, "nan", 3]], 1, error="GV_ERR_ARGUMENT")
        case.count()
        case.add([7, 8, 9])
        case.search([1, 2, 3], 5)
        case.get(0)
        yield case
    for case in both("k_zero", "{}: k = 0 is an error, with rows and without.", dimension=2):
        case.search([0, 0], 0, error="GV_ERR_ARGUMENT")
        case.search_batch([[0, 0], [1, 1]], 0, error="GV_ERR_ARGUMENT")
        case.add([1, 1])
        case.search([0, 0], 0, error="GV_ERR_ARGUMENT")
        case.search([0, 0], 0, filter=["a", "b"], error="GV_ERR_ARGUMENT")
        case.search([0, 0], 1)
        yield case
    for case in both("batch_all_or_none", "{}: one bad row or bad pair refuses the whole batch.", dimension=2):
        case.add_many([[0, 0], [1, 1]])
        case.add_many([[2, 2], ["inf", 0]], error="GV_ERR_ARGUMENT")
        case.add_many([[2, 2], [3, 3]], [{"a": "b"}, {"a": "b\u0000"}], error="GV_ERR_ARGUMENT")
        case.count()
        case.add_many([[2, 2], [3, 3]], [{"a": "b"}, {}])
        case.search([3, 3], 9)
        case.search([3, 3], 9, filter=["a", "b"])
        yield case


def limits():
    for case in both("limits", "{}: a limit is checked before the write, which then changed nothing.", dimension=3):
        case.limits(max_vectors=3)
        case.add_many([[1, 0, 0], [2, 0, 0]])
        case.add_many([[3, 0, 0], [4, 0, 0]], error="GV_ERR_LIMIT")
        case.add([3, 0, 0])
        case.add([4, 0, 0], error="GV_ERR_LIMIT", message_has="3")
        case.count()
        case.update_vector(0, [9, 0, 0])
        case.delete(1)
        case.add([5, 0, 0])
        case.search([0, 0, 0], 9)
        case.limits(max_memory_bytes=1)
        case.add_many(lcg(1, -8, 7, rows=20000), error="GV_ERR_LIMIT")
        case.count()
        case.search([0, 0, 0], 9)
        case.limits()
        case.add_many(lcg(1, -8, 7, rows=20))
        case.count()
        case.reopen()
        case.add_many(lcg(2, -8, 7, rows=20))
        case.search([0, 0, 0], 9)
        yield case


GROUPS = (deletes, updates, metadata, get_and_count, wrong_input, limits)
