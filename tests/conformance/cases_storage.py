"""Cases about vectors kept as f16 or int8: what is stored is the truth, and exact from then on."""

from __future__ import annotations

from canonical import lcg
from case import FINE, FLAT, GRAPH, MAIN, METRICS, PARITY, Case

NARROW = ("f16", "int8")
WIDE = (-1000000, 1000000, 2.0**-9)  # up to some 2,000: int8 keeps little of what is small


def life(name: str, about: str, distance: str, dimension: int, storage: str, **options):
    """All that can happen to a row."""
    case = Case(name, about, path=MAIN, dimension=dimension, distance=distance, storage=storage, **options)
    case.add_many(lcg(901, *FINE, rows=150), PARITY)
    case.add(lcg(902, *WIDE))
    case.get(150)
    case.search_batch(lcg(903, *FINE, rows=5), 7)
    case.search(lcg(902, *WIDE), 3, filter=["parity", "odd"])
    case.update_vector(7, lcg(904, *WIDE))
    case.upsert(lcg(905, *FINE, rows=2), [{"name": "a"}, {"name": "b"}], "name")
    case.upsert(lcg(905, *FINE, rows=2), [{"name": "a"}, {"name": "c"}], "name")
    case.delete_many(list(range(20, 60)))
    case.range_search(lcg(906, *FINE), 30, 100)
    case.check()
    case.reopen(checkpoint_on_close=False)
    case.check()
    case.search_batch(lcg(903, *FINE, rows=5), 7)
    case.compact()
    case.add_many(lcg(907, *WIDE, rows=20))
    case.search_batch(lcg(903, *FINE, rows=5), 7)
    other = METRICS[(METRICS.index(distance) + 1) % len(METRICS)]
    case.search(lcg(908, *FINE), 9, distance=other)
    case.reopen()
    case.check()
    case.get(7)
    case.search_batch(lcg(903, *FINE, rows=5), 7)
    case.close()
    case.reopen(memory_map=True, storage=None)
    case.search_batch(lcg(903, *FINE, rows=5), 7)
    return case


def flat():
    for storage in NARROW:
        for metric, dimension in zip(METRICS, (40, 64, 100, 45), strict=True):
            about = f"FLAT with vectors kept as {storage} is exact for what it keeps, by {metric}."
            yield life(f"storage_flat_{storage}_{metric}", about, metric, dimension, storage, **FLAT)
        about = f"FLAT without codes: three components kept as {storage}."
        yield life(f"storage_flat_{storage}_short", about, "euclidean", 3, storage, **FLAT)


def graphs():
    for storage in NARROW:
        for metric, dimension in zip(METRICS, (40, 64, 100, 45), strict=True):
            about = f"HNSW with vectors kept as {storage}, wide enough to be exact, by {metric}."
            yield life(f"storage_hnsw_{storage}_{metric}", about, metric, dimension, storage, **GRAPH)
        for metric, dimension in zip(METRICS, (12, 31, 8, 20), strict=True):
            about = f"HNSW that measures one row by another, both kept as {storage}, by {metric}."
            yield life(f"storage_hnsw_{storage}_short_{metric}", about, metric, dimension, storage, **GRAPH)


def lists():
    for storage in NARROW:
        about = f"IVFPQ with vectors kept as {storage}: trained on them, searched, reopened."
        given = {"nlist": 8, "m": 5, "nbits": 4, "nprobe": 3, "default_rerank": 20, "train_iters": 5}
        case = Case(
            f"storage_ivfpq_{storage}", about, path=MAIN, dimension=20, index="ivfpq", ivfpq=given, storage=storage,
            exact_search_threshold=0,
        )
        case.add_many(lcg(921, *FINE, rows=200), PARITY)
        case.search(lcg(922, *FINE), 10)
        case.train()
        case.add_many(lcg(923, *FINE, rows=100))
        case.search_batch(lcg(924, *FINE, rows=4), 10, recorded=True)
        case.search_batch(lcg(924, *FINE, rows=4), 10, nprobe=65536, rerank=1048576)
        case.reopen(checkpoint_on_close=False)
        case.check()
        case.search_batch(lcg(924, *FINE, rows=4), 10, recorded=True)
        yield case


def edges():
    case = Case(
        "storage_f16_edges", "The largest and the smallest that f16 has, ties, and what it refuses.", path=MAIN,
        dimension=4, storage="f16", **FLAT,
    )
    case.add([65504, -65504, 65519, 1])
    case.add([2.0**-24, 2.0**-25, 3 * 2.0**-25, -(2.0**-15)])
    case.add([1 + 2.0**-11, 1 + 3 * 2.0**-11, 2049, 2051])
    case.add([0, -0.0, 2.0**-14 - 2.0**-26, 2.0**-14])
    more = {"error": "GV_ERR_ARGUMENT", "message_has": "component 2 is beyond 65504, the most that F16 has"}
    case.add([0, 0, 65520, 0], **more)
    case.update_vector(1, [0, 0, 65520, 0], **more)
    case.add_many([[1, 1, 1, 1], [0, 0, -70000, 0]], error="GV_ERR_ARGUMENT", message_has="vector 1: component 2 is beyond 65504")
    for i in range(4):
        case.get(i)
    case.search([0, 0, 0, 0], 4)
    yield case
    case = Case(
        "storage_int8_edges", "Zero rows, tiny ones and large ones keep a scale of their own.", path=MAIN, dimension=3,
        storage="int8", **FLAT,
    )
    for row in ([0, 0, 0], [127, 1, -63.5], [2.0**-140, 0, 0], [2.0**-120, 2.0**-127, 0], [1e18, -1, 5e15], [1, 2, 3]):
        case.add(row)
    for i in range(6):
        case.get(i)
    case.search([0, 0, 0], 6)
    yield case


def refusals():
    case = Case("storage_refused", "Indexes that keep f32 say so, and a file its own storage.", path=MAIN, dimension=40,
                storage="f16", **FLAT)
    case.add_many(lcg(931, *FINE, rows=3))
    for more, has in (
        ({"index": "kdtree"}, "KDTREE keeps its rows as F32"),
        ({"index": "sparse", "distance": "dot_product"}, "SPARSE keeps its rows as F32"),
    ):
        given = {"path": "other.gv", "dimension": 40, "storage": "int8"} | more
        case.open_another(error="GV_ERR_UNSUPPORTED", message_has=has, **given)
    case.close()
    case.open_another(error="GV_ERR_ARGUMENT", message_has="storage: INT8 asked for, the file has F16", path=MAIN, storage="int8")
    case.open_another(path=MAIN)
    yield case


GROUPS = (flat, graphs, lists, edges, refusals)
