"""Cases about answers: order, distances, filters, batches, and the shape of the graph."""

from __future__ import annotations

from canonical import expand, lcg
from case import FINE, FLAT, GRAPH, MAIN, METRICS, PARITY, Case, both


def ties():
    for case in both(
        "ties", "{}: equal distances come back in id order, and the tie at the cut is decided by id.", dimension=3
    ):
        case.add([3, 0, 0])
        case.add([0, 3, 0])
        case.add([1, 1, 1])
        case.add([0, 0, -3])
        case.add([1, 1], error="GV_ERR_ARGUMENT", message_has="expected vector of dim 3, got 2")
        for k in (1, 2, 3, 4):
            case.search([0, 0, 0], k)
        case.add_many(lcg(42, -2, 1, rows=150))  # 64 different points at most
        for seed in range(4):
            case.search(lcg(seed, -2, 1), 20)
        case.search([0, 0, 0], 154, distance="manhattan")
        yield case


def metrics():
    for metric in METRICS:
        for case in both(
            metric, f"{{}} with {metric}: every hit and every bit of its distance.", dimension=24, distance=metric
        ):
            case.add_many(lcg(7, *FINE, rows=180), PARITY)
            for seed in range(100, 106):
                case.search(lcg(seed, *FINE), 10)
            case.search(lcg(7, *FINE), 180)  # row 0 itself, and everything
            case.search(lcg(106, *FINE), 12, filter=["parity", "odd"])
            case.check()
            yield case


def default_distance():
    for case in both(
        "default_distance", "{} opened without a distance measures EUCLIDEAN, also after reopen.", dimension=2
    ):
        case.add([3, 4])
        case.add([1, 1])
        case.add([-6, 8])
        case.search([0, 0], 3)
        case.search([0, 0], 3, distance="euclidean")
        case.search([1, 0], 3, distance="dot_product")
        case.reopen(dimension=None, index=None)
        case.search([0, 0], 3)
        case.open_another(path=MAIN, read_only=True, distance="euclidean")
        yield case


def other_metric():
    for case in both(
        "other_metric",
        "{}: a search in another metric than the index's is answered exactly, whatever ef_search says.",
        dimension=20,
        distance="cosine",
    ):
        case.add_many(lcg(11, *FINE, rows=190), PARITY)
        for metric in ("euclidean", "dot_product", "manhattan"):
            for seed in range(3):
                case.search(lcg(seed, *FINE), 15, distance=metric, ef_search=1)
            case.search(lcg(9, *FINE), 7, distance=metric, filter=["parity", "even"], ef_search=1)
        case.search_batch(lcg(3, *FINE, rows=3), 5, distance="manhattan")
        yield case


def dimensions():
    for dimension in (1, 3, 31, 32, 33, 384):
        for case in both(f"dim_{dimension}", f"{{}} at dimension {dimension}, in every metric.", dimension=dimension):
            case.add_many(lcg(dimension, *FINE, rows=60))
            case.add(lcg(1, -8, 7))
            case.add({"fill": 0.5})
            for seed in (21, 22):
                for metric in METRICS:
                    case.search(lcg(seed, *FINE), 8, distance=metric)
            case.get(61)
            yield case
    case = Case(
        "flat_dim_65535", "The largest dimension works, the next is refused.", path=MAIN, dimension=65535, **FLAT
    )
    case.add(lcg(5, -8, 7))
    case.add({"fill": 1})
    case.add({"fill": 1, "dim": 65534}, error="GV_ERR_ARGUMENT", message_has="expected vector of dim 65535, got 65534")
    for metric in METRICS:
        case.search({"fill": 2}, 2, distance=metric)
    case.open_another(dimension=65536, index="flat", error="GV_ERR_ARGUMENT", message_has="65536")
    yield case


def k_over_n():
    for case in both("k_over_n", "{}: k beyond the rows gives them all; an empty database gives none.", dimension=5):
        case.search({"fill": 0}, 1)
        case.search({"fill": 0}, 1000, filter=["any", "thing"])
        case.search_batch(lcg(1, -3, 3, rows=2), 4)
        case.add_many(lcg(3, -8, 7, rows=6), PARITY)
        case.search({"fill": 0}, 1000)
        case.search({"fill": 1}, 7, filter=["parity", "odd"])
        case.search_batch(lcg(1, -3, 3, rows=3), 50)
        yield case


