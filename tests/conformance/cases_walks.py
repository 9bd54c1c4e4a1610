"""Cases about the walk through the graph: databases so large, and `ef_search` so small, that a scan is not the choice.

In four dimensions such a walk is still exact, as the model must be. Where it need not be, hits are recorded."""

from __future__ import annotations

from canonical import lcg
from case import FINE, MAIN, METRICS, PARITY, Case

ROWS = 3000


def walking(name: str, about: str, m: int = 16, dimension: int = 4, **options) -> Case:
    graph = {"M": m, "ef_construction": 200, "ef_search": 120}
    return Case(
        name, about, path=MAIN, dimension=dimension, index="hnsw", hnsw=graph, exact_search_threshold=0, **options
    )


def metrics():
    for metric in METRICS:
        about = f"A walk in four dimensions with {metric} is exact, with a filter and without."
        case = walking(f"hnsw_walk_{metric}", about, distance=metric)
        case.add_many(lcg(401, *FINE, rows=ROWS), PARITY)
        if metric != "dot_product":  # there short rows are nobody's near neighbour, and may have no link to them
            case.check()
        case.search_batch(lcg(402, *FINE, rows=12), 5)
        case.search_batch(lcg(403, *FINE, rows=6), 5, filter=["parity", "odd"], ef_search=30)
        case.reopen()
        case.search_batch(lcg(404, *FINE, rows=6), 5)
        yield case


def changes():
    case = walking("hnsw_walk_changes", "A walk stays exact after deletes, updates and reopens from image and log.")
    case.add_many(lcg(411, *FINE, rows=ROWS), PARITY)
    case.delete_many([id for id in range(ROWS) if id * 7919 % 100 < 30])
    case.check()
    case.search_batch(lcg(412, *FINE, rows=8), 5, ef_search=100)
    for id in (3, 5, 7, 11, 13):
        case.update_vector(next(i for i in case.state.rows if i % 17 == id), lcg(500 + id, *FINE))
        case.search(lcg(500 + id, *FINE), 3)
    case.add_many(lcg(413, *FINE, rows=600))
    case.check()
    case.search_batch(lcg(414, *FINE, rows=8), 5)
    case.reopen(checkpoint_on_close=False)
    case.search_batch(lcg(414, *FINE, rows=8), 5)
    case.delete_many([id for id in list(case.state.rows) if id * 104729 % 100 < 20])
    case.add_many(lcg(415, *FINE, rows=100))
    case.check()
    case.search_batch(lcg(416, *FINE, rows=8), 5)
    case.reopen()
    case.check()
    case.search_batch(lcg(416, *FINE, rows=8), 5)
    yield case


def duplicates():
    case = walking(
        "hnsw_walk_duplicates", "A walk through many equal rows gives the lowest ids and still sees the others."
    )
    case.add_many(lcg(421, *FINE, rows=1000))
    case.add_many([{"fill": 0.25}] * 200)
    case.add_many(lcg(422, -2, 1, rows=800), PARITY)  # 256 points at most
    case.add_many(lcg(423, *FINE, rows=1000))
    case.check()
    case.search({"fill": 0.25}, 10)
    case.search({"fill": 0.25}, 110)
    case.search_batch(lcg(424, -2, 1, rows=6), 6)
    case.search_batch(lcg(425, *FINE, rows=6), 6)
    case.delete_many(list(range(1000, 1150)))
    case.search({"fill": 0.25}, 10)
    case.search({"fill": 0.25}, 60)
    case.check()
    case.reopen()
    case.search({"fill": 0.25}, 60)
    case.search_batch(lcg(424, -2, 1, rows=6), 6)
    yield case


def all_equal():
    case = walking("hnsw_walk_all_equal", "2,000 equal rows are one point: the lowest ids, before and after deletes.")
    case.add_many(lcg(431, 1, 1, rows=2000))
    case.check()
    case.search([1, 1, 1, 2], 10)
    case.delete_many(list(range(0, 1000)))
    case.search([1, 1, 1, 2], 10)
    case.add({"fill": 1})
    case.check()
    case.reopen()
    case.search([1, 1, 1, 1], 100)
    yield case


def shapes():
    for m in (5, 32):
        case = walking(f"hnsw_walk_m{m}", f"A walk with M = {m} is exact in four dimensions.", m=m)
        case.add_many(lcg(441, *FINE, rows=ROWS))
        case.check()
        case.search_batch(lcg(442, *FINE, rows=12), 5)
        yield case


# What a walk measures are codes from 32 dimensions on; with M = 8 a gate's block is part full, with M = 20 there are two.
RECORDED = (
    ("hnsw_recorded_euclidean", "euclidean", 12, {"M": 8}),
    ("hnsw_recorded_cosine", "cosine", 40, {"M": 8}),
    ("hnsw_codes_euclidean", "euclidean", 96, {"M": 8}),
    ("hnsw_codes_dot_product", "dot_product", 33, {"M": 8}),
    ("hnsw_codes_manhattan", "manhattan", 72, {"M": 8}),
    ("hnsw_codes_rerank", "euclidean", 32, {"M": 8, "quant_rerank": 40}),
    ("hnsw_hybrid_euclidean", "euclidean", 64, {"M": 8, "use_binary_quant": 1}),
    ("hnsw_hybrid_cosine", "cosine", 100, {"M": 20, "use_binary_quant": 1}),
    ("hnsw_hybrid_dot_product", "dot_product", 48, {"M": 16, "use_binary_quant": 1}),
    ("hnsw_hybrid_short_rows", "cosine", 12, {"M": 8, "use_binary_quant": 1}),
)


def recorded():
    for name, metric, dimension, graph in RECORDED:
        options = {
            "index": "hnsw",
            "hnsw": {"ef_construction": 60, "ef_search": 12, **graph},
            "exact_search_threshold": 0,
        }
        case = Case(
            name,
            "A walk that is not exact takes the same steps on every kernel and target, also after deletes and reopen.",
            path=MAIN,
            dimension=dimension,
            distance=metric,
            **options,
        )
        case.add_many(lcg(331, *FINE, rows=1200), PARITY)
        for i in range(20):
            case.add(lcg(2000 + i, *FINE))
        case.search_batch(lcg(332, *FINE, rows=6), 10, recorded=True)
        case.search_batch(lcg(332, *FINE, rows=4), 10, recorded=True, ef_search=40)
        case.search_batch(lcg(332, *FINE, rows=4), 10, recorded=True, filter=["parity", "odd"])
        case.search(lcg(333, *FINE), 30, recorded=True, ef_search=1)
        case.delete_many(list(range(1, 1200, 3)))
        case.search_batch(lcg(334, *FINE, rows=6), 10, recorded=True)
        case.update_vector(0, lcg(335, *FINE))
        if metric != "dot_product":
            case.check()
        case.reopen()
        case.search_batch(lcg(334, *FINE, rows=6), 10, recorded=True)
        yield case


GROUPS = (metrics, changes, duplicates, all_equal, shapes, recorded)
