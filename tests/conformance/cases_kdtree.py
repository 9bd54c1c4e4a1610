"""Cases about the k-d tree: exact in every metric, while rows come and go, and nothing of it in the file."""

from __future__ import annotations

from canonical import lcg
from case import FINE, MAIN, METRICS, PARITY, Case

TREE = {"index": "kdtree", "exact_search_threshold": 0}  # the tree answers wherever it can


def metrics():
    for metric in METRICS:
        for dimension in (2, 8, 33, 70):
            case = Case(
                f"kdtree_{metric}_dim_{dimension}",
                f"KDTREE with {metric} at dimension {dimension}: every hit and every bit of its distance.",
                path=MAIN,
                dimension=dimension,
                distance=metric,
                **TREE,
            )
            case.add_many(lcg(401, *FINE, rows=700), PARITY)
            for seed in range(410, 413):
                case.search(lcg(seed, *FINE), 10)
            case.search(lcg(413, *FINE), 12, filter=["parity", "odd"])
            case.search_batch(lcg(414, *FINE, rows=4), 5)
            case.check()
            yield case


def changes():
    case = Case("kdtree_changes", "KDTREE: rows leave, move and come, then from log and file.", path=MAIN, dimension=3, **TREE)
    case.add_many(lcg(421, -8, 7, rows=600), PARITY)  # ties
    case.search(lcg(430, -8, 7), 20)
    case.delete_many(list(range(0, 600, 4)))
    case.search(lcg(431, -8, 7), 20)
    for id in range(1, 40, 4):
        case.update_vector(id, lcg(440 + id, -8, 7))
    case.search(lcg(432, -8, 7), 20)
    case.add_many(lcg(422, -8, 7, rows=400))
    case.search(lcg(433, -8, 7), 20)
    case.search(lcg(433, -8, 7), 9, filter=["parity", "even"])
    case.reopen(checkpoint_on_close=False)
    case.search(lcg(434, -8, 7), 20)
    case.add_many(lcg(423, -8, 7, rows=30))
    case.reopen()
    case.search(lcg(435, -8, 7), 20)
    case.compact()
    case.search(lcg(436, -8, 7), 20)
    case.save()
    case.check()
    case.count()
    yield case


def extremes():
    case = Case("kdtree_extremes", "KDTREE: huge, tiny, equal and zero rows are pruned safely.", path=MAIN, dimension=4, **TREE)
    for scale in (2.0**40, 2.0**-70):
        case.add_many(lcg(451, -1000000, 1000000, scale, rows=200))
    case.add_many([{"fill": 0}] * 60)
    case.add_many([[1, 2, 3, 4]] * 300)
    for metric in METRICS:
        case.search({"fill": 0}, 12, distance=metric)
        case.search([1, 2, 3, 4], 12, distance=metric)
        case.search(lcg(452, -1000000, 1000000, 2.0**40), 12, distance=metric)
        case.search(lcg(453, -1000000, 1000000, 2.0**-70), 12, distance=metric)
    case.check()
    yield case


GROUPS = (metrics, changes, extremes)