def duplicates():
    for case in both(
        "duplicates", "{}: 100 equal rows among others neither hide one another nor the rest.", dimension=8
    ):
        case.add_many(lcg(51, *FINE, rows=40))
        case.add_many([{"fill": 0.25}] * 100, PARITY)
        case.add_many(lcg(52, *FINE, rows=40))
        case.search({"fill": 0.25}, 10)
        case.search({"fill": 0.25}, 103)
        case.search({"fill": 0.25}, 10, filter=["parity", "odd"])
        for seed in range(60, 64):
            case.search(lcg(seed, *FINE), 12)
        case.search(lcg(64, *FINE), 180)
        case.check()
        yield case
    for case in both("all_equal", "{}: when all rows are equal the answer is the lowest ids.", dimension=4):
        case.add_many([[1, 2, 3, 4]] * 150)
        case.search([1, 2, 3, 4], 10)
        case.search({"fill": 0}, 10)
        case.search({"fill": 0}, 150)
        case.delete_many(list(range(0, 150, 3)))
        case.search({"fill": 0}, 10)
        case.check()
        yield case


def zero_vectors():
    for case in both(
        "zero_vectors",
        "{} with cosine: a zero vector, stored or asked for, is at distance 1; same and opposite directions are exact.",
        dimension=6,
        distance="cosine",
    ):
        case.add({"fill": 0})
        case.add([1, 0, 0, 0, 0, 0])
        case.add([-2, 0, 0, 0, 0, 0])
        case.add({"fill": 0})
        case.add([0, 3, 0, 0, 0, 0])
        case.add_many(lcg(71, -8, 7, rows=50))
        case.search([5, 0, 0, 0, 0, 0], 55)
        case.search({"fill": 0}, 12)
        case.search({"fill": 0}, 3, distance="dot_product")
        case.search([1, 0, 0, 0, 0, 0], 5, distance="dot_product")
        yield case


def extremes():
    for case in both("huge_values", "{}: components near the largest whose squared norm is finite.", dimension=3):
        case.add([1e19, 0, 0])
        case.add([-1e19, 0, 0])
        case.add([1e19, 1e-30, 1])
        case.add([1e18, 1e18, 1e18])
        case.add([0, 0, 0])
        case.add([2e19, 0, 0], error="GV_ERR_ARGUMENT")
        case.add([1e19, 1e19, 1e19], metadata={"norm": "3e38"})
        case.add([1.2e19, 1.2e19, 1.2e19], error="GV_ERR_ARGUMENT")
        case.update_vector(0, [0, -3e38, 0], error="GV_ERR_ARGUMENT")
        case.add_many([[0, 0, 1], [0, 3e38, 0]], error="GV_ERR_ARGUMENT")
        for metric in METRICS:
            case.search([1e19, 0, 0], 6, distance=metric)
            case.search([1, 1, 1], 6, distance=metric)
        case.count()
        yield case
    for case in both(
        "tiny_values", "{}: denormal numbers are kept, and products that underflow are rounded alike.", dimension=3
    ):
        case.add([1e-45, 0, 0])
        case.add([1e-38, 1e-38, 0])
        case.add([1e-20, 2e-20, 3e-20])
        case.add([-1e-20, 1e-21, 0])
        case.add([1e-10, 1e-10, 1e-10])
        case.add([0, 0, 0])
        for metric in METRICS:
            case.search([2e-20, 1e-20, -1e-20], 6, distance=metric)
            case.search([1e-40, 0, 0], 6, distance=metric)
        case.get(0)
        case.get(1)
        yield case


def filters():
    for case in both("filter", "{}: an equality filter gives min(k, matches) hits at any selectivity.", dimension=10):
        case.add_many(
            lcg(81, *FINE, rows=150), {"cycle": [{"parity": "even", "mod3": "0"}, {"parity": "odd", "mod3": "1"}, {}]}
        )
        case.add(lcg(82, *FINE), {"rare": "yes", "parity": "even"})
        case.add(lcg(83, *FINE), {"parity": ""})
        case.add(lcg(84, *FINE), {"parity": "EVEN"})
        for seed in range(3):
            query = lcg(seed, *FINE)
            case.search(query, 10, filter=["parity", "even"])
            case.search(query, 10, filter=["rare", "yes"])
            case.search(query, 10, filter=["parity", "none"])
            case.search(query, 10, filter=["nokey", "even"])
        case.search(lcg(5, *FINE), 200, filter=["mod3", "1"])
        case.search(lcg(5, *FINE), 5, filter=["parity", ""])
        case.search(lcg(5, *FINE), 5, filter=["parity", "EVEN"])
        case.search(lcg(5, *FINE), 5, filter=["parity", "eve"])
        case.search(lcg(5, *FINE), 5, filter=["mod3", "01"])
        case.search(lcg(5, *FINE), 5, filter=["parity", "odd"], ef_search=1, distance="cosine")
        case.search(lcg(5, *FINE), 3, filter=["parity"], error="GV_ERR_ARGUMENT", only=["c"])
        yield case


