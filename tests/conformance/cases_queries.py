"""Rows written by a key, and all rows within a radius: the same rows, the same graph and the same bytes everywhere."""

from __future__ import annotations

from canonical import lcg
from case import FINE, GRAPH, MAIN, METRICS, PARITY, Case, both


def docs(*numbers, **more) -> list[dict]:
    return [{"doc": f"d{number}", **more} for number in numbers]


def upserts():
    for case in both("upsert", "{}: a row written again is replaced and keeps its id.", dimension=3):
        case.upsert([[1, 0, 0]], docs(0), "doc")
        case.upsert([[2, 0, 0], [3, 0, 0], [4, 0, 0]], docs(1, 0, 2, version="2"), "doc")
        case.upsert([[2, 0, 0]], docs(1, version="3"), "doc")  # the vector stays
        case.upsert([[2, 0, 0]], docs(1, version="3"), "doc")  # all stays
        case.upsert([[2, 0, 0], [2, 0, 0]], docs(0, 3), "doc")
        case.count()
        case.search([0, 0, 0], 9)
        for id in range(4):
            case.get(id)
        case.delete(1)
        case.upsert([[7, 0, 0]], docs(1), "doc")
        case.search([0, 0, 0], 9, filter=["doc", "d1"])
        case.reopen()
        case.upsert([[9, 0, 0]], docs(1), "doc")
        case.search([9, 0, 0], 9)
        case.check()
        yield case
    for case in both("upsert_refused", "{}: what an upsert cannot decide is refused, and changed nothing.", dimension=2):
        case.add_many([[1, 1], [2, 2], [3, 3]], [{"doc": "a"}, {"doc": "a"}, {"doc": "b"}])
        refused = {"error": "GV_ERR_ARGUMENT"}
        case.upsert([[9, 9]], [{"doc": "a"}], "doc", message_has="rows 0 and 1 both have", **refused)
        case.upsert([[9, 9], [8, 8]], [{"doc": "b"}, {"doc": "b"}], "doc", message_has="rows 0 and 1 have the same", **refused)
        case.upsert([[9, 9], [8, 8]], [{"doc": "b"}, {"dog": "b"}], "doc", message_has="row 1 has no key", **refused)
        case.upsert([[9, 9], ["nan", 8]], [{"doc": "b"}, {"doc": "c"}], "doc", **refused)
        case.upsert([[9, 9, 9]], [{"doc": "b"}], "doc", **refused)
        case.limits(max_vectors=4)
        case.upsert([[9, 9], [8, 8], [7, 7]], docs(1, 2, 3), "doc", error="GV_ERR_LIMIT")
        case.search([0, 0], 9)
        case.upsert([[9, 9], [8, 8]], [{"doc": "b"}, {"doc": "c"}], "doc")
        case.search([0, 0], 9)
        yield case
    for case in both("upsert_log", "{}: upserts that lie in the log are recovered to the same index.", dimension=33):
        case.open |= {"checkpoint_on_close": False}
        case.add_many(lcg(1, *FINE, rows=40), docs(*range(40)))
        case.upsert(lcg(2, *FINE, rows=60), docs(*range(20, 80)), "doc")
        case.upsert(lcg(2, *FINE, rows=60), docs(*range(10, 70)), "doc")  # rows equal to others, which leave
        case.delete_many([3, 33, 66])
        case.upsert(lcg(3, *FINE, rows=30), docs(*range(0, 90, 3)), "doc")
        case.search(lcg(4, *FINE), 10)
        case.reopen()
        case.search(lcg(4, *FINE), 10)
        case.upsert(lcg(5, *FINE, rows=30), docs(*range(0, 60, 2)), "doc")
        case.check()
        case.reopen(checkpoint_on_close=True)
        case.search(lcg(4, *FINE), 10)
        case.check()
        yield case
    case = Case("hnsw_upsert_many_rows", "Hundreds of rows replaced in one call, and some of them at once again.",
                path=MAIN, dimension=32, **GRAPH)
    case.upsert(lcg(1, *FINE, rows=200), docs(*range(200)), "doc")
    case.upsert(lcg(2, *FINE, rows=150), docs(*range(50, 200)), "doc")
    case.upsert(lcg(3, *FINE, rows=150), docs(*range(0, 150)), "doc")
    case.search(lcg(4, *FINE), 10)
    case.check()
    yield case


def ranges():
    for metric in METRICS:
        for case in both(f"range_{metric}", f"{{}}: every row within a radius, by {metric}.", dimension=17, distance=metric):
            case.add_many(lcg(1, *FINE, rows=120), PARITY)
            case.add_many(lcg(1, *FINE, rows=20), PARITY)  # equal distances
            case.delete_many([5, 6, 60])
            for nth in (0, 1, 30, 136):
                case.range_search(lcg(2, *FINE), nth, 1000)
            case.range_search(lcg(3, *FINE), 50, 7)
            case.range_search(lcg(3, *FINE), 40, 1000, filter=["parity", "odd"])
            odd = lambda meta: meta.get("parity") == "odd"  # noqa: E731
            case.range_search(lcg(3, *FINE), 30, 20, filter="NOT parity != 'odd' AND EXISTS parity", where=odd)
            case.range_search(lcg(3, *FINE), 40, 1000, distance="dot_product")
            case.range_search(lcg(3, *FINE), 0, 0, error="GV_ERR_ARGUMENT", only=["c", "js"])
            yield case


GROUPS = (upserts, ranges)
