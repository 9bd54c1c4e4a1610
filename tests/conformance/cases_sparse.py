"""Cases about sparse rows: exact hits by both metrics, through changes, from log and file; and what is refused."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np

from canonical import MASK, write_distance
from case import MAIN, Case

DIMENSION = 100000


def dot(a: dict, b: dict) -> np.float64:
    """In order of the indices, in f64; no term is rounded, since f32 products are exact there."""
    sum = np.float64(0)
    there = dict(zip(b["indices"], b["values"], strict=True))
    for index, value in zip(a["indices"], a["values"], strict=True):
        if index in there:
            product = Fraction(value) * Fraction(there[index])
            assert Fraction(float(product)) == product
            sum = sum + np.float64(float(product))
    return sum


def distance(metric: str, a: dict, b: dict) -> np.float32:
    product = np.float32(dot(a, b))
    if metric == "dot_product":
        return np.float32(0) - product
    norms = np.float64(np.float32(dot(a, a))) * np.float64(np.float32(dot(b, b)))
    if norms == 0:
        return np.float32(1)
    return np.clip(np.float32(1) - np.float32(np.float64(product) / np.sqrt(norms)), np.float32(0), np.float32(2))


class SparseCase(Case):
    """Rows are {indices, values}, which every target takes where it takes a vector."""

    def _vector(self, spec):
        return spec

    def _insert(self, vector, metadata):
        self.state.rows[self.state.next_id] = (vector, dict(metadata))
        self.state.next_id += 1

    def _nearest(self, query, k, distance_name, filter, where):
        metric = distance_name or self.state.distance
        found = sorted((distance(metric, query, self.state.rows[id][0]), id) for id in self.state.matching(filter, where))
        return [[id, write_distance(metric, far)] for far, id in found[:k]]

    def search_groups(self, query, k, key, group_size, distance=None, filter=None, where=None, **more):
        step = {"search_groups": query, "k": k, "key": key, "group_size": group_size}
        if self._step(step | self._arguments(distance, filter, None, None, None), more):
            groups: dict[str, list] = {}
            for hit in self._nearest(query, len(self.state.rows), distance, filter, where):
                groups.setdefault(self.state.rows[hit[0]][1].get(key), []).append(hit)
            groups.pop(None, None)
            self.steps[-1]["groups"] = [hits[:group_size] for hits in list(groups.values())[:k]]

    def range_search(self, query, nth, max_results, **more):
        """As of every case; `nth` None, for a query that is none: within 0."""
        if nth is None:
            self._step({"range_search": query, "radius": 0, "max_results": max_results}, more)
        else:
            super().range_search(query, nth, max_results, **more)

    def get(self, id, **more):
        raise NotImplementedError("a case cannot say what pairs a row has: its hits do")


class Words:
    """Rows that share few common indices and many rare ones, by a generator of integers."""

    def __init__(self, seed: int):
        self.state = seed

    def draw(self, below: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & MASK
        return (self.state >> 33) % below

    def row(self, most: int = 12, negative: bool = False) -> dict:
        indices = sorted({self.draw(DIMENSION >> (self.draw(5) * 4)) for _ in range(self.draw(most + 1))})
        values = [(self.draw(1 << 20) + 1) * 2.0**-16 * (-1 if negative and self.draw(3) == 0 else 1) for _ in indices]
        return {"indices": indices, "values": values}


def life():
    for metric in ("dot_product", "cosine"):
        for negative in (False, True):
            words = Words(71 + negative)
            kind = "signed" if negative else "positive"
            case = SparseCase(
                f"sparse_{metric}_{kind}",
                f"SPARSE with {metric}, {kind} values: hits and bits while rows come, change and go, from log and file.",
                path=MAIN,
                dimension=DIMENSION,
                index="sparse",
                distance=metric,
            )
            for i in range(90):
                case.add(words.row(negative=negative), {"parity": "odd" if i % 2 else "even"})
            queries = [words.row(negative=negative) for _ in range(4)]
            ask = lambda: [case.search(query, k) for query, k in zip(queries, (1, 7, 10, 200), strict=True)]  # noqa: B023, E731
            ask()
            case.search(queries[1], 9, filter="parity == 'odd'", where=lambda meta: meta["parity"] == "odd")
            case.search(queries[2], 9, distance="cosine" if metric == "dot_product" else "dot_product")
            for id in range(0, 60, 5):
                case.delete(id)
            for id in range(1, 60, 7):
                if id % 5:
                    case.update_vector(id, words.row(negative=negative))
            ask()
            case.reopen(checkpoint_on_close=False)
            ask()
            for _ in range(12):
                case.add(words.row(negative=negative))
            case.reopen()
            ask()
            case.compact()
            ask()
            case.save()
            case.check()
            case.count()
            yield case


def questions():
    """What else can be asked: radii, groups, many queries at once; the bound is the distance of a row."""
    for metric in ("dot_product", "cosine"):
        words = Words(171)
        case = SparseCase(
            f"sparse_{metric}_questions",
            f"SPARSE with {metric}: all within a radius, groups, and many queries in one call, from log and file.",
            path=MAIN,
            dimension=DIMENSION,
            index="sparse",
            distance=metric,
        )
        for i in range(120):
            case.add(words.row(negative=True), {"part": f"p{i % 4}"} if i % 5 else {})
        odd = {"filter": "part IN ('p1', 'p3')", "where": lambda meta: meta.get("part") in ("p1", "p3")}
        other = "cosine" if metric == "dot_product" else "dot_product"
        queries = [words.row(negative=True) for _ in range(5)] + [{"indices": [], "values": []}]

        def ask(case=case, queries=queries, odd=odd, other=other):
            for query, nth in zip(queries, (0, 5, 30, 70, 90, 0), strict=True):
                case.range_search(query, nth, 12)
            case.range_search(queries[1], 20, 200, **odd)
            case.range_search(queries[1], 20, 200, distance=other)
            for query, k, size in zip(queries, (1, 2, 3, 9, 2, 4), (1, 2, 40, 3, 25, 1), strict=True):
                case.search_groups(query, k, "part", size)
            case.search_groups(queries[2], 3, "part", 2, **odd)
            case.search_groups(queries[2], 3, "part", 30, distance=other)
            case.search_batch(queries, 4)
            case.search_batch(queries[:3], 200, **odd)
            case.search_batch(queries[3:], 2, distance=other)

        ask()
        for id in range(0, 60, 7):
            case.delete(id)
        case.reopen(checkpoint_on_close=False)
        ask()
        case.reopen()
        ask()
        case.check()
        yield case


def refusals():
    case = SparseCase("sparse_errors", "SPARSE: what no row can be is refused and changes nothing.", dimension=100, index="sparse")
    case.state.distance = "dot_product"
    bad = "GV_ERR_ARGUMENT"
    row = {"indices": [3, 50], "values": [1.5, -2.0]}
    case.add(row)
    for indices, says in (([3, 3], "index 3 comes behind 3"), ([50, 3], "index 3 comes behind 50"), ([3, 100], "index 100 is not below")):
        wrong = {"indices": indices, "values": [1.0, 1.0]}
        case.add(wrong, error=bad, message_has=says)
        case.update_vector(0, wrong, error=bad, message_has=says)
        case.search(wrong, 1, error=bad, message_has=says)
        case.range_search(wrong, None, 1, error=bad, message_has=says)
        case.search_groups(wrong, 1, "part", 1, error=bad, message_has=says)
        case.search_batch([row, wrong], 1, error=bad, message_has=says)
    case.add({"indices": [3], "values": ["inf"]}, error=bad, message_has="the value at index 3 is infinite")
    case.update_vector(1, row, error="GV_ERR_NOT_FOUND")
    case.search(row, 0, error=bad)
    case.search(row, 1, distance="euclidean", error="GV_ERR_UNSUPPORTED")
    case.search_batch([row], 1, distance="manhattan", error="GV_ERR_UNSUPPORTED")
    case.search(copy.deepcopy(row), 5)
    case.search({"indices": [], "values": []}, 5)
    case.count()
    case.check()
    yield case


GROUPS = (life, questions, refusals)