def filter_changes():
    for case in both(
        "filter_changes", "{}: filters follow deletes and changes of metadata, also after reopen.", dimension=6
    ):
        case.add_many(
            lcg(91, *FINE, rows=80), {"cycle": [{"colour": "red"}, {"colour": "blue"}, {"colour": "red", "size": "L"}]}
        )
        query = lcg(92, *FINE)
        case.search(query, 6, filter=["colour", "red"])
        case.delete_many(list(range(0, 60, 3)))
        case.search(query, 60, filter=["colour", "red"])
        case.update_metadata(1, {"colour": "red"})
        case.update_metadata(2, {})
        case.update_metadata(4, {"size": "L", "colour": "green"})
        for pair in (["colour", "red"], ["colour", "green"], ["colour", "blue"], ["size", "L"]):
            case.search(query, 60, filter=pair)
        case.reopen()
        for pair in (["colour", "red"], ["colour", "green"], ["colour", "blue"], ["size", "L"]):
            case.search(query, 60, filter=pair)
        yield case


def batches():
    for case in both(
        "batch", "{}: a batch answers each query as a single search does.", dimension=14, distance="cosine"
    ):
        case.add_many(lcg(291, *FINE, rows=120), PARITY)
        case.search_batch(lcg(292, *FINE, rows=9), 6)
        case.search_batch(lcg(292, *FINE, rows=9), 6, filter=["parity", "odd"])
        case.search_batch(lcg(292, *FINE, rows=2), 6, distance="dot_product")
        case.search_batch(lcg(292, *FINE, rows=1), 130)
        case.search_batch([{"fill": 0}, {"fill": 1}, {"fill": 1}], 2)
        case.search_batch(
            [{"fill": 0, "dim": 13}],
            2,
            error="GV_ERR_ARGUMENT",
            message_has="expected vector of dim 14, got 13",
            only=["c", "python"],
        )
        case.delete_many(list(range(118)))
        case.search_batch(lcg(292, *FINE, rows=3), 6)
        yield case


def graph_shapes():
    for m, count in ((2, 60), (5, 150), (32, 200), (64, 200)):
        config = {"M": m, "ef_construction": 200, "ef_search": 300}
        case = Case(
            f"hnsw_m{m}",
            f"M = {m}: the whole graph is reachable{' and searched' if m > 2 else ''}, also after deletes.",
            path=MAIN,
            dimension=6,
            **(GRAPH | {"hnsw": config}),
        )
        case.add_many(lcg(301, *FINE, rows=count))
        case.check()
        for seed in range(310, 314):
            case.search(lcg(seed, *FINE), 10, recorded=m == 2)
        case.delete_many(list(range(0, count, 4)))
        case.check()
        for seed in range(314, 317):
            case.search(lcg(seed, *FINE), 10, recorded=m == 2)
        case.reopen()
        case.check()
        case.search(lcg(317, *FINE), 10, recorded=m == 2)
        yield case


def clusters():
    about = "Far, tight clusters inserted one after another stay connected."
    case = Case("hnsw_clusters", about, path=MAIN, dimension=5, **GRAPH)
    for corner in range(8):
        case.add_many(lcg(320 + corner, -8, 7, 2.0**-4, rows=1))
        centre = [1000 * (corner >> bit & 1) for bit in range(5)]
        spread = expand(lcg(340 + corner, 0, 1023, 2.0**-10, rows=24), 5).tolist()
        case.add_many([[c + x for c, x in zip(centre, row, strict=True)] for row in spread])
    case.check()
    for corner in range(8):
        case.search([1000 * (corner >> bit & 1) + 0.5 for bit in range(5)], 5)
    case.search({"fill": 500}, 200)
    yield case


def seeds():
    case = Case(
        "hnsw_seed",
        "Another seed draws other layers (the file differs) and gives the same answers.",
        path=MAIN,
        dimension=6,
        seed=987654321,
        **GRAPH,
    )
    case.add_many(lcg(301, *FINE, rows=150))
    case.search(lcg(310, *FINE), 150)
    case.check()
    case.reopen()
    case.search(lcg(311, *FINE), 10)
    case.open_another(path=MAIN, seed=1, read_only=True, error="GV_ERR_ARGUMENT")
    yield case


GROUPS = (
    ties,
    metrics,
    default_distance,
    other_metric,
    dimensions,
    k_over_n,
    duplicates,
    zero_vectors,
    extremes,
    filters,
    filter_changes,
    batches,
    graph_shapes,
    clusters,
    seeds,
)
